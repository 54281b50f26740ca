"""Which instances stand behind addresses: DescribeInstances with filters."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import Aws, Call, Trouble, ask, entries, inside, lines, one_line, pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SERVICE = "EC2"
Ids = tuple[str, str]
"""A region and an instance id."""
VALUES = 200
"""The most values that one filter takes (EC2 user guide, "Filtering resources")."""
PAGE = 1000
_PRIVATE = "private-ip-address"
_PUBLIC = "ip-address"
_IPV6 = "network-interface.ipv6-addresses.ipv6-address"
_PRIVATE_NAME = "private-dns-name"
_PUBLIC_NAME = "dns-name"
_STATES = ["pending", "running", "stopping", "stopped"]


def find_instances(
    addresses: Mapping[str, str],
    regions: Sequence[str],
    deadline_s: float,
    *,
    aws: Aws | None = None,
) -> tuple[dict[str, Ids], tuple[str, ...]]:
    """Host -> region and id of the instance that has its address, and problems.

    Addresses are IPv4, private or public, IPv6, or names that EC2 gives. Hosts whose address no
    instance has are left out; so are those whose address several have (private networks may
    overlap), and a problem says so.
    """
    deadline = time.monotonic() + deadline_s
    wanted = {host: _plain(address) for host, address in addresses.items()}
    account = aws or Aws()
    found: dict[str, dict[Ids, str]] = {}
    calls = [
        _call(account, region, name, values, found)
        for region in regions
        for name, values in _filters(wanted.values())
    ]
    given = ask(calls, deadline)
    if aws is None:
        account.close()
    problems = list(lines([each for each in given if isinstance(each, Trouble)]))
    chosen: dict[str, Ids] = {}
    for host, address in wanted.items():
        its = dict(found.get(address, {}))
        running = [ids for ids, state in its.items() if state == "running"] or list(its)
        if len(running) == 1:
            chosen[host] = running[0]
        elif running:
            named = ", ".join(f"{its_id} in {region}" for region, its_id in sorted(running)[:5])
            problems.append(f"{SERVICE}: {address} of {host} is the address of several: {named}")
    return chosen, tuple(problems)


def _plain(address: str) -> str:
    """An address as EC2 writes it: IPv6 shortened, names in small letters."""
    try:
        return str(ipaddress.ip_address(address.strip("[]")))
    except ValueError:
        return address.lower().rstrip(".")


def _filters(addresses: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Filters by which the addresses are found, with values in portions EC2 takes."""
    values: dict[str, dict[str, None]] = {}
    for address in addresses:
        for name in _filter_names(address):
            values.setdefault(name, {})[address] = None
    for name, several in values.items():
        listed = list(several)
        for start in range(0, len(listed), VALUES):
            yield name, listed[start : start + VALUES]


def _filter_names(address: str) -> tuple[str, ...]:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        if address.endswith(".internal"):
            return (_PRIVATE_NAME,)
        return (_PUBLIC_NAME,) if ".compute" in address and "amazonaws.com" in address else ()
    if ip.is_loopback or ip.is_unspecified:
        return ()
    if ip.version == 6:
        return (_IPV6,)
    # A private network may have been given public numbers.
    return (_PRIVATE,) if ip.is_private else (_PUBLIC, _PRIVATE)


def _call(
    aws: Aws, region: str, name: str, values: list[str], found: dict[str, dict[Ids, str]]
) -> Call[None]:
    """One filter in one region; adds to `found`: address -> ids -> state."""
    filters = [
        {"Name": name, "Values": values},
        {"Name": "instance-state-name", "Values": _STATES},
    ]

    def run() -> None:
        describe = aws.client("ec2", region).describe_instances
        asked = set(values)
        for reservation in pages(
            describe, "Reservations", {"Filters": filters, "MaxResults": PAGE}
        ):
            for said in entries(reservation, "Instances"):
                ids = (region, one_line(said.get("InstanceId")))
                state = one_line(inside(said, "State", "Name"))
                for address in asked.intersection(_addresses(said)):
                    found.setdefault(address, {})[ids] = state

    return Call(SERVICE, region, "DescribeInstances", run)


def _addresses(said: Mapping[str, Any]) -> Iterator[str]:
    keys = ("PrivateIpAddress", "PublicIpAddress", "PrivateDnsName", "PublicDnsName")
    yield from (_plain(str(said[key])) for key in keys if said.get(key))
    for interface in entries(said, "NetworkInterfaces"):
        for address in entries(interface, "Ipv6Addresses"):
            yield _plain(str(address.get("Ipv6Address")))
