"""AWS Health: what the account's own dashboard says of regions and zones.

Accounts without a support plan that includes its API get SubscriptionRequiredException (AWS Health
user guide): that is no problem, just no notices.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import (
    Aws,
    Call,
    Trouble,
    TroubleKind,
    ask,
    entries,
    inside,
    lines,
    one_line,
    required,
    unix_time,
)
from fleetdiag.model import CloudNotice, EventState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE = "AWS Health"
LINK = "https://health.aws.amazon.com/health/home"
NOT_THERE = "SubscriptionRequiredException"
ENDED_WITHIN_S = 86_400.0
MAX_EVENTS = 50
DETAILED = 10
"""The most events that DescribeEventDetails takes at once (AWS Health API reference)."""
SERVICES = ("EC2", "EBS", "VPC", "DIRECTCONNECT", "INTERNETCONNECTIVITY", "MULTIPLE_SERVICES")
"""What hosts stand on: an account's databases and buckets would drown it."""
CATEGORIES = ("issue", "scheduledChange")
_MAX_TEXT_CHARS = 400
# Updates stand one after the other, each with its time in front, the newest last.
_UPDATE = re.compile(r"\[\d{1,2}:\d\d (?:AM|PM) [A-Z]{2,4}\]")
_SAID_BY_EC2 = frozenset(
    {TroubleKind.MISSING, TroubleKind.CREDENTIALS, TroubleKind.EXPIRED, TroubleKind.REGION}
)


def health_notices(
    regions: Sequence[str], deadline_s: float, *, aws: Aws | None = None
) -> tuple[tuple[CloudNotice, ...], tuple[str, ...]]:
    """Open events of these regions and those closed within a day, newest first, and problems.

    Silently nothing where the account has no Health API; troubles with the credentials are left to
    the calls of EC2, which have them too.
    """
    deadline = time.monotonic() + deadline_s
    account = aws or Aws()
    try:
        given = ask(
            [_events_call(account, regions, closed=closed) for closed in (False, True)], deadline
        )
        events = [event for each in given if isinstance(each, list) for event in each]
        troubles = [each for each in given if isinstance(each, Trouble)]
        texts, trouble = _texts(account, regions, [event["arn"] for event in events], deadline)
        troubles += [trouble] if trouble else []
    finally:
        if aws is None:
            account.close()
    notices = [_notice(event, texts.get(event["arn"], "")) for event in events]
    notices.sort(key=lambda notice: notice.updated_at or 0.0, reverse=True)
    said = [t for t in troubles if t.code != NOT_THERE and t.kind not in _SAID_BY_EC2]
    return tuple(notices), lines(said)


def home_region(regions: Sequence[str]) -> str:
    """Where Health is asked: one region a partition (AWS General Reference, AWS Health)."""
    first = regions[0] if regions else ""
    if first.startswith("cn-"):
        return "cn-northwest-1"
    return "us-gov-west-1" if first.startswith("us-gov-") else "us-east-1"


def _events_call(
    aws: Aws, regions: Sequence[str], *, closed: bool
) -> Call[list[Mapping[str, Any]]]:
    wanted: dict[str, Any] = {
        "regions": [*regions[:9], "global"],
        "services": list(SERVICES),
        "eventTypeCategories": list(CATEGORIES),
        "eventStatusCodes": ["closed"] if closed else ["open", "upcoming"],
    }
    if closed:
        since = datetime.fromtimestamp(time.time() - ENDED_WITHIN_S, UTC)
        wanted["endTimes"] = [{"from": since}]

    def run() -> list[Mapping[str, Any]]:
        client = aws.client("health", home_region(regions))
        answer = client.describe_events(filter=wanted, maxResults=MAX_EVENTS)
        # Filters of ours may be new to an older API: what is asked for is looked at again.
        states = set(wanted["eventStatusCodes"])
        return [
            event
            for event in required(answer, "events")
            if isinstance(event.get("arn"), str) and event.get("statusCode") in states
        ]

    return Call(SERVICE, "", "DescribeEvents", run)


def _texts(
    aws: Aws, regions: Sequence[str], arns: Sequence[str], deadline: float
) -> tuple[dict[str, str], Trouble | None]:
    """Event -> its last update; only of the first few."""
    if not arns:
        return {}, None

    def run() -> dict[str, str]:
        client = aws.client("health", home_region(regions))
        answer = client.describe_event_details(eventArns=list(arns[:DETAILED]))
        return {
            str(inside(said, "event", "arn")): last_update(
                str(inside(said, "eventDescription", "latestDescription") or "")
            )
            for said in entries(answer, "successfulSet")
        }

    (given,) = ask([Call(SERVICE, "", "DescribeEventDetails", run)], deadline)
    return ({}, given) if isinstance(given, Trouble) else (given, None)


def last_update(text: str) -> str:
    """The last of the updates in `text`, in one line."""
    starts = [found.start() for found in _UPDATE.finditer(text)]
    return one_line(text[starts[-1] :] if starts else text, _MAX_TEXT_CHARS)


def _notice(event: Mapping[str, Any], text: str) -> CloudNotice:
    places = (one_line(event.get("region")), one_line(event.get("availabilityZone")))
    closed = event.get("statusCode") == "closed"
    return CloudNotice(
        source=SERVICE,
        title=_title(one_line(event.get("service")), one_line(event.get("eventTypeCode"))),
        state=EventState.COMPLETED if closed else EventState.OPEN,
        text=text,
        places=tuple(place for place in places if place),
        started_at=unix_time(event.get("startTime")),
        updated_at=unix_time(event.get("lastUpdatedTime")),
        link=LINK,
    )


def _title(service: str, code: str) -> str:
    """`EC2`, `AWS_EC2_OPERATIONAL_ISSUE` -> `EC2: operational issue`."""
    words = code.removeprefix("AWS_").removeprefix(f"{service}_").replace("_", " ").lower()
    return f"{service}: {words}" if service and words else service or words or "event"
