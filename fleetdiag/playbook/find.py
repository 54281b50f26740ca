"""Where playbooks lie: from a reference to a file. Reads directories, opens no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import fleetdiag
from fleetdiag.errors import PlaybookError
from fleetdiag.yamlmarks import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = (".yaml", ".yml")


def directories() -> tuple[Path, ...]:
    """Where a name is looked for, the first hit counts: here, the user's, the shipped ones."""
    return (Path("playbooks"), _user_directory(), shipped_directory())


def shipped_directory() -> Path:
    """The playbooks that come with the program: inside an installed package, or the checkout's."""
    package = Path(fleetdiag.__file__).parent
    installed = package / "shipped" / "playbooks"
    return installed if installed.is_dir() else package.parent / "playbooks"


def found(ref: str, search: Sequence[Path] | None = None) -> Path:
    """The file that `ref` (a path, or a name looked for in `search`) stands for.

    A path is not looked at. Raises PlaybookError where a name is not found.
    """
    if is_path(ref):
        return Path(ref)
    places = directories() if search is None else tuple(search)
    for path in by_name(places).get(ref, ()):
        return path
    known = by_name(places)
    near = did_you_mean(ref, known) or (f"; there are {', '.join(known)}" if known else "")
    looked = ", ".join(str(place) for place in places)
    raise PlaybookError(f"no playbook named {quoted(ref)}{near} (looked in {looked})")


def is_path(ref: str) -> bool:
    """Whether `ref` is a path, not a name to be looked for."""
    return "/" in ref or ref.endswith(SUFFIXES)


def by_name(places: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Name (the file's, without its ending) -> its files, the one that counts first; sorted."""
    paths: dict[str, tuple[Path, ...]] = {}
    for place in places:
        for path in _files(place):
            paths[path.stem] = (*paths.get(path.stem, ()), path)
    return dict(sorted(paths.items()))


def _files(place: Path) -> list[Path]:
    """The playbook files in a directory, sorted; none where it cannot be read."""
    try:
        return sorted(
            path
            for path in place.iterdir()
            if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError:
        return []


def _user_directory() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    base = Path(configured) if configured.startswith("/") else Path("~/.config").expanduser()
    return base / "fleetdiag" / "playbooks"
