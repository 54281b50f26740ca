"""Hosts whose clocks are off: the offsets that a run measured as it asked. Knows no step.

A wrong clock makes logs unreadable side by side, and breaks what trusts time: tickets and signed
requests first (Kerberos allows five minutes, RFC 4120 section 1.6 and MIT's default `clockskew`;
AWS's signatures five), then leases and databases.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from fleetdiag.compare.units import span
from fleetdiag.model import Finding, FindingKind, HostStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.model import Run

OFF_S = 2.0
"""Kept in time, hosts are milliseconds apart; busybox's `date` knows full seconds."""
FAR_OFF_S = 300.0
FEWEST_HOSTS = 3
"""Fewer hosts have no common time: theirs is set against this machine's."""
SHOWN = 3


def offset_findings(run: Run) -> list[Finding]:
    """Hosts whose clock is off the fleet's; and that this machine's is, where all agree on that."""
    offsets = {
        host.name: host.facts.clock_offset_s
        for host in run.hosts
        if host.status is HostStatus.OK and host.facts.clock_offset_s is not None
    }
    common_s = median(offsets.values()) if len(offsets) >= FEWEST_HOSTS else 0.0
    off = {host: offset_s - common_s for host, offset_s in offsets.items()}
    far = {host: by for host, by in off.items() if abs(by) > FAR_OFF_S}
    near = {host: by for host, by in off.items() if OFF_S < abs(by) <= FAR_OFF_S}
    others = "the other hosts'" if len(offsets) >= FEWEST_HOSTS else "this machine's"
    found = [
        _finding(severity, f"the clock is more than {span(least)} off {others}", odd, len(offsets))
        for severity, least, odd in (
            (Severity.CRITICAL, FAR_OFF_S, far),
            (Severity.WARNING, OFF_S, near),
        )
        if odd
    ]
    if abs(common_s) > OFF_S:
        side = "behind" if common_s > 0 else "ahead of"
        words = f"this machine's clock is {span(abs(common_s))} {side} most hosts'"
        agreeing = {host: offsets[host] for host, by in off.items() if abs(by) <= OFF_S}
        found.append(_finding(Severity.INFO, words, agreeing, len(offsets)))
    return found


def _finding(severity: Severity, summary: str, off: Mapping[str, float], of: int) -> Finding:
    farthest = sorted(off, key=lambda host: -abs(off[host]))[:SHOWN]
    return Finding(
        kind=FindingKind.RULE,
        severity=severity,
        summary=summary,
        hosts=tuple(off),
        of=of,
        feature="clock",
        evidence=tuple(f"{host}: {_ahead(off[host])}" for host in farthest),
    )


def _ahead(by_s: float) -> str:
    return f"{span(math.fabs(by_s))} {'ahead' if by_s > 0 else 'behind'}"
