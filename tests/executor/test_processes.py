"""The process engine gives what the thread engine gives, and loses nothing with a process."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fleetdiag.executor import run_hosts
from fleetdiag.model import (
    Event,
    Host,
    HostFinished,
    HostResult,
    HostStarted,
    HostStatus,
    Limits,
    Outcome,
    Playbook,
    Step,
    StepFinished,
    TransportKind,
    read_output,
)
from fleetdiag.plan import make_plan
from tests.executor.apart import Job, Poison, Told, open_poison, run_apart


def hosts(*names: str) -> list[Host]:
    return [Host(name, TransportKind.LOCAL, attributes={"role": name[:2]}) for name in names]


MANY = [f"up-{number:02}" for number in range(12)]
STEPS = (
    Step("name", ("echo here; echo there >&2",)),
    Step("none", ("no-such-command", "echo instead")),
    Step("bad", ("exit 3",)),
    Step("big", ("yes | head -c 300000",), output_cap_bytes=200_000),
    Step("slow", ("sleep 60",), timeout_s=0.3),
)
SLOW = Playbook("slow", (Step("first", ("echo first",)), Step("second", ("sleep 0.4",))))
ENDLESS = Playbook("endless", (Step("quick", ("echo quick",)), Step("long", ("sleep 4323",), 60)))


def timeless(result: HostResult) -> HostResult:
    """Without what differs from run to run."""
    steps = tuple(replace(step, duration_s=None) for step in result.steps)
    # Other tests' fleets give this machine further addresses for a while.
    own = tuple(each for each in result.facts.addresses if each in ("127.0.0.1", "::1"))
    facts = replace(result.facts, uptime_s=None, clock_offset_s=None, addresses=own)
    same = replace(result, steps=steps, facts=facts, started_at=0, duration_s=0)
    return replace(same, connect_s=None if result.connect_s is None else 0)


def of_host(events: list[Event] | tuple[Event, ...], name: str) -> list[type]:
    return [
        type(event)
        for event in events
        if name == (event.result.name if isinstance(event, HostFinished) else _host(event))
    ]


def _host(event: Event) -> str:
    return event.host if isinstance(event, HostStarted | StepFinished) else ""


def told_once(told: Told) -> bool:
    """Whether each host began and finished once, and each of its steps finished at most once."""
    begun = Counter(_host(e) for e in told.events if isinstance(e, HostStarted))
    done = Counter(e.result.name for e in told.events if isinstance(e, HostFinished))
    steps = Counter((e.host, e.step.name) for e in told.events if isinstance(e, StepFinished))
    names = Counter(result.name for result in told.results)
    return done == names and max((*begun.values(), *steps.values(), 1)) == 1


def test_results_events_and_their_thread_are_those_of_the_thread_engine() -> None:
    plan = make_plan(hosts(*MANY, "down-1"), Playbook("p", STEPS))
    seen: list[Event] = []
    expected, _ = run_hosts(plan, Poison(), seen.append)
    told = run_apart(Job(plan, processes=3, open=open_poison))

    assert [timeless(r) for r in told.results] == [timeless(r) for r in expected]
    assert [r.status.value for r in told.results] == [*["ok"] * len(MANY), "unreachable"]
    assert told.threads == {"MainThread"}
    for name in (*MANY, "down-1"):
        assert of_host(list(told.events), name) == of_host(seen, name)
    finished = [event.result for event in told.events if isinstance(event, HostFinished)]
    assert {result.name: result for result in finished} == {r.name: r for r in told.results}


def test_one_engine_runs_a_plan_again() -> None:
    told = run_apart(Job(make_plan(hosts(*MANY), Playbook("p", STEPS[:2])), times=2))
    assert {result.status for result in told.results} == {HostStatus.OK}
    assert told_once(told)


def test_a_killed_process_costs_nothing_that_had_finished_and_nothing_is_doubled() -> None:
    plan = make_plan(hosts(*MANY), SLOW, fanout=4)
    told = run_apart(Job(plan, kill_at=("up-00/first", "up-05/second")))

    assert told.killed == 2
    assert [result.status for result in told.results] == [HostStatus.OK] * len(MANY)
    assert all([s.outcome for s in r.steps] == [Outcome.OK] * 2 for r in told.results)
    assert all(r.steps[0].stdout == b"first\n" for r in told.results)
    assert told_once(told)


def test_a_host_that_kills_whoever_asks_it_is_named_with_those_beside_it_at_most() -> None:
    plan = make_plan(hosts(*MANY[:6], "poison-1", *MANY[6:]), SLOW, fanout=6)
    told = run_apart(Job(plan, open=open_poison))

    lost = [result for result in told.results if result.status is not HostStatus.OK]
    assert "poison-1" in [result.name for result in lost]
    assert len(lost) <= plan.fanout
    assert {(result.status, result.reason.rpartition(", ")[0]) for result in lost} == {
        (
            HostStatus.NOT_RUN,
            "this machine: the process that asked it was killed (SIGKILL) for the second time",
        )
    }
    assert told_once(told)


def test_where_every_process_is_killed_each_host_left_is_named() -> None:
    names = [f"poison-{number}" for number in range(6)]
    told = run_apart(Job(make_plan(hosts(*MANY[:2], *names), SLOW, fanout=2), open=open_poison))

    assert all(told.named(name).status is HostStatus.NOT_RUN for name in names)
    assert all(told.named(name).reason.startswith("this machine: the process") for name in names)
    assert told_once(told)


def test_what_may_not_be_repeated_is_named_where_its_process_was_killed() -> None:
    steps = (SLOW.steps[0], replace(SLOW.steps[1], repeatable=False))
    plan = make_plan(hosts(*MANY[:4]), Playbook("p", steps), fanout=2)
    told = run_apart(Job(plan, kill_at=("up-00/first",)))

    lost = told.named("up-00")
    assert (lost.status, lost.reason) == (
        HostStatus.NOT_RUN,
        "this machine: the process that asked it was killed (SIGKILL), during step second",
    )
    assert [s.outcome for s in lost.steps] == [Outcome.OK, Outcome.NOT_RUN]
    assert {r.status for r in told.results if r.name != "up-00"} == {HostStatus.OK}


def test_stopping_keeps_what_is_there_and_names_the_step_that_ran() -> None:
    plan = make_plan(hosts("up-1", "hangs-1", "up-2", "up-3", "up-4"), ENDLESS, fanout=4)
    told = run_apart(Job(plan, open=open_poison, stop_at="up-2/quick"))

    assert told.interrupted
    assert told.took_s < 20, "the login that hangs was not waited for"
    stopped = told.named("up-2")
    assert (stopped.status, stopped.reason) == (HostStatus.CANCELLED, "during step long")
    assert stopped.steps[0].stdout == b"quick\n"
    assert told.named("hangs-1").reason == "during login"
    assert [r.status for r in told.results].count(HostStatus.NOT_RUN) == 1
    assert told_once(told)


def test_the_deadline_of_the_run_ends_it_and_is_named() -> None:
    plan = make_plan(hosts("up-1", "up-2"), ENDLESS, limits=Limits(run_s=0.5))
    told = run_apart(Job(plan))
    assert not told.interrupted
    assert {(r.status, r.reason) for r in told.results} == {
        (HostStatus.TIMED_OUT, "the run's deadline of 0.5 s passed during step long")
    }


SPY = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"


def test_a_password_stands_in_no_argument_and_no_environment() -> None:
    secret = "correct-horse-4711"
    steps = (Step("spy", (SPY,), output_cap_bytes=1 << 24, timeout_s=30),)
    plan = make_plan(hosts("up-1", "up-2"), Playbook("p", steps))
    told = run_apart(Job(plan, become_password=secret))

    (seen, _) = (read_output(result.steps[0].stdout) for result in told.results)
    assert b"tests.executor.apart" in seen
    assert secret.encode() not in seen
    assert b"<secret>" not in seen, "it would have been masked"
