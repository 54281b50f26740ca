"""Consoles that the provider kept of hosts that did not answer, as a step like any other. Pure.

A panic on ten consoles is found although no host answers SSH.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag import rules
from fleetdiag.model import Compare, HostStatus, Mode, Outcome, Step, StepResult

if TYPE_CHECKING:
    from fleetdiag.model import Run

STEP = "console"
RECENT_S = 86_400.0
"""An older console tells of another day."""


def with_consoles(run: Run) -> Run:
    """`run` with the step `console` on silent hosts whose console the provider gave."""
    if run.cloud is None:
        return run
    silent = {host.name for host in run.hosts if host.status is not HostStatus.OK}
    consoles = {
        name: console
        for name, console in run.cloud.consoles.items()
        if name in silent and (console.at is None or console.at > run.cloud.asked_at - RECENT_S)
    }
    if not consoles:
        return run
    step = Step(
        name=STEP,
        commands=(),
        compare=Compare(mode=Mode.LOG),
        flags=rules.load("kernel"),
        about="The end of the console, as the provider kept it.",
    )
    hosts = tuple(
        replace(
            host,
            steps=(
                *host.steps,
                StepResult(STEP, Outcome.OK, exit_code=0, stdout=consoles[host.name].output),
            ),
        )
        if host.name in consoles
        else host
        for host in run.hosts
    )
    playbook = replace(run.playbook, steps=(*run.playbook.steps, step))
    return replace(run, playbook=playbook, hosts=hosts)
