"""Whether what happened on many hosts happened at one moment."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.together import (
    BOOTED,
    CLOCK_S,
    burst,
    simultaneous_finding,
    timeline,
)
from fleetdiag.model import FindingKind, Severity

AT = 1_795_316_467.0
"""2026-11-22T03:01:07Z."""
DAY_S = 86_400.0


def times(*offsets_s: float) -> dict[str, float]:
    return {f"web-{number:02d}": AT + offset for number, offset in enumerate(offsets_s, 1)}


def test_ten_boots_within_minutes_of_a_day_are_a_burst() -> None:
    found = burst(times(*range(0, 180, 18)), of=12, horizon_s=DAY_S)
    assert found is not None
    assert len(found.hosts) == 10
    assert (found.first_s, found.last_s, found.window_s) == (AT, AT + 162, 162)
    assert found.p < 1e-20


def test_boots_over_the_day_are_no_burst() -> None:
    assert burst(times(*range(0, 86_400, 8_640)), of=10, horizon_s=DAY_S) is None


def test_two_hosts_at_the_same_second_are_no_burst_three_are() -> None:
    assert burst(times(0, 0), of=50, horizon_s=DAY_S) is None
    assert burst(times(0, 0, 0), of=50, horizon_s=DAY_S) is not None


def test_fewer_than_half_of_those_that_show_it_are_no_burst() -> None:
    scattered = [5_000.0 * number for number in range(1, 9)]
    assert burst(times(0, 1, 2, 3, *scattered), of=12, horizon_s=DAY_S) is None


def test_a_straggler_hours_later_is_left_out_of_the_burst() -> None:
    found = burst(times(0, 5, 9, 14, 20, 31, 28_800), of=7, horizon_s=DAY_S)
    assert found is not None
    assert found.window_s == 31
    assert "web-07" not in found.hosts


def test_the_same_second_is_not_more_precise_than_the_clocks() -> None:
    same, near = (burst(times(0, 0, gap), 3, DAY_S) for gap in (0.0, CLOCK_S))
    assert same is not None
    assert near is not None
    assert 0.0 < same.p < near.p


def test_what_is_no_date_is_left_out() -> None:
    assert burst({"a": float("nan"), "b": float("inf"), "c": -1e300, "d": AT}, 4, DAY_S) is None
    assert burst({}, 0, DAY_S) is None


@given(st.lists(st.floats(0, 1e5), min_size=3, max_size=30), st.floats(1, 1e6))
def test_a_burst_is_made_of_exactly_the_hosts_in_its_window(
    offsets: list[float], horizon_s: float
) -> None:
    at = times(*offsets)
    found = burst(at, len(at), horizon_s)
    if found is not None:
        assert all(found.first_s <= at[host] <= found.last_s for host in found.hosts)
        assert len(found.hosts) * 2 >= len(at)
        assert found.p < 1e-4


def test_independent_events_are_hardly_ever_a_burst() -> None:
    rng = random.Random(2)
    draws = (
        times(*(rng.uniform(0, DAY_S) for _ in range(rng.choice([3, 5, 12])))) for _ in range(5_000)
    )
    assert sum(burst(draw, len(draw), DAY_S) is not None for draw in draws) <= 2


def test_ten_thousand_hosts_take_less_than_a_second() -> None:
    rng = random.Random(4)
    at = times(
        *(
            rng.gauss(0, 60) if number % 5 else rng.uniform(-40_000, 40_000)
            for number in range(10_000)
        )
    )
    begun = time.process_time()
    found = burst(at, len(at), DAY_S)
    assert time.process_time() - begun < 1.0
    assert found is not None
    assert 7_500 < len(found.hosts) < 8_300


def test_a_time_line_names_the_first_few_in_order_of_time() -> None:
    lines = timeline(times(*range(60, 0, -5)))
    assert lines[0] == "03:01:12 UTC  web-12"
    assert lines[-1] == "… 8 more until 03:02:07 UTC"
    assert len(lines) == 5


def test_a_short_time_line_is_whole_and_names_days_where_there_are_two() -> None:
    assert timeline(times(0, 2)) == ("03:01:07 UTC  web-01", "03:01:09 UTC  web-02")
    assert timeline(times(0, DAY_S))[1] == "2026-11-23 03:01:07 UTC  web-02"
    assert timeline({}) == ()
    assert timeline({"a": float("nan")}) == ()


def test_boots_at_one_moment_are_said_in_a_sentence_with_the_time_line() -> None:
    at = times(*range(0, 180, 18))
    found = simultaneous_finding(
        BOOTED, None, at, of=12, horizon_s=DAY_S, started_at=AT + 900, severity=Severity.INFO
    )
    assert found is not None
    assert found.summary == "10 of 12 hosts booted within 3 min of each other: one common cause"
    assert (found.kind, found.severity) == (FindingKind.SIMULTANEOUS, Severity.INFO)
    assert found.hosts == tuple(at)
    assert found.evidence[0] == "03:01:07 UTC  web-01"
    assert found.evidence[-1].startswith(
        "by chance, 10 of 10 in 24 h would come so close less than"
    )


def test_an_event_at_one_moment_is_said_by_what_happened() -> None:
    found = simultaneous_finding("the kernel panicked", "kernel-log", times(0, 4, 9), 5, DAY_S)
    assert found is not None
    assert found.summary == (
        "the kernel panicked: 3 of 5 hosts within 9 s of each other, one common cause"
    )
    assert (found.step, found.of, found.severity) == ("kernel-log", 5, Severity.WARNING)


def test_hosts_set_up_together_long_ago_are_no_incident() -> None:
    at = times(*range(50))
    later = AT + 90 * DAY_S
    assert simultaneous_finding(BOOTED, None, at, 50, DAY_S, started_at=later) is None


def test_old_boots_do_not_count_among_those_that_show_it() -> None:
    at = {**times(0, 1, 2), **{f"old-{n}": AT - 40 * DAY_S + n * 70_000 for n in range(9)}}
    found = simultaneous_finding(BOOTED, None, at, 12, DAY_S, started_at=AT + 600)
    assert found is not None
    assert found.hosts == ("web-01", "web-02", "web-03")


def test_a_clock_in_the_future_is_left_out() -> None:
    at = {**times(0, 1, 2), "ahead": AT + 40 * DAY_S}
    found = simultaneous_finding(BOOTED, None, at, 4, DAY_S, started_at=AT + 600)
    assert found is not None
    assert "ahead" not in found.hosts
