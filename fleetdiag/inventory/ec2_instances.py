"""Instances as EC2 describes them: the calls of one region, and the few fields we keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import Call, entries, inside, one_line, pages, required, unix_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fleetdiag.aws import Aws
    from fleetdiag.inventory.ec2_options import Ec2Options

SERVICE = "EC2"
PAGE = 1000
"""The most that DescribeInstances gives at once (EC2 API reference)."""
GROUP_TAG = "aws:autoscaling:groupName"
_STATES = ("pending", "running", "stopping", "stopped")
"""Those that may come back: who is terminated has no address and no future."""
_MAX_TAG_CHARS = 256
"""EC2's own limit on a tag's value (EC2 user guide, "Tag restrictions")."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What is kept of one instance; texts are one printable line, empty where nothing was said."""

    id: str
    region: str
    state: str = ""
    zone: str = ""
    zone_id: str = ""
    type: str = ""
    image: str = ""
    vpc: str = ""
    subnet: str = ""
    lifecycle: str = ""
    """`on-demand`, `spot`, `scheduled`, `capacity-block`."""
    launched_at: float | None = None
    """Unix time."""
    private: str = ""
    public: str = ""
    ipv6: str = ""
    private_dns: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Those that were asked for, and the autoscaling group's."""


def instances_call(aws: Aws, region: str, options: Ec2Options) -> Call[list[Instance]]:
    """DescribeInstances in one region, all pages of it."""
    states = _STATES if options.every_state else ("running",)
    filters = {"instance-state-name": states, **options.filters}
    arguments = {
        "MaxResults": PAGE,
        "Filters": [{"Name": name, "Values": list(values)} for name, values in filters.items()],
    }

    def run() -> list[Instance]:
        client = aws.client("ec2", region)
        reservations = pages(client.describe_instances, "Reservations", arguments)
        return list(_instances(reservations, region, options.tags | {GROUP_TAG}))

    return Call(SERVICE, region, "DescribeInstances", run)


def zones_call(aws: Aws, region: str) -> Call[dict[str, str]]:
    """DescribeAvailabilityZones in one region: zone -> zone id.

    The id names the same place for every account, which the name does not.
    """

    def run() -> dict[str, str]:
        answer = aws.client("ec2", region).describe_availability_zones()
        zones = required(answer, "AvailabilityZones")
        return {one_line(zone.get("ZoneName")): one_line(zone.get("ZoneId")) for zone in zones}

    return Call(SERVICE, region, "DescribeAvailabilityZones", run)


def _instances(
    reservations: Iterable[Mapping[str, Any]], region: str, wanted: frozenset[str]
) -> Iterator[Instance]:
    for reservation in reservations:
        for said in entries(reservation, "Instances"):
            if one_line(said.get("InstanceId")):
                yield _instance(said, region, wanted)


def _instance(said: Mapping[str, Any], region: str, wanted: frozenset[str]) -> Instance:
    def text(*keys: str) -> str:
        return one_line(inside(said, *keys))

    return Instance(
        id=text("InstanceId"),
        region=region,
        state=text("State", "Name"),
        zone=text("Placement", "AvailabilityZone"),
        zone_id=text("Placement", "AvailabilityZoneId"),
        type=text("InstanceType"),
        image=text("ImageId"),
        vpc=text("VpcId"),
        subnet=text("SubnetId"),
        lifecycle=text("InstanceLifecycle") or "on-demand",
        launched_at=unix_time(said.get("LaunchTime")),
        private=text("PrivateIpAddress"),
        public=text("PublicIpAddress"),
        ipv6=_ipv6(said),
        private_dns=text("PrivateDnsName"),
        tags={
            one_line(tag.get("Key")): one_line(tag.get("Value"), _MAX_TAG_CHARS)
            for tag in entries(said, "Tags")
            if tag.get("Key") in wanted
        },
    )


def _ipv6(said: Mapping[str, Any]) -> str:
    """The first IPv6 address, for instances that have no other."""
    for interface in entries(said, "NetworkInterfaces"):
        for address in entries(interface, "Ipv6Addresses"):
            return one_line(address.get("Ipv6Address"))
    return ""
