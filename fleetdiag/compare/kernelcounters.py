"""Counters that the kernel and iproute2 print over several lines, as rows.

`ip -s link`, `/proc/interrupts` and `ss`: jc has no reader for the first, keeps the processors of
the second apart, and does not count the third's states. Knows nothing of hosts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleetdiag.compare.features import Lines

Row = dict[str, str]

_LINK = re.compile(r"\d{1,9}: ([^:@\s]{1,64})(?:@\S{1,64})?: <([^>]{0,200})>(.{0,400})")
_PAIR = re.compile(r"\b(mtu|state|qdisc) (\S{1,32})")
_COUNTED = re.compile(r"\s*([RT]X)(?: errors)?:\s+([a-z]\D{0,200})")
SOCKET_STATES = (
    *("ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2"),
    *("TIME-WAIT", "CLOSE-WAIT", "LAST-ACK", "CLOSING"),
)
"""Of connections, as ss(8) names them."""
CONNECTIONS = "connections"
"""The row of those that do not wait for one."""
_WAITING = {"LISTEN", "UNCONN"}
_INTERRUPT = re.compile(r"\s*\d{1,6}:((?:\s+\d{1,20})+)\s+(\S.{0,200})")


def ip_link(lines: Lines) -> Iterator[Row]:
    """`ip -s link`: a row an interface: `ifname`, `flags`, `mtu`, `state`, and as `RX dropped`."""
    row: Row = {}
    names: list[str] = []
    for line in lines:
        if match := _LINK.match(line):
            if row:
                yield row
            row = {"ifname": match[1], "flags": match[2], **dict(_PAIR.findall(match[3]))}
        elif match := _COUNTED.match(line):
            names = [f"{match[1]} {name}" for name in match[2].split()]
        elif row and names:
            numbers = line.split()
            if len(numbers) >= len(names) and all(map(str.isdecimal, numbers)):
                row.update(zip(names, numbers, strict=False))
            names = []
    if row:
        yield row


def interrupts(lines: Lines) -> Iterator[Row]:
    """`/proc/interrupts`: a row a numbered interrupt: `device`, `total` over all processors."""
    for line in lines:
        if match := _INTERRUPT.match(line):
            device = match[2].split()[-1]
            yield {"device": device, "total": str(sum(map(int, match[1].split())))}


def sockets(lines: Lines) -> Iterator[Row]:
    """`ss`: a row a listening `socket` (`tcp LISTEN 0.0.0.0:443`), one with each state's number."""
    counted = dict.fromkeys(SOCKET_STATES, 0)
    states = {*counted, *_WAITING}
    for line in lines:
        words = line.split(None, 6)
        before = 0 if words[:1] and words[0] in states else 1  # of both protocols, which
        state = words[before] if len(words) > before else ""
        if state in counted:
            counted[state] += 1
        elif state in _WAITING and len(words) > before + 3:
            yield {"socket": " ".join((*words[: before + 1], words[before + 3]))}
    yield {"socket": CONNECTIONS, **{state: str(number) for state, number in counted.items()}}


READERS: Mapping[str, Callable[[Lines], Iterator[Row]]] = {
    "ip-link": ip_link,
    "interrupts": interrupts,
    "sockets": sockets,
}
"""By the name in `Compare.parse`."""
