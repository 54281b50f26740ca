"""The screen of `fleetdiag cloud`: what the provider says, the trouble first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleetdiag.model import CloudStatus, EventState
from fleetdiag.report.fold import fold
from fleetdiag.report.overview import count
from fleetdiag.report.plain import printable, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import CloudEvent, CloudFacts, CloudInstance, CloudNotice

_FINE = frozenset({CloudStatus.OK, CloudStatus.NOT_APPLICABLE})
_WELL = frozenset({"", "available"})


def has_trouble(facts: CloudFacts) -> bool:
    """Whether the provider has trouble with an instance, a zone, or says so on a status page."""
    return (
        any(_troubled(instance) for instance in facts.instances.values())
        or any(zone.state not in _WELL for zone in facts.zones)
        or any(notice.state is EventState.OPEN for notice in facts.notices)
    )


def render(hosts: Sequence[str], facts: CloudFacts, columns: int) -> str:
    """The text, with a newline at its end.

    Args:
        hosts: that were asked about, in the inventory's order.
        facts: what was said.
        columns: of the screen.
    """
    lines = list(_instance_lines(hosts, facts))
    lines += [
        f"zone {zone.id or zone.name}: {zone.state}{': ' if zone.messages else ''}"
        + "; ".join(zone.messages)
        for zone in facts.zones
        if zone.state not in _WELL
    ]
    for notice in sorted(facts.notices, key=lambda one: one.state is not EventState.OPEN):
        lines += _notice_lines(notice)
    if not facts.instances and not facts.notices and facts.problems:
        lines.append("The provider told nothing.")
    elif not has_trouble(facts):
        asked = f"{count(len(facts.instances), 'instance')}, " if facts.instances else ""
        notices = count(len(facts.notices), "notice")
        lines.append(f"The provider knows of no trouble: {asked}{notices}.")
    shown = [part for line in lines for part in wrap(printable(line), columns)]
    return "\n".join(shown) + "\n"


def _troubled(instance: CloudInstance) -> bool:
    checks = {instance.system, instance.instance, instance.disks}
    is_open = any(event.state is EventState.OPEN for event in instance.events)
    return CloudStatus.IMPAIRED in checks or is_open


def _instance_lines(hosts: Sequence[str], facts: CloudFacts) -> Iterator[str]:
    """Equal sayings once, over the hosts they are said of; those without trouble in one line."""
    said: dict[str, list[str]] = {}
    fine = []
    for host in hosts:
        instance = facts.instances.get(host)
        if instance is None:
            continue
        words = list(_words(instance))
        for each in words:
            said.setdefault(each, []).append(host)
        if not words:
            fine.append(host)
    for saying, named in said.items():
        yield f"{fold(named)} ({len(named)}): {saying}"
    if fine:
        yield f"{fold(fine)} ({len(fine)}): running, all checks passed, no event"
    unknown = [host for host in hosts if host not in facts.instances]
    if unknown and facts.instances:
        yield f"{fold(unknown)} ({len(unknown)}): no instance that EC2 knows"


def _words(instance: CloudInstance) -> Iterator[str]:
    where = f" in {instance.zone_id or instance.zone}" if instance.zone_id or instance.zone else ""
    if instance.state not in {"running", ""}:
        yield f"{instance.state}{where}"
    for what, status, since in (
        ("system status", instance.system, instance.system_since),
        ("instance status", instance.instance, instance.instance_since),
        ("attached disks", instance.disks, instance.disks_since),
    ):
        if status not in {*_FINE, CloudStatus.UNKNOWN}:
            yield f"{what} {status.value}{_since(since)}{where}"
    for event in instance.events:
        yield f"{_event(event)}{where}"


def _event(event: CloudEvent) -> str:
    window = " to ".join(_at(at) for at in (event.not_before, event.not_after) if at is not None)
    words = f"{event.code} {event.state.value}"
    return f"{words}, {window}" if window else words


def _notice_lines(notice: CloudNotice) -> Iterator[str]:
    places = f" ({', '.join(notice.places)})" if notice.places else ""
    began = _since(notice.started_at)
    yield f"{notice.source}, {notice.state.value}{began}: {notice.title}{places}"
    if notice.text and notice.text != notice.title:
        yield f"  {notice.text}"
    if notice.link:
        yield f"  {notice.link}"


def _since(at: float | None) -> str:
    return "" if at is None else f" since {_at(at)}"


def _at(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
