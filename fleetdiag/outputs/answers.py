"""One output as bytes -> what the step gave on that host; hosts and steps -> a Run. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag import __version__
from fleetdiag.model import HostResult, HostStatus, Outcome, Playbook, Run, StepResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetdiag.model import Step

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_NUMBER = re.compile(r"([0-9]+)")
_NAME_LENGTH = 40


class Ended(NamedTuple):
    """A command that ended by itself, as it was kept in files."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool


Judge = Callable[[Ended], tuple[Outcome, str]]
"""What became of a command, and the reason in words; a live run judges by the same rule."""


def step_result(name: str, ended: Ended, judge: Judge) -> StepResult:
    """What the step gave, as `judge` has it."""
    outcome, reason = judge(ended)
    return StepResult(
        name=name,
        outcome=outcome,
        exit_code=ended.exit_code,
        stdout=ended.stdout,
        stderr=ended.stderr,
        truncated=ended.truncated,
        reason=reason,
    )


def without_output(name: str, reason: str, outcome: Outcome = Outcome.NOT_RUN) -> StepResult:
    """A step whose output is not there, or cannot be read."""
    return StepResult(name=name, outcome=outcome, reason=reason)


def host_status(steps: Iterable[StepResult]) -> HostStatus:
    """Ok where a step has an output."""
    there = any(step.outcome is not Outcome.NOT_RUN for step in steps)
    return HostStatus.OK if there else HostStatus.NOT_RUN


def run_of(
    name: str,
    steps: Sequence[Step],
    hosts: Sequence[HostResult],
    *,
    about: Playbook | None = None,
    note: str | None = None,
) -> Run:
    """The hosts as a run called `name`; its time is that of the newest output.

    Args:
        name: of the playbook, where `about` has none.
        steps: in order.
        hosts: in order, each with a result for every step.
        about: the playbook the steps came from.
        note: shown with the run.
    """
    started_at = max((host.started_at for host in hosts), default=0.0)
    called = about.name if about is not None and about.name else name
    playbook = Playbook(
        name=called,
        steps=tuple(steps),
        about=about.about if about else "",
        source=about.source if about else "",
        params=about.params if about else {},
    )
    second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started_at))
    safe = _UNSAFE.sub("-", name)[:_NAME_LENGTH].strip("-.") or "compare"
    return Run(
        id=f"{second}-{safe}",
        playbook=playbook,
        hosts=tuple(hosts),
        started_at=started_at,
        duration_s=0.0,
        version=__version__,
        note=note,
    )


def by_number(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key: `web-2` before `web-10`."""
    parts = _NUMBER.split(name)
    return tuple((int(p.isdigit()), int(p) if p.isdigit() else 0, p) for p in parts)
