"""EC2's XML answers, made of plain values: what `ec2_server` sends.

The shapes are those of the EC2 API reference (version 2016-11-15): API_DescribeInstances,
API_DescribeInstanceStatus, API_DescribeAvailabilityZones, API_GetConsoleOutput.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol
from xml.sax.saxutils import escape

DEFAULT_PAGE = 1000


def id_of(name: str) -> str:
    """The id of an instance that is given none: `i-` and 17 hexadecimal digits."""
    return "i-" + name.encode().hex()[-17:].rjust(17, "0")


@dataclass(frozen=True, slots=True)
class Event:
    """A scheduled event. Times as EC2 writes them: `2025-06-01T03:00:00.000Z`; empty: not given."""

    code: str = "system-maintenance"
    description: str = "The instance is running on degraded hardware"
    """With `[Completed]` or `[Canceled]` in front where it is over."""
    not_before: str = ""
    not_after: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: what the calls say of it. Empty texts are left out of the answers."""

    name: str = ""
    """The tag `Name`."""
    id: str = ""
    """Made from the name where empty (`id_of`)."""
    address: str = ""
    """Private IPv4."""
    public: str = ""
    """Public IPv4."""
    ipv6: str = ""
    zone: str = "us-east-1a"
    zone_id: str = ""
    """Empty: as the zone with that name has it."""
    region: str = ""
    """Empty: the zone without its letter."""
    type: str = "m5.large"
    image: str = "ami-0123456789abcdef0"
    vpc: str = "vpc-1"
    subnet: str = "subnet-1"
    launched: str = "2025-05-01T12:34:56.000Z"
    lifecycle: str = ""
    """`spot`; empty is on demand."""
    tags: Mapping[str, str] = field(default_factory=dict)
    state: str = "running"
    system: str = "ok"
    instance: str = "ok"
    disks: str = "not-applicable"
    """Attached EBS."""
    since: str = ""
    """Since when whatever is `impaired` is so."""
    events: Sequence[Event] = ()
    console: bytes | None = b""
    """None: never any output."""
    console_at: str = "2025-06-01T03:05:00.000Z"
    latest: bool = True
    """Whether its type can give the latest console (Nitro)."""

    @property
    def its_id(self) -> str:
        return self.id or id_of(self.name or self.address)

    @property
    def its_region(self) -> str:
        return self.region or self.zone.rstrip("abcdef")


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone; `its_id` is made from the name where none is given: us-east-1a -> use1-az1."""

    name: str = "us-east-1a"
    id: str = ""
    state: str = "available"
    messages: Sequence[str] = ()

    @property
    def its_id(self) -> str:
        if self.id:
            return self.id
        area, side, number = self.name[:-1].split("-")
        return f"{area}{side[0]}{number}-az{ord(self.name[-1]) - ord('a') + 1}"

    @property
    def its_region(self) -> str:
        return self.name.rstrip("abcdef")


class Fleet(Protocol):
    """What the answers are made of."""

    instances: list[Instance]
    zones: list[Zone]


class RefusedError(Exception):
    """EC2 refuses the request: code and message."""


def document(action: str, inside: str) -> bytes:
    space = "http://ec2.amazonaws.com/doc/2016-11-15/"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{space}">'
        f"<requestId>8f7724cf-496f-496e-8fe3-example</requestId>{inside}</{action}Response>"
    ).encode()


def error(code: str, message: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "</Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
    ).encode()


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


_STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


def _state(name: str) -> str:
    return f"<code>{_STATE_CODES.get(name, 16)}</code><name>{escape(name)}</name>"


def _numbered(values: Mapping[str, str], stem: str) -> list[str]:
    """The values of `stem.1`, `stem.2`, …"""
    found: list[str] = []
    while (key := f"{stem}.{len(found) + 1}") in values:
        found.append(values[key])
    return found


def _filters(values: Mapping[str, str]) -> dict[str, list[str]]:
    names = {}
    number = 1
    while (key := f"Filter.{number}.Name") in values:
        names[values[key]] = _numbered(values, f"Filter.{number}.Value")
        number += 1
    return names


def _fields(instance: Instance) -> dict[str, str]:
    """What a filter can ask of an instance."""
    tags = {f"tag:{key}": value for key, value in instance.tags.items()}
    return {
        "tag:Name": instance.name,
        **tags,
        "instance-id": instance.its_id,
        "instance-state-name": instance.state,
        "instance-type": instance.type,
        "availability-zone": instance.zone,
        "vpc-id": instance.vpc,
        "private-ip-address": instance.address,
        "ip-address": instance.public,
        "network-interface.addresses.private-ip-address": instance.address,
        "network-interface.addresses.association.public-ip": instance.public,
        "network-interface.ipv6-addresses.ipv6-address": instance.ipv6,
    }


def _passes(instance: Instance, filters: Mapping[str, list[str]]) -> bool:
    said = _fields(instance)
    if unknown := [n for n in filters if n not in said and not n.startswith("tag:")]:
        raise RefusedError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    return all(
        any(fnmatchcase(said.get(name, ""), pattern) for pattern in patterns)
        for name, patterns in filters.items()
    )


def _wanted(fleet: Fleet, region: str, values: Mapping[str, str]) -> list[Instance]:
    """Those of the region that the request is about; refuses ids that are not there."""
    there = [instance for instance in fleet.instances if instance.its_region == region]
    if ids := _numbered(values, "InstanceId"):
        by_id = {instance.its_id: instance for instance in there}
        if unknown := [each for each in ids if each not in by_id]:
            plural = "IDs" if len(unknown) > 1 else "ID"
            verb = "do" if len(unknown) > 1 else "does"
            listed = ", ".join(unknown)
            raise RefusedError(
                "InvalidInstanceID.NotFound",
                f"The instance {plural} '{listed}' {verb} not exist",
            )
        there = [by_id[each] for each in ids]
    filters = _filters(values)
    return [instance for instance in there if _passes(instance, filters)]


def _page(found: list[Instance], values: Mapping[str, str]) -> tuple[list[Instance], str]:
    """One page, and the `nextToken` element where more follows."""
    if "InstanceId.1" in values and "MaxResults" in values:
        message = "The parameter instancesSet cannot be used with the parameter maxResults"
        raise RefusedError("InvalidParameterCombination", message)
    start = int(values.get("NextToken", "page-0").removeprefix("page-"))
    size = int(values.get("MaxResults", DEFAULT_PAGE))
    more = _tag("nextToken", f"page-{start + size}") if start + size < len(found) else ""
    return found[start : start + size], more


def _describe_instances(fleet: Fleet, region: str, values: Mapping[str, str]) -> str:
    found, more = _page(_wanted(fleet, region, values), values)
    zones = {zone.name: zone.its_id for zone in fleet.zones}
    items = "".join(_reservation(instance, zones) for instance in found)
    return f"<reservationSet>{items}</reservationSet>{more}"


def _reservation(instance: Instance, zones: Mapping[str, str]) -> str:
    """One instance as its own reservation, with the parts that a real answer has."""
    tags = {"Name": instance.name} if instance.name else {}
    tag_set = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for key, value in {**tags, **instance.tags}.items()
    )
    zone_id = instance.zone_id or zones.get(instance.zone, "")
    return (
        "<item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/>"
        f"<instancesSet><item><instanceId>{instance.its_id}</instanceId>"
        f"{_tag('imageId', instance.image)}<instanceState>{_state(instance.state)}</instanceState>"
        "<reason/><keyName>ops</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>"
        f"{_tag('instanceType', instance.type)}{_tag('launchTime', instance.launched)}"
        f"<placement>{_tag('availabilityZone', instance.zone)}"
        f"{_tag('availabilityZoneId', zone_id)}<groupName/><tenancy>default</tenancy></placement>"
        "<monitoring><state>disabled</state></monitoring>"
        f"{_tag('subnetId', instance.subnet)}{_tag('vpcId', instance.vpc)}"
        f"{_tag('privateIpAddress', instance.address)}{_tag('ipAddress', instance.public)}"
        "<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-1</groupId>"
        "<groupName>default</groupName></item></groupSet><architecture>x86_64</architecture>"
        "<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>"
        "<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>"
        "<volumeId>vol-1</volumeId><status>attached</status>"
        f"{_tag('attachTime', instance.launched)}"
        "<deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>"
        f"<virtualizationType>hvm</virtualizationType><clientToken/>"
        f"<tagSet>{tag_set}</tagSet><hypervisor>xen</hypervisor>"
        f"{_tag('instanceLifecycle', instance.lifecycle)}"
        f"<networkInterfaceSet>{_interface(instance)}</networkInterfaceSet>"
        "<ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport>"
        "</item></instancesSet></item>"
    )


def _interface(instance: Instance) -> str:
    ipv6 = ""
    if instance.ipv6:
        ipv6 = f"<item><ipv6Address>{instance.ipv6}</ipv6Address></item>"
    return (
        "<item><networkInterfaceId>eni-1</networkInterfaceId>"
        f"{_tag('subnetId', instance.subnet)}{_tag('vpcId', instance.vpc)}"
        "<description/><ownerId>123456789012</ownerId><status>in-use</status>"
        f"{_tag('privateIpAddress', instance.address)}<sourceDestCheck>true</sourceDestCheck>"
        "<attachment><attachmentId>eni-attach-1</attachmentId><deviceIndex>0</deviceIndex>"
        f"<status>attached</status>{_tag('attachTime', instance.launched)}"
        "<deleteOnTermination>true</deleteOnTermination></attachment>"
        f"<privateIpAddressesSet><item>{_tag('privateIpAddress', instance.address)}"
        "<primary>true</primary></item></privateIpAddressesSet>"
        f"<ipv6AddressesSet>{ipv6}</ipv6AddressesSet></item>"
    )


def _describe_status(fleet: Fleet, region: str, values: Mapping[str, str]) -> str:
    found = _wanted(fleet, region, values)
    if values.get("IncludeAllInstances", "false") != "true":
        found = [instance for instance in found if instance.state == "running"]
    found, more = _page(found, values)
    zones = {zone.name: zone.its_id for zone in fleet.zones}
    items = "".join(_status_item(instance, zones) for instance in found)
    return f"<instanceStatusSet>{items}</instanceStatusSet>{more}"


def _status_item(instance: Instance, zones: Mapping[str, str]) -> str:
    running = instance.state == "running"
    events = "".join(
        f"<item><instanceEventId>instance-event-{number}</instanceEventId>"
        f"{_tag('code', event.code)}{_tag('description', event.description)}"
        f"{_tag('notBefore', event.not_before)}{_tag('notAfter', event.not_after)}</item>"
        for number, event in enumerate(instance.events)
    )
    checks = {
        "systemStatus": (instance.system, "reachability"),
        "instanceStatus": (instance.instance, "reachability"),
        "attachedEbsStatus": (instance.disks, "reachability"),
    }
    zone_id = instance.zone_id or zones.get(instance.zone, "")
    return (
        f"<item><instanceId>{instance.its_id}</instanceId>"
        f"{_tag('availabilityZone', instance.zone)}{_tag('availabilityZoneId', zone_id)}"
        f"<eventsSet>{events}</eventsSet><instanceState>{_state(instance.state)}</instanceState>"
        + "".join(
            _check(name, status if running else "not-applicable", detail, instance.since)
            for name, (status, detail) in checks.items()
        )
        + "</item>"
    )


def _check(element: str, status: str, detail: str, since: str) -> str:
    passed = {"ok": "passed", "impaired": "failed"}.get(status, status)
    when = _tag("impairedSince", since) if status == "impaired" else ""
    details = (
        f"<details><item><name>{detail}</name><status>{passed}</status>{when}</item></details>"
    )
    return f"<{element}><status>{escape(status)}</status>{details}</{element}>"


def _describe_zones(fleet: Fleet, region: str, _values: Mapping[str, str]) -> str:
    items = "".join(
        f"<item><optInStatus>opt-in-not-required</optInStatus><zoneName>{zone.name}</zoneName>"
        f"<zoneState>{escape(zone.state)}</zoneState><regionName>{zone.its_region}</regionName>"
        "<messageSet>"
        + "".join(f"<item><message>{escape(text)}</message></item>" for text in zone.messages)
        + f"</messageSet><zoneId>{zone.its_id}</zoneId>"
        "<zoneType>availability-zone</zoneType></item>"
        for zone in fleet.zones
        if zone.its_region == region
    )
    return f"<availabilityZoneInfo>{items}</availabilityZoneInfo>"


def _console(fleet: Fleet, region: str, values: Mapping[str, str]) -> str:
    (instance,) = _wanted(fleet, region, {"InstanceId.1": values.get("InstanceId", "")})
    if values.get("Latest") == "true" and not instance.latest:
        message = "This instance type does not support retrieving the latest console logs."
        raise RefusedError("UnsupportedOperation", message)
    output = "" if instance.console is None else base64.b64encode(instance.console).decode()
    return (
        f"<instanceId>{instance.its_id}</instanceId>{_tag('timestamp', instance.console_at)}"
        f"{_tag('output', output)}"
    )


ACTIONS = {
    "DescribeInstances": _describe_instances,
    "DescribeInstanceStatus": _describe_status,
    "DescribeAvailabilityZones": _describe_zones,
    "GetConsoleOutput": _console,
}

_ODD_INSTANCE = (
    "<item><instanceId/></item><item/><item><instanceId>i-0000000000000000a</instanceId>"
    "<launchTime>yesterday</launchTime><placement/><tagSet><item><key>Name</key></item>"
    "<item><value>x</value></item><item/></tagSet><instanceState/>"
    "<privateIpAddress>10.0.0.99; rm -rf</privateIpAddress></item>"
)
_ODD_STATUS = (
    "<item/><item><instanceId>i-0000000000000000a</instanceId><instanceState/>"
    "<systemStatus><status>on\x85fire</status><details><item><impairedSince>noon</impairedSince>"
    "</item></details></systemStatus><instanceStatus/><eventsSet><item/><item><code>odd\u202e</code>"
    "<notBefore>99999-01-01</notBefore></item></eventsSet></item>"
)
ODD = (
    f"<reservationSet><item/><item><instancesSet>{_ODD_INSTANCE}</instancesSet></item>"
    f"</reservationSet><instanceStatusSet>{_ODD_STATUS}</instanceStatusSet>"
    "<availabilityZoneInfo><item/><item><zoneName/><zoneState>so-so</zoneState></item>"
    "</availabilityZoneInfo><output>%%% no base64 %%%</output><timestamp>late</timestamp>"
)
"""Well-formed answers to each call, with nothing in its place."""
