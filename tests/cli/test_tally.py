from __future__ import annotations

from fleetdiag.cli.tally import Tally
from fleetdiag.model import HostFinished, HostStarted, HostStatus, StepFinished
from tests.cli.plans import host_result, local_host, plan_of, ssh_host, step_result


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def places(tally: Tally) -> list[tuple[str, str]]:
    return [(each.host, each.at) for each in tally.in_flight()]


def test_ssh_host_may_be_at_login_or_at_its_first_step() -> None:
    tally = Tally(plan_of([ssh_host("web-1"), local_host("here")]))
    tally.note(HostStarted("web-1"))
    tally.note(HostStarted("here"))
    assert places(tally) == [("web-1", "login or load"), ("here", "load")]


def test_host_is_at_the_step_after_the_last_finished_one() -> None:
    tally = Tally(plan_of([ssh_host("web-1")]))
    tally.note(HostStarted("web-1"))
    tally.note(StepFinished("web-1", step_result("load")))
    assert places(tally) == [("web-1", "disk")]
    tally.note(StepFinished("web-1", step_result("disk")))
    assert places(tally) == [("web-1", "the end")]


def test_finished_host_is_in_flight_no_more() -> None:
    tally = Tally(plan_of([ssh_host("web-1"), ssh_host("web-2")]))
    tally.note(HostStarted("web-1"))
    tally.note(HostFinished(host_result("web-1")))
    assert places(tally) == []


def test_host_that_never_began_can_finish() -> None:
    tally = Tally(plan_of([ssh_host("web-1")]))
    tally.note(HostFinished(host_result("web-1", HostStatus.NOT_RUN)))
    assert tally.line() == "1/1 done · 0 in flight · 1 failed · 0.0 s"


def test_line_counts_and_names_the_three_slowest() -> None:
    clock = Clock()
    tally = Tally(plan_of([local_host(f"h{n}") for n in range(6)]), clock)
    for second in range(6):
        clock.now = float(second)
        tally.note(HostStarted(f"h{second}"))
    tally.note(HostFinished(host_result("h0")))
    tally.note(HostFinished(host_result("h1", HostStatus.LOST)))
    clock.now = 6.25
    assert tally.line() == (
        "2/6 done · 4 in flight · 1 failed · 6.2 s · slowest: h2 load 4 s, h3 load 3 s, h4 load 2 s"
    )
