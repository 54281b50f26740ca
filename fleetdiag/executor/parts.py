"""How the hosts of a plan are dealt out to those who run them, and again after a loss. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.model import TransportKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.executor.ledger import Ledger
    from fleetdiag.model import Endpoint, HostPlan


@dataclass(frozen=True, slots=True)
class Part:
    """Hosts that one shard runs."""

    hosts: tuple[HostPlan, ...]
    fanout: int
    """Of them at once."""
    second: bool = False
    """They were in flight when a shard was lost: tried this once more, and not again."""
    losses: int = 0
    """How many shards were lost over them."""


_LOSSES_MAX = 3
"""Untouched hosts go on to another shard so often: something ends whoever takes them up."""


def deal(hosts: Sequence[HostPlan], count: int) -> list[tuple[HostPlan, ...]]:
    """`hosts` in at most `count` shares of about one size, each in the given order.

    Hosts behind one bastion stay together: each share logs in to its bastions once. Neighbours go
    to different shares, so that a dead rack is spread over them.
    """
    together = _together(hosts)
    count = min(count, len(together))
    shares: list[list[int]] = [[] for _ in range(count)]
    lightest = [(0, number) for number in range(count)]
    for unit in sorted(together, key=len, reverse=True):
        size, number = heapq.heappop(lightest)
        shares[number] += unit
        heapq.heappush(lightest, (size + len(unit), number))
    return [tuple(hosts[index] for index in sorted(share)) for share in shares]


def largest_together(hosts: Sequence[HostPlan]) -> int:
    """How many hosts, at most, must stay in one share; 0 where there are none."""
    return max((len(unit) for unit in _together(hosts)), default=0)


def _together(hosts: Sequence[HostPlan]) -> list[list[int]]:
    """Indices of hosts that share their first bastion; every other host by itself."""
    behind: dict[Endpoint, list[int]] = defaultdict(list)
    alone: list[list[int]] = []
    for index, each in enumerate(hosts):
        endpoint = each.host.endpoint
        # The system's ssh logs in to a bastion once a host, whoever starts it.
        if each.host.transport is TransportKind.SSH and endpoint is not None and endpoint.via:
            behind[endpoint.via[0]].append(index)
        else:
            alone.append([index])
    return [*behind.values(), *alone]


def share_out(fanout: int, shares: Sequence[tuple[HostPlan, ...]]) -> list[Part]:
    """The shares as parts, which have the fanout between them by their size; one host at least."""
    fanouts = [1] * len(shares)
    neediest = [(-len(share) / 1, number) for number, share in enumerate(shares)]
    heapq.heapify(neediest)
    for _ in range(fanout - len(shares)):
        _, number = heapq.heappop(neediest)
        fanouts[number] += 1
        still = -len(shares[number]) / fanouts[number]
        heapq.heappush(neediest, (still, number))
    return [Part(share, own) for share, own in zip(shares, fanouts, strict=True)]


def after_loss(part: Part, ledger: Ledger, *, all_told: bool) -> tuple[list[Part], list[HostPlan]]:
    """What is still to be run of a part whose shard was lost, and the hosts to be given up.

    Untouched hosts are run as if nothing had been. Those in flight come after them, in a part of
    their own, as one of them may be what ended the shard: only what is left of their steps, once,
    and only where all of that may be repeated. `all_told`: a host the ledger has not heard of was
    not touched; else it may have been.
    """
    unsettled = [each for each in part.hosts if not ledger.settled(each)]
    untouched = [each for each in unsettled if not ledger.begun(each)]
    in_flight = [ledger.left(each) for each in unsettled if ledger.begun(each)]
    kept = [each for each in untouched if part.losses < _LOSSES_MAX]
    kept = kept if all_told else [each for each in kept if _repeatable(each)]
    again = [each for each in in_flight if not part.second and _repeatable(each)]
    going_on = {each.host.name for each in (*kept, *again)}
    gone = [each for each in unsettled if each.host.name not in going_on]
    losses = part.losses + 1
    parts = [Part(tuple(kept), part.fanout, part.second, losses)] if kept else []
    parts += [Part(tuple(again), part.fanout, True, losses)] if again else []
    return parts, gone


def _repeatable(host_plan: HostPlan) -> bool:
    return all(step.repeatable for step in host_plan.steps)
