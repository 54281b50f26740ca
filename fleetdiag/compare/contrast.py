"""Features of many hosts -> who is odd, and in what.

A text has a majority where more than half of the hosts say it; the others deviate. An absent line,
key or row is a value like any other; a table's cell is compared only among hosts that have the row.
A number deviates where it is far from the others' (`outliers.py`), an event of a log where few
hosts have it or its count is far from the others'. Texts without a majority are a split, or, where
nearly every host says something of its own, varying. Knows nothing of steps, masks or findings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.features import WHOLE, Cell, Feature, Features, Number, Value
from fleetdiag.compare.outliers import Outliers, Part, odd_counts, odd_hosts
from fleetdiag.compare.units import is_share, parse_quantity, shown_number
from fleetdiag.model import Field, Measure, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VARYING_SHARE = 0.8
"""So many different values, in shares of the hosts, and the feature names each host, not a
difference between them (serial numbers, counters)."""
FEWEST_VARYING = 3
FEWEST_MEASURED = 4
"""So many hosts, and more values than half of them, make texts that are numbers measured ones."""

Holders = dict[Value, list[str]]
"""Value -> the hosts that have it, in the run's order."""


class Deviation(NamedTuple):
    """What sets a host apart from the majority in one feature."""

    feature: Feature
    got: Value | None
    """None: it lacks the feature."""
    want: Value | None
    """What most others have; None: they lack it."""
    of: int
    """Hosts compared in this feature."""


@dataclass(frozen=True, slots=True)
class Split:
    """A feature without a majority."""

    feature: Feature
    values: Mapping[Value | None, tuple[str, ...]]
    """The most hosts first; None for those that lack it."""
    measured: bool = False
    """Numbers in two groups far apart; the values are their ranges."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What hosts have in common and what not."""

    hosts: tuple[str, ...]
    odd: Mapping[str, tuple[Deviation, ...]]
    """Host -> its deviations; hosts without one are not in it."""
    splits: tuple[Split, ...] = ()
    varying: tuple[Feature, ...] = ()
    """Features that differ on nearly every host: told, not held against anybody."""
    measures: tuple[Measure, ...] = ()


def contrast(features: Mapping[str, Features]) -> Contrast:
    """Compare hosts; fewer than two are not compared.

    Equal feature mappings should be one object: each object is looked at once. Linear in the number
    of features over all of these.
    """
    hosts = tuple(features)
    if len(hosts) < 2:
        return Contrast(hosts, {})
    differing, numbers = _differing(features)
    found = _Findings(hosts)
    for feature, holders in differing.items():
        if feature not in numbers:
            found.classify(feature, holders)
    for feature, values in numbers.items():
        found.measure(feature, values, differing.get(feature))
    return found.contrast()


def _differing(
    features: Mapping[str, Features],
) -> tuple[dict[Feature, Holders], dict[Feature, dict[str, Number]]]:
    """Texts and counts that not all hosts have alike, and all numbers; in order of appearance."""
    shared = _by_object(features)
    tally: Counter[tuple[Feature, Value]] = Counter()
    numbers: dict[Feature, dict[str, Number]] = {}
    plain: list[tuple[Features, list[str]]] = []
    for values, hosts in shared:
        texts = _take_numbers(values, hosts, numbers)
        plain.append((texts, hosts))
        if len(hosts) == 1:
            tally.update(texts.items())
        else:
            for item in texts.items():
                tally[item] += len(hosts)
    everyone = len(features)
    differing: dict[Feature, Holders] = {
        feature: {} for (feature, _), count in tally.items() if count < everyone
    }
    for texts, hosts in plain:
        for feature, value in texts.items():
            if feature in differing:
                differing[feature].setdefault(value, []).extend(hosts)
    return differing, numbers


def _by_object(features: Mapping[str, Features]) -> list[tuple[Features, list[str]]]:
    shared: dict[int, tuple[Features, list[str]]] = {}
    for host, values in features.items():
        shared.setdefault(id(values), (values, []))[1].append(host)
    return list(shared.values())


def _take_numbers(
    values: Features, hosts: Sequence[str], numbers: dict[Feature, dict[str, Number]]
) -> Features:
    """`values` without its numbers, which go into `numbers`."""
    if Number not in set(map(type, values.values())):
        return values
    for feature, value in values.items():
        if isinstance(value, Number) and value.field.compare:
            numbers.setdefault(feature, {}).update(dict.fromkeys(hosts, value))
    return {feature: value for feature, value in values.items() if not isinstance(value, Number)}


class _Findings:
    """What was found so far, feature by feature."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts
        self._odd: dict[str, list[Deviation]] = {}
        self._splits: list[Split] = []
        self._varying: list[Feature] = []
        self._measures: list[Measure] = []

    def contrast(self) -> Contrast:
        return Contrast(
            hosts=self._hosts,
            odd={host: tuple(self._odd[host]) for host in self._hosts if host in self._odd},
            splits=tuple(self._splits),
            varying=tuple(self._varying),
            measures=tuple(self._measures),
        )

    def classify(self, feature: Feature, holders: Holders) -> None:
        if isinstance(next(iter(holders)), int):
            self._event(feature, holders)
            return
        having = sum(map(len, holders.values()))
        of = having if isinstance(feature, Cell) else len(self._hosts)
        if isinstance(feature, Cell) and having * 2 <= len(self._hosts):
            return  # The row itself is what few hosts have.
        lacking = of - having
        best = max(holders, key=lambda value: len(holders[value]))
        if lacking * 2 > of:
            self._deviate(feature, holders.items(), None, of)
        elif len(holders[best]) * 2 > of:
            others: list[tuple[Value | None, list[str]]] = [
                (value, hosts) for value, hosts in holders.items() if value is not best
            ]
            if lacking:
                others.append((None, self._without(holders)))
            self._deviate(feature, others, best, of)
        else:
            self._no_majority(feature, holders, of)

    def _event(self, feature: Feature, holders: Holders) -> None:
        """An event of a log: the values are counts, and a host without it has 0."""
        counts = {
            host: count
            for count, hosts in holders.items()
            if isinstance(count, int)
            for host in hosts
        }
        of = len(self._hosts)
        if len(counts) * 2 <= of:
            self._deviate(feature, holders.items(), None, of)
            return
        median, far = odd_counts({host: counts.get(host, 0) for host in self._hosts})
        for host in far:
            if host in counts:
                self._deviate(feature, [(counts[host], [host])], median, of)
        if len(counts) < of:
            self._deviate(feature, [(None, self._without(holders))], median, of)

    def _no_majority(self, feature: Feature, holders: Holders, of: int) -> None:
        numbers = _quantities(holders) if len(holders) * 2 > of >= FEWEST_MEASURED else None
        if numbers is not None:
            self.measure(feature, numbers)
        elif feature != WHOLE and of >= FEWEST_VARYING and len(holders) >= VARYING_SHARE * of:
            self._varying.append(feature)
        else:
            groups: dict[Value | None, list[str]] = dict(holders.items())
            if sum(map(len, holders.values())) < of:
                groups[None] = self._without(holders)
            self._splits.append(Split(feature, _largest_first(groups)))

    def measure(
        self, feature: Feature, numbers: Mapping[str, Number], texts: Holders | None = None
    ) -> None:
        """A number: who is far from the others, has something else there (`texts`), or lacks it."""
        if isinstance(feature, Cell) and len(numbers) * 2 <= len(self._hosts):
            return  # The row itself is what few hosts have.
        field = next(iter(numbers.values())).field
        unit = field.unit or Unit.NONE
        values = {host: numbers[host].value for host in self._hosts if host in numbers}
        found = odd_hosts(values, field, unit)
        want = Number(found.median, shown_number(found.median, unit, field), field)
        self._measures.append(_measure(feature, unit, values, found, field))
        for host in found.odd:
            self._deviate(feature, [(numbers[host], [host])], want, len(values))
        if found.split is not None:
            parts: dict[Value | None, tuple[str, ...]] = {
                _range(part, unit, field): part.hosts for part in found.split
            }
            self._splits.append(Split(feature, parts, measured=True))
        of = len(self._hosts)
        if not isinstance(feature, Cell) and not field.rate and of > len(values) > of / 2:
            said = {host for hosts in (texts or {}).values() for host in hosts}
            without = [host for host in self._hosts if host not in values and host not in said]
            self._deviate(feature, [(None, without)], want, of)
        if texts and sum(map(len, texts.values())) < len(values):
            self._deviate(feature, list(texts.items()), want, of)

    def _deviate(
        self,
        feature: Feature,
        groups: Iterable[tuple[Value | None, Iterable[str]]],
        want: Value | None,
        of: int,
    ) -> None:
        for got, hosts in groups:
            deviation = Deviation(feature, got, want, of)
            for host in hosts:
                self._odd.setdefault(host, []).append(deviation)

    def _without(self, holders: Holders) -> list[str]:
        having = {host for hosts in holders.values() for host in hosts}
        return [host for host in self._hosts if host not in having]


def _measure(
    feature: Feature, unit: Unit, values: dict[str, float], found: Outliers, field: Field
) -> Measure:
    """For people: a share of bytes or seconds as per cent."""
    if not is_share(unit, field):
        return Measure(str(feature), unit, values, found.median, found.odd)
    points = {host: 100.0 * value for host, value in values.items()}
    return Measure(str(feature), Unit.PERCENT, points, 100.0 * found.median, found.odd)


def _range(part: Part, unit: Unit, field: Field) -> str:
    low, high = (shown_number(value, unit, field) for value in (part.low, part.high))
    return low if low == high else f"{low} to {high}"


def _largest_first(
    groups: Mapping[Value | None, Sequence[str]],
) -> dict[Value | None, tuple[str, ...]]:
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return {value: tuple(hosts) for value, hosts in ordered}


def _quantities(holders: Holders) -> dict[str, Number] | None:
    """The hosts' texts as numbers of one unit; None where one is none, or units differ."""
    read = dict(_parsed(holders))
    if len(read) < len(holders) or len({unit for _, unit in read.values()}) != 1:
        return None
    unit = next(iter(read.values()))[1]
    field = Field(name="", unit=unit)
    return {
        host: Number(read[value][0], str(value), field)
        for value, hosts in holders.items()
        for host in hosts
    }


def _parsed(holders: Holders) -> Iterator[tuple[Value, tuple[float, Unit]]]:
    for value in holders:
        if isinstance(value, str) and (quantity := parse_quantity(value)) is not None:
            yield value, (quantity.value, quantity.unit)
