"""Answers of EC2 kept on disk: one file a region and question, readable by their owner alone.

`${XDG_CACHE_HOME:-~/.cache}/fleetdiag/ec2-DIGEST.json`. The digest is of all that makes an answer
another one: region, profile, filters, tags, and the variables by which AWS's tools choose an
account. Nothing here raises: a cache that cannot be read or written is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.inventory.ec2_instances import Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.inventory.ec2_options import Ec2Options

FORMAT = 1
MAX_AGE_S = 7 * 86_400.0
"""Older answers are not used even where the API is down, and their files go."""
_MAX_BYTES = 64 << 20
_ACCOUNT_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_EC2",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An earlier answer."""

    instances: tuple[Instance, ...]
    age_s: float


def cache_path(region: str, options: Ec2Options) -> Path | None:
    """Where the answer of a region is kept; None where there is no home directory."""
    variables = {name: os.environ.get(name, "") for name in _ACCOUNT_VARIABLES}
    filters = sorted((name, sorted(values)) for name, values in options.filters.items())
    asked = [
        *(FORMAT, region, options.profile, options.every_state),
        *(filters, sorted(options.tags), variables),
    ]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]
    root = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The XDG specification: a relative path there is invalid and must be ignored.
        directory = Path(root) if Path(root).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return directory / "fleetdiag" / f"ec2-{digest}.json"


def read_cache(path: Path | None) -> Kept | None:
    """What is kept there; None where nothing there can be used: an empty answer cannot."""
    if path is None:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        data = json.loads(_read_own(path))
        if not data["instances"]:
            return None
        age_s = time.time() - float(data["asked_at"])
        if data["format"] == FORMAT and 0 <= age_s <= MAX_AGE_S:
            return Kept(tuple(_instance(said) for said in data["instances"]), age_s)
    return None


def _read_own(path: Path) -> bytes:
    """The bytes of a file that is ours alone; raises OSError for any other."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as stream:
        about = os.fstat(number)
        ours = about.st_uid == os.getuid() and not about.st_mode & 0o022
        if not (stat.S_ISREG(about.st_mode) and ours and about.st_size <= _MAX_BYTES):
            raise OSError(f"{path}: not a cache of ours")
        return stream.read(_MAX_BYTES)


def _instance(said: dict[str, Any]) -> Instance:
    """An instance as `write_cache` wrote it; raises ValueError, TypeError for anything else."""
    instance = Instance(**said)
    texts = [getattr(instance, f.name) for f in fields(Instance) if f.type == "str"]
    texts += [text for pair in instance.tags.items() for text in pair]
    if not all(isinstance(text, str) and (not text or text.isprintable()) for text in texts):
        raise ValueError("not a text")
    at = instance.launched_at
    return replace(instance, launched_at=None if at is None else float(at))


def write_cache(path: Path | None, instances: Sequence[Instance]) -> None:
    """Keep an answer: whole or not at all, for the owner only."""
    if path is None:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _clear_old(path.parent)
        data = {
            "format": FORMAT,
            "asked_at": time.time(),
            "instances": [asdict(instance) for instance in instances],
        }
        # mkstemp makes it 0600.
        number, name = tempfile.mkstemp(prefix=".ec2-", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                json.dump(data, stream)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _clear_old(directory: Path) -> None:
    """Remove answers too old to be used; keys that change often leave many."""
    for pattern in ("ec2-*.json", ".ec2-*.part"):
        for file in directory.glob(pattern):
            with suppress(OSError):
                if time.time() - file.lstat().st_mtime > MAX_AGE_S:
                    file.unlink()
