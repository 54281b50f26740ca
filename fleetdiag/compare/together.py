"""Whether what happened on many hosts happened at one moment. Knows nothing of steps or outputs.

The measure is a scan statistic. Were n events independent and each as likely at any moment of the
last T seconds, the span of k given ones would be at most w with chance k r^(k-1) - (k-1) r^k,
r = w/T (the range of k uniform values: H. A. David, H. N. Nagaraja, Order Statistics, 2003, 2.3).
Any k of the n may be the close ones, so the chance that some are is at most C(n, k) k r^(k-1) (the
union bound); times the numbers k that might have been.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.model import END_OF_DATES_S, Finding, FindingKind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEWEST = 3
"""Two hosts may always meet."""
RARE = 1e-4
"""As rare by chance, and it is told: once in some ten thousand runs."""
CLOCK_S = 1.0
"""How wrong clocks may be after correction, and times that are given in full seconds."""
MOST_TRIED = 40
"""Numbers of hosts looked at, between half and all of those that show the event."""
AHEAD_S = 60.0
"""A time so far after the run began is a clock's error."""
MOST_LINES = 5
BOOTED = "booted"
"""The event that has a sentence of its own."""


class Burst(NamedTuple):
    """Many hosts in a short time."""

    hosts: tuple[str, ...]
    """In the order of the times given."""
    first_s: float
    last_s: float
    window_s: float
    """From the first to the last; with the clocks' uncertainty it counts as a second more."""
    p: float
    """An upper bound of the chance."""


def burst(times: Mapping[str, float], of: int, horizon_s: float) -> Burst | None:
    """The hosts that show an event closer together than chance would have it; None where none are.

    At least three, and at least half of those in `times`. n log n.

    Args:
        times: host -> Unix time, all within `horizon_s`; what is no date is left out.
        of: hosts that could have shown it: a burst of 3 among 1,000 tells of the 3 only.
        horizon_s: the time in which it might have happened, had it come by chance.
    """
    ordered = sorted((at, host) for host, at in times.items() if 0.0 <= at <= END_OF_DATES_S)
    at_s = [at for at, _ in ordered]
    fewest = max(FEWEST, math.ceil(len(at_s) / 2))
    if len(at_s) < fewest or of < FEWEST or horizon_s <= 0.0:
        return None
    sizes = _sizes(fewest, len(at_s))
    log_p, first, last = min(
        (_log_chance(at_s, first, first + size - 1, horizon_s), first, first + size - 1)
        for size in sizes
        for first in [_tightest(at_s, size)]
    )
    first, last, log_p = _grown(at_s, first, last, log_p, horizon_s)
    # Growing tries every number of hosts there is, so that is what it has to be corrected for.
    p = math.exp(min(0.0, log_p + math.log(len(at_s) - fewest + 1)))
    if p >= RARE:
        return None
    inside = {host for _, host in ordered[first : last + 1]}
    hosts = tuple(host for host in times if host in inside)
    return Burst(hosts, at_s[first], at_s[last], at_s[last] - at_s[first], p)


def timeline(times: Mapping[str, float]) -> tuple[str, ...]:
    """Who and when, the first few in order: `03:01:07 UTC  web-03`, `… 7 more until 03:04:11 UTC`.

    Args:
        times: host -> Unix time; what is no date is left out. Days are named where there are two.
    """
    ordered = sorted((at, host) for host, at in times.items() if 0.0 <= at <= END_OF_DATES_S)
    if not ordered:
        return ()
    days = {at // 86_400 for at in (ordered[0][0], ordered[-1][0])}
    form = "%H:%M:%S UTC" if len(days) == 1 else "%Y-%m-%d %H:%M:%S UTC"
    lines = [f"{_shown(at, form)}  {host}" for at, host in ordered]
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    more = len(lines) - MOST_LINES + 1
    return (*lines[: MOST_LINES - 1], f"… {more} more until {_shown(ordered[-1][0], form)}")


def simultaneous_finding(
    what: str,
    step: str | None,
    times: Mapping[str, float],
    of: int,
    horizon_s: float,
    started_at: float | None = None,
    severity: Severity = Severity.WARNING,
) -> Finding | None:
    """A finding where many hosts show an event at one moment; None where they do not.

    What is older than `horizon_s` is left out: hosts that were set up together months ago are no
    incident, and do not count among those that show the event.

    Args:
        what: `BOOTED`, or what happened as a sentence (`the kernel panicked`).
        step: where it was seen; None for boots.
        times: host -> Unix time it was first seen there, in the run's order.
        of: hosts that could have shown it.
        horizon_s: how far back to look.
        started_at: the run's, Unix time; None: the last of `times`.
        severity: boots alone are no more than info: hosts are also created together.
    """
    end = max(times.values(), default=0.0) if started_at is None else started_at + AHEAD_S
    recent = {host: at for host, at in times.items() if end - horizon_s - AHEAD_S <= at <= end}
    found = burst(recent, of, horizon_s)
    if found is None:
        return None
    share = f"{len(found.hosts)} of {of} hosts"
    within = f"within {_span(found.window_s)} of each other"
    happened = f"{share} {what} {within}:" if what == BOOTED else f"{what}: {share} {within},"
    return Finding(
        kind=FindingKind.SIMULTANEOUS,
        severity=severity,
        summary=f"{happened} one common cause",
        hosts=found.hosts,
        of=of,
        step=step,
        evidence=(
            *timeline({host: recent[host] for host in found.hosts}),
            _rarity(found, len(recent), horizon_s),
        ),
    )


def _sizes(fewest: int, most: int) -> list[int]:
    """Numbers of hosts to look at: all, or some forty of them evenly."""
    step = max(1, (most - fewest) // MOST_TRIED)
    return [*range(fewest, most, step), most]


def _tightest(at_s: Sequence[float], size: int) -> int:
    """Where the shortest window with `size` events begins."""
    return min(range(len(at_s) - size + 1), key=lambda first: at_s[first + size - 1] - at_s[first])


def _grown(
    at_s: Sequence[float], first: int, last: int, log_p: float, horizon_s: float
) -> tuple[int, int, float]:
    """The window with neighbours taken in as long as that makes it rarer."""
    while True:
        wider = [
            (_log_chance(at_s, begin, end, horizon_s), begin, end)
            for begin, end in ((first - 1, last), (first, last + 1))
            if begin >= 0 and end < len(at_s)
        ]
        if not wider or min(wider)[0] > log_p:
            return first, last, log_p
        log_p, first, last = min(wider)


def _log_chance(at_s: Sequence[float], first: int, last: int, horizon_s: float) -> float:
    """The natural logarithm of C(n, k) k r^(k-1), for the events `first` to `last` of n."""
    count, size = len(at_s), last - first + 1
    share = min(1.0, (at_s[last] - at_s[first] + CLOCK_S) / horizon_s)
    chosen = math.lgamma(count + 1) - math.lgamma(size + 1) - math.lgamma(count - size + 1)
    return chosen + math.log(size) + (size - 1) * math.log(share)


def _rarity(found: Burst, showing: int, horizon_s: float) -> str:
    exponent = max(-99, math.ceil(math.log10(found.p))) if found.p > 0.0 else -99
    hours = _span(horizon_s)
    return (
        f"by chance, {len(found.hosts)} of {showing} in {hours} would come so close less than once "
        f"in 10^{-exponent} times"
    )


def _span(seconds: float) -> str:
    """`1 s`, `3 min`, `2 h`: rounded up."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds > size:
            return f"{math.ceil(seconds / size)} {unit}"
    return f"{max(1, math.ceil(seconds))} s"


def _shown(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)
