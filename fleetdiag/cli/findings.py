"""Findings alone, without the table of steps: below grouped answers, and of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.cli.screen import fold, has_color, visible, width_columns
from fleetdiag.model import Severity

if TYPE_CHECKING:
    from fleetdiag.model import Comparison


def findings_text(comparison: Comparison, *, none: str, verbose: bool) -> str:
    """The findings for the screen; `none` where there is none above info, then those of info."""
    if any(finding.severity is not Severity.INFO for finding in comparison.findings):
        from fleetdiag.report.screen import Screen
        from fleetdiag.report.terminal import draw_findings

        screen = Screen(width_columns(), color=has_color())
        draw_findings(screen, comparison, verbose=verbose)
        return screen.text()
    lines = [none] if none else []
    for finding in comparison.findings:
        who = f"  {len(finding.hosts)} of {finding.of}: {fold(finding.hosts)}"
        lines.append(f"info      {visible(finding.summary)}{who if finding.hosts else ''}")
        if verbose or not finding.hosts:
            lines += [f"          {visible(line)}" for line in finding.evidence]
    return "\n".join(lines)
