"""The engine, with hosts that answer from a table: what is written when, and what stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from fleetdiag.change.acting import Hands, Turn
from fleetdiag.change.engine import Order, Result, roll_out
from fleetdiag.change.judging import worse
from fleetdiag.change.rollout import batches_of, members_of
from fleetdiag.errors import ArchiveError
from fleetdiag.model import (
    Act,
    Change,
    Host,
    HostAct,
    HostFacts,
    HostResult,
    HostState,
    HostStatus,
    Outcome,
    RolloutRules,
    Size,
    Step,
    StepResult,
    Undo,
)

S = HostState
PLAIN = Change((Act("restart", "true"),), 1, away_s=0.5)
UNDOES = Change((Act("restart", "true"),), 1, undo=Undo("back", 30, 5))
CHECK = (Step("after.up", ("uptime",)),)
WAITING = b"boot=b1\njob=/j\nrunner=alive\n"
BEGUN = b"boot=b1\njob=/j\nstart=begun b1 1\n"


class Hosts:
    """What each host says to each thing it is asked, unless told otherwise: all goes well."""

    def __init__(self, **said: dict[str, bytes | None]) -> None:
        self.said = said
        self.log: list[str] = []
        self.lock = threading.Lock()

    def ask(self, host: str, steps: Sequence[Step], /, *, quick: bool = False) -> HostResult:
        with self.lock:
            self.log += [f"{host} {step.name}" for step in steps]
        usual: dict[str, bytes | None] = {
            "launch": WAITING,
            "go": BEGUN + b"end=ok\n",
            "cancel": WAITING,
            "confirm": BEGUN + b"end=ok\nfate=confirmed\n",
            "revert": BEGUN + b"end=ok\nfate=undo asked\n",
            "state": BEGUN + b"end=ok\nfate=undo asked\nundone=0\n",
            "after.up": b"up\n",
        }
        answers = {**usual, **self.said.get(host, {})}
        results = []
        for step in steps:
            said = answers[step.name]
            outcome = Outcome.NOT_RUN if said is None else Outcome.OK
            results.append(StepResult(step.name, outcome, stdout=said or b""))
        lost = any(result.outcome is Outcome.NOT_RUN for result in results)
        status = HostStatus.LOST if lost else HostStatus.OK
        return HostResult(host, status, "no answer" if lost else "", tuple(results))


def rolled(
    hosts: Hosts,
    count: int = 3,
    change: Change = PLAIN,
    *,
    was: HostState = S.UNTOUCHED,
    away: Sequence[str] = (),
    unsettled: Sequence[str] = (),
    refuse: Callable[[HostAct], bool] = lambda _: False,
    judge: Callable[[HostResult, HostResult], Sequence[str]] = lambda *_: (),
    stop: threading.Event | None = None,
    rules: RolloutRules = RolloutRules(batches=(Size(1), Size(2))),  # noqa: B008 - frozen
) -> Result:
    names = [f"h{number}" for number in range(count)]
    members = members_of([Host(name) for name in names], rules)
    facts = HostFacts(boot_id="b1")
    turns = {
        name: Turn(name, "run", 1, HostResult(name, HostStatus.OK, facts=facts), CHECK, was)
        for name in names
        if name not in away
    }

    def record(act: HostAct) -> None:
        if refuse(act):
            raise ArchiveError("disk full")
        hosts.log.append(f"{act.host} = {act.state}")

    order = Order(
        change, rules, members, batches_of(members, rules, away), turns,
        unsettled=tuple(unsettled),
    )  # fmt: skip
    return roll_out(
        order,
        Hands(hosts.ask, record, judge, pause=lambda _: None),
        between=lambda _: "",
        on_ended=lambda _: None,
        stop=stop or threading.Event(),
    )


def states(result: Result) -> dict[str, HostState]:
    return {name: ended.act.state for name, ended in result.ended.items()}


def test_it_is_written_before_the_host_hears_of_it_and_after() -> None:
    hosts = Hosts()
    assert states(rolled(hosts, 1)) == {"h0": S.DONE}
    assert hosts.log == ["h0 = about", "h0 launch", "h0 go", "h0 after.up", "h0 = done"]


def test_nothing_is_begun_that_cannot_be_written_down() -> None:
    hosts = Hosts()
    result = rolled(hosts, refuse=lambda act: act.host == "h1")
    assert states(result)["h1"] is S.UNTOUCHED
    assert not [line for line in hosts.log if line.startswith("h1")]
    assert result.stopped == "what is done can no longer be written down: disk full"


def test_what_became_of_a_host_is_known_though_it_cannot_be_written() -> None:
    hosts = Hosts()
    result = rolled(hosts, refuse=lambda act: act.state is S.DONE)
    assert states(result) == {"h0": S.DONE}
    assert "disk full" in result.stopped


def test_a_host_that_does_not_take_the_job_never_began() -> None:
    result = rolled(Hosts(h0={"launch": None}))
    assert states(result) == {"h0": S.UNTOUCHED}
    assert result.ended["h0"].act.reason == "nothing was begun: no answer"
    assert result.stopped == "the canary could not be changed: h0"


def test_a_host_that_does_not_come_back_is_unknown() -> None:
    result = rolled(Hosts(h0={"go": None}), 1)
    assert states(result) == {"h0": S.UNKNOWN}


def test_what_is_worse_afterwards_is_put_back() -> None:
    hosts = Hosts()
    result = rolled(hosts, 1, UNDOES, judge=lambda *_: ("up: exit 1",))
    act = result.ended["h0"].act
    assert (act.state, act.reason) == (S.UNDONE, "up: exit 1; put back by the host: asked")
    assert "h0 confirm" not in hosts.log


def test_what_has_no_undo_has_failed() -> None:
    result = rolled(Hosts(), judge=lambda *_: ("up: exit 1",))
    assert states(result) == {"h0": S.FAILED}
    assert result.stopped == "the canary failed: h0"


def test_an_undo_that_was_faster_than_the_word_counts() -> None:
    late = BEGUN + b"end=ok\nfate=undo nobody confirmed it in time\nundone=0\n"
    assert states(rolled(Hosts(h0={"confirm": late}), 1, UNDOES)) == {"h0": S.UNDONE}


def test_hosts_that_are_away_count_before_anything_is_done() -> None:
    hosts = Hosts()
    result = rolled(hosts, away=["h2"])
    assert states(result) == {}
    assert result.stopped == "1 host has failed or did not answer, 0 may: h2"
    assert hosts.log == []


def test_once_stopped_no_further_host_is_begun() -> None:
    stop = threading.Event()
    hosts = Hosts()

    def judge(before: HostResult, after: HostResult) -> Sequence[str]:
        stop.set()
        return ()

    result = rolled(hosts, judge=judge, stop=stop)
    assert (states(result), result.stopped) == ({"h0": S.DONE}, "it was stopped by hand")


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (b"boot=b1\njob=none\n", ["about", "done"]),
        (BEGUN + b"fate=undo late\nundone=0\n", ["undone", "about", "done"]),
        (BEGUN + b"end=ok\n", ["done"]),
    ],
)
def test_a_host_of_an_earlier_session_is_asked_first_and_done_once(
    state: bytes, acts: list[str]
) -> None:
    hosts = Hosts(h1={"state": state, "cancel": state})
    result = rolled(hosts, unsettled=["h1"])
    assert states(result) == {"h0": S.DONE, "h1": S.DONE, "h2": S.DONE}
    written = [line.split(" = ")[1] for line in hosts.log if line.startswith("h1 = ")]
    assert written[-len(acts) :] == acts
    assert hosts.log[0] == "h1 cancel"
    assert hosts.log.count("h1 launch") == ("about" in acts)


def test_a_fault_of_ours_stops_it_and_says_that_nothing_is_known() -> None:
    def judge(before: HostResult, after: HostResult) -> Sequence[str]:
        raise RuntimeError("oops")

    result = rolled(Hosts(), judge=judge)
    assert states(result) == {"h0": S.UNKNOWN}
    assert "internal error" in result.stopped


def test_a_host_that_failed_before_has_failed_where_the_next_try_is_never_begun() -> None:
    hosts = Hosts(h0={"launch": None})
    result = rolled(hosts, was=S.FAILED)
    assert states(result) == {"h0": S.FAILED}
    assert hosts.log[-1] == "h0 = failed"


def test_checks_that_went_well_before_must_go_well_afterwards() -> None:
    before = [StepResult("before.a", Outcome.OK), StepResult("before.b", Outcome.FAILED)]
    after = [
        StepResult("after.a", Outcome.FAILED, reason="exit 1"),
        StepResult("after.b", Outcome.FAILED, reason="exit 1"),
        StepResult("after.c", Outcome.TIMED_OUT),
    ]
    found = worse(before, after, {"r": "there before"}, {"r": "there before", "s": "new"})
    assert found == ("a: exit 1", "c: timed-out", "new")


def test_a_turn_is_told_apart_by_its_number() -> None:
    turn = Turn("h0", "run", 2, HostResult("h0", HostStatus.OK), ())
    assert turn.job == "run.2"
