"""What the provider says that could explain bad hosts: of themselves, or of where they are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleetdiag.compare.units import span
from fleetdiag.model import CloudStatus, EventState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from fleetdiag.model import CloudEvent, CloudFacts, CloudInstance, CloudNotice

SOON_S = 60.0
"""Clocks are not all right: what begins so soon has begun."""
PAST_S = 3600.0
"""What ended longer ago explains nothing that is bad now."""
NEWS_S = 2 * 86_400.0
"""An entry of a status page that nobody touched for longer is old news, though it is open."""
BEFORE_S = 600.0
"""So much earlier than the provider's trouble began, the hosts' is not his."""
HIT = 0.8
"""Of the hosts in a place so many are bad, and the place is hit."""
_BAD_ZONES = frozenset({"impaired", "unavailable"})
_STOPPED = frozenset({"stopped", "stopping", "terminated", "shutting-down"})
_BENEATH = re.compile(
    r"\b(ec2|ebs|elastic (?:compute|block)|compute|instances?|virtual machines?|vms?|block storage"
    r"|persistent disks?|volumes?|storage|vpc|network\w*|connectivity|packet|internet|power|cooling"
    r"|thermal|hardware|rack|data ?cent\w*|availability zone|zone)\b",
    re.IGNORECASE,
)
"""Words of entries that could stop a host; an outage of a mail service cannot."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The provider's own trouble, in words."""

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Host -> what is said of it that could explain it, of all hosts of the run."""
    moves: frozenset[str] = frozenset()
    """Those of them that a stop and start moves away from it."""
    stopped: Mapping[str, str] = field(default_factory=dict)
    """Host -> `stopped`, `terminated`, …"""
    places: tuple[str, ...] = ()
    """Sentences on the zone or region of the bad hosts."""
    hints: tuple[str, ...] = ()
    """Sentences that may have to do with it: later, long ago, of a large region."""
    links: tuple[str, ...] = ()
    checked: frozenset[str] = frozenset()
    """Hosts whose checks the provider told."""
    was_asked: bool = False
    said_something: bool = False
    """Were it that all is well."""
    problems: tuple[str, ...] = ()


def troubles(
    cloud: CloudFacts | None,
    bad: Collection[str],
    zone: str,
    regions: Mapping[str, str],
    order: Sequence[str],
    since: float | None,
) -> Trouble:
    """What of `cloud` speaks of these hosts or of the place of the bad ones.

    Args:
        cloud: what was said; None where nobody was asked.
        bad: the bad hosts.
        zone: where they are; empty where they are in several.
        regions: host -> region.
        order: all hosts.
        since: since when they are bad, Unix time; None where nobody knows.
    """
    if cloud is None:
        return Trouble()
    said = {
        host: list(_of_instance(instance, cloud.asked_at, since))
        for host in order
        if (instance := cloud.instances.get(host)) is not None
    }
    explains = {
        host: tuple(words for words, is_cause, _ in each if is_cause) for host, each in said.items()
    }
    hints = {words for host in bad for words, is_cause, _ in said.get(host, ()) if not is_cause}
    places, more, links = _of_place(cloud, bad, zone, regions, order)
    return Trouble(
        hosts={host: words for host, words in explains.items() if words},
        moves=frozenset(h for h, each in said.items() if any(moves for _, _, moves in each)),
        stopped={h: it.state for h, it in cloud.instances.items() if it.state in _STOPPED},
        places=places,
        hints=(*sorted(hints), *more),
        links=links,
        checked=frozenset(
            host
            for host, instance in cloud.instances.items()
            if instance.system not in {CloudStatus.UNKNOWN, CloudStatus.INSUFFICIENT_DATA}
        ),
        was_asked=True,
        said_something=bool(cloud.instances or cloud.notices or cloud.zones or not cloud.problems),
        problems=cloud.problems,
    )


def _of_place(
    cloud: CloudFacts,
    bad: Collection[str],
    zone: str,
    regions: Mapping[str, str],
    order: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Sentences on where the bad hosts are, hints, and links.

    An entry of a status page that names a region only is about the bad hosts where most hosts of
    that region are bad: regions are large, and some entry is always open.
    """
    names = {zone, *(n for z in cloud.zones if zone in {z.id, z.name} for n in (z.id, z.name))}
    names -= {""}
    found = {regions.get(host, "") for host in bad}
    region = found.pop() if len(found) == 1 else ""
    there = [host for host in order if region and regions.get(host) == region]
    region_hit = bool(there) and len(set(there) & set(bad)) >= HIT * len(there)
    current = [notice for notice in cloud.notices if _is_current(notice, cloud.asked_at)]
    by_zone = [notice for notice in current if names & set(notice.places)]
    by_region = [n for n in current if region and region in n.places and n not in by_zone]
    about = [n for n in (*by_zone, *(by_region if region_hit else ())) if _is_beneath(n)]
    zones = [
        f"the provider calls zone {each.id or each.name} {each.state}"
        + (f": {each.messages[0]}" if each.messages else "")
        for each in cloud.zones
        if each.state in _BAD_ZONES and {each.id, each.name} & names
    ]
    others = tuple(_of_notice(n) for n in (*by_zone, *by_region) if n not in about)
    links = tuple(dict.fromkeys(notice.link for notice in about if notice.link))
    return (*zones, *map(_of_notice, about)), others, links


def _is_current(notice: CloudNotice, now: float) -> bool:
    """Open, begun, and not one of those that stay open for months."""
    times = [at for at in (notice.started_at, notice.updated_at) if at is not None]
    begun = notice.started_at is None or notice.started_at <= now + SOON_S
    return notice.state is EventState.OPEN and begun and (not times or max(times) > now - NEWS_S)


def _is_beneath(notice: CloudNotice) -> bool:
    return any(_BENEATH.search(text) for text in (notice.title, notice.text, *notice.places))


def _of_instance(
    instance: CloudInstance, now: float, since: float | None
) -> Iterator[tuple[str, bool, bool]]:
    """What of an instance the provider has trouble with.

    In words, whether it could be the cause, and whether a stop and start leaves it behind.
    """
    for what, status, began, moves in (
        (
            "the hardware or network beneath is impaired",
            instance.system,
            instance.system_since,
            True,
        ),
        ("a network disk is impaired", instance.disks, instance.disks_since, False),
    ):
        if status is CloudStatus.IMPAIRED:
            after = began is not None and since is not None and began > since + BEFORE_S
            yield f"{what}{_for(began, now)}", not after, moves
    for event in instance.events:
        yield from _of_event(event, now, since)


def _of_event(
    event: CloudEvent, now: float, since: float | None
) -> Iterator[tuple[str, bool, bool]]:
    began, ended = event.not_before, event.not_after
    moves = event.code in {"instance-retirement", "instance-stop", "system-maintenance"}
    if event.state is EventState.CANCELED:
        return
    if began is not None and began > now + SOON_S:
        yield f"{event.code} is planned, in {span(began - now)}", False, False
        return
    after = began is not None and since is not None and began > since + BEFORE_S
    end = ended if ended is not None else began if event.state is EventState.COMPLETED else None
    over = end is not None and end < now - PAST_S
    if event.state is EventState.COMPLETED or over:
        when = "" if end is None else f", {span(max(0.0, now - end))} ago"
        yield f"{event.code} is over{when}", not over and not after, False
        return
    yield f"{event.code} is under way{_for(began, now)}", not after, moves


def _for(began: float | None, now: float) -> str:
    return "" if began is None else f" for {span(max(0.0, now - began))}"


def _of_notice(notice: CloudNotice) -> str:
    return f"{notice.source}: {notice.title}"
