"""The report as Markdown, for a ticket: nothing a host said can leave its cell or fence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.model import FindingKind, HostStatus
from fleetdiag.report.fold import fold
from fleetdiag.report.json import utc
from fleetdiag.report.overview import (
    count,
    loud,
    nothing_odd,
    overview,
    shared_words,
    verdict_told,
    without_result,
)
from fleetdiag.report.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetdiag.model import Comparison, Finding
    from fleetdiag.report.options import ReportOptions

MAX_DIFFS = 20
MAX_DIFF_LINES = 60

_SYNTAX = re.compile(r"([\\`*_{}\[\]()#|~$!@])")


def render_markdown(comparison: Comparison, options: ReportOptions) -> str:
    """The report; `options.host` keeps what concerns that host."""
    findings = [f for f in comparison.findings if options.host in {None, *f.hosts}]
    blocks = [
        *_header(comparison),
        *(_verdict(comparison) if options.host is None else ()),
        *_findings(comparison, findings),
        *_steps(comparison),
        *_without_result(comparison),
        *_diffs(comparison, options),
    ]
    return "\n\n".join(blocks) + "\n"


def _verdict(comparison: Comparison) -> list[str]:
    if not verdict_told(comparison):
        return []
    verdict = comparison.verdict
    labelled = (
        ("For", verdict.because),
        ("Against", verdict.against),
        ("Do", verdict.do),
        ("Unless", verdict.unless),
    )
    lines = [f"- {label}: {escape(text)}" for label, said in labelled for text in said]
    summary = f"**{escape(verdict.summary)}** ({verdict.confidence.value} confidence)"
    return ["## Verdict", summary, "\n".join(lines)]


def escape(text: str) -> str:
    """`text` as one line without Markdown or HTML syntax."""
    plain = _SYNTAX.sub(r"\\\1", printable(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fence(lines: Iterable[str], language: str = "text") -> str:
    """`lines` in a code fence longer than any run of backticks in them."""
    shown = [printable(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    mark = "`" * max(3, longest + 1)
    return "\n".join([f"{mark}{language}", *shown, mark])


def _header(comparison: Comparison) -> list[str]:
    run = comparison.run
    ok = sum(host.status is HostStatus.OK for host in run.hosts)
    facts = [
        f"- run: {escape(run.id)}",
        f"- started: {utc(run.started_at)}, took {run.duration_s:.1f} s",
        f"- hosts: {ok} of {len(run.hosts)} ok",
    ]
    if run.note:
        facts.append(f"- {escape(run.note)}")
    if run.interrupted:
        facts.append("- **interrupted**: these are the results until then")
    return [f"# {escape(run.playbook.name)}", "\n".join(facts)]


def _findings(comparison: Comparison, findings: Sequence[Finding]) -> list[str]:
    blocks = ["## Findings"]
    if not loud(findings):
        blocks.append(escape(nothing_odd(comparison)))
    for finding in findings:
        blocks.append(f"### {finding.severity.value}: {escape(finding.summary)}")
        step = f", step {escape(finding.step)}" if finding.step else ""
        blocks.append(f"{len(finding.hosts)} of {finding.of}{step}: {escape(fold(finding.hosts))}")
        if finding.evidence:
            signed = finding.kind in {FindingKind.DIFFERS, FindingKind.CHANGED}
            blocks.append(fence(finding.evidence, "diff" if signed else "text"))
        more = [escape(shared_words(shared)) for shared in finding.shared]
        more += [f"also: {escape(consequence)}" for consequence in finding.also]
        if more:
            blocks.append("\n".join(f"- {line}" for line in more))
    return blocks


def _steps(comparison: Comparison) -> list[str]:
    seen = overview(comparison)
    blocks = ["## Steps"]
    if seen.rows:
        rows = [(r.step, str(r.compared), r.odd, r.note or fold(r.hosts)) for r in seen.rows]
        blocks.append(_table(("step", "compared", "odd", "hosts"), rows))
    quiet = [
        f"- {count(len(steps), 'step')} {said}: {escape(', '.join(steps))}"
        for steps, said in (
            (seen.agree, "the same on all hosts"),
            (seen.silent, "printed nothing on any host"),
            (seen.shown, "shown, not compared"),
            (seen.alone, "with fewer than two hosts to compare"),
        )
        if steps
    ]
    return [*blocks, "\n".join(quiet)] if quiet else blocks


def _without_result(comparison: Comparison) -> list[str]:
    rows = [
        (status, fold(hosts), reason)
        for status, reasons in without_result(comparison).items()
        for reason, hosts in reasons.items()
    ]
    return (
        ["## Hosts without a result", _table(("status", "hosts", "reason"), rows)] if rows else []
    )


def _diffs(comparison: Comparison, options: ReportOptions) -> list[str]:
    odd = [
        (step.name, group)
        for step in comparison.steps
        for group in step.groups
        if group.diff and options.host in {None, *group.hosts}
    ]
    blocks = ["## Differences from the majority"] if odd else []
    for step, group in odd[:MAX_DIFFS]:
        blocks.append(f"### {escape(step)}: {escape(fold(group.hosts))}")
        more = len(group.diff) - MAX_DIFF_LINES
        cut = [f"… {more} more lines"] if more > 0 else []
        blocks.append(fence([*group.diff[:MAX_DIFF_LINES], *cut], "diff"))
    if len(odd) > MAX_DIFFS:
        blocks.append(f"… and {len(odd) - MAX_DIFFS} more groups")
    return blocks


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from tabulate import tabulate

    escaped = [[escape(cell) for cell in row] for row in rows]
    return str(tabulate(escaped, headers=headers, tablefmt="github", disable_numparse=True))
