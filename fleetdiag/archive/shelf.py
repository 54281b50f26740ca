"""The directory of stored runs: naming, listing, finding."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.archive.reader import RunSummary, summarize
from fleetdiag.archive.schema import SUFFIX
from fleetdiag.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAST = "last"
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_SECOND = re.compile(r"\d{8}T\d{6}(?=-)")
_NAME_LENGTH = 40
_NEAR_SHOWN = 5


def default_directory() -> Path:
    """`$XDG_STATE_HOME/fleetdiag/runs`, else below `~/.local/state`; it may not exist yet.

    Raises ArchiveError where there is no home directory.
    """
    # The XDG Base Directory Specification: a relative path is to be ignored.
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        try:
            state = Path.home() / ".local" / "state"
        except RuntimeError as error:
            raise ArchiveError(
                "no home directory to store runs in: set HOME or XDG_STATE_HOME"
            ) from error
    return state / "fleetdiag" / "runs"


def new_run_id(playbook_name: str, started_at: float) -> str:
    """`20261122T030405-triage-7f3a`: UTC, the playbook's name made safe, four random digits."""
    second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started_at))
    name = _UNSAFE.sub("-", playbook_name)[:_NAME_LENGTH].strip("-.") or "run"
    return f"{second}-{name}-{secrets.token_hex(2)}"


def list_runs(
    directory: Path, on_unreadable: Callable[[ArchiveError], None] = lambda _: None
) -> tuple[RunSummary, ...]:
    """The stored runs, newest first; none where there is no such directory.

    A file that cannot be read is left out and given to `on_unreadable`, as an error that names it.
    Measured: 0.6 ms a run.
    """
    return tuple(newest_first(directory, on_unreadable))


def peers_last(directory: Path, playbook_name: str) -> Path | None:
    """The newest run of that playbook that ended by itself and has two hosts or more.

    What a single host is set against; so the checks of single hosts themselves do not count.
    """
    for run in newest_first(directory):
        if run.playbook == playbook_name and run.hosts > 1 and not run.interrupted:
            return run.path
    return None


def find(directory: Path, ref: str) -> Path:
    """The file of the run that `ref` means: an id, its unique beginning, `last`, or a path.

    Raises ArchiveError that lists what is near.
    """
    directory = Path(directory)
    if ref == LAST:
        return _last(directory)
    if "/" in ref or ref.endswith(SUFFIX):
        return _existing(Path(ref), directory / ref)
    names = sorted((path.name.removesuffix(SUFFIX) for path in _files(directory)), reverse=True)
    if ref in names:
        return directory / f"{ref}{SUFFIX}"
    beginning = [name for name in names if ref and name.startswith(ref)]
    match beginning:
        case [name]:
            return directory / f"{name}{SUFFIX}"
        case [_, *_]:
            raise ArchiveError(f"{ref!r} begins {len(beginning)} run ids: {_some(beginning)}")
    if Path(ref).is_file():
        return Path(ref)
    raise ArchiveError(f"no stored run {ref!r} in {directory}{_near(ref, names)}")


def _last(directory: Path) -> Path:
    for run in newest_first(directory):
        return run.path
    raise ArchiveError(f"no stored runs in {directory}")


def _existing(*candidates: Path) -> Path:
    for path in candidates:
        if path.is_file():
            return path
    raise ArchiveError(f"{candidates[0]}: no such stored run")


def _near(ref: str, names: list[str]) -> str:
    containing = [name for name in names if ref and ref in name]
    near = containing or difflib.get_close_matches(ref, names, _NEAR_SHOWN, cutoff=0.5)
    if near:
        return f"; near it: {_some(near)}"
    return f"; the newest: {_some(names)}" if names else ", which holds none"


def _some(names: list[str]) -> str:
    more = len(names) - _NEAR_SHOWN
    return ", ".join(names[:_NEAR_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _files(directory: Path) -> list[Path]:
    """What looks like a run by its name; empty where the directory cannot be read."""
    try:
        return [path for path in Path(directory).iterdir() if path.name.endswith(SUFFIX)]
    except OSError:
        return []


def newest_first(
    directory: Path, on_unreadable: Callable[[ArchiveError], None] = lambda _: None
) -> Iterator[RunSummary]:
    """Reads no more files than are asked for: ids sort by time, up to the second.

    Files that somebody renamed come last.
    """
    paths = sorted(_files(directory), key=_second, reverse=True)
    for _, same_second in groupby(paths, key=_second):
        found = []
        for path in same_second:
            try:
                found.append(summarize(path))
            except ArchiveError as error:
                on_unreadable(error)
        yield from sorted(found, key=lambda run: run.started_at, reverse=True)


def _second(path: Path) -> str:
    """The second its run began, from the name alone; empty for a renamed file."""
    found = _SECOND.match(path.name)
    return found[0] if found else ""
