"""The fleet's network: a router in a namespace of its own, and one link to the controller.

::

    controller 10.212.N.1 ── link ── 10.212.N.2 router 10.213.x.1 ── hosts 10.213.x.11 …

Router and hosts are joined by macvlan devices in bridge mode on one trunk: unlike a bridge with a
veth pair a host, that gives every host's eth0 the same look (`eth0@if3`). The link is a veth pair,
or with a round-trip time or loss a pair of TUN devices (`delay`). Router and hosts live in
namespaces of their own: this machine's own network has the controller's end of the link and a
route, nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tests.fleet import namespaces as ns
from tests.fleet.spec import FleetError

MAX_FLEETS = 64
FIRST_HOST = 11
TRUNK = "trunk"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Those of fleet number N, 0 to 63."""

    number: int

    @property
    def hosts(self) -> IPv4Network:
        """A /22: room for a thousand hosts."""
        return IPv4Network(f"10.213.{4 * self.number}.0/22")

    @property
    def link(self) -> IPv4Network:
        """Between controller and router."""
        return IPv4Network(f"10.212.{self.number}.0/30")

    @property
    def controller(self) -> IPv4Address:
        """This machine, as the hosts see it."""
        return self.link[1]

    @property
    def router(self) -> IPv4Address:
        """The hosts' default gateway's other side."""
        return self.link[2]

    @property
    def controller_device(self) -> str:
        """The one device the fleet has in this machine's own network."""
        return f"fleet{self.number}"

    def host(self, position: int) -> IPv4Address:
        """Of the host at this position, from 0; raises FleetError past the last."""
        if FIRST_HOST + position >= self.hosts.num_addresses - 1:
            raise FleetError(f"{position + 1} hosts: a fleet has room for about 1,000")
        return self.hosts[FIRST_HOST + position]

    def in_use(self) -> bool:
        """Whether this machine already has a route into one of the networks."""
        shown = subprocess.run(
            ["ip", "-j", "-4", "route", "show", "table", "all"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for route in json.loads(shown.stdout or "[]"):
            destination = route.get("dst", "default")
            if destination != "default":
                network = IPv4Network(destination, strict=False)
                if network.overlaps(self.hosts) or network.overlaps(self.link):
                    return True
        return False


def ip_batch(lines: list[str]) -> None:
    """Run `ip` commands in one process, in the current namespace; raises FleetError."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise FleetError(f"ip: {done.stderr.strip()}")


def make_router(addresses: Addresses) -> int:
    """A network namespace with trunk and gateway, forwarding; an open descriptor keeps it."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        ns.unshare(ns.CLONE_NEWNET)
        router = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        gateway = f"{addresses.hosts[1]}/{addresses.hosts.prefixlen}"
        ip_batch(
            [
                "link set lo up",
                # Both ends stay here: one end carries the macvlan devices, the other its carrier.
                f"link add {TRUNK} type veth peer name {TRUNK}-end",
                f"link set {TRUNK} up",
                f"link set {TRUNK}-end up",
                f"link add link {TRUNK} name gateway type macvlan mode bridge",
                f"addr add {gateway} dev gateway",
                "link set gateway up",
            ]
        )
        # /proc/sys/net shows the reader's own namespace: no new /proc is needed.
        with open("/proc/sys/net/ipv4/ip_forward", "w") as forward:  # noqa: PTH123 - proc file
            forward.write("1\n")
    finally:
        ns.setns(own)
        os.close(own)
    return router


def unlink(addresses: Addresses) -> None:
    """Remove the controller's end of the link, where there is one (the kernel alone takes a
    moment)."""
    device = addresses.controller_device
    subprocess.run(["ip", "link", "delete", device], capture_output=True, check=False)


def link_directly(addresses: Addresses, router_net: int) -> None:
    """A veth pair between this machine and the router: no delay. Goes with the router."""
    device = addresses.controller_device
    router_path = f"/proc/{os.getpid()}/fd/{router_net}"
    ip_batch([f"link add {device} type veth peer name uplink netns {router_path}"])
    configure_link(addresses, router_net, device, "uplink")


def configure_link(addresses: Addresses, router_net: int, device: str, uplink: str) -> None:
    """Addresses on both ends of the link, and this machine's route to the hosts."""
    prefix = addresses.link.prefixlen
    with ns.inside(router_net, "net"):
        ip_batch([f"addr add {addresses.router}/{prefix} dev {uplink}", f"link set {uplink} up"])
    ip_batch(
        [
            f"addr add {addresses.controller}/{prefix} dev {device}",
            f"link set {device} up",
            f"route add {addresses.hosts} via {addresses.router}",
        ]
    )


def plug_in(router_net: int, pid: int, mac: str) -> None:
    """Give the host whose first process is `pid` its eth0; see `host_addresses` for the rest."""
    with ns.inside(router_net, "net"):
        device = f"name eth0 address {mac} netns {pid} type macvlan mode bridge"
        ip_batch([f"link add link {TRUNK} {device}"])


def host_addresses(addresses: Addresses, address: IPv4Address) -> list[str]:
    """The `ip` commands that give a host its address and its route to the controller."""
    return [
        "link set lo up",
        f"addr replace {address}/{addresses.hosts.prefixlen} dev eth0",
        "link set eth0 up",
        f"route replace default via {addresses.hosts[1]}",
    ]


def is_listening(pid: int, port: int) -> bool:
    """Whether something in the network of process `pid` listens on the TCP port."""
    try:
        table = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except FileNotFoundError:
        return False
    listening = "0A"
    return any(
        fields[1].endswith(f":{port:04X}") and fields[3] == listening
        for fields in map(str.split, table)
    )
