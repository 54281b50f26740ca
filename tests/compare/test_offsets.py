"""Clocks that are off, from what a run measured as it asked."""

import pytest

from fleetdiag.compare import compare
from fleetdiag.executor.host import certain_offset_s
from fleetdiag.model import Finding, HostFacts, HostStatus, Severity
from tests.factory import make_host, make_run, make_step


def told(*offsets_s: float | None) -> list[Finding]:
    hosts = [
        make_host(f"h{number}", {"up": "yes"}, facts=HostFacts(clock_offset_s=offset_s))
        for number, offset_s in enumerate(offsets_s)
    ]
    return list(compare(make_run(hosts, [make_step("up")])).findings)


def words(*offsets_s: float | None) -> list[tuple[str, tuple[str, ...], str]]:
    return [(f.severity.value, f.hosts, f.summary) for f in told(*offsets_s)]


def test_clocks_that_are_kept_are_not_told() -> None:
    assert told(0.0, 0.3, -0.9, 1.5, None) == []


def test_a_clock_that_is_off_is_a_warning_and_minutes_off_it_is_critical() -> None:
    found = told(0.0, 0.1, 0.0, 34.0, -7200.0, 0.2)

    assert [(f.severity, f.hosts, f.of) for f in found] == [
        (Severity.CRITICAL, ("h4",), 6),
        (Severity.WARNING, ("h3",), 6),
    ]
    assert found[0].summary == "the clock is more than 5 min off the other hosts'"
    assert found[0].evidence == ("h4: 2.0 h behind",)
    assert found[1].evidence == ("h3: 34 s ahead",)


def test_where_all_hosts_agree_it_is_this_machines_clock() -> None:
    assert words(50.0, 50.1, 49.9, 50.0) == [
        ("info", ("h0", "h1", "h2", "h3"), "this machine's clock is 50 s behind most hosts'")
    ]


def test_one_or_two_hosts_are_set_against_this_machine() -> None:
    assert words(7.0, 0.0) == [
        ("warning", ("h0",), "the clock is more than 2 s off this machine's")
    ]


def test_hosts_that_gave_nothing_have_no_clock() -> None:
    facts = HostFacts(clock_offset_s=900.0)
    lost = make_host("h", {}, status=HostStatus.LOST, reason="gone", facts=facts)

    assert [f.feature for f in compare(make_run([lost], [make_step("up")])).findings] == [None]


@pytest.mark.parametrize(
    ("clock_s", "offset_s"),
    [(100.0, 0.0), (103.9, 0.0), (104.0, 0.0), (110.0, 6.0), (99.0, -1.0)],
)
def test_an_answer_that_took_long_is_no_offset(clock_s: float, offset_s: float) -> None:
    assert certain_offset_s(clock_s, asked_at=100.0, heard_at=104.0) == offset_s
