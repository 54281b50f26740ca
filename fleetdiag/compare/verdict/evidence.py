"""What is so in a run: which hosts are bad, where, what they share, what the provider says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from fleetdiag.compare.fisher import ALPHA, fisher
from fleetdiag.compare.share import PLACES, shared_by
from fleetdiag.compare.verdict.provider import HIT, Trouble, troubles
from fleetdiag.compare.verdict.rules import So
from fleetdiag.model import DOWN, FindingKind, HostStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fleetdiag.compare.causes import Happened
    from fleetdiag.model import Finding, HostResult, Run, Shared

MOST = 0.5
NEARLY_ALL = 0.8
ZONES = ("zone_id", "zone", "availability_zone")
"""Attributes that name a zone, the most telling first."""
FEWEST_FOR_CHANCE = 6
"""Of fewer hosts no test can tell."""
_OF_HOSTS = frozenset({FindingKind.RULE, FindingKind.DIFFERS, FindingKind.CHANGED})
_CRASHED = frozenset({"panic", "oops", "gpf", "segfault", "soft-lockup", "hard-lockup", "oom"})
_OUR_DEADLINE = "the run's deadline"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that rules and words look at."""

    run: Run
    bad: tuple[str, ...]
    """In the run's order."""
    down: tuple[str, ...]
    """Those of them that gave no answer."""
    others: tuple[str, ...]
    """Hosts that answered and are not bad."""
    well: tuple[str, ...]
    """Those of them that nothing above info sets apart."""
    zones: Mapping[str, str]
    """Host -> its zone, where it is known."""
    zone: str
    """Where nearly all bad hosts are; empty where they are in several, or it is not known."""
    shared: tuple[Shared, ...]
    """What the bad hosts share, the most telling first."""
    trouble: Trouble
    """What the provider says."""
    main: Finding | None
    """The critical finding that most of the bad hosts have."""
    crash: Finding | None
    """A crash that most of them have."""
    so: frozenset[So]

    @property
    def there(self) -> list[str]:
        """All hosts of the zone."""
        return [host for host, zone in self.zones.items() if zone == self.zone]

    @property
    def controls(self) -> tuple[str, ...]:
        """Hosts to compare with: that are well, those elsewhere first."""
        chosen = self.well or self.others
        return tuple(sorted(chosen, key=lambda host: self.zones.get(host, "") == self.zone))


def gathered(run: Run, findings: Sequence[Finding], events: Sequence[Happened]) -> Evidence:
    """The evidence of a run whose hosts have all their attributes.

    Args:
        run: as compared.
        findings: all of them.
        events: what of them has a time.
    """
    order = [host.name for host in run.hosts]
    down = {host.name for host in run.hosts if _is_down(host)}
    bad = _bad(order, down, findings)
    apart = {
        host
        for finding in findings
        if finding.severity is not Severity.INFO and len(finding.hosts) < finding.of
        for host in finding.hosts
    }
    answered = [host.name for host in run.hosts if host.status is HostStatus.OK]
    others = tuple(host for host in answered if host not in set(bad))
    zones = _zones(run)
    zone = _zone(bad, zones)
    attributes = {
        host.name: {**({"zone": zones[host.name]} if host.name in zones else {}), **host.attributes}
        for host in run.hosts
    }
    trouble = troubles(
        run.cloud, bad, zone, _regions(run, zones), order, _bad_since(bad, findings, events)
    )
    partial = Evidence(
        run=run,
        bad=bad,
        down=tuple(host for host in bad if host in down),
        others=others,
        well=tuple(host for host in others if host not in apart),
        zones=zones,
        zone=zone,
        shared=shared_by(bad, [*bad, *others], attributes) if others else (),
        trouble=trouble,
        main=_main(findings, bad),
        crash=_crash(findings, bad),
        so=frozenset(),
    )
    return replace(partial, so=_so(partial))


def _is_down(host: HostResult) -> bool:
    ours = host.status is HostStatus.TIMED_OUT and host.reason.startswith(_OUR_DEADLINE)
    return host.status in DOWN and not ours


def _bad(
    order: Sequence[str], down: Collection[str], findings: Sequence[Finding]
) -> tuple[str, ...]:
    """Hosts that are down or have a critical finding of their own."""
    critical = {
        host
        for finding in findings
        if finding.severity is Severity.CRITICAL and finding.kind in _OF_HOSTS
        for host in finding.hosts
    }
    return tuple(host for host in order if host in critical or host in down)


def _bad_since(
    bad: Collection[str], findings: Sequence[Finding], events: Sequence[Happened]
) -> float | None:
    """When what is critical happened, Unix time: the median of the hosts that say so."""
    grave = {(f.step, f.summary) for f in findings if f.severity is Severity.CRITICAL}
    times: dict[str, float] = {}
    for event in events:
        if (event.finding.step, event.finding.summary) in grave:
            for host in event.times.keys() & set(bad):
                times[host] = min(times.get(host, event.times[host]), event.times[host])
    return median(times.values()) if times else None


def _zones(run: Run) -> dict[str, str]:
    """By the usual attribute that most hosts have; else as the provider says."""
    instances = run.cloud.instances if run.cloud else {}
    candidates = [
        {h.name: h.attributes[name] for h in run.hosts if h.attributes.get(name)} for name in ZONES
    ]
    known = {host.name for host in run.hosts}
    candidates += [
        {host: it.zone_id for host, it in instances.items() if it.zone_id and host in known},
        {host: it.zone for host, it in instances.items() if it.zone and host in known},
    ]
    return max(candidates, key=len)


def _zone(bad: Collection[str], zones: Mapping[str, str]) -> str:
    counted = Counter(zones[host] for host in bad if host in zones).most_common(1)
    if not counted or counted[0][1] < NEARLY_ALL * len(bad):
        return ""
    return counted[0][0]


def _regions(run: Run, zones: Mapping[str, str]) -> dict[str, str]:
    """By the attribute; else as the provider says of the instance or of its zone."""
    instances = run.cloud.instances if run.cloud else {}
    listed = run.cloud.zones if run.cloud else ()
    of_zone = {name: zone.region for zone in listed for name in (zone.id, zone.name)}
    found = {}
    for host in run.hosts:
        instance = instances.get(host.name)
        region = host.attributes.get("region") or (instance.region if instance else "")
        if region := region or of_zone.get(zones.get(host.name, ""), ""):
            found[host.name] = region
    return found


def _main(findings: Sequence[Finding], bad: Collection[str]) -> Finding | None:
    grave = (f for f in findings if f.severity is Severity.CRITICAL and f.kind in _OF_HOSTS)
    shown = [finding for finding in grave if set(finding.hosts) & set(bad)]
    return max(shown, key=lambda finding: len(set(finding.hosts) & set(bad)), default=None)


def _crash(findings: Sequence[Finding], bad: Collection[str]) -> Finding | None:
    for finding in findings:
        covered = len(set(finding.hosts) & set(bad))
        if finding.feature in _CRASHED and covered > MOST * len(bad) and covered > 1:
            return finding
    return None


def _so(evidence: Evidence) -> frozenset[So]:
    bad, others, trouble = evidence.bad, evidence.others, evidence.trouble
    if not bad:
        return frozenset({So.NOTHING_BAD})
    first = evidence.shared[0] if evidence.shared else None
    named = {first.attribute, *(t.partition(" ")[0] for t in first.alike)} if first else set()
    parts = {part for name in named for part in name.split(" + ")} - {"booted"}
    places = {evidence.zones[host] for host in bad if host in evidence.zones}
    hit = set(evidence.there) & set(bad)
    place_hit = bool(evidence.zone) and len(hit) >= HIT * len(evidence.there)
    told_bad, told_others = trouble.hosts.keys() & set(bad), trouble.hosts.keys() & set(others)
    so = {
        So.ALONE: len(evidence.run.hosts) == 1,
        So.NO_OTHERS: not others,
        So.NONE_ANSWERS: not others and len(evidence.down) == len(bad) and evidence.crash is None,
        So.STOPPED: len(trouble.stopped.keys() & set(bad)) > MOST * len(bad),
        So.ONE_BAD: len(bad) == 1,
        So.OTHERS: len(others) >= 2,
        So.PROVIDER_ON_BAD: len(told_bad) > MOST * len(bad),
        So.PROVIDER_SPARES: bool(others) and _spares(evidence, len(told_bad), len(told_others)),
        So.PROVIDER_ON_PLACE: bool(trouble.places),
        So.ONE_PLACE: bool(evidence.zone),
        So.PLACE_HIT: place_hit,
        So.CONTRAST: any(evidence.zones.get(h, evidence.zone) != evidence.zone for h in others),
        So.SHARED_KIND: bool(parts - PLACES),
        So.KIND_IS_CLEAN: first is not None and not first.rest and first.odd == first.odd_total,
        So.SHARED_PLACE: bool(parts & PLACES),
        So.SAME_CRASH: evidence.crash is not None,
        So.SEVERAL_PLACES: len(places) > 1 and not place_hit,
    }
    return frozenset(name for name, is_so in so.items() if is_so)


def _spares(evidence: Evidence, on_bad: int, on_others: int) -> bool:
    """Whether the provider's trouble is with the bad hosts more than chance would have it."""
    bad, others = len(evidence.bad), len(evidence.others)
    if bad == 1 or bad + others < FEWEST_FOR_CHANCE:
        return on_others == 0
    return fisher(on_bad, bad, on_bad + on_others, bad + others) < ALPHA
