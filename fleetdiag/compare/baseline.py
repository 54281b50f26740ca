"""A run and an earlier one -> what changed in between, as findings.

`changed_findings` takes one step's features of both runs, host by host; `run_findings` what
concerns whole hosts: reboots, new and vanished hosts, answers that are there in one run only. What
changed in the same way on the same hosts is one finding. Knows nothing of how outputs are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.compare.changes import Change, changes
from fleetdiag.compare.changewords import MAX_VALUES, cut, told_events, told_one
from fleetdiag.compare.clean import clip
from fleetdiag.compare.evidence import (
    EVIDENCE_LINES,
    differing_lines,
    more_line,
    shown_feature,
    shown_value,
)
from fleetdiag.compare.features import PRESENT, WHOLE, Number, Value
from fleetdiag.compare.interval import run_findings
from fleetdiag.compare.trouble import is_trouble
from fleetdiag.model import Finding, FindingKind, Mode, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fleetdiag.compare.features import Feature, Features, Lines

__all__ = ["changed_findings", "run_findings"]

MAX_SEPARATE = 4
"""More sets of hosts than this with changes of their own are told in one finding."""
VARYING_SHARE = 0.8
"""Where so many of the hosts changed, and nearly each in its own way, it differs by nature from one
look to the next."""
FEWEST_VARYING = 3

ByHost = dict[str, list[Change]]


@dataclass(frozen=True, slots=True)
class _Way:
    """Hosts on which the same things changed."""

    by_host: Mapping[str, Sequence[Change]]
    severity: Severity

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.by_host)

    @property
    def first(self) -> Sequence[Change]:
        """The changes on the first of the hosts."""
        return next(iter(self.by_host.values()))


def changed_findings(
    step: str, mode: Mode, before: Mapping[str, Features], after: Mapping[str, Features]
) -> list[Finding]:
    """What changed in one step on the hosts that answered in both runs.

    Args:
        step: its name.
        mode: how both were read.
        before: host -> features in the earlier run.
        after: the same in the later run, in its order.
    """
    found: dict[tuple[int, int], tuple[Change, ...]] = {}
    changed: dict[str, tuple[Change, ...]] = {}
    both = [host for host in after if host in before]
    for host in both:
        # Equal features are one object: a thousand equal hosts are compared once.
        key = (id(before[host]), id(after[host]))
        if key not in found:
            found[key] = changes(mode, before[host], after[host])
        if found[key]:
            changed[host] = found[key]
    teller = _Teller(step, mode, len(both))
    varying = _varying(changed, len(both))
    findings = [teller.varying(varying)] if varying else []
    ways, personal = _apart(_ways(_without(changed, varying), mode), len(both))
    if personal:
        findings.append(teller.personal(personal))
    for severity in (Severity.WARNING, Severity.INFO):
        some = [way for way in ways if way.severity is severity]
        if len(some) > MAX_SEPARATE:
            findings.append(teller.many(some, changed))
        else:
            findings += [teller.one(way) for way in some]
    return findings


def _ways(changed: Mapping[str, Sequence[Change]], mode: Mode) -> list[_Way]:
    """The changes by the hosts that have them alike, in order of appearance."""
    by_sort: dict[object, ByHost] = {}
    for host, found in changed.items():
        for change in found:
            by_sort.setdefault(_sort(change), {}).setdefault(host, []).append(change)
    by_hosts: dict[tuple[Severity, tuple[str, ...]], ByHost] = {}
    for members in by_sort.values():
        severity = _severity(next(iter(members.values()))[0], mode)
        merged = by_hosts.setdefault((severity, tuple(members)), {})
        for host, found in members.items():
            merged.setdefault(host, []).extend(found)
    return [_Way(by_host, severity) for (severity, _), by_host in by_hosts.items()]


def _sort(change: Change) -> object:
    """What makes changes on two hosts the same: what it became, not what it was or how far."""
    if any(isinstance(value, Number | int) for value in (change.was, change.now)):
        return change.feature, change.was is None, change.now is None, change.rose
    return change.feature, change.was is None, change.now


def _severity(change: Change, mode: Mode) -> Severity:
    if mode is not Mode.LOG or isinstance(change.now or change.was, str):
        return Severity.WARNING
    told = change.now is not None and is_trouble(str(change.feature))
    return Severity.WARNING if told else Severity.INFO


# ------------------------------------------------------------------------ by nature


def _varying(changed: Mapping[str, Sequence[Change]], of: int) -> dict[Feature, tuple[str, ...]]:
    """Features that became something else on nearly every host, on each another value."""
    hosts: dict[Feature, dict[str, Value]] = {}
    for host, found in changed.items():
        for feature, was, now in found:
            if isinstance(was, str) and isinstance(now, str):
                hosts.setdefault(feature, {})[host] = now
    most = max(VARYING_SHARE * of, FEWEST_VARYING)
    return {
        feature: tuple(values)
        for feature, values in hosts.items()
        if len(values) >= most and len(set(values.values())) >= most
    }


def _without(
    changed: Mapping[str, Sequence[Change]], features: Collection[Feature]
) -> dict[str, list[Change]]:
    return {
        host: [change for change in found if change.feature not in features]
        for host, found in changed.items()
    }


def _apart(ways: list[_Way], of: int) -> tuple[list[_Way], list[_Way]]:
    """The ways that tell something, and those of single hosts where nearly each has its own."""
    alone = [way for way in ways if len(way.hosts) == 1]
    if len({way.hosts for way in alone}) < max(VARYING_SHARE * of, FEWEST_VARYING):
        return ways, []
    return [way for way in ways if len(way.hosts) > 1], alone


# ------------------------------------------------------------------------------ sentences


@dataclass(frozen=True, slots=True)
class _Teller:
    """Words for the changes of one step."""

    step: str
    mode: Mode
    of: int

    def one(self, way: _Way) -> Finding:
        first = way.first[0]
        alone = len(way.first) == 1
        return self._finding(
            way.severity,
            f"{self.step}: {self._told(way)}",
            way.hosts,
            self._evidence(way),
            feature=str(first.feature) if alone and not self._by_line(first) else None,
        )

    def many(self, ways: Sequence[_Way], order: Iterable[str]) -> Finding:
        """One finding over several sets of hosts: a line of evidence for the first few."""
        there = {host for way in ways for host in way.hosts}
        hosts = tuple(host for host in order if host in there)
        what = "has new events" if ways[0].severity is Severity.INFO else "changed"
        summary = f"{self.step} {what}, in {len(ways)} ways on {len(hosts)} hosts"
        return self._finding(ways[0].severity, summary, hosts, self._samples(ways))

    def varying(self, features: Mapping[Feature, tuple[str, ...]]) -> Finding:
        """Values that are others each time and on each host: no news by themselves."""
        names = [cut(shown_feature(feature)) for feature in features]
        there = ", ".join(names[:MAX_VALUES]) + (", …" if names[MAX_VALUES:] else "")
        summary = f"{self.step}: {there} changed on nearly every host, on each to another value"
        return self._finding(Severity.INFO, summary, max(features.values(), key=len), ())

    def personal(self, ways: Sequence[_Way]) -> Finding:
        """A step that says something else each time, on each host."""
        summary = f"{self.step} changed on nearly every host, on each in another way"
        hosts = tuple(dict.fromkeys(way.hosts[0] for way in ways))
        return self._finding(Severity.INFO, summary, hosts, self._samples(ways))

    def _finding(
        self,
        severity: Severity,
        summary: str,
        hosts: tuple[str, ...],
        evidence: Lines,
        feature: str | None = None,
    ) -> Finding:
        return Finding(
            kind=FindingKind.CHANGED,
            severity=severity,
            summary=summary,
            hosts=hosts,
            of=self.of,
            step=self.step,
            feature=feature,
            evidence=evidence,
        )

    def _samples(self, ways: Sequence[_Way]) -> Lines:
        lines = [f"{way.hosts[0]}: {self._told(way)}" for way in ways[: EVIDENCE_LINES - 1]]
        return (*map(clip, lines), *more_line(len(ways) - len(lines), "more ways"))

    def _by_line(self, change: Change) -> bool:
        """Whether the feature is a line that is there or not."""
        return self.mode in {Mode.TEXT, Mode.LINES} and PRESENT in {change.was, change.now}

    def _told(self, way: _Way) -> str:
        """What changed, in words without the step's name."""
        gone = [change for change in way.first if change.now is None]
        new = [change for change in way.first if change.was is None]
        if len(way.first) == 1:
            return told_one(way.first[0], [found[0] for found in way.by_host.values()])
        if self.mode is Mode.LOG:
            return told_events(len(new), len(gone), len(way.first))
        if all(map(self._by_line, way.first)):
            if len(gone) == len(new) == 1:
                return f"changed from {cut(gone[0].feature)} to {cut(new[0].feature)}"
            return f"lines changed, {len(gone)} gone and {len(new)} new"
        return f"{len(way.first)} values changed"

    def _evidence(self, way: _Way) -> Lines:
        if len(way.first) == 1 and len(way.hosts) > 1 and way.first[0].is_number:
            lines = [f"{host}: {told_one(found[0])}" for host, found in way.by_host.items()]
            return (*lines[:EVIDENCE_LINES], *more_line(len(lines) - EVIDENCE_LINES, "more hosts"))
        before = tuple(self._as_line(c, c.was) for c in way.first if c.was is not None)
        after = tuple(self._as_line(c, c.now) for c in way.first if c.now is not None)
        return differing_lines(before, after)

    def _as_line(self, change: Change, value: Value) -> str:
        name = shown_feature(change.feature)
        if isinstance(value, int):
            return f"{name}  ({value} times)" if value > 1 or change.was is not None else name
        if change.feature == WHOLE:
            return shown_value(value)
        return name if value == PRESENT else f"{name} = {shown_value(value)}"
