"""Consoles that the provider kept of hosts that did not answer, as a step like any other. Pure.

A panic on ten consoles is found although no host answers SSH.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag import rules
from fleetdiag.model import Compare, Mode, Outcome, Step, StepResult

if TYPE_CHECKING:
    from fleetdiag.model import Run

STEP = "console"


def with_consoles(run: Run) -> Run:
    """`run` with the step `console` on the hosts whose console the provider gave."""
    if run.cloud is None or not run.cloud.consoles:
        return run
    step = Step(
        name=STEP,
        commands=(),
        compare=Compare(mode=Mode.LOG),
        flags=rules.load("kernel"),
        about="The end of the console, as the provider kept it.",
    )
    consoles = run.cloud.consoles
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
