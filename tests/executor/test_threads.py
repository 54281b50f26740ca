from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest

from fleetdiag.errors import HostError
from fleetdiag.executor import run_hosts
from fleetdiag.model import (
    Chunk,
    Event,
    Host,
    HostFinished,
    HostStarted,
    HostStatus,
    Limits,
    Outcome,
    Playbook,
    Session,
    Step,
    StepFinished,
    TransportKind,
    read_output,
)
from fleetdiag.plan import make_plan
from fleetdiag.transport.process import ProcessSession
from tests.executor.shells import ignore


class Hosts:
    """Hosts that are shells of this machine, except those whose name says otherwise."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most_at_once = 0
        self.tries: dict[str, int] = {}
        self._lock = threading.Lock()

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        with self._lock:
            self.tries[host.name] = self.tries.get(host.name, 0) + 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(0.02)
            kind, _, number = host.name.partition("-")
            if kind == "down":
                raise HostError(HostStatus.UNREACHABLE, "no route to host")
            if kind == "throttled" and self.tries[host.name] <= int(number):
                raise HostError(HostStatus.THROTTLED, "dropped")
            if kind == "breaks" and self.tries[host.name] <= int(number):
                raise HostError(HostStatus.LOST, f"broke, {self.tries[host.name]}")
            if kind == "late":
                time.sleep(float(number))
            if kind == "hangs":
                time.sleep(30)
            if kind == "bug":
                raise ZeroDivisionError("ours")
        finally:
            with self._lock:
                self.at_once -= 1
        return ProcessSession(["sh", "-s"], first)

    def close(self) -> None:
        pass


def hosts(*names: str) -> list[Host]:
    return [Host(name, TransportKind.LOCAL) for name in names]


ECHO = Playbook("echo", (Step("a", ("echo a",)), Step("b", ("echo b",))))
SLEEP = Playbook("sleep", (Step("quick", ("echo quick",)), Step("long", ("sleep 30",), 60)))


def test_a_machine_without_more_threads_asks_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def scarce(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    made = Hosts()

    results, _ = run_hosts(make_plan(hosts("up-1", "up-2", "up-3", "up-4"), ECHO), made, ignore)

    assert [result.status for result in results] == ["ok"] * 4
    assert made.most_at_once <= 2


def test_results_stand_in_the_plans_order_whatever_finished_first() -> None:
    names = ["down-1", "up-1", "down-2", "up-2"]
    results, interrupted = run_hosts(make_plan(hosts(*names), ECHO), Hosts(), ignore)
    assert [r.name for r in results] == names
    assert [r.status for r in results] == ["unreachable", "ok", "unreachable", "ok"]
    assert not interrupted


def test_never_more_hosts_at_once_than_the_fanout() -> None:
    transport = Hosts()
    run_hosts(make_plan(hosts(*(f"up-{i}" for i in range(12))), ECHO, fanout=3), transport, ignore)
    assert transport.most_at_once <= 3


def test_events_come_in_the_calling_thread_and_in_each_hosts_order() -> None:
    seen: list[tuple[str, Event]] = []

    def on_event(event: Event) -> None:
        seen.append((threading.current_thread().name, event))

    run_hosts(make_plan(hosts("up-1", "up-2"), ECHO), Hosts(), on_event)
    assert {thread for thread, _ in seen} == {threading.current_thread().name}
    mine = [e for _, e in seen if "up-1" in (getattr(e, "host", ""), _name(e))]
    assert [type(e) for e in mine] == [HostStarted, StepFinished, StepFinished, HostFinished]


def _name(event: Event) -> str:
    return event.result.name if isinstance(event, HostFinished) else ""


def test_a_throttled_login_is_tried_again() -> None:
    transport = Hosts()
    plan = make_plan(hosts("throttled-1"), ECHO, limits=Limits(throttle_retries=2))
    (result,), _ = run_hosts(plan, transport, ignore)
    assert (result.status, transport.tries["throttled-1"]) == (HostStatus.OK, 2)


def test_a_login_that_breaks_is_tried_once_more_and_both_breaks_are_told() -> None:
    transport = Hosts()
    results, _ = run_hosts(make_plan(hosts("breaks-1", "breaks-9"), ECHO), transport, ignore)
    assert [(r.status, r.reason) for r in results] == [
        ("ok", ""),
        ("lost", "broke, 1; then broke, 2"),
    ]
    assert transport.tries == {"breaks-1": 2, "breaks-9": 2}


def test_a_login_throttled_to_the_end_is_throttled_and_not_down() -> None:
    plan = make_plan(hosts("throttled-9"), ECHO, limits=Limits(throttle_retries=1))
    (result,), _ = run_hosts(plan, Hosts(), ignore)
    assert result.status is HostStatus.THROTTLED


def test_a_fault_of_ours_costs_one_host_and_is_said() -> None:
    results, _ = run_hosts(make_plan(hosts("bug-1", "up-1"), ECHO), Hosts(), ignore)
    assert [r.status for r in results] == [HostStatus.LOST, HostStatus.OK]
    assert results[0].reason == "internal error, please report: ZeroDivisionError: ours"


def test_stopping_keeps_what_is_there_and_names_the_step_that_ran() -> None:
    stop = threading.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, StepFinished):
            stop.set()

    began = time.monotonic()
    plan = make_plan(hosts("up-1", "up-2", "hangs-1", "up-3"), SLEEP, fanout=3)
    results, interrupted = run_hosts(plan, Hosts(), on_event, stop=stop)
    assert interrupted
    assert time.monotonic() - began < 5
    by_name = {r.name: r for r in results}
    assert by_name["hangs-1"].reason == "during login"
    assert by_name["up-3"].status is HostStatus.NOT_RUN
    first = next(r for r in results if r.steps[0].outcome is Outcome.OK)
    assert (first.status, first.reason) == (HostStatus.CANCELLED, "during step long")
    assert first.steps[0].stdout == b"quick\n"


def test_the_deadline_of_the_run_ends_it_and_is_named() -> None:
    plan = make_plan(hosts("up-1"), SLEEP, limits=Limits(run_s=0.5))
    began = time.monotonic()
    (result,), interrupted = run_hosts(plan, Hosts(), ignore)
    assert time.monotonic() - began < 4
    assert not interrupted
    assert (result.status, result.reason) == (
        HostStatus.TIMED_OUT,
        "the run's deadline of 0.5 s passed during step long",
    )


def test_a_dead_host_delays_nobody() -> None:
    names = ["hangs-1", *(f"up-{i}" for i in range(6))]
    finished: dict[str, float] = {}
    began = time.monotonic()

    def on_event(event: Event) -> None:
        if isinstance(event, HostFinished):
            finished[event.result.name] = time.monotonic() - began

    run_hosts(make_plan(hosts(*names), ECHO, limits=Limits(run_s=3)), Hosts(), on_event)
    assert max(finished[name] for name in names[1:]) < 2.5


def test_hosts_that_do_not_answer_lend_a_quarter_of_the_places_and_no_more() -> None:
    late = [f"late-4.{number}" for number in range(8)]
    well = [f"up-{number}" for number in range(6)]
    transport, finished = Hosts(), dict[str, float]()
    began = time.monotonic()

    def on_event(event: Event) -> None:
        if isinstance(event, HostFinished):
            finished[event.result.name] = time.monotonic() - began

    results, _ = run_hosts(make_plan(hosts(*late, *well), ECHO, fanout=8), transport, on_event)
    assert {result.status for result in results} == {"ok"}
    assert max(finished[name] for name in well) < 4, "they did not wait for a place"
    assert 8 < transport.most_at_once <= 10


def test_one_host_at_a_time_means_one_however_late_it_is() -> None:
    transport = Hosts()
    run_hosts(make_plan(hosts("late-1.5", "up-1", "up-2"), ECHO, fanout=1), transport, ignore)
    assert transport.most_at_once == 1


def test_an_empty_plan_is_refused() -> None:
    from fleetdiag.errors import PlanError

    with pytest.raises(PlanError, match="no host is selected"):
        make_plan([], ECHO)
    with pytest.raises(PlanError, match="no steps"):
        make_plan(hosts("a"), Playbook("empty", ()))
    with pytest.raises(PlanError, match="fanout 0"):
        make_plan(hosts("a"), ECHO, fanout=0)


class Liar:
    """A session that says hello and that it is done, and never ends a step."""

    sent_at = 0.0

    def __init__(self, first: bytes) -> None:
        self._said: list[bytes] = []
        self.send(first)

    def send(self, data: bytes) -> None:
        found = re.search(rb"^N=(@\w+) ", data, re.MULTILINE)
        if found:
            self._said = [b"\n%s %s\n" % (found[1], verb) for verb in (b"H", b"I", b"Z")]
            self._said = [line for line in self._said for _ in range(2)]

    def read(self, timeout_s: float) -> Chunk | None:
        if not self._said:
            return None
        stderr = len(self._said) % 2 == 1
        return Chunk(stderr=stderr, data=self._said.pop(0))

    def close(self) -> None:
        pass


class Faulty(ProcessSession):
    """A session with a fault of ours in it, once the first step is over."""

    def read(self, timeout_s: float) -> Chunk | None:
        chunk = super().read(timeout_s)
        if chunk is not None and b"second" in chunk.data:
            raise ZeroDivisionError("ours")
        return chunk


class FaultyHosts(Hosts):
    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        return Faulty(["sh", "-s"], first)


def test_a_fault_of_ours_midway_keeps_the_steps_that_had_finished() -> None:
    steps = (Step("a", ("echo a; sleep 0.2",)), Step("b", ("sleep 0.2; echo second",)))
    (result,), _ = run_hosts(make_plan(hosts("h"), Playbook("p", steps)), FaultyHosts(), ignore)
    assert (result.status, result.reason) == (
        HostStatus.LOST,
        "internal error, please report: ZeroDivisionError: ours",
    )
    assert [(s.outcome, s.stdout) for s in result.steps] == [
        (Outcome.OK, b"a\n"),
        (Outcome.NOT_RUN, b""),
    ]


class LyingHosts(Hosts):
    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        self.tries[host.name] = self.tries.get(host.name, 0) + 1
        return Liar(first)


def test_a_host_that_says_it_is_done_and_is_not_has_an_end() -> None:
    transport = LyingHosts()
    steps = tuple(Step(f"s{n}", ("true",)) for n in range(9))
    plan = make_plan(hosts("liar"), Playbook("lies", steps), limits=Limits(run_s=10))
    (result,), _ = run_hosts(plan, transport, ignore)
    assert result.status is HostStatus.LOST, result.reason
    assert transport.tries["liar"] <= 6


def test_what_is_answered_to_an_event_is_held_in_its_place() -> None:
    def stored(event: Event) -> Event | None:
        if isinstance(event, StepFinished):
            return StepFinished(
                event.host, replace(event.step, stdout=read_output(event.step.stdout) + b"!")
            )
        if isinstance(event, HostFinished):
            return HostFinished(replace(event.result, reason="stored"))
        return None

    (result,), _ = run_hosts(make_plan(hosts("up-1"), ECHO), Hosts(), stored)
    assert [step.stdout for step in result.steps] == [b"a\n!", b"b\n!"]
    assert result.reason == "stored"


def test_while_nobody_takes_the_outputs_no_worker_goes_on_to_another_host() -> None:
    transport = Hosts()
    open_at_once: list[int] = []

    def slow(event: Event) -> None:
        if not open_at_once:
            time.sleep(0.5)
        open_at_once.append(len(transport.tries))

    plan = make_plan(hosts(*(f"up-{i}" for i in range(9))), ECHO, fanout=3)
    results, _ = run_hosts(plan, transport, slow)
    assert open_at_once[0] == 3
    assert [result.status for result in results] == ["ok"] * 9
