"""What hosts answered, as they said it, harmless to the terminal. Pure text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.cli.screen import visible, visible_lines
from fleetdiag.model import HostResult, HostStatus, Outcome, Run, StepResult, read_output

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def raw_text(run: Run, hosts: Collection[str], steps: Collection[str]) -> str:
    """The answers of these hosts to these steps, all where none is named; in the run's order.

    Stdout first, stderr after it under a line of its own, each answer under a line that says what
    became of the step.
    """
    commands = {step.name: step.commands for step in run.playbook.steps}
    blocks = [visible(run.note)] if run.note else []
    for result in run.hosts:
        if hosts and result.name not in hosts:
            continue
        if result.status is not HostStatus.OK:
            blocks.append(f"== {visible(_host_line(result))}")
        for step in result.steps:
            if not steps or step.name in steps:
                tried = commands.get(step.name, ())
                blocks.append("\n".join(_step_lines(result.name, step, tried)))
    return "\n\n".join(blocks)


def _host_line(result: HostResult) -> str:
    """`web-03: lost: the connection was reset`."""
    return ": ".join(filter(None, [result.name, result.status.value, result.reason]))


def _step_lines(host: str, step: StepResult, commands: tuple[str, ...]) -> Iterator[str]:
    yield f"== {visible(f'{host}: {step.name}: {_outcome_text(step)}')}"
    if step.outcome not in (Outcome.NOT_RUN, Outcome.SKIPPED) and step.command < len(commands):
        yield f"$ {visible_lines(commands[step.command].encode())}"
    if step.stdout:
        yield visible_lines(read_output(step.stdout))
    if step.stderr:
        yield "-- stderr"
        yield visible_lines(read_output(step.stderr))


def _outcome_text(step: StepResult) -> str:
    """`failed (exit 1, 0.02 s, cut at the cap): no such unit`."""
    details = [
        f"exit {step.exit_code}" if step.exit_code is not None else "",
        f"{step.duration_s:.2f} s" if step.duration_s is not None else "",
        "cut at the output cap" if step.truncated else "",
    ]
    told = ", ".join(filter(None, details))
    reason = f": {step.reason}" if step.reason else ""
    return step.outcome.value + (f" ({told})" if told else "") + reason
