"""The status of instances and zones: DescribeInstanceStatus, DescribeAvailabilityZones."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import (
    Aws,
    Call,
    Trouble,
    ask,
    entries,
    inside,
    lines,
    one_line,
    pages,
    required,
    unix_time,
)
from fleetdiag.model import CloudEvent, CloudInstance, CloudStatus, CloudZone, EventState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SERVICE = "EC2"
Ids = tuple[str, str]
"""A region and an instance id."""
BATCH = 100
"""The most ids that DescribeInstanceStatus takes at once (EC2 API reference)."""
SCAN_FROM = 5 * BATCH
"""From so many ids in a region on, pages over all instances are fewer calls."""
PAGE = 1000
COMPLETED_FOR_S = 7 * 86_400.0
"""How long EC2 still describes a completed event (EC2 API reference, InstanceStatusEvent)."""
MAX_EVENTS = 20
MAX_MESSAGES = 10
_MAX_TEXT_CHARS = 500
_MAX_NAMED = 5
_ID = re.compile(r"i-[0-9a-f]{8,17}")
_IDS_IN_TEXT = re.compile(r"i-[0-9a-zA-Z]+")
_ENDED = re.compile(r"\s*\[(?P<word>completed|cancell?ed)\]\s*", re.IGNORECASE)


@dataclass(slots=True)
class _Heard:
    """What came of one region so far; threads add to it, so what comes late is not lost."""

    said: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Instance id -> its entry."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Ids that EC2 says it does not have."""
    silent: dict[str, None] = field(default_factory=dict)
    """Ids it was asked for, and left out of its answer."""


def instance_facts(
    instance_ids: Mapping[str, Ids], deadline_s: float, *, aws: Aws | None = None
) -> tuple[dict[str, CloudInstance], tuple[CloudZone, ...], tuple[str, ...]]:
    """Host -> what EC2 says of its instance, the zones of all regions, and problems.

    `instance_ids` maps hosts to region and instance id. A host of which nothing was said is not in
    the answer. Takes at most `deadline_s`; what came until then is given.
    """
    deadline = time.monotonic() + deadline_s
    account = aws or Aws()
    problems = [
        f"{host}: {one_line(its_id, 40)!r} is no instance id, expected i-0123456789abcdef0"
        for host, (_, its_id) in instance_ids.items()
        if not _ID.fullmatch(its_id)
    ]
    good = {host: ids for host, ids in instance_ids.items() if _ID.fullmatch(ids[1])}
    by_region: dict[str, dict[str, None]] = {}
    for region, its_id in good.values():
        by_region.setdefault(region, {})[its_id] = None
    heard = {region: _Heard() for region in by_region}
    zones: dict[str, tuple[CloudZone, ...]] = {}
    calls: list[Call[None]] = [_zones_call(account, region, zones) for region in by_region]
    for region, ids in by_region.items():
        calls += _status_calls(account, region, list(ids), heard[region])
    given = ask(calls, deadline)
    if aws is None:
        account.close()
    problems += lines([each for each in given if isinstance(each, Trouble)])
    problems += _not_there(good, heard)
    every_zone = tuple(zone for region in by_region for zone in zones.get(region, ()))
    return _instances(good, heard, every_zone), every_zone, tuple(problems)


def _instances(
    hosts: Mapping[str, Ids], heard: Mapping[str, _Heard], zones: Iterable[CloudZone]
) -> dict[str, CloudInstance]:
    zone_ids = {(zone.region, zone.name): zone.id for zone in zones}
    return {
        host: _instance(said, region, zone_ids)
        for host, (region, its_id) in hosts.items()
        if (said := heard[region].said.get(its_id)) is not None
    }


def _not_there(hosts: Mapping[str, Ids], heard: Mapping[str, _Heard]) -> Iterator[str]:
    """Sentences on the instances of which there is no word."""
    for region, its in heard.items():
        for ids, say in (
            (its.unknown, "no such instance, gone or of another account"),
            (its.silent, "the answer says nothing of"),
        ):
            named = [f"{host} ({i})" for host, (r, i) in hosts.items() if r == region and i in ids]
            if named:
                more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
                yield f"{SERVICE} {region}: {say}: {', '.join(named[:_MAX_NAMED])}{more}"


# ------------------------------------------------------------------------------------- calls


def _status_calls(aws: Aws, region: str, ids: Sequence[str], heard: _Heard) -> list[Call[None]]:
    action = "DescribeInstanceStatus"
    if len(ids) > SCAN_FROM:
        return [Call(SERVICE, region, action, lambda: _scan(aws, region, ids, heard))]
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]

    def call(batch: Sequence[str]) -> Call[None]:
        return Call(SERVICE, region, action, lambda: _ask_for(aws, region, batch, heard))

    return [call(batch) for batch in batches]


def _scan(aws: Aws, region: str, ids: Sequence[str], heard: _Heard) -> None:
    """All instances of the account there, page by page."""
    wanted = set(ids)
    describe = aws.client("ec2", region).describe_instance_status
    arguments = {"IncludeAllInstances": True, "MaxResults": PAGE}
    for said in pages(describe, "InstanceStatuses", arguments):
        if said.get("InstanceId") in wanted:
            heard.said[said["InstanceId"]] = said
    heard.unknown |= dict.fromkeys(each for each in ids if each not in heard.said)


def _ask_for(aws: Aws, region: str, ids: Sequence[str], heard: _Heard) -> None:
    """These instances; asks again without those that EC2 says it does not have.

    It refuses a request whole for one id that is gone, and an hour after its end every id is.
    """
    from botocore.exceptions import ClientError

    describe = aws.client("ec2", region).describe_instance_status
    left = list(ids)
    while left:
        try:
            answer = describe(InstanceIds=left, IncludeAllInstances=True)
        except ClientError as error:
            said = error.response.get("Error", {})
            named = set(_IDS_IN_TEXT.findall(str(said.get("Message"))))
            gone = dict.fromkeys(each for each in left if each in named)
            if not (str(said.get("Code")).startswith("InvalidInstanceID") and gone):
                raise
            heard.unknown |= gone
            left = [each for each in left if each not in gone]
        else:
            asked = set(left)
            for entry in required(answer, "InstanceStatuses"):
                if entry.get("InstanceId") in asked:
                    heard.said[entry["InstanceId"]] = entry
            heard.silent |= dict.fromkeys(each for each in left if each not in heard.said)
            return


def _zones_call(aws: Aws, region: str, found: dict[str, tuple[CloudZone, ...]]) -> Call[None]:
    def run() -> None:
        answer = aws.client("ec2", region).describe_availability_zones()
        zones = (_zone(said, region) for said in required(answer, "AvailabilityZones"))
        found[region] = tuple(zone for zone in zones if zone.name)

    return Call(SERVICE, region, "DescribeAvailabilityZones", run)


# ------------------------------------------------------------------------------------ reading


def _zone(said: Mapping[str, Any], region: str) -> CloudZone:
    messages = [entry.get("Message") for entry in entries(said, "Messages")[:MAX_MESSAGES]]
    return CloudZone(
        name=one_line(said.get("ZoneName")),
        id=one_line(said.get("ZoneId")),
        region=region,
        state=one_line(said.get("State")),
        messages=tuple(one_line(text, _MAX_TEXT_CHARS) for text in messages if text),
    )


def _instance(
    said: Mapping[str, Any], region: str, zone_ids: Mapping[tuple[str, str], str]
) -> CloudInstance:
    zone = one_line(said.get("AvailabilityZone"))
    system, system_since = _check(said, "SystemStatus")
    instance, instance_since = _check(said, "InstanceStatus")
    disks, disks_since = _check(said, "AttachedEbsStatus")
    events = (_event(entry) for entry in entries(said, "Events")[:MAX_EVENTS])
    return CloudInstance(
        id=one_line(said.get("InstanceId")),
        state=one_line(inside(said, "InstanceState", "Name")),
        region=region,
        zone=zone,
        zone_id=one_line(said.get("AvailabilityZoneId")) or zone_ids.get((region, zone), ""),
        system=system,
        system_since=system_since,
        instance=instance,
        instance_since=instance_since,
        disks=disks,
        disks_since=disks_since,
        events=tuple(event for event in events if _is_recent(event, time.time())),
    )


def _check(said: Mapping[str, Any], key: str) -> tuple[CloudStatus, float | None]:
    """The status below `key`, and since when it is impaired."""
    check = said.get(key)
    if not isinstance(check, dict):
        return CloudStatus.UNKNOWN, None
    try:
        status = CloudStatus(str(check.get("Status")))
    except ValueError:
        return CloudStatus.UNKNOWN, None
    if status is not CloudStatus.IMPAIRED:
        return status, None
    times = [unix_time(detail.get("ImpairedSince")) for detail in entries(check, "Details")]
    return status, min((at for at in times if at is not None), default=None)


def _event(said: Mapping[str, Any]) -> CloudEvent:
    """One scheduled event; EC2 marks what is over by the beginning of its description.

    `[Completed]` is in the API reference (InstanceStatusEvent); `[Canceled]`, which is not, is read
    alike.
    """
    text = one_line(said.get("Description"), _MAX_TEXT_CHARS)
    state = EventState.OPEN
    if ended := _ENDED.match(text):
        completed = ended["word"].lower() == "completed"
        state = EventState.COMPLETED if completed else EventState.CANCELED
    return CloudEvent(
        code=one_line(said.get("Code")) or "event",
        state=state,
        description=text[ended.end() :] if ended else text,
        not_before=unix_time(said.get("NotBefore")),
        not_after=unix_time(said.get("NotAfter")),
    )


def _is_recent(event: CloudEvent, now: float) -> bool:
    """Whether it is open, or its window ended within the last week."""
    ends = [at for at in (event.not_before, event.not_after) if at is not None]
    return event.state is EventState.OPEN or not ends or max(ends) > now - COMPLETED_FOR_S
