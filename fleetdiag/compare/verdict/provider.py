"""What the provider says that could explain bad hosts: of themselves, or of where they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleetdiag.compare.units import span
from fleetdiag.model import CloudStatus, EventState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from fleetdiag.model import CloudEvent, CloudFacts, CloudInstance, CloudNotice

AHEAD_S = 600.0
"""An event that begins later than this explains nothing yet."""
PAST_S = 86_400.0
"""One that ended longer ago explains nothing any more."""
NEWS_S = 2 * 86_400.0
"""An entry of a status page that nobody touched for longer is old news, though it is open."""
HIT = 0.8
"""Of the hosts in a place so many are bad, and the place is hit."""
_WELL = frozenset({"", "available"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """The provider's own trouble, in words."""

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Host -> what is said of it, all hosts of the run that have any."""
    places: tuple[str, ...] = ()
    """Sentences on the zone or region where all bad hosts are."""
    hints: tuple[str, ...] = ()
    """Sentences on their region, most of whose hosts are well."""
    links: tuple[str, ...] = ()
    asked: bool = False
    """Somebody of the provider's answered."""
    problems: tuple[str, ...] = ()


def troubles(
    cloud: CloudFacts | None,
    bad: Collection[str],
    zones: Mapping[str, str],
    regions: Mapping[str, str],
    order: Sequence[str],
) -> Trouble:
    """What of `cloud` speaks of these hosts or of the place of all the bad ones.

    An entry of a status page that names a region only is about the bad hosts where most hosts of
    that region are bad: regions are large, and some entry is always open.
    """
    if cloud is None:
        return Trouble()
    said = {
        host: words
        for host in order
        if (instance := cloud.instances.get(host)) is not None
        and (words := tuple(_of_instance(instance, cloud.asked_at)))
    }
    zone_names, region = _zone_names(cloud, bad, zones), _region(bad, regions)
    there = [host for host in order if region and regions.get(host) == region]
    region_hit = bool(there) and len(set(there) & set(bad)) >= HIT * len(there)
    current = [notice for notice in cloud.notices if _is_current(notice, cloud.asked_at)]
    by_zone = [notice for notice in current if zone_names & set(notice.places)]
    by_region = [n for n in current if region in n.places and n not in by_zone]
    places = [
        f"the provider calls zone {zone.id or zone.name} {zone.state}"
        + (f": {zone.messages[0]}" if zone.messages else "")
        for zone in cloud.zones
        if zone.state not in _WELL and {zone.id, zone.name} & zone_names
    ]
    about = [*by_zone, *(by_region if region_hit else ())]
    return Trouble(
        hosts=said,
        places=(*places, *map(_of_notice, about)),
        hints=() if region_hit else tuple(map(_of_notice, by_region)),
        links=tuple(dict.fromkeys(notice.link for notice in about if notice.link)),
        asked=bool(cloud.instances or cloud.zones or cloud.notices),
        problems=cloud.problems,
    )


def _is_current(notice: CloudNotice, now: float) -> bool:
    """Open, and not one of those that stay open for months."""
    times = [at for at in (notice.started_at, notice.updated_at) if at is not None]
    return notice.state is EventState.OPEN and (not times or max(times) > now - NEWS_S)


def _zone_names(cloud: CloudFacts, bad: Collection[str], zones: Mapping[str, str]) -> set[str]:
    """Names of the one zone that all bad hosts are in; empty where they are in several."""
    found = {zones.get(host, "") for host in bad}
    if len(found) != 1:
        return set()
    names = set(found)
    for one in cloud.zones:
        if names & {one.id, one.name}:
            names |= {one.id, one.name}
    for host in bad:
        if (instance := cloud.instances.get(host)) is not None:
            names |= {instance.zone, instance.zone_id}
    return names - {""}


def _region(bad: Collection[str], regions: Mapping[str, str]) -> str:
    found = {regions.get(host, "") for host in bad}
    return found.pop() if len(found) == 1 else ""


def _of_instance(instance: CloudInstance, now: float) -> Iterator[str]:
    """What of an instance the provider has trouble with."""
    for what, status, since in (
        ("the system beneath it", instance.system, instance.system_since),
        ("an attached disk", instance.disks, instance.disks_since),
    ):
        if status is CloudStatus.IMPAIRED:
            yield f"{what} is impaired{'' if since is None else f' for {span(now - since)}'}"
    for event in instance.events:
        if _explains(event, now):
            yield _of_event(event, now)


def _explains(event: CloudEvent, now: float) -> bool:
    if event.state is EventState.CANCELED:
        return False
    if event.not_before is not None and event.not_before > now + AHEAD_S:
        return False
    end = event.not_after if event.not_after is not None else event.not_before
    return event.state is EventState.OPEN or (end is not None and end > now - PAST_S)


def _of_event(event: CloudEvent, now: float) -> str:
    began = "" if event.not_before is None else f", since {span(max(0.0, now - event.not_before))}"
    if event.state is EventState.COMPLETED:
        return f"{event.code} was completed{began and began.replace(', since', ', begun')} ago"
    return f"{event.code} is under way{began}"


def _of_notice(notice: CloudNotice) -> str:
    return f"{notice.source}: {notice.title}"
