"""Which hosts may have their turn next: batches, groups kept apart or up, the budget. Pure.

Shares are rounded to the careful side: of a batch and of the budget down, of what is to stay up
up. A batch is never empty.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.errors import PlanError
from fleetdiag.model import HostState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fleetdiag.model import Host, RolloutRules, Size

FAILURES = frozenset({HostState.UNDONE, HostState.FAILED, HostState.UNKNOWN})
"""What the budget counts, besides hosts that never answered."""
_DOWN = frozenset({HostState.ABOUT, HostState.FAILED, HostState.UNKNOWN})
_ALL = "the run"


@dataclass(frozen=True, slots=True)
class Member:
    """A host as a rollout sees it."""

    name: str
    apart: str
    """Hosts of another value never have their turn at the same time."""
    group: str
    """Of which a part stays up."""


def members_of(hosts: Sequence[Host], rules: RolloutRules) -> tuple[Member, ...]:
    """The hosts with the groups that the rules name; raises PlanError for one without such a group.

    A host of which nobody knows the zone could be in any: no rule about zones would hold for it.
    """
    for attribute in filter(None, (rules.apart, rules.keep_by)):
        without = [host.name for host in hosts if not host.attributes.get(attribute)]
        if without:
            some = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
            raise PlanError(f"{attribute} of {some} is not known, and hosts are grouped by it")
    return tuple(
        Member(
            host.name,
            host.attributes[rules.apart] if rules.apart else _ALL,
            host.attributes[rules.keep_by] if rules.keep_by else _ALL,
        )
        for host in hosts
    )


def batches_of(
    members: Sequence[Member], rules: RolloutRules, done: Collection[str] = ()
) -> tuple[tuple[str, ...], ...]:
    """The hosts but those `done`, in the order of their turns, batch by batch, if all goes well.

    Raises PlanError where the hosts that are to stay up leave none to be changed.
    """
    totals = Counter(member.group for member in members)
    rooms = {group: total - _at_least(rules.keep, total) for group, total in totals.items()}
    if none := sorted(group for group, room in rooms.items() if room < 1):
        held = ", ".join(f"{group} ({totals[group]} hosts)" for group in none)
        raise PlanError(f"keeping {rules.keep} of each group up leaves no host to change in {held}")
    left = [member for member in members if member.name not in done]
    batches = list[tuple[str, ...]]()
    while left:
        size = rules.batches[min(len(batches), len(rules.batches) - 1)]
        most = max(1, _at_most(size, len(members)))
        batch = list[Member]()
        taken = Counter[str]()
        for member in left:
            same_side = member.apart == left[0].apart
            if len(batch) < most and same_side and taken[member.group] < rooms[member.group]:
                batch.append(member)
                taken[member.group] += 1
        batches.append(tuple(member.name for member in batch))
        left = [member for member in left if member not in batch]
    return tuple(batches)


def must_wait(
    name: str,
    members: Sequence[Member],
    rules: RolloutRules,
    states: Mapping[str, HostState],
    away: Collection[str],
    in_flight: Collection[str],
) -> str:
    """Why the host may not have its turn now, in words; empty where it may.

    Args:
        name: of the host.
        members: all hosts of the run.
        rules: of the rollout.
        states: what is known of hosts; those not in it are untouched.
        away: hosts that did not answer before anything was done.
        in_flight: hosts that are being changed now.
    """
    mine = next(member for member in members if member.name == name)
    others = [m.apart for m in members if m.name in in_flight and m.apart != mine.apart]
    if others:
        return f"hosts of {rules.apart} {others[0]} are being changed"
    group = [member.name for member in members if member.group == mine.group]
    down = {
        each
        for each in group
        if each in away or each in in_flight or states.get(each) in _DOWN or each == name
    }
    need = _at_least(rules.keep, len(group))
    if len(group) - len(down) < need:
        of = "" if rules.keep_by is None else f" of {rules.keep_by} {mine.group}"
        others_up = len(group) - len(down)
        return f"{need} of {len(group)} hosts{of} are to stay up, and without it {others_up} would"
    return ""


def halted(
    rules: RolloutRules,
    total: int,
    canaries: Collection[str],
    states: Mapping[str, HostState],
    away: Collection[str] = (),
) -> str:
    """Why no further host may be begun, in words; empty where the rollout may go on.

    A canary that fails stops it whatever the budget: that is what it is for.
    """
    failed = [name for name, state in states.items() if state in FAILURES]
    budget = _at_most(rules.max_failures, total)
    if hit := sorted(set(failed) & set(canaries)):
        return f"the canary failed: {', '.join(hit)}"
    lost = sorted({*failed, *away})
    if len(lost) > budget:
        some = ", ".join(lost[:5]) + (", …" if len(lost) > 5 else "")
        verb = "host has" if len(lost) == 1 else "hosts have"
        return f"{len(lost)} {verb} failed or did not answer, {budget} may: {some}"
    return ""


def _at_most(size: Size, total: int) -> int:
    """So many hosts of `total`, rounded down."""
    return min(total, math.floor(size.number * total / 100 if size.percent else size.number))


def _at_least(size: Size | None, total: int) -> int:
    """So many hosts of `total`, rounded up; 0 for None."""
    if size is None:
        return 0
    return min(total, math.ceil(size.number * total / 100 if size.percent else size.number))
