"""Who one host is: name, addresses, keys, identifiers, the accounts on it."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from tests.fleet.keys import KeyPair
from tests.fleet.spec import FleetSpec, HostSpec


@dataclass(frozen=True, slots=True)
class Identity:
    """All that tells one host from another, and all its files are written from."""

    spec: HostSpec
    address: IPv4Address
    gateway: IPv4Address
    """Of the fleet's router."""
    host_key: KeyPair
    machine_id: str
    boot_id: str
    booted_s_ago: int
    """Uptime it starts with, so that no two hosts booted at the same time."""
    kernel_seed: int

    @property
    def name(self) -> str:
        """As in the inventory, and its hostname."""
        return self.spec.name

    @property
    def mac(self) -> str:
        """Of eth0: locally administered, made from the address."""
        return ":".join(["02", "fd", *(f"{octet:02x}" for octet in self.address.packed)])


def make_identity(
    fleet: FleetSpec, host: HostSpec, address: IPv4Address, gateway: IPv4Address, key: KeyPair
) -> Identity:
    """The host's identity; identifiers and uptime follow from the seed and the name."""
    chance = random.Random(f"{fleet.seed}/{host.name}/identity")
    return Identity(
        spec=host,
        address=address,
        gateway=gateway,
        host_key=key,
        machine_id=uuid.UUID(int=chance.getrandbits(128), version=4).hex,
        boot_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        booted_s_ago=chance.randrange(3 * 86_400, 40 * 86_400),
        kernel_seed=fleet.seed,
    )


def rebooted(identity: Identity) -> Identity:
    """The same host at the start of its next boot: a new boot id, no uptime."""
    return replace(identity, boot_id=str(uuid.uuid4()), booted_s_ago=0)
