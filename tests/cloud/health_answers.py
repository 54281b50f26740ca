"""AWS Health's answers, as JSON and as CBOR: botocore speaks either, as its version has it.

Shapes from the AWS Health API reference: DescribeEvents, DescribeEventDetails. CBOR as RFC 8949
has it; Smithy's RPC v2 protocol wants times as tag 1 and a `smithy-protocol` header.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of the account's Health dashboard; times are Unix times, None where not given."""

    code: str = "AWS_EC2_OPERATIONAL_ISSUE"
    text: str = "We are investigating increased error rates."
    service: str = "EC2"
    region: str = "us-east-1"
    zone: str = ""
    status: str = "open"
    """`open`, `upcoming`, `closed`."""
    started: float | None = None
    updated: float | None = None
    category: str = "issue"

    @property
    def arn(self) -> str:
        return f"arn:aws:health:{self.region}::event/{self.service}/{self.code}/{self.code}_1"


class Time(float):
    """A Unix time, which CBOR tags."""


def health_answer(
    operation: str, notices: Sequence[Notice] | None, *, cbor: bool
) -> tuple[int, bytes, str]:
    """HTTP status, body and content type; `notices` None: an account without a support plan."""
    if notices is None:
        return health_error(400, "SubscriptionRequiredException", "No support plan", cbor=cbor)
    answer: dict[str, Any]
    if operation == "DescribeEvents":
        answer = {"events": [_event(notice) for notice in notices]}
    elif operation == "DescribeEventDetails":
        details = [_details(notice) for notice in notices]
        answer = {"successfulSet": details, "failedSet": []}
    else:
        return health_error(400, "UnknownOperationException", operation, cbor=cbor)
    return _encoded(200, answer, cbor=cbor)


def health_error(status: int, code: str, message: str, *, cbor: bool) -> tuple[int, bytes, str]:
    """An error: HTTP status, body and content type."""
    answer = {"__type": f"com.amazonaws.health#{code}", "message": message}
    return _encoded(status, answer, cbor=cbor)


def _encoded(status: int, answer: Mapping[str, Any], *, cbor: bool) -> tuple[int, bytes, str]:
    if cbor:
        return status, _cbor(answer), "application/cbor"
    return status, json.dumps(answer).encode(), "application/x-amz-json-1.1"


def _event(notice: Notice) -> dict[str, Any]:
    times = {"startTime": notice.started, "lastUpdatedTime": notice.updated}
    return {
        "arn": notice.arn,
        "service": notice.service,
        "eventTypeCode": notice.code,
        "eventTypeCategory": notice.category,
        "region": notice.region,
        "statusCode": notice.status,
        **({"availabilityZone": notice.zone} if notice.zone else {}),
        **{key: Time(value) for key, value in times.items() if value is not None},
    }


def _details(notice: Notice) -> dict[str, Any]:
    return {"event": _event(notice), "eventDescription": {"latestDescription": notice.text}}


def _cbor(value: Any) -> bytes:
    if isinstance(value, Time):
        return b"\xc1\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return _head(3, len(data)) + data
    if isinstance(value, Mapping):
        pairs = b"".join(_cbor(key) + _cbor(each) for key, each in value.items())
        return _head(5, len(value)) + pairs
    return _head(4, len(value)) + b"".join(map(_cbor, value))


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    return bytes([major << 5 | 26]) + struct.pack(">I", size)
