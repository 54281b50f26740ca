"""Outputs under the hosts that gave them, the largest group first: the screen of `exec`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import Outcome, read_output
from fleetdiag.report.fold import fold
from fleetdiag.report.overview import without_result
from fleetdiag.report.plain import printable
from fleetdiag.report.screen import RESET, STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import Comparison, Group, StepResult
    from fleetdiag.report.options import ReportOptions


def render_outputs(comparison: Comparison, options: ReportOptions) -> str:
    """Each group: a header with its hosts folded, then what its first host printed, whole.

    Lines are not cut to the width (the output is what was asked for); controls are visible. Where
    hosts of a group differ in what was masked, the header says whose output is shown.
    """
    lines: list[str] = []
    several = len(comparison.steps) > 1
    for step in comparison.steps:
        results = {
            host.name: result
            for host in comparison.run.hosts
            for result in host.steps
            if result.name == step.name
        }
        for group in step.groups:
            label = f"{step.name}: " if several else ""
            lines += _group_lines(label, group, [results[host] for host in group.hosts], options)
    for status, reasons in without_result(comparison).items():
        for reason, hosts in reasons.items():
            said = f"{status}: {reason}" if reason else status
            header = f"{fold(hosts)} ({len(hosts)}): no result, {said}"
            lines += _header(printable(header), options, style="warning")
    note = f"{printable(comparison.run.note)}\n" if comparison.run.note else ""
    return note + ("\n".join(lines) + "\n" if lines else "No host gave a result.\n")


def _group_lines(
    label: str, group: Group, results: Sequence[StepResult], options: ReportOptions
) -> list[str]:
    first = results[0]
    header = f"{fold(group.hosts)} ({len(group.hosts)}){_said(first)}"
    if any((r.stdout, r.stderr) != (first.stdout, first.stderr) for r in results):
        header += f", as {group.hosts[0]} printed it"
    style = "" if group.outcome is Outcome.OK else "warning"
    title = printable(f"{label}{header}")
    return [*_header(title, options, style=style), *_output(first, options)]


def _said(result: StepResult) -> str:
    if result.outcome is Outcome.OK:
        return ""
    if result.outcome is Outcome.FAILED and result.exit_code is not None:
        return f": exit code {result.exit_code}"
    return f": {result.outcome.value}{f', {result.reason}' if result.reason else ''}"


def _header(text: str, options: ReportOptions, *, style: str) -> list[str]:
    rule = "-" * min(max(len(text), 8), options.columns)
    shown = f"{STYLES[style or 'bold']}{text}{RESET}" if options.color else text
    return [rule, shown, rule]


def _output(result: StepResult, options: ReportOptions) -> Iterator[str]:
    yield from _lines(read_output(result.stdout))
    for line in _lines(read_output(result.stderr)):
        yield f"{STYLES['dim']}{line}{RESET}" if options.color and line else line


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", errors="backslashreplace").replace("\r\n", "\n").rstrip("\n")
    return [printable(line) for line in text.split("\n")] if text else []
