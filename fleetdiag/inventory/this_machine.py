"""`-i local`: this machine, without SSH."""

from __future__ import annotations

import socket

from fleetdiag.inventory.records import Given, HostRecord, Records
from fleetdiag.model import TransportKind


def local_records() -> Records:
    """One host, named as this machine is (without its domain)."""
    name = socket.gethostname().partition(".")[0] or "localhost"
    local = HostRecord(name, {"transport": Given(TransportKind.LOCAL.value, "-i local")})
    return Records("local", (local,))
