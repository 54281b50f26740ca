"""Endpoints of the fleet and of a loopback sshd, and plans over them."""

from __future__ import annotations

from typing import Any

from fleetdiag.executor import run_hosts
from fleetdiag.model import (
    Endpoint,
    Host,
    HostResult,
    Limits,
    Playbook,
    Step,
    TransportKind,
)
from fleetdiag.plan import make_plan
from fleetdiag.transport import Secrets, open_transport
from tests.executor.shells import ignore
from tests.fleet.fleet import RunningFleet
from tests.fleet.loopback import LoopbackSshd

QUICK = Limits(connect_s=2, banner_s=2, auth_s=8, throttle_retries=1)


def fleet_host(
    fleet: RunningFleet,
    name: str,
    kind: TransportKind = TransportKind.SSH,
    *,
    alias: str | None = None,
    **changed: Any,
) -> Host:
    """A host of the fleet; `changed` are fields of its Endpoint."""
    values: dict[str, Any] = {
        "address": fleet.host(name).address,
        "port": 22,
        "user": "root",
        "identity_files": (str(fleet.key_path),),
        "identities_only": True,
        "known_hosts_files": (str(fleet.known_hosts_path),),
    }
    return Host(alias or name, kind, Endpoint(name=alias or name, **{**values, **changed}))


def loopback_host(
    server: LoopbackSshd, kind: TransportKind = TransportKind.SSH, **changed: Any
) -> Host:
    values: dict[str, Any] = {
        "address": server.address,
        "port": server.port,
        "user": server.user,
        "identity_files": (str(server.key_path),),
        "identities_only": True,
        "known_hosts_files": (str(server.known_hosts_path),),
    }
    return Host("loopback", kind, Endpoint(name="loopback", **{**values, **changed}))


def run_on(
    hosts: list[Host],
    *steps: Step,
    limits: Limits = QUICK,
    secrets: Secrets | None = None,
    accept_new: bool = False,
    become_password: str | None = None,
) -> dict[str, HostResult]:
    """Host name -> what it gave."""
    plan = make_plan(hosts, Playbook("test", steps or (Step("a", ("echo a",)),)), limits=limits)
    transport = open_transport(plan, secrets or Secrets(), accept_new=accept_new)
    try:
        results, _ = run_hosts(plan, transport, ignore, become_password=become_password)
    finally:
        transport.close()
    return {result.name: result for result in results}
