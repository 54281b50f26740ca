"""What to type next: commands to copy, whole on any width."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from fleetdiag.report.plain import cells

if TYPE_CHECKING:
    from fleetdiag.model import Comparison
    from fleetdiag.report.options import ReportOptions

CONTINUED = " \\"
INDENT = "  "


def usual_hint(comparison: Comparison, options: ReportOptions, host: str | None) -> str:
    """A command a line: the raw output behind the first finding, then the verbose report."""
    show = f"fleetdiag show {shlex.quote(comparison.run.id)}"
    raw = show
    finding = next(
        (f for f in comparison.findings if f.step and (host is None or host in f.hosts)), None
    )
    if finding is not None and finding.step:
        whose = shlex.quote(host or finding.hosts[0])
        raw += f" --host {whose} --step {shlex.quote(finding.step)}"
    elif host:
        raw += f" --host {shlex.quote(host)}"
    commands = [raw] if raw != show else []
    return "\n".join(commands if options.verbose else [*commands, f"{show} -v"])


def command_lines(command: str, columns: int) -> list[str]:
    """`command` in lines that fit, continued with a backslash before an option.

    A command with quoted words stays one line: what looks like an option may be in the quotes.
    """
    if cells(command) <= columns or "'" in command:
        return [command]
    first, *options = command.split(" --")
    lines = [first]
    for option in options:
        joined = f"{lines[-1]} --{option}"
        if cells(joined) + len(CONTINUED) <= columns:
            lines[-1] = joined
        else:
            lines[-1] += CONTINUED
            lines.append(f"{INDENT}--{option}")
    return lines
