"""`DIR/HOST/STEP.out` (`.err`, `.rc` beside it) -> a Run.

A host that lacks a step's file has a result all the same: not run, with the reason. Files with
other endings, and those that begin with a dot, do not count.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.errors import FleetdiagError
from fleetdiag.model import HostResult, HostStatus, Outcome, Step
from fleetdiag.outputs.answers import (
    Ended,
    by_number,
    host_status,
    run_of,
    step_result,
    without_output,
)
from fleetdiag.outputs.facts import facts_of
from fleetdiag.outputs.files import Content, Unread, read_content
from fleetdiag.outputs.hostsfile import HostsFile, Listed, read_hosts_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fleetdiag.model import Playbook, Run, StepResult
    from fleetdiag.outputs.answers import Judge

HOSTS_FILE = "hosts.json"
ENDINGS = ("out", "err", "rc")
_EXIT_CODE = re.compile(rb"\s{0,16}(\d{1,9})\s{0,16}")

Found = dict[str, set[str]]
"""Step -> the endings there are of it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A host's directory, and what there is in it."""

    host: str
    path: str
    found: Found
    problem: str = ""
    """Why it cannot be listed."""


def load_directory(path: Path, judge: Judge, playbook: Playbook | None = None) -> Run:
    """The outputs below `path` as a run; raises FleetdiagError where there are none.

    Args:
        path: the directory of the hosts' directories, maybe with a `hosts.json`.
        judge: what an exit code and an error text mean.
        playbook: its steps come first, in its order; outputs of others follow, compared as their
            names say.
    """
    listed = HostsFile()
    if os.path.lexists(path / HOSTS_FILE):
        listed = read_hosts_file(path / HOSTS_FILE)
    places = _places(path, listed.hosts)
    steps = _steps(playbook, places)
    if not any(place.found for place in places):
        raise FleetdiagError(_nothing(path))
    hosts = [_host(place, steps, listed.hosts.get(place.host), judge) for place in places]
    name = path.resolve().name or "compare"
    return run_of(name, steps, hosts, about=playbook, note=listed.note)


# ------------------------------------------------------------------------- what there is


def _places(path: Path, listed: Mapping[str, Listed]) -> list[_Place]:
    """The hosts: those of `hosts.json` in its order, then the other directories, sorted."""
    try:
        entries = {entry.name: entry for entry in os.scandir(path)}
    except OSError as error:
        raise FleetdiagError(f"{path}: {error.strerror}") from error
    names = sorted(
        (name for name, entry in entries.items() if name[0] != "." and _may_be_host(entry)),
        key=by_number,
    )
    return [_place(path, name) for name in dict.fromkeys([*listed, *names])]


def _may_be_host(entry: os.DirEntry[str]) -> bool:
    """A directory, or a link that leads nowhere: then it is a host whose outputs are not there."""
    try:
        return entry.is_dir() or (entry.is_symlink() and not entry.is_file())
    except OSError:  # a link that leads to itself
        return True


def _place(path: Path, name: str) -> _Place:
    if "/" in name or name in {"", ".", ".."}:  # from hosts.json: a name is never a path
        return _Place(name, "", {}, "no directory can have this name")
    directory = os.path.join(path, name)  # noqa: PTH118 - ten thousand of them: no Path objects
    try:
        with os.scandir(directory) as entries:
            return _Place(name, directory, _outputs(entry.name for entry in entries))
    except FileNotFoundError:
        return _Place(name, directory, {}, f"no directory {name}")
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else None
        return _Place(name, directory, {}, f"{name}: {words or error}")


def _outputs(names: Iterable[str]) -> Found:
    found: Found = {}
    for name in names:
        step, dot, ending = name.rpartition(".")
        if dot and ending in ENDINGS and step and name[0] != ".":
            found.setdefault(step, set()).add(ending)
    return found


def _steps(playbook: Playbook | None, places: Sequence[_Place]) -> list[Step]:
    steps = list(playbook.steps) if playbook else []
    known = {step.name for step in steps}
    others = {name for place in places for name in place.found if name not in known}
    return [*steps, *(Step(name, commands=()) for name in sorted(others, key=by_number))]


def _nothing(path: Path) -> str:
    expected = f"expected {path}/HOST/STEP.out"
    try:
        found = (entry.name for entry in path.iterdir())
        names = sorted(name for name in found if name[0] != "." and name != HOSTS_FILE)
    except OSError:
        names = []
    if _outputs(names):
        return f"{path} holds outputs, but no hosts: {expected}; is it the directory of one host?"
    if any((path / name).is_file() for name in names[:100]):
        return f"{path}: no outputs, {expected}; for a file a host: fleetdiag compare {path}/*"
    return f"{path}: no outputs, {expected}"


# ------------------------------------------------------------------------------- a host


def _host(place: _Place, steps: Sequence[Step], listed: Listed | None, judge: Judge) -> HostResult:
    said = listed or Listed()
    contents: dict[tuple[str, str], Content] = {}
    results = tuple(_result(place, step.name, contents, judge) for step in steps)
    status = said.status if said.status is not HostStatus.OK else host_status(results)
    reason = said.reason
    if status is HostStatus.NOT_RUN and not reason:
        reason = place.problem or f"no outputs in {place.host}"
    outputs = {
        step: content.data for (step, ending), content in contents.items() if ending == "out"
    }
    return HostResult(
        name=place.host,
        status=status,
        reason=reason,
        steps=results,
        attributes=said.attributes,
        facts=said.facts or facts_of(place.host, outputs),
        started_at=max((content.changed_at for content in contents.values()), default=0.0),
    )


def _result(
    place: _Place, step: str, contents: dict[tuple[str, str], Content], judge: Judge
) -> StepResult:
    endings = place.found.get(step, set())
    if not endings:
        return without_output(step, place.problem or f"no {place.host}/{step}.out")
    for ending in endings:
        try:
            contents[step, ending] = read_content(f"{place.path}/{step}.{ending}")
        except Unread as error:
            return without_output(step, f"{place.host}/{step}.{ending}: {error}")
    none = Content(b"", truncated=False, changed_at=0.0)
    out, err, code = (contents.get((step, ending), none) for ending in ENDINGS)
    found = _EXIT_CODE.fullmatch(code.data[:64]) if "rc" in endings else None
    if "rc" in endings and found is None:
        return without_output(step, f"{place.host}/{step}.rc is no exit code", Outcome.UNPARSED)
    ended = Ended(
        exit_code=int(found[1]) if found else 0,
        stdout=out.data,
        stderr=err.data,
        truncated=out.truncated or err.truncated,
    )
    return step_result(step, ended, judge)
