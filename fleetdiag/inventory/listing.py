"""Hosts as plain data for `--format json`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Endpoint, Host


def hosts_json(hosts: Sequence[Host]) -> dict[str, Any]:
    """`{"hosts": [{name, address, port, user, identity_file, via, groups, attributes}]}`.

    Login fields are null for local and recorded hosts. `identity_file` is the first of several,
    which are then all under `identity_files`. `via` is null or `user@host:port`, commas between.
    """
    return {"hosts": [_host(host) for host in hosts]}


def via_text(via: Sequence[Endpoint]) -> str | None:
    """`user@bastion:22,…`, hops in the order they are passed; None without any."""
    return ",".join(f"{hop.user}@{_bracketed(hop.address)}:{hop.port}" for hop in via) or None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _host(host: Host) -> dict[str, Any]:
    login = host.endpoint
    files = () if login is None else login.identity_files
    row: dict[str, Any] = {
        "name": host.name,
        "address": None if login is None else login.address,
        "port": None if login is None else login.port,
        "user": None if login is None else login.user,
        "identity_file": files[0] if files else None,
        "via": None if login is None else via_text(login.via),
        "groups": list(host.groups),
        "attributes": dict(host.attributes),
    }
    if len(files) > 1:
        row["identity_files"] = list(files)
    return row
