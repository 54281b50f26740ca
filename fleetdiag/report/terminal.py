"""The screen: what matters first, then the steps, then who gave no result, then what to type.

The only module of reports that knows of terminals (with `screen.py`, which draws its lines).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import Cause, FindingKind, HostStatus, Severity
from fleetdiag.report.fold import fold
from fleetdiag.report.hint import command_lines, usual_hint
from fleetdiag.report.hostview import draw_host_steps, draw_standing
from fleetdiag.report.overview import (
    Overview,
    Row,
    count,
    loud,
    nothing_odd,
    overview,
    shared_words,
    shown_number,
    verdict_told,
    without_result,
)
from fleetdiag.report.plain import cells, clip, printable, wrap
from fleetdiag.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetdiag.model import Comparison, Finding, Group, StepComparison, Verdict
    from fleetdiag.report.options import ReportOptions

MAX_BECAUSE = 5
MAX_AGAINST = 2
MAX_FINDINGS = 10
MAX_EVIDENCE = 3
MAX_EVIDENCE_LINES = 2
MANY_SHARE = 0.2
MAX_DIFF_EVIDENCE = 4
MAX_ALSO = 3
SIGNED = frozenset({FindingKind.DIFFERS, FindingKind.CHANGED})
"""Kinds whose evidence is of lines that begin with `+` or `-`."""
MAX_FOLD_LINES = 3
MAX_REASONS = 4
MAX_STEP_COLUMNS = 24
SAMPLE_LINES = 5
SEVERITY_COLUMNS = 10


def render_terminal(comparison: Comparison, options: ReportOptions) -> str:
    """The report for a screen of `options.columns`; one host alone gets its own view."""
    hosts = [host.name for host in comparison.run.hosts]
    chosen = options.host or (hosts[0] if len(hosts) == 1 else None)
    screen = Screen(options.columns, color=options.color)
    draw_header(screen, comparison)
    screen.gap()
    if chosen is not None:
        draw_standing(screen, comparison, chosen)
        findings = [finding for finding in comparison.findings if chosen in finding.hosts]
        _draw_listed(screen, findings, verbose=True)
        screen.gap()
        draw_host_steps(screen, comparison, chosen, verbose=options.verbose)
    else:
        _draw_fleet(screen, comparison, verbose=options.verbose)
    screen.gap()
    _draw_hint(screen, comparison, options, chosen)
    return screen.text()


def draw_header(screen: Screen, comparison: Comparison) -> None:
    """Playbook, hosts ok of all, duration, run; then what is special about this run."""
    run = comparison.run
    ok = sum(host.status is HostStatus.OK for host in run.hosts)
    hosts = f"{ok} of {count(len(run.hosts), 'host')} ok"
    screen.line((run.playbook.name, "bold"), f"  {hosts}  {run.duration_s:.1f} s  {run.id}")
    if run.note:
        screen.wrapped(run.note, style="dim")
    if run.interrupted:
        screen.line(("Interrupted: these are the results until then.", "warning"))


def _draw_fleet(screen: Screen, comparison: Comparison, *, verbose: bool) -> None:
    if verdict_told(comparison):
        _draw_verdict(screen, comparison.verdict, verbose=verbose)
        screen.gap()
    draw_findings(screen, comparison, verbose=verbose)
    screen.gap()
    _draw_steps(screen, comparison, verbose=verbose)
    screen.gap()
    _draw_without_result(screen, comparison, verbose=verbose)
    screen.gap()
    _draw_not_told(screen, comparison, verbose=verbose)
    if verbose:
        for step in comparison.steps:
            screen.gap()
            _draw_groups(screen, step)


# ---------------------------------------------------------------------------- verdict


def _draw_verdict(screen: Screen, verdict: Verdict, *, verbose: bool) -> None:
    """The conclusion, what speaks for and against it, what to do."""
    sure = f"{verdict.summary} ({verdict.confidence.value} confidence)"
    label = "VERDICT"
    for line in wrap(printable(sure), screen.columns - SEVERITY_COLUMNS):
        screen.line((label.ljust(SEVERITY_COLUMNS), "bold"), (line, "bold"))
        label = ""
    # Of nothing to conclude only what to do next earns its lines.
    known = verdict.cause is not Cause.UNKNOWN
    for label, said, most in (
        ("for", verdict.because, MAX_BECAUSE if known else 0),
        ("against", verdict.against, MAX_AGAINST if known else 0),
        ("do", verdict.do, MAX_BECAUSE),
        ("unless", verdict.unless, 1 if known else 0),
    ):
        for text in said if verbose else said[:most]:
            first, *rest = wrap(printable(text), screen.columns - SEVERITY_COLUMNS)
            screen.line(label.ljust(SEVERITY_COLUMNS), first)
            for line in rest:
                screen.line(" " * SEVERITY_COLUMNS, line)


# --------------------------------------------------------------------------- findings


def draw_findings(screen: Screen, comparison: Comparison, *, verbose: bool) -> None:
    """The findings above info, or that there are none; then those of info in a line each."""
    if not loud(comparison.findings):
        screen.wrapped(nothing_odd(comparison), style="bold")
    _draw_listed(screen, comparison.findings, verbose=verbose)


def _draw_listed(screen: Screen, findings: Sequence[Finding], *, verbose: bool) -> None:
    telling = [finding for finding in findings if verbose or not _comes_and_goes(finding)]
    shown = telling if verbose else telling[:MAX_FINDINGS]
    if findings:
        screen.gap()
    if shown:
        screen.line(("FINDINGS", "bold"))
    for finding in shown:
        _draw_finding(screen, finding, verbose=verbose)
    if more := len(findings) - len(shown):
        harmless = f"{count(more, 'harmless difference')}, -v shows more"
        screen.line(f"… and {more} more, -v shows them" if shown else (harmless, "dim"))


def _comes_and_goes(finding: Finding) -> bool:
    """A harmless difference that many hosts have: nothing to read in an incident."""
    many = len(finding.hosts) > MANY_SHARE * finding.of
    return finding.severity is Severity.INFO and finding.kind is FindingKind.DIFFERS and many


def _draw_finding(screen: Screen, finding: Finding, *, verbose: bool) -> None:
    severity = finding.severity.value
    indent = " " * SEVERITY_COLUMNS
    first, *rest = wrap(printable(finding.summary), screen.columns - SEVERITY_COLUMNS)
    label = severity.upper() if finding.severity is Severity.CRITICAL else severity
    screen.line((label.ljust(SEVERITY_COLUMNS), severity), first)
    for line in rest:
        screen.line(indent, line)
    who = f"{len(finding.hosts)} of {finding.of}  "
    room = screen.columns - SEVERITY_COLUMNS - cells(who)
    for number, line in enumerate(wrap(fold(finding.hosts), room, at=",", most=MAX_FOLD_LINES)):
        screen.line(indent, who if number == 0 else " " * cells(who), line)
    if finding.severity is Severity.INFO and not verbose:
        return
    most = MAX_DIFF_EVIDENCE if finding.kind in SIGNED else MAX_EVIDENCE
    for line in finding.evidence if verbose else finding.evidence[:most]:
        if finding.kind in SIGNED and line[:1] in {"+", "-"}:
            screen.line(indent, (line, _evidence_style(finding, line)))
        else:
            screen.wrapped(line, indent=indent, style="dim", most=MAX_EVIDENCE_LINES)
    for shared in finding.shared:
        screen.wrapped(shared_words(shared), indent=indent)
    also = finding.also if verbose else finding.also[:MAX_ALSO]
    for consequence in also:
        screen.wrapped(f"also: {consequence}", indent=indent, style="dim", most=MAX_EVIDENCE_LINES)
    if more := len(finding.also) - len(also):
        screen.line(indent, (f"also: {more} more, -v shows them", "dim"))


def _evidence_style(finding: Finding, line: str) -> str:
    if finding.kind not in SIGNED:
        return "dim"
    return {"+": "plus", "-": "minus"}.get(line[:1], "dim")


# --------------------------------------------------------------------------- steps


def _draw_steps(screen: Screen, comparison: Comparison, *, verbose: bool) -> None:
    """The table and the quiet steps; nothing where no host answered any."""
    if not any(step.groups for step in comparison.steps):
        return
    seen = overview(comparison)
    rows = list(seen.rows)
    if verbose:
        listed = {row.step for row in rows}
        rows += [_quiet_row(step) for step in comparison.steps if step.name not in listed]
    if rows:
        _draw_table(screen, rows)
    if not verbose:
        _draw_quiet(screen, seen)


def _quiet_row(step: StepComparison) -> Row:
    return Row(step.name, step.compared, "0" if step.compared else "-", note="")


def _draw_table(screen: Screen, rows: Sequence[Row]) -> None:
    from tabulate import tabulate

    names = [clip(printable(row.step), MAX_STEP_COLUMNS) for row in rows]
    # tabulate makes a column two wider than its header, and puts two blanks between columns.
    taken = max(*map(cells, names), len("step") + 2) + len("compared") + 2 + 6
    taken += max(*(len(row.odd) for row in rows), len("odd") + 2)
    room = max(screen.columns - taken, 10)
    cells_of_rows = [
        (name, row.compared or "-", row.odd, "\n".join(_who(row, room)))
        for name, row in zip(names, rows, strict=True)
    ]
    table = tabulate(
        cells_of_rows,
        headers=("step", "compared", "odd", "hosts"),
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "right", "left", "left"),
    )
    for line in table.split("\n"):
        screen.line(line)


def _who(row: Row, room: int) -> list[str]:
    if row.note:
        return wrap(row.note, room)
    return wrap(fold(row.hosts), room, at=",", most=MAX_FOLD_LINES)


def _draw_quiet(screen: Screen, seen: Overview) -> None:
    for steps, said in (
        (seen.agree, "the same on all hosts"),
        (seen.silent, "printed nothing on any host"),
        (seen.shown, "shown, not compared"),
        (seen.alone, "with fewer than two hosts to compare"),
    ):
        if steps:
            what = f"{count(len(steps), 'step')} {said}: {', '.join(steps)}"
            screen.wrapped(what, most=2)


def _draw_groups(screen: Screen, step: StepComparison) -> None:
    """-v: the groups of one step, what odd ones have that the majority has not, and the masks."""
    masks = f"  masks: {', '.join(step.masks)}" if step.masks else ""
    mode = f"{step.mode.value} (auto: {step.chosen})" if step.chosen else step.mode.value
    screen.line((step.name, "bold"), f"  {mode}{masks}")
    _draw_measures(screen, step)
    for group in step.groups:
        role = "majority" if group.majority else "odd" if group.diff else group.outcome.value
        who = f"{count(len(group.hosts), 'host')} ({role})  "
        screen.wrapped(f"{who}{fold(group.hosts)}", indent="  ", most=MAX_FOLD_LINES)
        _draw_group_lines(screen, group)


def _draw_measures(screen: Screen, step: StepComparison) -> None:
    """The numbers of a step: where most hosts are, and who is not."""
    for measure in step.measures:
        low, high = min(measure.values.values()), max(measure.values.values())
        spread = f"median {shown_number(measure.median, measure.unit)}, from " + " to ".join(
            shown_number(value, measure.unit) for value in (low, high)
        )
        odd = f"  odd: {fold(measure.odd)}" if measure.odd else ""
        screen.wrapped(f"{measure.feature}: {spread}{odd}", indent="  ")


def _draw_group_lines(screen: Screen, group: Group) -> None:
    if group.majority:
        return
    if group.diff:
        for line in group.diff:
            screen.line("    ", (line, {"+": "plus", "-": "minus"}.get(line[:1], "dim")))
        return
    lines = group.sample.split("\n")
    for line in lines[:SAMPLE_LINES]:
        screen.line("    ", (line, "dim"))
    if len(lines) > SAMPLE_LINES:
        screen.line("    ", (f"… {len(lines) - SAMPLE_LINES} more lines", "dim"))


# --------------------------------------------------------------------------- the rest


def _draw_without_result(screen: Screen, comparison: Comparison, *, verbose: bool) -> None:
    missing = without_result(comparison)
    if not missing:
        return
    hosts = sum(len(names) for reasons in missing.values() for names in reasons.values())
    screen.line((f"NO RESULT from {count(hosts, 'host')}", "bold"))
    width = max(map(len, missing)) + 2
    for status, reasons in missing.items():
        _draw_status(screen, status.ljust(width), reasons, verbose=verbose)


def _draw_not_told(screen: Screen, comparison: Comparison, *, verbose: bool) -> None:
    """What the provider was asked, and did not say."""
    cloud = comparison.run.cloud
    problems = () if cloud is None else cloud.problems
    if not problems:
        return
    screen.line(("NOT TOLD by the provider", "bold"))
    for problem in problems if verbose else problems[:MAX_REASONS]:
        screen.wrapped(problem, style="dim", most=2)
    if (more := len(problems) - MAX_REASONS) > 0 and not verbose:
        screen.line((f"… and {more} more, -v shows them", "dim"))


def _draw_status(
    screen: Screen, label: str, reasons: Mapping[str, list[str]], *, verbose: bool
) -> None:
    """Hosts folded by reason; only the first few reasons, lest a dead fleet fill the screen."""
    blank = " " * len(label)
    shown = list(reasons.items())[: None if verbose else MAX_REASONS]
    for number, (reason, hosts) in enumerate(shown):
        start = (label if number == 0 else blank, "warning")
        folded, said = fold(hosts), printable(reason)
        if cells(f"{folded}  {said}") <= screen.columns - len(label):
            screen.line(start, f"{folded}  ", (said, "dim"))
            continue
        first, *rest = wrap(folded, screen.columns - len(label), at=",", most=MAX_FOLD_LINES)
        screen.line(start, first)
        for line in rest:
            screen.line(blank, line)
        screen.wrapped(said, indent=blank, style="dim", most=2)
    if left := [host for hosts in list(reasons.values())[len(shown) :] for host in hosts]:
        more = f"… and {len(left)} more: {fold(left)}"
        for line in wrap(more, screen.columns - len(label), at=",", most=MAX_FOLD_LINES):
            screen.line(blank, line)


def _draw_hint(
    screen: Screen, comparison: Comparison, options: ReportOptions, host: str | None
) -> None:
    usual = options.hint is None
    hint = usual_hint(comparison, options, host) if usual else options.hint
    if not hint:
        return
    screen.line(("See more:", "bold"))
    for command in hint.split("\n"):
        for line in command_lines(printable(command), screen.columns - 2):
            screen.line("  ", line)
