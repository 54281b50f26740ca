"""Faults between the controller and a host: packets dropped, refused, turned away."""

from __future__ import annotations

from tests.fleet.host import SSH_PORT, RunningHost, Undo


def _filter(host: RunningHost, table: str, rule: str) -> Undo:
    chain = f"type filter hook input priority 0\niif lo accept\n{rule}"
    host.nft(f"table inet fault_{table} {{\nchain input {{\n{chain}\n}}\n}}\n")
    return lambda: host.nft(f"delete table inet fault_{table}\n")


def blackhole(host: RunningHost) -> Undo:
    """Drop every packet to the host: a connection is never answered."""
    return _filter(host, "blackhole", "drop")


def reject(host: RunningHost) -> Undo:
    """Answer every packet to the SSH port with a reset: connection refused."""
    return _filter(host, "reject", f"tcp dport {SSH_PORT} reject with tcp reset")


def no_route(host: RunningHost) -> Undo:
    """Answer every packet with ICMP host-unreachable: no route to host."""
    return _filter(host, "no_route", "meta nfproto ipv4 reject with icmp type host-unreachable")


def private(host: RunningHost) -> Undo:
    """Drop packets from the controller only: reachable through another host (a bastion)."""
    return _filter(host, "private", "ip saddr 10.212.0.0/16 drop")


def iface_down(host: RunningHost) -> Undo:
    """Take eth0 down: no answer, and no route to host once the router has found out (10 s)."""
    gateway = host.run("ip", "route", "show", "default").stdout.decode().split()[2]
    host.ip("link set eth0 down")
    return lambda: host.ip("link set eth0 up", f"route add default via {gateway}")
