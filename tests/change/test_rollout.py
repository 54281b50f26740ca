"""Who may have a turn: on random fleets, rules and misfortunes, and on a few fleets by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.change.rollout import (
    FAILURES,
    Member,
    batches_of,
    halted,
    members_of,
    must_wait,
)
from fleetdiag.errors import PlanError
from fleetdiag.model import Host, HostState, RolloutRules, Size

ENDS = (HostState.DONE, HostState.DONE, HostState.UNDONE, HostState.FAILED, HostState.UNKNOWN)


def fleet(count: int, apart: int = 1, groups: int = 1) -> list[Member]:
    return [Member(f"h{n}", f"zone{n % apart}", f"role{n % groups}") for n in range(count)]


SIZES = st.one_of(
    st.builds(Size, st.integers(1, 8)), st.builds(Size, st.integers(1, 100), st.just(True))
)
KEEPS = st.one_of(
    st.none(),
    st.builds(Size, st.integers(0, 6)),
    st.builds(Size, st.integers(0, 90), st.just(True)),
)
RULES = st.builds(
    RolloutRules,
    batches=st.lists(SIZES, min_size=1, max_size=4).map(tuple),
    max_failures=st.one_of(SIZES, st.just(Size(0))),
    apart=st.sampled_from([None, "zone"]),
    keep=KEEPS,
    keep_by=st.sampled_from([None, "role"]),
)
FLEETS = st.builds(fleet, st.integers(1, 30), st.integers(1, 4), st.integers(1, 3))


def planned(members: list[Member], rules: RolloutRules) -> tuple[tuple[str, ...], ...]:
    try:
        return batches_of(members, rules)
    except PlanError:
        return ()


@settings(deadline=None)
@given(FLEETS, RULES)
def test_every_host_has_one_turn_in_batches_that_keep_the_rules(
    members: list[Member], rules: RolloutRules
) -> None:
    batches = planned(members, rules)
    if not batches:
        return
    named = {member.name: member for member in members}
    assert sorted(name for batch in batches for name in batch) == sorted(named)
    totals = Counter(member.group for member in members)
    for number, batch in enumerate(batches):
        size = rules.batches[min(number, len(rules.batches) - 1)]
        share = size.number * len(members) / 100 if size.percent else size.number
        assert 1 <= len(batch) <= max(1, share)
        assert len({named[name].apart for name in batch}) == 1
        for group, gone in Counter(named[name].group for name in batch).items():
            assert totals[group] - gone >= needed(rules.keep, totals[group])


def needed(keep: Size | None, total: int) -> int:
    if keep is None:
        return 0
    return min(total, math.ceil(keep.number * total / 100 if keep.percent else keep.number))


class Acted:
    """A rollout played through with chance for a fleet: hosts of a batch overlap at random."""

    def __init__(
        self, members: list[Member], rules: RolloutRules, away: set[str], draw: Callable[[int], int]
    ) -> None:
        self.members, self.rules, self.away, self.draw = members, rules, away, draw
        self.states: dict[str, HostState] = {}
        self.in_flight: list[str] = []
        self.begun: list[str] = []

    def end_one(self) -> None:
        name = self.in_flight.pop(self.draw(len(self.in_flight)))
        self.states[name] = ENDS[self.draw(len(ENDS))]

    def stopped(self, batches: tuple[tuple[str, ...], ...]) -> bool:
        return bool(halted(self.rules, len(self.members), batches[0], self.states, self.away))

    def play(self, batches: tuple[tuple[str, ...], ...]) -> None:
        for batch in batches:
            for name in batch:
                while self.in_flight and self.draw(2):
                    self.end_one()
                if name in self.away or self.stopped(batches):
                    continue
                self.begin(name)
            while self.in_flight:
                self.end_one()

    def begin(self, name: str) -> None:
        while self.waits(name):
            if not self.in_flight:
                return  # nothing that could change it: the engine stops here
            self.end_one()
        failed = [n for n, state in self.states.items() if state in FAILURES]
        budget = self.rules.max_failures
        share = budget.number * len(self.members) / 100 if budget.percent else budget.number
        if not halted(self.rules, len(self.members), (), self.states, self.away):
            assert len({*failed, *self.away}) <= share
            self.in_flight.append(name)
            self.begun.append(name)
            self.check(name)

    def waits(self, name: str) -> str:
        return must_wait(name, self.members, self.rules, self.states, self.away, self.in_flight)

    def check(self, name: str) -> None:
        """Others of its group may be down already, by no fault of ours; then it may not begin."""
        named = {member.name: member for member in self.members}
        assert len({named[each].apart for each in self.in_flight}) <= 1
        down = {HostState.FAILED, HostState.UNKNOWN}
        group = [m.name for m in self.members if m.group == named[name].group]
        up = [
            each
            for each in group
            if each not in self.away
            and each not in self.in_flight
            and self.states.get(each) not in down
        ]
        assert len(up) >= needed(self.rules.keep, len(group))


@settings(deadline=None)
@given(FLEETS, RULES, st.data())
def test_whatever_happens_the_rules_hold_and_no_host_has_two_turns(
    members: list[Member], rules: RolloutRules, data: st.DataObject
) -> None:
    batches = planned(members, rules)
    if not batches:
        return
    names = [member.name for member in members]
    away = data.draw(st.sets(st.sampled_from(names), max_size=3))
    acted = Acted(members, rules, away, lambda below: data.draw(st.integers(0, below - 1)))
    acted.play(batches)
    assert len(acted.begun) == len(set(acted.begun))
    if any(acted.states.get(name) in FAILURES for name in batches[0]):
        assert set(acted.begun) <= set(batches[0])


def test_a_batch_is_a_canary_a_tenth_and_then_quarters() -> None:
    batches = batches_of(fleet(12), RolloutRules())
    assert [len(batch) for batch in batches] == [1, 1, 3, 3, 3, 1]


def test_hosts_of_two_zones_are_never_in_one_batch() -> None:
    rules = RolloutRules(batches=(Size(1), Size(6)), apart="zone")
    batches = batches_of(fleet(8, apart=2), rules)
    assert batches == (("h0",), ("h1", "h3", "h5", "h7"), ("h2", "h4", "h6"))


def test_keeping_all_of_a_group_up_leaves_nobody_to_change() -> None:
    rules = RolloutRules(keep=Size(50, percent=True), keep_by="role")
    with pytest.raises(PlanError, match=r"50% .*role2 \(1 hosts\)"):
        batches_of([*fleet(8, groups=2), Member("db", "zone0", "role2")], rules)


def test_a_failed_canary_stops_whatever_the_budget() -> None:
    rules = RolloutRules(max_failures=Size(5))
    assert halted(rules, 12, ["h0"], {"h0": HostState.FAILED}) == "the canary failed: h0"
    assert halted(rules, 12, ["h0"], {"h0": HostState.DONE, "h1": HostState.FAILED}) == ""


def test_the_budget_counts_failed_undone_lost_and_absent_hosts() -> None:
    rules = RolloutRules(max_failures=Size(3))
    states = {
        "h1": HostState.FAILED,
        "h2": HostState.UNDONE,
        "h3": HostState.UNKNOWN,
        "h4": HostState.DONE,
    }
    assert halted(rules, 12, ["h0"], states) == ""
    assert halted(rules, 12, ["h0"], states, {"h5"}).startswith("4 hosts have failed or did not")


def test_a_host_of_which_the_zone_is_not_known_stops_the_plan() -> None:
    hosts = [Host("a", attributes={"zone": "x"}), Host("b")]
    with pytest.raises(PlanError, match="zone of b is not known"):
        members_of(hosts, RolloutRules(apart="zone"))
