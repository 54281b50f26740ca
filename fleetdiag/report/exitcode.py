"""A comparison -> the program's exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import ExitCode, HostStatus

if TYPE_CHECKING:
    from fleetdiag.model import Comparison, Severity


def exit_code(comparison: Comparison, fail_on: Severity) -> ExitCode:
    """Interrupted, else some host gave no result, else a finding at or above `fail_on`, else clean.

    A result that is not there outranks a finding: who reads only the number must not take half a
    fleet for the whole.
    """
    run = comparison.run
    if run.interrupted:
        return ExitCode.INTERRUPTED
    if any(host.status is not HostStatus.OK for host in run.hosts):
        return ExitCode.INCOMPLETE
    if any(finding.severity.rank <= fail_on.rank for finding in comparison.findings):
        return ExitCode.FINDINGS
    return ExitCode.CLEAN
