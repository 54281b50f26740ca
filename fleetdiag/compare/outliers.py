"""Which hosts' numbers are far from the others'. Knows nothing of steps, masks or findings.

A number is odd where three rules agree: it is far beside the others' own spread, far in
proportion, and far in absolute terms (`FLOORS`). The first alone, at its usual cut, flags 9 to 20 %
of healthy metrics of 4 to 200 hosts; the others say whether anybody would care.

*Spread.* z = 0.6745 |x - median| / MAD, MAD being the median of |x - median| (B. Iglewicz,
D. C. Hoaglin, How to Detect and Handle Outliers, 1993, who cut at 3.5). The cut is higher here
where hosts are few, as a MAD of five values says little, and where they are many, as the farthest
of a thousand is far (`_cut`). A percentage is judged by the arcsine of its root, on which 3 % and
97 % are equally near their ends. Everything else must be far as it is and on a logarithmic scale
too, so that the long tail that loads, sizes and counters have in health makes nobody odd. MAD 0, as
more than half are equal: floor and proportion decide alone.

*Groups.* Hosts beyond a gap wider than the groups on its sides are far together, even where they
are so many that they widen the MAD. *Gone.* Next to nothing is far where nobody else is below a
fifth of the median.

More than two fifths of the hosts are never odd: they are a split, two groups of which nobody can
say which is right. Below four hosts there is no verdict.

Measured (`python -m tests.bench outliers --rounds 600 --seed 9`): at 10 to 200 hosts false alarms
in 0 to 6 % of metrics whose healthy values are normal, lognormal, uniform, exponential or Poisson,
but in up to 15 % (mean 3) and 31 % (mean 10) of percentages with an exponential tail. Ten times the
usual is found on all hosts where values spread by 10 %, on 92 to 97 % at 30 %, on 34 to 54 % at
lognormal 0.5, on 1 to 10 % at lognormal 1. With five hosts up to 10 % are false alarms, a third
fewer faults are found, and two hosts of another kind are always odd. Where one in five is not 0 and
the rest are, floor and proportion alone decide.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.model import Rate, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleetdiag.model import Field

FEWEST_HOSTS = 4
"""Of three values one is always in the middle, and two always far from one."""
MOST_ODD = 0.4
"""A larger share of the hosts is a group of its own, not odd hosts."""
GAP_AT_FIVE = 3.0
"""How many times as wide as the groups a gap between them is, at five hosts; never below one."""

FLOORS: Mapping[Unit, float] = {
    Unit.NONE: 5.0,  # processes, users, connections: a handful more is nothing
    Unit.PERCENT: 15.0,  # points: disks and processors of equal hosts differ by ten
    Unit.BYTES: 100.0 * 2**20,  # caches and logs of equal hosts differ by tens of MiB
    Unit.SECONDS: 0.1,  # clocks, delays: less nobody and no time limit notices
}
"""A smaller distance from the median is never odd, in the unit; `Field.floor` goes before."""
RATE_FLOORS: Mapping[Unit, float] = {
    Unit.NONE: 1.0,  # a second: fewer packets, errors or switches trouble nobody
    Unit.PERCENT: 15.0,
    Unit.BYTES: 2.0**20,  # a second: below a hundredth of a 1 Gbit/s link
    Unit.SECONDS: 0.1,  # a tenth of one processor
}
"""For counters, a second. Since boot (`Rate.UPTIME`) a tenth: bursts are spread over days."""
PER_FLOOR = 1.0
"""For ratios: a load of one more for each processor is where work begins to wait."""
SHARE_TOP = 1.0
"""Bytes or seconds `per` others, all from 0 to this, are shares: they have the floor of
percentages."""

MEASURED_RATIO = 1.5
"""The larger of value and median is at least so many times the smaller: half as much again."""
CONSTANT_RATIO = 1.1
"""Where values hardly differ (sizes of memory, numbers of CPUs): a tenth more."""
CONSTANT_SPREAD = 0.005
"""A MAD of this share of the median, and values hardly differ."""
UNNAMED_RATIO = 4.0
UNNAMED_CUT = 1.5
UNNAMED_CONSTANT = 10.0
UNNAMED_FLOOR_S = 0.01
UNNAMED_FLOOR = 0.5
"""Of fractions, most of them below 1: seconds, shares, loads."""
"""Of numbers that nobody asked for (fields without a name, found in texts): so many times as large,
and beyond a wider cut, as there are many of them."""
COUNTED_RATIO = 2.0
"""For counters, which vary more."""
EVENT_RATIO = 4.0
EVENT_FLOOR = 10.0
"""Of a log event, a host's count (plus one) and the difference, to be told from chatter."""
EVENT_START = 3.0
"""Added before the logarithm: 0, 1 and 2 of an event are the same chatter."""


class Part(NamedTuple):
    """Hosts of one side of a split, and the range of their values."""

    hosts: tuple[str, ...]
    low: float
    high: float


class Outliers(NamedTuple):
    """Where most hosts are, and who is not."""

    median: float
    """Of all finite values; 0.0 where there is none."""
    odd: tuple[str, ...] = ()
    """In the order of the values given; at most two fifths of them."""
    low: float = 0.0
    """The lowest and highest of those that are not odd."""
    high: float = 0.0
    split: tuple[Part, Part] | None = None
    """Two groups far apart, the larger first, neither of them small enough to be odd; `odd` is
    empty then."""


class Counts(NamedTuple):
    """How often most hosts have an event, and who has it far more or less often."""

    median: int
    odd: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """When a value is far from the others."""

    views: tuple[Callable[[float], float], ...]
    """Scales: far must hold on each."""
    floor: float
    ratio: float
    """1.0: any."""
    side: Side = Side.BOTH
    start: float = 0.0
    """Added before the proportion is taken."""
    cut: float = 1.0
    """A factor of `_cut`."""
    gone: bool = False
    """Next to nothing is odd where nobody else is low."""

    def matters(self, value: float, middle: float) -> bool:
        """Far enough from `middle` in absolute terms and in proportion."""
        distance = abs(value - middle)
        larger = max(abs(value), abs(middle)) + self.start
        enough = max(self.floor, (1.0 - 1.0 / self.ratio) * larger)
        return distance > 0.0 and distance >= enough * (1.0 - 1e-9)

    def looks_at(self, value: float, middle: float) -> bool:
        """On the side that counts."""
        return self.side is Side.BOTH or (self.side is Side.HIGH) == (value > middle)


def odd_hosts(values: Mapping[str, float], field: Field, unit: Unit) -> Outliers:
    """The hosts whose number is far from the others', by the rules above; n log n.

    Args:
        values: host -> value in `unit`, after `per` and `rate`. What is not finite is left out.
        field: its `rate`, `per`, `floor` and `side` count.
        unit: the values', where the field leaves it to the number's suffix.
    """
    finite = {host: float(value) for host, value in values.items() if math.isfinite(value)}
    return _judged(finite, _rule(finite, field, unit)) if finite else Outliers(0.0)


def odd_counts(values: Mapping[str, int]) -> Counts:
    """The hosts that have an event of a log far more or less often than the others.

    Args:
        values: host -> count, 0 where the event is absent. The median of an even number is the
            lower of the two in the middle, a count that some host has.
    """
    if not values:
        return Counts(0, ())
    finite = {host: float(min(count, 1 << 60)) for host, count in values.items()}
    views = (_as_is, lambda count: math.log(count + EVENT_START))
    rule = _Rule(views, EVENT_FLOOR, EVENT_RATIO, start=1.0)
    return Counts(median_low(values.values()), _judged(finite, rule).odd)


def _rule(values: Mapping[str, float], field: Field, unit: Unit) -> _Rule:
    low, high = min(values.values()), max(values.values())
    top = _top(field, unit)
    if top is not None and low >= 0.0 and high <= top:
        floor = FLOORS[Unit.PERCENT] / 100.0 * top if field.floor is None else field.floor
        view = (lambda value: math.asin(math.sqrt(value / top)),)
        return _Rule(view, floor, 1.0, field.side, cut=_wider(field))
    floor = _floor(field, unit) if field.floor is None else field.floor
    if not field.name and unit is Unit.SECONDS:
        floor = UNNAMED_FLOOR_S
    if not field.name and unit is Unit.NONE and _are_fractions(values):
        floor = UNNAMED_FLOOR
    start = floor if floor > 0.0 else 1.0
    ratio = COUNTED_RATIO
    if field.rate is None:
        usual = MEASURED_RATIO if field.name else UNNAMED_RATIO
        ratio = CONSTANT_RATIO if _is_constant(values, field) else usual
    views = (_as_is, lambda value: math.asinh(value / start))
    return _Rule(
        views, floor, ratio, field.side, cut=_wider(field), gone=bool(field.name) and low >= 0.0
    )


def _wider(field: Field) -> float:
    return 1.0 if field.name else UNNAMED_CUT


def _is_constant(values: Mapping[str, float], field: Field) -> bool:
    """Whether hosts agree as on a size of memory, a few thousandths aside.

    Of numbers that nobody named, small ones are counts that happen to be alike.
    """
    ordered = sorted(values.values())
    middle = _median(ordered)
    if not field.name and abs(middle) < UNNAMED_CONSTANT:
        return False
    return _mad(ordered, middle) <= CONSTANT_SPREAD * abs(middle)


def _are_fractions(values: Mapping[str, float]) -> bool:
    below = [value for value in values.values() if 0.0 < abs(value) < 1.0]
    return len(below) * 2 > len(values)


def _top(field: Field, unit: Unit) -> float | None:
    """What a share can be at most; None where the number is no share."""
    if field.rate is None and field.per is not None and unit in {Unit.BYTES, Unit.SECONDS}:
        return SHARE_TOP
    return 100.0 if unit is Unit.PERCENT else None


def _floor(field: Field, unit: Unit) -> float:
    if field.rate is not None:
        return RATE_FLOORS[unit] * (0.1 if field.rate is Rate.UPTIME else 1.0)
    return PER_FLOOR if field.per is not None and unit is not Unit.PERCENT else FLOORS[unit]


def _as_is(value: float) -> float:
    return value


def _judged(values: Mapping[str, float], rule: _Rule) -> Outliers:
    hosts = sorted(values, key=values.__getitem__)
    ordered = [values[host] for host in hosts]
    calm = Outliers(_median(ordered), (), ordered[0], ordered[-1])
    if len(hosts) < FEWEST_HOSTS or not rule.matters(ordered[0], ordered[-1]):
        return calm
    far = _far(ordered, rule)
    if len(far) > MOST_ODD * len(hosts):
        one_side = max(far) - min(far) + 1 == len(far)
        apart = {hosts[place] for place in far}
        return calm._replace(split=_split(values, apart)) if one_side else calm
    odd = {hosts[place] for place in far if rule.looks_at(ordered[place], calm.median)}
    rest = [value for host, value in values.items() if host not in odd]
    return Outliers(calm.median, tuple(h for h in values if h in odd), min(rest), max(rest))


def _split(values: Mapping[str, float], apart: set[str]) -> tuple[Part, Part]:
    sides: tuple[list[str], list[str]] = ([], [])
    for host in values:
        sides[host in apart].append(host)
    one, other = (
        Part(tuple(side), min(map(values.__getitem__, side)), max(map(values.__getitem__, side)))
        for side in sides
    )
    return (one, other) if len(one.hosts) >= len(other.hosts) else (other, one)


def _far(ordered: Sequence[float], rule: _Rule) -> set[int]:
    """Places in `ordered` of the values that are far from the others, on either side."""
    count, middle = len(ordered), _median(ordered)
    seen = [[view(value) for value in ordered] for view in rule.views]
    spreads = [_spread(view, rule.cut) for view in seen]
    below = max(min(low for low, _ in spreads), _gone(ordered) if rule.gone else 0)
    above = max(high for _, high in spreads)
    alone = (*range(below), *range(above, count))
    far = {place for place in alone if rule.matters(ordered[place], middle)}
    cut = _widest_gap(seen)
    if cut is not None and rule.matters(_median(ordered[:cut]), _median(ordered[cut:])):
        far.update(range(cut) if cut * 2 <= count else range(cut, count))
    return far


def _spread(ordered: Sequence[float], wider: float) -> tuple[int, int]:
    """As `_edges`, by modified z on one scale."""
    middle = _median(ordered)
    mad = _mad(ordered, middle)
    reach = wider * _cut(len(ordered)) * mad / 0.6745
    below = bisect_left(ordered, middle - reach)
    above = len(ordered)
    while above > below and ordered[above - 1] > middle + reach:
        above -= 1
    return below, above


def _mad(ordered: Sequence[float], middle: float) -> float:
    """The median distance from `middle`."""
    return _median(sorted(abs(value - middle) for value in ordered))


def _cut(count: int) -> float:
    """The modified z beyond which a value is far, among so many.

    Fitted to the 98th percentile of the largest z of normal values, simulated for 5 to 200 hosts
    (12 at 5, 5.7 at 10, 4.8 at 20, 4.2 at 50, 4.1 at 200); lower than that at 4 to 7 hosts, where
    floors and proportion have to help.
    """
    return 3.5 + 0.13 * math.log(count) + 20.0 / count


def _widest_gap(seen: Sequence[Sequence[float]]) -> int | None:
    """Where the values fall into two groups: the place the upper begins; None where they do not.

    The gap must be as wide as the wider group on every scale, wider among few hosts: three times
    at 5, 1.5 times at 8. (Dixon's test for one value among 5, of 1950, asks for 2.4 times at 5 %
    and 4.6 times at 1 %; here floor and proportion help.)
    """
    count = len(seen[0])
    times = max(1.0, GAP_AT_FIVE * (5.0 / count) ** 1.5)
    best, widest = None, 0.0
    for place in range(1, count):
        gap = seen[-1][place] - seen[-1][place - 1]
        if gap > widest and all(_parts(view, place, times) for view in seen):
            best, widest = place, gap
    return best


def _parts(view: Sequence[float], place: int, times: float) -> bool:
    wider = max(view[place - 1] - view[0], view[-1] - view[place])
    return view[place] - view[place - 1] >= times * wider


def _gone(ordered: Sequence[float]) -> int:
    """How many are next to nothing (a hundredth) where nobody else is below a fifth."""
    middle = _median(ordered)
    if ordered[0] < 0.0 or middle <= 0.0:
        return 0
    gone = bisect_left(ordered, math.nextafter(middle / 100.0, math.inf))
    return gone if gone < len(ordered) and ordered[gone] >= middle / 5.0 else 0


def _median(ordered: Sequence[float]) -> float:
    """Of sorted values; halves first, as the sum of two huge ones is infinite."""
    upper = len(ordered) // 2
    if len(ordered) % 2 or ordered[upper] == ordered[upper - 1]:
        return ordered[upper]
    return ordered[upper - 1] / 2.0 + ordered[upper] / 2.0
