"""Round-trip time and loss in user space, for kernels without netem.

A TUN device on the controller's side, one on the router's, and a process between them that holds
each packet for half the round-trip time. Order is kept: the delay is the same for all packets, so
a queue for each direction is enough.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import signal
import struct
import time
from collections import deque
from contextlib import suppress

from tests.fleet import namespaces as ns
from tests.fleet.network import Addresses, configure_link, ip_batch

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_MAX_PACKET = 2048
_BATCH = 256
"""Packets read from one side before the other, and what is due, has its turn."""
_QUEUE_PACKETS = 10_000
"""Kernel's queue towards this process: bursts wait there instead of being lost."""

Queue = deque[tuple[float, bytes]]


def start(addresses: Addresses, router_net: int, rtt_ms: float, loss: float, seed: int) -> int:
    """Link controller and router with the delay; returns the pid of the process that carries it,
    a child of this one that dies with it, and takes the link away."""
    near = _open_tun(addresses.controller_device)
    with ns.inside(router_net, "net"):
        far = _open_tun("uplink")
    pid = os.fork()
    if pid == 0:
        _carry(near, far, rtt_ms / 2000, loss, random.Random(seed))
    os.close(near)
    os.close(far)
    configure_link(addresses, router_net, addresses.controller_device, "uplink")
    return pid


def _open_tun(device: str) -> int:
    """A new TUN device in the current network namespace, which lasts as long as the descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = _IFF_TUN | _IFF_NO_PI
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", device.encode(), flags))
    ip_batch([f"link set {device} txqueuelen {_QUEUE_PACKETS}"])
    return descriptor


def _carry(near: int, far: int, one_way_s: float, loss: float, chance: random.Random) -> None:
    """In the child: never returns."""
    try:
        ns.die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.nice(-10)  # on a busy machine a late packet would be a longer round trip
        _forward(near, far, one_way_s, loss, chance)
    finally:
        os._exit(70)


def _forward(near: int, far: int, one_way_s: float, loss: float, chance: random.Random) -> None:
    queues: dict[int, Queue] = {near: deque(), far: deque()}
    other_side = {near: far, far: near}
    while True:
        for target, queue in queues.items():
            _send_due(target, queue)
        due = [queue[0][0] for queue in queues.values() if queue]
        wait_s = max(0.0, min(due) - time.monotonic()) if due else None
        readable, _, _ = select.select((near, far), (), (), wait_s)
        for source in readable:
            _receive(source, queues[other_side[source]], one_way_s, loss, chance)


def _send_due(target: int, queue: Queue) -> None:
    now = time.monotonic()
    while queue and queue[0][0] <= now:
        with suppress(OSError):  # the device is down, or its queue full: the packet is lost
            os.write(target, queue.popleft()[1])


def _receive(
    source: int, queue: Queue, one_way_s: float, loss: float, chance: random.Random
) -> None:
    """Take what has come from one side, up to a batch, into the queue for the other."""
    due = time.monotonic() + one_way_s
    for _ in range(_BATCH):
        try:
            packet = os.read(source, _MAX_PACKET)
        except OSError:  # nothing more there, or the device is down for now
            return
        if not loss or chance.random() >= loss:
            queue.append((due, packet))
