"""What sets hosts apart in one step -> findings.

Deviations that the same hosts have are one finding; a step with many such sets is one finding with
the number of ways. Severity: a difference is a warning. It is info where it is no more than a log's
harmless event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.clean import clip
from fleetdiag.compare.clock import time_range
from fleetdiag.compare.evidence import (
    EVIDENCE_LINES,
    differing_lines,
    more_line,
    shown_feature,
    shown_value,
    whose,
)
from fleetdiag.compare.features import PRESENT, WHOLE, Number, Slot
from fleetdiag.compare.trouble import is_trouble, other_number_features
from fleetdiag.compare.units import parse_quantity
from fleetdiag.model import Finding, FindingKind, Mode, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleetdiag.compare.contrast import Contrast, Deviation, Split
    from fleetdiag.compare.features import Feature, Lines, Value
    from fleetdiag.compare.group import Grouping

FLOOD_TIMES = 10
FLOOD_MORE = 50
"""An event so many times as often as usual, and so many times more, is worth a warning in any
words."""
RARE_SHARE = 0.05
"""Harmless events of so few hosts are told apart from those that come and go."""
SPECIAL_SHARE = 0.2
OFTEN = 5
"""A line of trouble counts where at most a fifth of the hosts have it, or have it so many times
each: every application rejects something now and then."""
FIXED_SHARE = 0.1
"""At most so many hosts have another number in a line, and it is one that hosts do not vary in."""
MAX_SEPARATE = 3
"""So many odd sets of hosts in a step get a finding each; more are one finding."""
EVIDENCE_HOSTS = 3
MOST_SEEN = 20
"""Of so many hosts the lines of an event are looked at again, for when it was."""
SUMMARY_CHARS = 100
FEWEST_OWN = 5
"""Where so many hosts each say something of their own, it is a name, not a difference."""


@dataclass(frozen=True)
class Oddity:
    """Deviations that the same hosts have."""

    hosts: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    """One for each feature, in order; of numbers, the first host's."""
    by_host: Mapping[str, tuple[Deviation, ...]]
    severity: Severity

    @cached_property
    def host_set(self) -> frozenset[str]:
        return frozenset(self.hosts)

    @property
    def of(self) -> int:
        return max(deviation.of for deviation in self.deviations)

    @property
    def common(self) -> int:
        """How many hosts say what most say."""
        return self.of - len(self.hosts)

    @property
    def is_rare(self) -> bool:
        """Something that few hosts have, not something that few lack."""
        few = len(self.hosts) <= max(1, RARE_SHARE * self.of)
        return few and any(deviation.want is None for deviation in self.deviations)


class Seen(NamedTuple):
    """An event in a host's log."""

    line: str
    """The first, as the host gave it."""
    first_s: float | None
    """When, Unix time on our clock; None where the lines do not say."""
    last_s: float | None


SeenOf = Callable[[str, Collection[str]], Mapping[str, Seen]]
"""Host and events -> those of them that its log has."""
RawOf = Callable[[str], Mapping[str, str]]
"""Host -> masked line -> as the host gave it."""


def difference_findings(
    step: str,
    mode: Mode,
    grouping: Grouping,
    lines_of: Callable[[str], Lines],
    seen_of: SeenOf = lambda *_: {},
    raw_of: RawOf = lambda _: {},
) -> list[Finding]:
    """What differs between the hosts of one step.

    Args:
        step: its name.
        mode: how it was compared.
        grouping: its answers.
        lines_of: host -> its lines as they are shown.
        seen_of: when events were seen, in mode `log`.
        raw_of: what its lines were before they were masked.
    """
    teller = _Teller(step, mode, grouping, lines_of, seen_of, raw_of)
    findings: list[Finding] = []
    for part in grouping.contrasts:
        oddities = _oddities(part, mode)
        loud = [odd for odd in oddities if odd.severity is not Severity.INFO]
        quiet = [odd for odd in oddities if odd.severity is Severity.INFO]
        rare = [odd for odd in quiet if odd.is_rare]
        if len(rare) > MAX_SEPARATE:
            rare = [odd for odd in rare if len(odd.hosts) == 1]
        if len(rare) > MAX_SEPARATE:
            rare = []
        several = [odd for odd in loud if len(odd.hosts) > 1]  # one host has no other within it
        roots = [odd for odd in loud if not any(_within(odd, other) for other in several)]
        for some in (roots, rare, [odd for odd in quiet if odd not in rare]):
            if len(some) > MAX_SEPARATE:
                findings.append(teller.many(some))
            else:
                findings += [teller.one(odd, loud) for odd in some]
        findings += teller.splits(part)
    return findings


def harmless(part: Contrast, mode: Mode) -> frozenset[Deviation]:
    """Deviations that are no more than info: hosts that have only these are not odd."""
    if mode is not Mode.LOG:
        return frozenset()
    quiet = (odd for odd in _oddities(part, mode) if odd.severity is Severity.INFO)
    return frozenset(d for odd in quiet for some in odd.by_host.values() for d in some)


# ------------------------------------------------------------------------- sets of hosts


def _oddities(part: Contrast, mode: Mode) -> list[Oddity]:
    """The deviations of `part` by the hosts that have them, in order of appearance."""
    by_sort: dict[object, dict[str, list[Deviation]]] = {}
    other_numbers: set[object] = set()
    for host, deviations in part.odd.items():
        fixed = other_number_features(deviations) if mode is Mode.LOG else set()
        for deviation in deviations:
            sort = _sort(deviation, mode)
            by_sort.setdefault(sort, {}).setdefault(host, []).append(deviation)
            if deviation.feature in fixed:
                other_numbers.add(sort)
    most = max(1, FIXED_SHARE * len(part.hosts))
    by_hosts: dict[tuple[Severity, tuple[str, ...], bool], dict[str, list[Deviation]]] = {}
    for sort, members in by_sort.items():
        alike = [some[0] for some in members.values()]
        severity = _severity(alike, len(part.hosts), mode)
        if sort in other_numbers and len(members) <= most:
            severity = Severity.WARNING
        # Harmless events that hosts have are told apart from those that they lack.
        lacking = mode is Mode.LOG and severity is Severity.INFO and not _more(alike[0])
        merged = by_hosts.setdefault((severity, tuple(members), lacking), {})
        for host, same in members.items():
            merged.setdefault(host, []).extend(same)
    return [
        Oddity(hosts, tuple(found[hosts[0]]), {h: tuple(d) for h, d in found.items()}, severity)
        for (severity, hosts, _), found in by_hosts.items()
    ]


def _within(odd: Oddity, other: Oddity) -> bool:
    """Whether `odd` is of some, not all, of the hosts of `other`."""
    return len(odd.hosts) < len(other.hosts) and other.host_set.issuperset(odd.hosts)


def _sort(deviation: Deviation, mode: Mode) -> object:
    """What makes deviations of two hosts the same: not how far a number is off."""
    got, want = deviation.got, deviation.want
    if isinstance(got, Number) and isinstance(want, Number):
        return deviation.feature, got.value > want.value
    if mode is Mode.LOG:
        return deviation.feature, _more(deviation)
    if isinstance(got, str) and isinstance(want, str) and deviation.feature != WHOLE:
        numbers = parse_quantity(got), parse_quantity(want)
        if numbers[0] is not None and numbers[1] is not None:
            return deviation.feature, numbers[0].value > numbers[1].value
    return deviation


def _more(deviation: Deviation) -> bool:
    """Of a log's event: there more often than on others."""
    got, want = deviation.got or 0, deviation.want or 0
    return isinstance(got, int) and isinstance(want, int) and got > want


def _severity(alike: Sequence[Deviation], of: int, mode: Mode) -> Severity:
    """Of deviations that are the same on so many of the hosts."""
    first = alike[0]
    if mode is not Mode.LOG or not isinstance(first.got or first.want, int):
        return Severity.WARNING
    if not _more(first):
        return Severity.INFO
    again = median(deviation.got for deviation in alike if isinstance(deviation.got, int))
    special = len(alike) <= max(1, SPECIAL_SHARE * of) or again >= OFTEN
    telling = (special and is_trouble(str(first.feature))) or any(map(_is_flood, alike))
    return Severity.WARNING if telling else Severity.INFO


def _is_flood(deviation: Deviation) -> bool:
    got, want = deviation.got, deviation.want
    if not isinstance(got, int) or not isinstance(want, int):
        return False
    return got >= FLOOD_TIMES * want and got - want >= FLOOD_MORE


# ------------------------------------------------------------------------------ sentences


@dataclass(frozen=True, slots=True)
class _Teller:
    """Words for the differences of one step."""

    step: str
    mode: Mode
    grouping: Grouping
    lines_of: Callable[[str], Lines]
    seen_of: SeenOf
    raw_of: RawOf

    def one(self, odd: Oddity, others: Sequence[Oddity] = ()) -> Finding:
        """A finding; what sets some of its hosts further apart is folded under it."""
        within = [self._alone(other).summary for other in others if _within(other, odd)]
        return replace(self._alone(odd), also=tuple(within))

    def _alone(self, odd: Oddity) -> Finding:
        if self._whole(odd) or not self.lines_of(odd.hosts[0]):
            return self._text(odd)
        first, *others = odd.deviations
        summary = f"{self.step}: {self._told(first, odd)}"
        if others:
            summary = self._counted(odd)
        return self._finding(odd, summary, self._evidence(odd), feature=str(first.feature))

    def many(self, odds: Sequence[Oddity]) -> Finding:
        """One finding over several sets of hosts; the evidence is the first's."""
        hosts = self.grouping.in_order(host for odd in odds for host in odd.hosts)
        of = max(odd.of for odd in odds)
        ways = f"{len(odds)} ways"
        if self.mode is Mode.LOG:
            summary = f"{self.step}: events that few hosts have, in {ways}"
        elif of > len(hosts):
            summary = f"{self.step} differs from {of - len(hosts)} of {of} hosts, in {ways}"
        else:
            summary = f"{self.step} differs between hosts, in {ways}"
        evidence = [line for odd in odds[:EVIDENCE_HOSTS] for line in self._first_of(odd)]
        return Finding(
            kind=FindingKind.DIFFERS,
            severity=odds[0].severity,
            summary=summary,
            hosts=hosts,
            of=of,
            step=self.step,
            evidence=(*evidence, *more_line(len(odds) - EVIDENCE_HOSTS, "more ways")),
        )

    def splits(self, part: Contrast) -> list[Finding]:
        """Features without a majority; those that part the hosts alike are one finding."""
        alike: dict[frozenset[tuple[str, ...]], list[Split]] = {}
        for split in part.splits:
            alike.setdefault(frozenset(split.values.values()), []).append(split)
        return [self._split(part, splits) for splits in list(alike.values())[:MAX_SEPARATE]]

    # ------------------------------------------------------------------------ one finding

    def _whole(self, odd: Oddity) -> bool:
        return any(deviation.feature == WHOLE for deviation in odd.deviations)

    def _text(self, odd: Oddity) -> Finding:
        majority = self.grouping.majority_of(odd.hosts[0])
        common = self.lines_of(majority.first.host) if majority else ()
        lines = self.lines_of(odd.hosts[0])
        if not lines:
            return Finding(
                kind=FindingKind.MISSING,
                severity=odd.severity,
                summary=f"{self.step} printed nothing, unlike {odd.common} of {odd.of} hosts",
                hosts=odd.hosts,
                of=odd.of,
                step=self.step,
                evidence=tuple(f"- {clip(line)}" for line in common[:EVIDENCE_HOSTS]),
            )
        summary = f"{self.step} differs from {odd.common} of {odd.of} hosts"
        raw = self.raw_of(odd.hosts[0])
        return self._finding(odd, summary, differing_lines(common, lines, raw))

    def _finding(
        self, odd: Oddity, summary: str, evidence: Lines, feature: str | None = None
    ) -> Finding:
        return Finding(
            kind=FindingKind.DIFFERS,
            severity=odd.severity,
            summary=summary,
            hosts=odd.hosts,
            of=odd.of,
            step=self.step,
            feature=feature,
            evidence=evidence,
        )

    def _told(self, deviation: Deviation, odd: Oddity) -> str:
        """One deviation in words, with what the others have."""
        feature = clip(shown_feature(deviation.feature), SUMMARY_CHARS)
        got, want = deviation.got, deviation.want
        others = f"{deviation.of - len(odd.hosts)} of {deviation.of}"
        if isinstance(got, Number) and isinstance(want, Number):
            if len(odd.hosts) > 1:
                side = "above" if got.value > want.value else "below"
                return f"{feature} far {side} the others' median of {want.text}"
            return f"{feature} is {shown_value(got)}, the others' median is {want.text}"
        if self.mode is Mode.LOG:
            return _told_event(feature, got, want, others, len(odd.hosts))
        if got is None:
            return f"lacks {feature}, which {others} hosts have"
        if want is None:
            return f"{feature}{_value(got)}, which {others} hosts lack"
        return f"{feature} is {_short(got)}, on {others} {_short(want)}"

    def _counted(self, odd: Oddity) -> str:
        number = len(odd.deviations)
        if self.mode is Mode.LOG:
            what = "events far more often than" if _more(odd.deviations[0]) else "events fewer than"
            if odd.deviations[0].want is None:
                return f"{self.step}: {number} events that {odd.common} of {odd.of} hosts lack"
            return f"{self.step}: {number} {what} on {odd.common} of {odd.of} hosts"
        if self.mode is Mode.LINES or self.mode is Mode.TEXT:
            return f"{self.step} differs from {odd.common} of {odd.of} hosts"
        return f"{self.step} differs from {odd.common} of {odd.of} hosts, in {number} values"

    def _first_of(self, odd: Oddity) -> Lines:
        """A line or two of what `odd` is about, with whose it is."""
        lines = self._evidence(odd) if not self._whole(odd) else self._text(odd).evidence
        return tuple(f"{whose(odd.hosts)}: {line}" for line in lines[:1])

    def _evidence(self, odd: Oddity) -> Lines:
        first = odd.deviations[0]
        if isinstance(first.got, Number) and isinstance(first.want, Number):
            return self._numbers(odd)
        if self.mode is Mode.LOG:
            more = more_line(len(odd.deviations) - EVIDENCE_LINES, "more events")
            return (*self._events(odd.hosts, odd.deviations[:EVIDENCE_LINES]), *more)
        want, got = _both_sides(odd.deviations, _as_pair)
        return differing_lines(want, got, self.raw_of(odd.hosts[0]))

    def _events(self, hosts: Sequence[str], deviations: Sequence[Deviation]) -> Iterator[str]:
        """Each event as the first host gave it, how often it is there, and from when to when."""
        events = {str(d.feature) for d in deviations if d.got is not None}
        seen = {host: self.seen_of(host, events) for host in hosts[:MOST_SEEN]} if events else {}
        for deviation in deviations:
            event = str(deviation.feature)
            found = [by_event[event] for by_event in seen.values() if event in by_event]
            line = found[0].line.strip() if found else event
            told = [_times(deviation.got, deviation.want), _span(found)]
            about = ", ".join(filter(None, told))
            yield f"{about}: {clip(line)}" if about else clip(line)

    def _numbers(self, odd: Oddity) -> Lines:
        if len(odd.hosts) == 1:
            lines = [
                f"{shown_feature(d.feature)} {shown_value(d.got)}, median {shown_value(d.want)}"
                for d in odd.deviations
                if d.got is not None and d.want is not None
            ]
            return (*lines[:EVIDENCE_LINES], *more_line(len(lines) - EVIDENCE_LINES, "more"))
        lines = [
            f"{host}: {shown_feature(found[0].feature)} {shown_value(found[0].got)}"
            for host, found in odd.by_host.items()
            if found[0].got is not None
        ]
        return (*lines[:EVIDENCE_LINES], *more_line(len(lines) - EVIDENCE_LINES, "more hosts"))

    # ------------------------------------------------------------------------ no majority

    def _split(self, part: Contrast, splits: Sequence[Split]) -> Finding:
        split = splits[0]
        groups = list(split.values.items())
        sizes = [len(hosts) for _, hosts in groups]
        of = sum(sizes)
        all_own = max(sizes) == 1 and of >= FEWEST_OWN
        how = (
            f"all {of} hosts differ from each other"
            if max(sizes) == 1
            else f"{len(sizes)} groups of {_enumeration(sizes)} hosts"
        )
        named = split.feature != WHOLE and not isinstance(split.feature, Slot)
        what = f" on {clip(shown_feature(split.feature), 60)}" if named else ""
        more = f" (and {len(splits) - 1} more values alike)" if splits[1:] else ""
        hosts = self.grouping.in_order(host for _, some in groups for host in some)
        return Finding(
            kind=FindingKind.DIFFERS,
            severity=Severity.INFO if split.measured or all_own else Severity.WARNING,
            summary=f"{self.step}: no majority{what}{more}, {how}",
            hosts=hosts,
            of=len(part.hosts),
            step=self.step,
            feature=str(split.feature) if named else None,
            evidence=self._split_evidence(split.feature, groups),
        )

    def _split_evidence(
        self, feature: Feature, groups: Sequence[tuple[Value | None, tuple[str, ...]]]
    ) -> Lines:
        shown = groups[:4]
        everywhere: set[str] = set()
        if feature == WHOLE:
            everywhere = set(self.lines_of(groups[0][1][0]))
            for _, hosts in groups[1:50]:
                everywhere.intersection_update(self.lines_of(hosts[0]))
        lines = []
        for value, hosts in shown:
            if feature == WHOLE:
                own = [line.strip() for line in self.lines_of(hosts[0]) if line not in everywhere]
                said = next(filter(None, own), "(nothing of its own)")
            else:
                said = "(lacks it)" if value is None else shown_value(value)
            lines.append(f"{whose(hosts)}: {clip(said)}")
        return (*lines, *more_line(len(groups) - len(shown), "more groups"))


def _told_event(
    feature: str, got: Value | None, want: Value | None, others: str, hosts: int
) -> str:
    if want is None:
        again = f", {got} times" if hosts == 1 and isinstance(got, int) and got > 1 else ""
        return f"{feature}{again} ({others} hosts lack it)"
    if got is None:
        return f"lacks {feature}, which {others} hosts have"
    if hosts > 1:
        return f"{feature} far more often than the others' median of {want}"
    return f"{feature} {got} times, the others' median is {want}"


def _both_sides(
    deviations: Iterable[Deviation], line: Callable[[Feature, Value], str]
) -> tuple[Lines, Lines]:
    """What the others have of these and what these hosts have instead, as lines."""
    want, got = [], []
    for deviation in deviations:
        if deviation.want is not None:
            want.append(line(deviation.feature, deviation.want))
        if deviation.got is not None:
            got.append(line(deviation.feature, deviation.got))
    return tuple(want), tuple(got)


def _as_pair(feature: Feature, value: Value) -> str:
    name = shown_feature(feature)
    return name if value == PRESENT else f"{name} = {shown_value(value)}"


def _value(value: Value) -> str:
    return "" if value == PRESENT else f" = {_short(value)}"


def _short(value: Value) -> str:
    return clip(shown_value(value), SUMMARY_CHARS)


def _times(got: Value | None, want: Value | None) -> str:
    if not isinstance(got, int) or (got == 1 and want is None):
        return ""
    return f"{got} times" if want is None else f"{got} times, median {want}"


def _span(seen: Sequence[Seen]) -> str:
    """`2026-11-22 03:01:07 to 03:04:11 UTC`, over all hosts."""
    firsts = [one.first_s for one in seen if one.first_s is not None]
    lasts = [one.last_s for one in seen if one.last_s is not None]
    return time_range(min(firsts), max(lasts)) if firsts and lasts else ""


def _enumeration(sizes: Sequence[int]) -> str:
    """`4, 3 and 2`; of many groups the largest."""
    shown = [str(size) for size in sizes[:4]]
    if len(sizes) > len(shown):
        return f"{', '.join(shown)}, …"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
