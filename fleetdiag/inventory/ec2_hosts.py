"""Instances -> hosts and groups: names, addresses, attributes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleetdiag.inventory.ec2_instances import GROUP_TAG, Instance
from fleetdiag.inventory.ec2_options import TAG
from fleetdiag.inventory.records import (
    ATTRIBUTE,
    Given,
    GroupRecord,
    HostRecord,
    host_name_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetdiag.inventory.ec2_options import Ec2Options

OWN_ATTRIBUTES = (
    "zone",
    "zone_id",
    "region",
    "type",
    "image",
    "vpc",
    "subnet",
    "launched",
    "lifecycle",
    "state",
    "asg",
    "instance_id",
)
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_NOT_IN_GROUPS = re.compile(r"[^\w.-]+")
_MAX_NAME_CHARS = 253
"""Of a DNS name (RFC 1035)."""
_MAX_NAMED = 5

Converted = tuple[tuple[HostRecord, ...], tuple[GroupRecord, ...], list[str]]


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    instance: Instance


def hosts_and_groups(instances: Iterable[Instance], options: Ec2Options, origin: str) -> Converted:
    """The hosts, their groups, and a sentence on each kind of instance that had to be left out.

    `origin` is where the values come from, for messages.
    """
    hosts: list[HostRecord] = []
    groups: dict[str, list[str]] = {}
    lacking: list[str] = []
    for named in _named(instances, options):
        address = _address(named.instance, options.address)
        if address is None:
            lacking.append(named.name)
            continue
        values = {"address": address, **_attributes(named.instance, options)}
        variables = {key: Given(value, origin) for key, value in values.items()}
        hosts.append(HostRecord(named.name, variables))
        for group in _groups(named.instance, options):
            groups.setdefault(group, []).append(named.name)
    records = tuple(GroupRecord(name, tuple(members)) for name, members in groups.items())
    return tuple(hosts), records, _left_out(lacking, options)


def _left_out(names: Sequence[str], options: Ec2Options) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
    what = f"{options.address} address" if options.address else "address"
    count = f"{len(names)} instance{'s' if len(names) > 1 else ''}"
    return [f"EC2: {count} without a usable {what} left out: {shown}."]


# ------------------------------------------------------------------------------------- names


def _named(instances: Iterable[Instance], options: Ec2Options) -> list[_Named]:
    """The instances with names that are unique; sorted by name, as EC2's order means nothing."""
    wished = [(_wish(instance, options.name), instance) for instance in instances]
    often = Counter(name for name, _ in wished)
    taken = {name for name, count in often.items() if count == 1}
    found = []
    for wish, instance in wished:
        name = wish
        if often[wish] > 1 or wish == "all":
            name = f"{wish}-{_clean(instance.id)}"
            if name in taken:
                name = _clean(instance.id)
        found.append(_Named(name, instance))
    return sorted(found, key=lambda each: (_natural(each.name), each.instance.id))


def _wish(instance: Instance, wanted: str) -> str:
    """The name it should have; the id where that is none."""
    if wanted.startswith(TAG):
        text = instance.tags.get(wanted.removeprefix(TAG), "")
    else:
        text = instance.private_dns if wanted == "private-dns" else ""
    return _clean(text) or _clean(instance.id) or "unnamed"


def _clean(text: str) -> str:
    """`text` with what no host name may have replaced: `web 1 (blue)` -> `web-1-blue`."""
    return _NOT_IN_NAMES.sub("-", text)[:_MAX_NAME_CHARS].strip("-.")


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts web-2 before web-10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


# ----------------------------------------------------------------------- addresses, attributes


def _address(instance: Instance, wanted: str | None) -> str | None:
    """The address asked for; None where there is none that could be one."""
    if wanted is None:
        found = instance.public or instance.private or instance.ipv6
    elif wanted.startswith(TAG):
        found = instance.tags.get(wanted.removeprefix(TAG), "")
    else:
        found = instance.public if wanted == "public" else instance.private
    return found if found and host_name_problem(found) is None else None


def _attributes(instance: Instance, options: Ec2Options) -> dict[str, str]:
    own = {
        "zone": instance.zone,
        "zone_id": instance.zone_id,
        "region": instance.region,
        "type": instance.type,
        "image": instance.image,
        "vpc": instance.vpc,
        "subnet": instance.subnet,
        "launched": _minute(instance.launched_at),
        "lifecycle": instance.lifecycle,
        "state": instance.state,
        "asg": instance.tags.get(GROUP_TAG, ""),
        "instance_id": instance.id,
    }
    tagged = {
        attribute_name(key): instance.tags.get(key, "")
        for key in (*options.groups, *options.attributes)
    }
    return {f"{ATTRIBUTE}{key}": value for key, value in {**tagged, **own}.items() if value}


def attribute_name(tag: str) -> str:
    """The attribute of a tag: its key, `tag_…` where that is one of our own or begins oddly."""
    name = _NOT_IN_GROUPS.sub("_", tag)
    return f"tag_{name}" if name in OWN_ATTRIBUTES or not re.match(r"\w", name) else name


def _groups(instance: Instance, options: Ec2Options) -> list[str]:
    """`KEY_VALUE` for each tag asked for that it has: `role_web`."""
    pairs = ((key, instance.tags.get(key, "")) for key in options.groups)
    texts = (_NOT_IN_GROUPS.sub("_", f"{key}_{value}") for key, value in pairs if value)
    return [text if re.match(r"\w", text) else f"tag_{text}" for text in texts]


def _minute(at: float | None) -> str:
    """`2025-06-01T03:04Z`: hosts launched together have it in common."""
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
    except (ValueError, OverflowError, OSError):
        return ""
