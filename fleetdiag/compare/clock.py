"""When something happened, on this machine's clock: boots, and lines of logs.

A host's clock is corrected by its measured offset; seconds since boot by when it booted. Knows
nothing of steps or findings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from fleetdiag.model import END_OF_DATES_S

if TYPE_CHECKING:
    from fleetdiag.model import HostFacts

AHEAD_S = 86_400.0
"""A date without a year so far after the run is of the year before."""

_LEVEL = r"(?:<\d{1,3}>|[a-z0-9]{1,8} {0,4}:[a-z]{1,6} {0,4}: )?"
_SINCE_BOOT = re.compile(rf"{_LEVEL}\[ {{0,11}}(\d{{1,10}}\.\d{{6}})\]")
_ISO = re.compile(
    r"(?:<\d{1,3}>)?(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6})\d{0,3})?"
    r"(?: ?(Z|UTC|([+-])(\d\d):?(\d\d)))?"
)
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)")
_CTIME = re.compile(r"\[[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})\]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def boot_time(facts: HostFacts, started_at: float) -> float | None:
    """When the host booted, Unix time on our clock; None where it did not say how long it is up.

    Args:
        facts: the host's.
        started_at: when it was asked, Unix time.
    """
    if facts.uptime_s is None or started_at <= 0.0:
        return None
    return started_at - facts.uptime_s


def line_time(line: str, facts: HostFacts, started_at: float) -> float | None:
    """When `line` of a log was written, Unix time on our clock; None where it does not say.

    A time without a zone is taken as UTC: hosts of a fleet have one zone as a rule, and what counts
    is how far apart they are.

    Args:
        line: as the host gave it.
        facts: the host's; its clock's offset is taken off.
        started_at: when it was asked, Unix time.
    """
    if match := _SINCE_BOOT.match(line):
        booted = boot_time(facts, started_at)
        return None if booted is None else booted + float(match[1])
    at = _host_time(line, started_at)
    return None if at is None else at - (facts.clock_offset_s or 0.0)


def _host_time(line: str, started_at: float) -> float | None:
    """The time at the start of `line`, by the host's own clock."""
    try:
        if match := _ISO.match(line):
            year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
            zone = _zone(match[9], match[10], match[11])
            micros = int((match[7] or "0").ljust(6, "0"))
            return datetime(year, month, day, hour, minute, second, micros, zone).timestamp()
        if match := _CTIME.match(line):
            month = _MONTHS.index(match[1]) + 1
            day, hour, minute, second, year = (int(part) for part in match.groups()[1:])
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        if match := _SYSLOG.match(line):
            return _without_year(match, started_at)
    except (ValueError, OverflowError):
        return None
    return None


def _without_year(match: re.Match[str], started_at: float) -> float:
    """Of the last year in which that day was, seen from `started_at`."""
    month = _MONTHS.index(match[1]) + 1
    day, hour, minute, second = (int(part) for part in match.groups()[1:])
    year = datetime.fromtimestamp(started_at, UTC).year
    at = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    if at > started_at + AHEAD_S:
        at = datetime(year - 1, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    return at


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


_ANY_TIMES = (
    re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[T _](\d\d):(\d\d)(?::(\d\d))?"),
    re.compile(
        r"(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}),? (?P<clock>\d{1,2}:\d\d(?::\d\d)?)"
        r"(?: [AP]M)?(?: (?:[A-Z]{2,5}|[+-]\d{4}))?(?: (?P<year>\d{4})(?!\d))?"
    ),
    re.compile(
        r"(?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}),? "
        r"(?P<clock>\d{1,2}:\d\d(?::\d\d)?)"
    ),
)
NO_YEAR = 2024
"""Of a date that does not name it; only distances count."""


def time_in(text: str) -> float | None:
    """The first date with a time in `text`, as seconds; zones are not looked at."""
    head = text[:512]
    try:
        if match := _ANY_TIMES[0].search(head):
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        for pattern in _ANY_TIMES[1:]:
            if (match := pattern.search(head)) and match["month"] in _MONTHS:
                hour, minute, *rest = (int(part) for part in match["clock"].split(":"))
                month = _MONTHS.index(match["month"]) + 1
                year, day = int(match["year"] or NO_YEAR), int(match["day"])
                second = rest[0] if rest else 0
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return None


def time_range(first_s: float, last_s: float) -> str:
    """`2026-11-22 03:01:07 UTC`, `2026-11-22 03:01:07 to 03:04:11 UTC`; empty for no date."""
    if not 0.0 <= first_s <= last_s <= END_OF_DATES_S:
        return ""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (first_s, last_s))
    begin = f"{first:%Y-%m-%d %H:%M:%S}"
    if last - first < timedelta(seconds=1):
        return f"{begin} UTC"
    form = "%H:%M:%S" if first.date() == last.date() else "%Y-%m-%d %H:%M:%S"
    return f"{begin} to {last.strftime(form)} UTC"
