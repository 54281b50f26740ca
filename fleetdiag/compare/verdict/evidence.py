"""What is so in a run: which hosts are bad, where, what they share, what the provider says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleetdiag.compare.share import PLACES, shared_by
from fleetdiag.compare.verdict.provider import HIT, Trouble, troubles
from fleetdiag.compare.verdict.rules import So
from fleetdiag.model import FindingKind, HostStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fleetdiag.model import Finding, Run, Shared

DOWN = frozenset(
    {
        *(HostStatus.UNREACHABLE, HostStatus.REFUSED, HostStatus.LOST, HostStatus.TIMED_OUT),
        *(HostStatus.DNS, HostStatus.THROTTLED),
    }
)
"""Statuses of hosts that are in trouble themselves; a refused login or key is ours to mend."""
MOST = 0.5
ZONES = ("zone_id", "zone", "availability_zone")
"""Attributes that name a zone, the most telling first."""
_OF_HOSTS = frozenset({FindingKind.RULE, FindingKind.DIFFERS, FindingKind.CHANGED})
_CRASHED = frozenset({"panic", "oops", "gpf", "segfault", "soft-lockup", "hard-lockup", "oom"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that rules and words look at."""

    run: Run
    bad: tuple[str, ...]
    """In the run's order."""
    down: tuple[str, ...]
    """Those of them that gave no answer."""
    well: tuple[str, ...]
    """Hosts that answered and have no finding above info."""
    zones: Mapping[str, str]
    """Host -> its zone, where it is known."""
    shared: tuple[Shared, ...]
    """What the bad hosts share, the most telling first."""
    trouble: Trouble
    """What the provider says."""
    main: Finding | None
    """The first finding of the bad hosts."""
    crash: Finding | None
    """A crash that most of them have."""
    so: frozenset[So]

    @property
    def zone(self) -> str:
        """The one zone of all bad hosts; empty where they are in several, or it is not known."""
        found = {self.zones.get(host, "") for host in self.bad}
        return found.pop() if len(found) == 1 else ""

    @property
    def controls(self) -> tuple[str, ...]:
        """Hosts that are well, those elsewhere first: to compare with."""
        return tuple(sorted(self.well, key=lambda host: self.zones.get(host, "") == self.zone))


def gathered(run: Run, findings: Sequence[Finding]) -> Evidence:
    """The evidence of a run whose hosts have all their attributes."""
    order = [host.name for host in run.hosts]
    down = tuple(host.name for host in run.hosts if host.status in DOWN)
    bad = _bad(order, down, findings)
    loud = [finding for finding in findings if finding.severity is not Severity.INFO]
    flawed = {host for finding in loud for host in finding.hosts}
    answered = [host.name for host in run.hosts if host.status is HostStatus.OK]
    well = tuple(host for host in answered if host not in flawed and host not in bad)
    zones = _zones(run)
    attributes = {
        host.name: {**({"zone": zones[host.name]} if host.name in zones else {}), **host.attributes}
        for host in run.hosts
    }
    shared = shared_by(bad, [*bad, *well], attributes) if well else ()
    trouble = troubles(run.cloud, bad, zones, _regions(run, zones), order)
    partial = Evidence(
        run=run,
        bad=bad,
        down=tuple(host for host in down if host in bad),
        well=well,
        zones=zones,
        shared=shared,
        trouble=trouble,
        main=next((f for f in findings if set(f.hosts) & set(bad)), None),
        crash=_crash(findings, bad),
        so=frozenset(),
    )
    return replace(partial, so=_so(partial))


def _bad(
    order: Sequence[str], down: Collection[str], findings: Sequence[Finding]
) -> tuple[str, ...]:
    """Hosts that are down or have a critical finding; else those that a warning sets apart."""
    critical = {
        host
        for finding in findings
        if finding.severity is Severity.CRITICAL and finding.kind in _OF_HOSTS
        for host in finding.hosts
    }
    chosen = critical | set(down)
    if not chosen:
        chosen = {
            host
            for finding in findings
            if finding.severity is Severity.WARNING
            and finding.kind in _OF_HOSTS
            and len(finding.hosts) < finding.of
            for host in finding.hosts
        }
    return tuple(host for host in order if host in chosen)


def _zones(run: Run) -> dict[str, str]:
    """By the first of the usual attributes that any host has; else as the provider says."""
    for name in ZONES:
        found = {h.name: h.attributes[name] for h in run.hosts if h.attributes.get(name)}
        if found:
            return found
    instances = run.cloud.instances if run.cloud else {}
    return {host: it.zone_id or it.zone for host, it in instances.items() if it.zone_id or it.zone}


def _regions(run: Run, zones: Mapping[str, str]) -> dict[str, str]:
    """By the attribute; else as the provider says of the instance or of its zone."""
    instances = run.cloud.instances if run.cloud else {}
    of_zone = {
        name: zone.region
        for zone in (run.cloud.zones if run.cloud else ())
        for name in (zone.id, zone.name)
    }
    found = {}
    for host in run.hosts:
        instance = instances.get(host.name)
        region = host.attributes.get("region") or (instance.region if instance else "")
        if region := region or of_zone.get(zones.get(host.name, ""), ""):
            found[host.name] = region
    return found


def _crash(findings: Sequence[Finding], bad: Collection[str]) -> Finding | None:
    for finding in findings:
        covered = len(set(finding.hosts) & set(bad))
        if finding.feature in _CRASHED and covered > MOST * len(bad) and covered > 1:
            return finding
    return None


def _so(evidence: Evidence) -> frozenset[So]:
    bad, well, zones, trouble = evidence.bad, evidence.well, evidence.zones, evidence.trouble
    if not bad:
        return frozenset({So.NOTHING_BAD})
    names = [
        {shared.attribute, *(text.partition(" ")[0] for text in shared.alike)}
        for shared in evidence.shared[:1]
    ]
    named = set().union(*names) if names else set()
    parts = {part for name in named for part in name.split(" + ")} - {"booted"}
    members = Counter(zones[host] for host in zones)
    hit = Counter(zones[host] for host in bad if host in zones)
    zone = evidence.zone
    on_bad = len(trouble.hosts.keys() & set(bad)) / len(bad)
    on_well = len(trouble.hosts.keys() & set(well)) / max(1, len(well))
    so = {
        So.ONE_BAD: len(bad) == 1,
        So.OTHERS_WELL: len(well) >= 2,
        So.PROVIDER_ON_MOST: on_bad >= MOST,
        So.PROVIDER_ELSEWHERE: bool(well) and on_well >= on_bad,
        So.PROVIDER_ON_PLACE: bool(trouble.places),
        So.ONE_PLACE: bool(zone),
        So.PLACE_HIT: bool(zone) and hit[zone] >= HIT * members[zone],
        So.CONTRAST: any(zones.get(host, zone) != zone for host in well),
        So.SHARED_KIND: bool(parts - PLACES),
        So.SHARED_PLACE: bool(parts & PLACES),
        So.SAME_CRASH: evidence.crash is not None,
        So.SEVERAL_PLACES: len(hit) > 1,
    }
    return frozenset(name for name, is_so in so.items() if is_so)
