"""When hosts booted and when lines were written, on our clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetdiag.compare.clock import boot_time, line_time
from fleetdiag.model import HostFacts

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC).timestamp()
FACTS = HostFacts(uptime_s=1000.0, clock_offset_s=60.0)


def at(hour: int, minute: int, second: int = 0, day: int = 22, year: int = 2026) -> float:
    return datetime(year, 11, day, hour, minute, second, tzinfo=UTC).timestamp()


def test_a_boot_is_reckoned_back_from_when_the_host_was_asked() -> None:
    assert boot_time(FACTS, NOW) == NOW - 1000.0
    assert boot_time(HostFacts(), NOW) is None
    assert boot_time(FACTS, 0.0) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[   12.500000] x", NOW - 1000.0 + 12.5),
        ("<6>[   12.500000] x", NOW - 1000.0 + 12.5),
        ("kern  :info  : [   12.500000] x", NOW - 1000.0 + 12.5),
        ("2026-11-22T02:00:00+00:00 h x", at(2, 0) - 60),
        ("2026-11-22T02:00:00.5+0100 h x", at(1, 0) + 0.5 - 60),
        ("2026-11-22T02:00:00Z x", at(2, 0) - 60),
        ("2026-11-22 02:00:00 x", at(2, 0) - 60),
        ("Nov 22 02:00:00 h x", at(2, 0) - 60),
        ("Nov 30 02:00:00 h x", at(2, 0, day=30, year=2025) - 60),
        ("[Sun Nov 22 02:00:00 2026] x", at(2, 0) - 60),
        ("x", None),
        ("2026-13-45T02:00:00 x", None),
        ("Foo 22 02:00:00 x", None),
        ("", None),
    ],
)
def test_a_line_s_time_is_corrected_by_the_host_s_clock(line: str, expected: float | None) -> None:
    assert line_time(line, FACTS, NOW) == expected


def test_seconds_since_boot_say_nothing_of_a_host_that_did_not_say_its_uptime() -> None:
    assert line_time("[   12.500000] x", HostFacts(), NOW) is None
