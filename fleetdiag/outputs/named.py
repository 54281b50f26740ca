"""A file a host -> a Run: `console/web-01.log` is what `web-01` says in step `console`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import FleetdiagError
from fleetdiag.model import HostResult, Step
from fleetdiag.outputs.answers import Ended, host_status, run_of, step_result, without_output
from fleetdiag.outputs.facts import facts_of
from fleetdiag.outputs.files import Unread, read_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Run
    from fleetdiag.outputs.answers import Judge

PLAIN_ENDINGS = frozenset({".log", ".txt", ".out", ".output", ".dat"})
"""Endings that say nothing of what is in a file."""
NO_NAME = "output"


def load_files(paths: Sequence[Path], judge: Judge, step: str | None = None) -> Run:
    """The files as one step of a run, a host each; raises FleetdiagError.

    Args:
        paths: the files; where their names are equal the directories' names are the hosts'.
        judge: what became of an output.
        step: its name; None: the files' common ending, or else the directory they are in.
    """
    hosts = _host_names(paths)
    name = step or _step_name(paths, hosts)
    return run_of(
        name,
        [Step(name, commands=())],
        [_host(host, path, name, judge) for host, path in zip(hosts, paths, strict=True)],
    )


def _host(host: str, path: Path, step: str, judge: Judge) -> HostResult:
    try:
        content = read_content(path, pipes=True)
    except Unread as error:
        reason = f"{path}: {error}"
        result, data, changed_at = without_output(step, reason), b"", 0.0
    else:
        data, changed_at = content.data, content.changed_at
        result = step_result(step, Ended(0, data, b"", content.truncated), judge)
        reason = ""
    return HostResult(
        name=host,
        status=host_status([result]),
        reason=reason,
        steps=(result,),
        facts=facts_of(host, {step: data}),
        started_at=changed_at,
    )


# ------------------------------------------------------------------------------- names


def _host_names(paths: Sequence[Path]) -> list[str]:
    """The names of the hosts, in order; raises FleetdiagError where two are one."""
    endings = _said_endings(paths)
    names = [
        path.name.removesuffix(path.suffix)
        if path.suffix in PLAIN_ENDINGS or path.suffix in endings
        else path.name
        for path in paths
    ]
    if len(set(names)) == 1 and len(paths) > 1:
        names = [path.absolute().parent.name for path in paths]
    seen: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        if name in seen:
            message = f"{seen[name]} and {path} are both of host {name!r}: one file a host"
            raise FleetdiagError(message)
        seen[name] = path
    return names


def _said_endings(paths: Sequence[Path]) -> set[str]:
    """The one ending that all files have; none where it is a domain's or an address's."""
    endings = {path.suffix for path in paths}
    if len(endings) != 1 or endings == {""}:
        return set()
    # `web-01.example.com`, `web-02.example.com`: what all have in common is more than an ending.
    before = {Path(path.stem).suffix for path in paths}
    if len(paths) > 1 and len(before) == 1 and before != {""}:
        return set()
    return set() if next(iter(endings))[1:].isdigit() else endings


def _step_name(paths: Sequence[Path], hosts: Sequence[str]) -> str:
    endings = _said_endings(paths) - PLAIN_ENDINGS
    if endings:
        return endings.pop()[1:]
    names = {path.name for path in paths}
    if len(names) == 1 and len(paths) > 1 and paths[0].name not in hosts:
        return paths[0].stem  # web-01/dmesg.log, web-02/dmesg.log
    folders = {path.absolute().parent for path in paths}
    return (folders.pop().name if len(folders) == 1 else "") or NO_NAME
