"""One host, step by step: is it like the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import FindingKind, HostStatus, Mode, Outcome
from fleetdiag.report.overview import count
from fleetdiag.report.plain import clip, printable

if TYPE_CHECKING:
    from fleetdiag.model import Comparison, Group, HostResult, StepComparison, StepResult
    from fleetdiag.report.screen import Screen

MAX_STEP_COLUMNS = 24


def draw_standing(screen: Screen, comparison: Comparison, name: str) -> None:
    """A sentence on how `name` stands among the hosts of the run."""
    host = _host(comparison, name)
    said = _sentence(comparison, host) if host else f"{name} is not in this run."
    screen.wrapped(said, style="bold")


def draw_host_steps(screen: Screen, comparison: Comparison, name: str, *, verbose: bool) -> None:
    """The steps of `name`, and with `verbose` its diffs against the majority."""
    host = _host(comparison, name)
    if host is None:
        return
    steps = {step.name: step for step in comparison.steps}
    ran = [result for result in host.steps if result.name in steps]
    if ran:
        _draw_table(screen, host, [(result, steps[result.name]) for result in ran])
    for result in ran if verbose else ():
        _draw_diff(screen, steps[result.name], host.name)


def _sentence(comparison: Comparison, host: HostResult) -> str:
    if host.status is not HostStatus.OK:
        reason = f": {host.reason}" if host.reason else ""
        return f"{host.name} gave no result ({host.status.value}){reason}"
    compared = [step for step in comparison.steps if step.compared and _group(step, host.name)]
    if not compared:
        steps = count(len(host.steps), "step")
        ruled = any(f.kind is FindingKind.RULE for f in comparison.findings)
        rules = "" if ruled else ", and no rule matched"
        return f"{host.name} answered {steps}; there is no other host to compare it with{rules}."
    odd = [step for step in compared if host.name in step.odd]
    if odd:
        return f"{host.name} is odd in {len(odd)} of {count(len(compared), 'compared step')}."
    agree = sum(_in_majority(step, host.name) for step in compared)
    return f"{host.name} is like most hosts in {agree} of {count(len(compared), 'compared step')}."


def _draw_table(
    screen: Screen, host: HostResult, steps: list[tuple[StepResult, StepComparison]]
) -> None:
    from tabulate import tabulate

    rows = [
        (
            clip(printable(result.name), MAX_STEP_COLUMNS),
            result.outcome.value,
            "" if result.duration_s is None else f"{result.duration_s:.2f} s",
            _standing(result, step, host.name),
        )
        for result, step in steps
    ]
    table = tabulate(
        rows,
        headers=("step", "outcome", "time", "among its peers"),
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "left", "right", "left"),
    )
    for line in table.split("\n"):
        screen.line(line)


def _standing(result: StepResult, step: StepComparison, host: str) -> str:
    group = _group(step, host)
    if result.outcome is not Outcome.OK:
        return printable(result.reason)
    if step.mode is Mode.IGNORE:
        return "shown, not compared"
    if not step.compared or group is None:
        return "nothing to compare with"
    if host in step.odd:
        return f"odd: differs from {_majority_size(step)} of {step.compared}"
    if group.majority:
        return f"like {len(group.hosts) - 1} of {step.compared - 1} others"
    return "no majority" if not _majority_size(step) else "not compared"


def _draw_diff(screen: Screen, step: StepComparison, host: str) -> None:
    group = _group(step, host)
    if group is None or not group.diff:
        return
    screen.gap()
    screen.line((step.name, "bold"), "  against the majority")
    for line in group.diff:
        screen.line("  ", (line, {"+": "plus", "-": "minus"}.get(line[:1], "dim")))


def _host(comparison: Comparison, name: str) -> HostResult | None:
    return next((host for host in comparison.run.hosts if host.name == name), None)


def _group(step: StepComparison, host: str) -> Group | None:
    return next((group for group in step.groups if host in group.hosts), None)


def _in_majority(step: StepComparison, host: str) -> bool:
    group = _group(step, host)
    return group is not None and group.majority


def _majority_size(step: StepComparison) -> int:
    return next((len(group.hosts) for group in step.groups if group.majority), 0)
