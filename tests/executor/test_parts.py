from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.executor.cores import (
    FANOUT_A_PROCESS,
    HOSTS_A_PROCESS,
    processes_for,
    usable_cores,
)
from fleetdiag.executor.ledger import Ledger
from fleetdiag.executor.parts import Part, after_loss, deal, share_out
from fleetdiag.model import (
    Endpoint,
    Host,
    HostFinished,
    HostPlan,
    HostResult,
    HostStarted,
    HostStatus,
    Outcome,
    Playbook,
    Step,
    StepFinished,
    StepResult,
    TransportKind,
)
from fleetdiag.plan import make_plan
from tests.executor.shells import ignore

STEPS = (Step("a", ("true",)), Step("b", ("true",)))


def planned(name: str, bastion: str = "", steps: tuple[Step, ...] = STEPS) -> HostPlan:
    via = (Endpoint(bastion, bastion, 22, "ops"),) if bastion else ()
    return HostPlan(Host(name, endpoint=Endpoint(name, name, 22, "ops", via=via)), steps)


bastions = st.lists(st.sampled_from(["", "", "", "x", "y"]), min_size=1, max_size=40)


@given(bastions, st.integers(1, 9), st.integers(1, 64))
def test_every_host_is_dealt_once_and_a_bastions_hosts_stay_together(
    behind: list[str], count: int, fanout: int
) -> None:
    hosts = [planned(f"h{number}", bastion) for number, bastion in enumerate(behind)]
    shares = deal(hosts, min(count, fanout))

    assert Counter(each for share in shares for each in _names(share)) == Counter(_names(hosts))
    assert all(shares)
    assert all(_names(share) == sorted(_names(share), key=_number) for share in shares)
    for bastion in {"x", "y"} & set(behind):
        at = [any(_behind(each) == bastion for each in share) for share in shares]
        assert sum(at) == 1
    parts = share_out(fanout, shares)
    assert sum(part.fanout for part in parts) == fanout
    assert min(part.fanout for part in parts) >= 1


def test_shares_and_their_fanouts_go_by_the_number_of_hosts() -> None:
    hosts = [planned(f"b{n}", "x") for n in range(30)] + [planned(f"h{n}") for n in range(12)]
    parts = share_out(14, deal(hosts, 3))
    assert [len(part.hosts) for part in parts] == [30, 6, 6]
    assert [part.fanout for part in parts] == [10, 2, 2]


def test_neighbours_go_to_different_shares() -> None:
    shares = deal([planned(f"h{n}") for n in range(6)], 2)
    assert [_names(share) for share in shares] == [["h0", "h2", "h4"], ["h1", "h3", "h5"]]


def _names(hosts: object) -> list[str]:
    assert isinstance(hosts, (list, tuple))
    return [each.host.name for each in hosts]


def _number(name: str) -> int:
    return int(name[1:])


def _behind(host_plan: HostPlan) -> str:
    endpoint = host_plan.host.endpoint
    assert endpoint
    return endpoint.via[0].name if endpoint.via else ""


# ------------------------------------------------------------------------------ after a loss


def lost(*hosts: HostPlan, second: bool = False) -> tuple[Ledger, Part]:
    """A part lost while its first host had ended, its second was at b, and no other was begun."""
    plan = make_plan([each.host for each in hosts], Playbook("p", hosts[0].steps))
    ledger = Ledger(plan, ignore)
    for each in hosts[:2]:
        ledger.note(HostStarted(each.host.name))
        ledger.note(StepFinished(each.host.name, StepResult("a", Outcome.OK, stdout=b"first")))
    ledger.note(HostFinished(HostResult(hosts[0].host.name, HostStatus.OK)))
    return ledger, Part(hosts, 4, second)


def test_only_what_is_left_is_run_again_and_the_untouched_hosts_come_first() -> None:
    ledger, part = lost(planned("done"), planned("midway"), planned("untouched"))
    (untouched, again), gone = after_loss(part, ledger, all_told=True)
    assert (_names(untouched.hosts), untouched.second) == (["untouched"], False)
    assert (_names(again.hosts), again.second) == (["midway"], True)
    assert [step.name for step in again.hosts[0].steps] == ["b"]
    assert gone == []


def test_what_was_lost_twice_is_given_up() -> None:
    ledger, part = lost(planned("done"), planned("midway"), planned("untouched"), second=True)
    (untouched,), gone = after_loss(part, ledger, all_told=True)
    assert (_names(untouched.hosts), _names(gone)) == (["untouched"], ["midway"])


@pytest.mark.parametrize(("unsafe", "again"), [("a", True), ("b", False)])
def test_a_step_that_may_not_be_repeated_is_not(unsafe: str, again: bool) -> None:
    steps = tuple(Step(name, ("x",), repeatable=name != unsafe) for name in ("a", "b"))
    ledger, part = lost(planned("done", steps=steps), planned("midway", steps=steps))
    parts, gone = after_loss(part, ledger, all_told=True)
    assert (bool(parts), bool(gone)) == (again, not again)


def test_who_may_have_been_touched_is_not_run_again_where_that_may_not_be() -> None:
    steps = (Step("a", ("x",)), Step("b", ("x",), repeatable=False))
    ledger, part = lost(*(planned(name, steps=steps) for name in ("done", "midway", "not-heard")))
    parts, gone = after_loss(part, ledger, all_told=False)
    assert (parts, _names(gone)) == ([], ["midway", "not-heard"])


def test_hosts_that_are_never_heard_of_do_not_go_from_shard_to_shard_without_end() -> None:
    ledger, part = lost(planned("done"), planned("midway"), planned("silent"))
    waiting, losses = [part], 0
    while waiting:
        parts, _gone = after_loss(waiting.pop(), ledger, all_told=True)
        waiting += parts
        losses += 1
    assert 2 < losses < 10


def test_each_event_is_told_once_and_the_first_result_of_a_step_counts() -> None:
    told: list[object] = []
    ledger = Ledger(make_plan([planned("h").host], Playbook("p", STEPS)), told.append)
    for said in (b"first", b"second"):
        ledger.note(HostStarted("h"))
        ledger.note(StepFinished("h", StepResult("a", Outcome.OK, stdout=said)))
    ledger.note(HostFinished(HostResult("h", HostStatus.OK)))
    ledger.note(HostFinished(HostResult("h", HostStatus.LOST)))
    ledger.note(StepFinished("h", StepResult("b", Outcome.OK)))

    assert [type(event) for event in told] == [HostStarted, StepFinished, HostFinished]
    (result,) = ledger.results()
    assert result.status is HostStatus.OK
    assert [(s.outcome, s.stdout) for s in result.steps] == [("ok", b"first"), ("not-run", b"")]


# ---------------------------------------------------------------------------- how many pay


MANY = HOSTS_A_PROCESS * 4


@pytest.mark.parametrize(
    ("hosts", "kind", "behind", "fanout", "cores", "wanted", "expected"),
    [
        (MANY, TransportKind.SSH, 0, 64, 2.0, None, 2),
        (MANY, TransportKind.SSH, 0, 64, 8.0, None, 4),  # a further one needs its own hosts
        (MANY, TransportKind.SSH, 0, 64, 1.5, None, 1),  # a quota of one and a half
        (HOSTS_A_PROCESS * 2 - 1, TransportKind.SSH, 0, 64, 8.0, None, 1),
        (MANY, TransportKind.SSH, 0, FANOUT_A_PROCESS * 2, 8.0, None, 2),
        (MANY, TransportKind.SSH, MANY, 64, 8.0, None, 1),  # all behind one bastion
        (MANY, TransportKind.SSH, MANY - HOSTS_A_PROCESS, 64, 8.0, None, 2),
        (MANY, TransportKind.OPENSSH, 0, 64, 8.0, None, 1),
        (MANY, TransportKind.REPLAY, 0, 64, 8.0, None, 1),
        (MANY, TransportKind.LOCAL, 0, 64, 8.0, None, 1),
        (10, TransportKind.LOCAL, 0, 64, 1.0, 3, 3),  # asked for is asked for
        (10, TransportKind.SSH, 0, 2, 8.0, 3, 2),  # but never more hosts at once than the fanout
        (2, TransportKind.SSH, 0, 64, 8.0, 3, 2),
        (10, TransportKind.SSH, 10, 64, 8.0, 3, 1),
    ],
)
def test_as_many_processes_as_pay(
    hosts: int,
    kind: TransportKind,
    behind: int,
    fanout: int,
    cores: float,
    wanted: int | None,
    expected: int,
) -> None:
    made = [planned(f"h{n}", "x" if n < behind else "").host for n in range(hosts)]
    kinds = [Host(host.name, kind, host.endpoint) for host in made]
    plan = make_plan(kinds, Playbook("p", STEPS), fanout=fanout)
    assert processes_for(plan, wanted, cores) == expected


@pytest.mark.parametrize(
    ("group", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"}, 0.5),
        (
            "4:cpuacct,cpu:/x\n1:name=systemd:/\n",
            {"cpu/x/cpu.cfs_quota_us": "25000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            0.25,
        ),
        (
            "4:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
    ],
)
def test_a_control_group_s_limit_counts_for_all_beneath_it(
    tmp_path: Path, group: str, files: dict[str, str], limit: float | None
) -> None:
    own = tmp_path / "own"
    own.write_text(group)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    unlimited = usable_cores(tmp_path / "none", tmp_path / "none")
    assert usable_cores(tmp_path, own) == (limit or unlimited)
    assert unlimited >= 1
