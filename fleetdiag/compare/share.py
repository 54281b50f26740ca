"""What odd hosts have in common: attribute values, and pairs of them. Knows nothing of steps.

A value is told where odd hosts have it more often than chance would give (`fisher.py`), after a
correction for the number of values tried, and where at least half of the odd have it. The number
tried counts honestly, by which hosts have a value, never by which of them are odd: each distinct
set of hosts is one test, unless it is so small or so large that no result could pass. Values are
one family of tests and pairs another, each with Bonferroni's correction for its own number.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.fisher import ALPHA, fisher, number_tried
from fleetdiag.model import END_OF_DATES_S, Shared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

COVERED = 0.5
"""A value that fewer of the odd have does not explain them."""
MOST_SHARED = 3
MOST_NAMES = 3
"""Of attributes that mark the same hosts, in an entry or a sentence."""
MOST_PAIRED = 300
"""With more values, pairs are counted without looking whether they could pass: careful and fast."""
BOOT_GAP_S = 120.0
"""Between two boots of one cluster: one command over the fleet, or one power supply."""
PLACES = frozenset(
    {
        *("zone", "zone_id", "availability_zone", "region", "datacenter", "rack", "room"),
        *("subnet", "network", "vpc", "vlan", "cluster", "hypervisor"),
    }
)
"""Attributes a host is in, not has; for the sentence."""


class _Mark(NamedTuple):
    """A set of hosts that attribute values mark."""

    names: tuple[tuple[str, str], ...]
    """(attribute, value), all marking exactly these hosts."""
    hosts: int
    """A bit for each host, by its place in the run."""


class _Tried(NamedTuple):
    """A mark with the result of its test."""

    mark: _Mark
    p: float
    """Corrected."""


def shared_by(
    odd: Collection[str], hosts: Sequence[str], attributes: Mapping[str, Mapping[str, str]]
) -> tuple[Shared, ...]:
    """What the odd hosts have and the others have less, the most telling first; at most three.

    Attributes that mark exactly the same hosts are one entry, the first of them and the others
    `alike`; a pair is `zone + role` and there only if it says more than each alone. What follows
    from a better entry is left out. `p` is corrected; `risk_ratio` is P(odd | has it) / P(odd | has
    it not), with half a host added to each of the four counts where it would be infinite. Where
    every host is odd: all values that all have, in the order of the attributes, with `risk_ratio`
    and `p` None. Fewer than two odd hosts share nothing.

    Args:
        odd: among `hosts`; others are left out.
        hosts: all that were compared.
        attributes: host -> attribute -> value; a missing or empty value is none.
    """
    places = {host: place for place, host in enumerate(dict.fromkeys(hosts))}
    bad = _bits((places[host] for host in set(odd) if host in places), len(places))
    count = len(places)
    if bad.bit_count() < 2:
        return ()
    marks = _marks(places, attributes, max(2, math.ceil(COVERED * bad.bit_count())))
    if bad.bit_count() == count:
        names = (name for mark in marks if mark.hosts == bad for name in mark.names)
        return tuple(Shared(*name, count, count, 0, 0, None, None) for name in names)
    marks = [mark for mark in marks if mark.hosts.bit_count() < count]
    tried = _tried(marks, bad, count, number_tried(_sizes_of(marks), bad.bit_count(), count))
    telling = [one for one in (*tried, *_pairs(marks, tried, bad, count)) if one.p < ALPHA]
    telling.sort(key=lambda one: (one.p, -(one.mark.hosts & bad).bit_count()))
    return tuple(_shared(one, bad, count) for one in _independent(telling, bad, count))


def suggest_controls(
    odd: Collection[str], hosts: Sequence[str], attributes: Mapping[str, Mapping[str, str]]
) -> str:
    """A sentence on which hosts to look at for contrast, where all are odd; empty otherwise.

    Hosts of `attributes` that are not among `hosts` are named where they would serve.
    """
    if not hosts or not set(hosts) <= set(odd):
        return ""
    count = len(set(hosts))
    places = {host: place for place, host in enumerate(dict.fromkeys(hosts))}
    marks = _marks(places, attributes, count)
    common = [name for mark in marks for name in mark.names][:MOST_NAMES]
    if not common:
        return "no healthy host for contrast, and nothing that all of them share"
    ways = [_another(name, value) for name, value in common]
    sentence = f"no healthy host for contrast: check one {', or '.join(ways)}"
    asked = set(hosts)
    others = [
        host
        for host, own in attributes.items()
        if host not in asked and any(own.get(name, value) != value for name, value in common)
    ]
    return f"{sentence} ({', '.join(others[:MOST_NAMES])})" if others else sentence


def boot_clusters(boot_times: Mapping[str, float]) -> Mapping[str, str]:
    """Host -> when it and others booted (`2026-11-22 03:01-03:04 UTC`), as an attribute `booted`.

    Boots belong together where no two neighbours in time are more than two minutes apart; a chain
    of them may be long. A host that booted alone is not in it.

    Args:
        boot_times: host -> Unix time; what is no date is left out.
    """
    dated = sorted((at, host) for host, at in boot_times.items() if 0.0 <= at <= END_OF_DATES_S)
    clusters: list[list[tuple[float, str]]] = []
    for boot in dated:
        if clusters and boot[0] - clusters[-1][-1][0] <= BOOT_GAP_S:
            clusters[-1].append(boot)
        else:
            clusters.append([boot])
    named = {
        host: _time_range(cluster[0][0], cluster[-1][0])
        for cluster in clusters
        if len(cluster) > 1
        for _, host in cluster
    }
    return {host: named[host] for host in boot_times if host in named}


def _bits(places: Iterable[int], count: int) -> int:
    held = bytearray(count // 8 + 1)
    for place in places:
        held[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(held, "little")


def _marks(
    places: Mapping[str, int], attributes: Mapping[str, Mapping[str, str]], fewest: int
) -> list[_Mark]:
    """Each set of at least `fewest` hosts that a value marks, once, in the order of attributes."""
    holders: dict[str, dict[str, list[int]]] = {}
    for host, place in places.items():
        for name, value in attributes.get(host, {}).items():
            if value:
                holders.setdefault(name, {}).setdefault(value, []).append(place)
    same: dict[int, list[tuple[str, str]]] = {}
    for name, values in holders.items():
        for value, having in values.items():
            if len(having) >= fewest:
                same.setdefault(_bits(having, len(places)), []).append((name, value))
    return [_Mark(tuple(names), bits) for bits, names in same.items()]


def _sizes_of(marks: Iterable[_Mark]) -> list[int]:
    return [mark.hosts.bit_count() for mark in marks]


def _tried(marks: Iterable[_Mark], bad: int, hosts: int, number: int) -> list[_Tried]:
    """The marks that cover enough of the odd, with their p corrected for `number` tests."""
    odd = bad.bit_count()
    tried = []
    for mark in marks:
        covered = (mark.hosts & bad).bit_count()
        if covered >= COVERED * odd:
            p = fisher(covered, odd, mark.hosts.bit_count(), hosts)
            tried.append(_Tried(mark, min(1.0, p * number)))
    return tried


def _pairs(marks: Sequence[_Mark], singles: Sequence[_Tried], bad: int, hosts: int) -> list[_Tried]:
    """Pairs of values that cover enough of the odd together and say more than each alone."""
    odd = bad.bit_count()
    known = {mark.hosts for mark in marks}
    fewest = max(2, math.ceil(COVERED * odd))
    number = math.comb(len(marks), 2)
    if len(marks) <= MOST_PAIRED:
        sets = {one.hosts & other.hosts for one, other in combinations(marks, 2)} - known
        large = [_Mark((), both) for both in sets if both.bit_count() >= fewest]
        number = number_tried(_sizes_of(large), odd, hosts)
    found: dict[int, _Tried] = {}
    for one, other in combinations(singles, 2):
        both = _both(one.mark, other.mark)
        if both.hosts in known or both.hosts in found:
            continue
        for pair in _tried([both], bad, hosts, number):
            if pair.p < min(one.p, other.p):
                found[both.hosts] = pair
    return list(found.values())


def _both(one: _Mark, other: _Mark) -> _Mark:
    (name, value), (second, also) = one.names[0], other.names[0]
    return _Mark(((f"{name} + {second}", f"{value} + {also}"),), one.hosts & other.hosts)


def _independent(telling: Iterable[_Tried], bad: int, hosts: int) -> list[_Tried]:
    """The best, without those that only follow from a better one; at most `MOST_SHARED`."""
    kept: list[_Tried] = []
    for one in telling:
        if len(kept) == MOST_SHARED:
            break
        if not any(_follows(one.mark.hosts, better.mark.hosts, bad, hosts) for better in kept):
            kept.append(one)
    return kept


def _follows(value: int, better: int, bad: int, hosts: int) -> bool:
    """Whether `value` tells no more than `better`: a subnet of the bad zone, or its region.

    Of a part, that it is odd no more than the rest of `better`; of what is around it, no more than
    what is not.
    """
    if value & better == value:
        within = better
    elif value & better == better:
        within = ((1 << hosts) - 1) ^ better
    else:
        return False
    having = value & within
    odd = (bad & within).bit_count()
    p = fisher((having & bad).bit_count(), odd, having.bit_count(), within.bit_count())
    return p >= ALPHA


def _shared(one: _Tried, bad: int, hosts: int) -> Shared:
    first, *others = one.mark.names[:MOST_NAMES]
    having, total = one.mark.hosts.bit_count(), bad.bit_count()
    odd = (one.mark.hosts & bad).bit_count()
    more = 0.5 if odd == total else 0.0
    with_it = (odd + more) / (having + 2 * more)
    without = (total - odd + more) / (hosts - having + 2 * more)
    return Shared(
        attribute=first[0],
        value=first[1],
        odd=odd,
        odd_total=total,
        rest=having - odd,
        rest_total=hosts - total,
        risk_ratio=with_it / without,
        p=one.p,
        alike=tuple(f"{name} {value}" for name, value in others),
    )


def _another(name: str, value: str) -> str:
    if name == "booted":
        return f"that did not boot at {value}"
    return f"{'in' if name in PLACES else 'with'} another {name} than {value}"


def _time_range(first_s: float, last_s: float) -> str:
    """`2026-11-22 03:01-03:04 UTC`; the second date only where it is another."""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (first_s, last_s))
    begin = f"{first:%Y-%m-%d %H:%M}"
    if f"{last:%Y-%m-%d %H:%M}" == begin:
        return f"{begin} UTC"
    return (
        f"{begin}-{last:%H:%M} UTC"
        if first.date() == last.date()
        else f"{begin} to {last:%Y-%m-%d %H:%M} UTC"
    )
