"""One host with ten steps, far away, seen on the wire: each flight of packets, when, how large.

A flight is what goes one way until something with data comes back; acknowledgements alone are told
in the last column, as it is them that a server's Nagle algorithm waits for.
"""

from __future__ import annotations

import argparse
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.contenders import Task, contenders
from tests.bench.tables import machine, print_table
from tests.fleet import Fleet

_ETH_P_ALL = 3
"""packet(7): sockets of one protocol alone are not shown what goes out."""
_OUTGOING = 4
"""packet(7): PACKET_OUTGOING."""
_SYN = 0x02


@dataclass(frozen=True, slots=True)
class Packet:
    """One segment of the connection."""

    at_s: float
    ours: bool
    syn: bool
    size: int
    """Of what it carries."""


def main(argv: list[str]) -> int:
    """Print the flights."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench flights")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=100.0, help="milliseconds")
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=1, rtt_ms=options.rtt, label="bench flights") as fleet,
    ):
        (host,) = fleet.hosts
        task = Task(fleet, Path(directory), {host.name: host.address}, options.steps)
        run = contenders(task, wanted=[])["fleetdiag"]
        run()
        packets = capture(host.address, run)
    print_table(
        f"1 host x {options.steps} commands, {options.rtt:g} ms round trip; {machine(1)}",
        ["ms", "from", "bytes", "packets", "acknowledgements alone"],
        rows(packets),
    )
    return 0


def capture(address: str, run: object) -> list[Packet]:
    """The packets to and from port 22 of the address while `run` runs."""
    told = subprocess.run(["ip", "-o", "route", "get", address], capture_output=True, check=True)
    words = told.stdout.decode().split()
    device = words[words.index("dev") + 1]
    packets: list[Packet] = []
    over = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL)) as sniffer:
        sniffer.bind((device, _ETH_P_ALL))
        sniffer.settimeout(0.1)

        def listen() -> None:
            while not over.is_set():
                try:
                    data, (_, _, kind, _, _) = sniffer.recvfrom(1 << 16)
                except TimeoutError:
                    continue
                if packet := parse(data, kind == _OUTGOING, socket.inet_aton(address)):
                    packets.append(packet)

        listener = threading.Thread(target=listen)
        listener.start()
        assert callable(run)
        run()
        time.sleep(0.3)
        over.set()
        listener.join()
    return packets


def parse(data: bytes, ours: bool, address: bytes) -> Packet | None:
    """An IPv4 packet of TCP port 22 to or from the address."""
    if data[0] >> 4 != 4:
        return None
    header, total = (data[0] & 15) * 4, struct.unpack(">H", data[2:4])[0]
    tcp = data[header:total]
    if data[9] != socket.IPPROTO_TCP or address not in {data[12:16], data[16:20]}:
        return None
    if 22 not in struct.unpack(">HH", tcp[:4]):
        return None
    return Packet(time.monotonic(), ours, bool(tcp[13] & _SYN), len(tcp) - (tcp[12] >> 4) * 4)


def rows(packets: list[Packet]) -> list[list[str]]:
    """A row a flight."""
    began = packets[0].at_s
    found: list[list[str]] = []
    flight: list[Packet] = []
    alone = 0
    for packet in [*packets, Packet(0.0, not packets[-1].ours, False, 1)]:
        if not packet.size and not packet.syn:
            alone += packet.ours
            continue
        if flight and (packet.ours != flight[0].ours or packet.at_s - flight[-1].at_s > 0.03):
            found.append(_row(flight, began, alone))
            flight, alone = [], 0
        flight.append(packet)
    return found


def _row(flight: list[Packet], began: float, alone: int) -> list[str]:
    return [
        f"{(flight[0].at_s - began) * 1000:.0f}",
        "us" if flight[0].ours else "the server",
        str(sum(packet.size for packet in flight)) if not flight[0].syn else "connection",
        str(len(flight)),
        str(alone or ""),
    ]
