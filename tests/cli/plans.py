"""Plans and results for the tests of the command line; no stage is needed to make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetdiag.model import (
    Endpoint,
    Host,
    HostPlan,
    HostResult,
    HostStatus,
    Outcome,
    Plan,
    Playbook,
    Step,
    StepResult,
    TransportKind,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = (
    Step(name="load", commands=("cat /proc/loadavg", "uptime"), become=False),
    Step(name="disk", commands=("df -P\ndf -iP",), timeout_s=2.5, become=False),
)


def ssh_host(name: str, **endpoint: Any) -> Host:
    settled: dict[str, Any] = {
        "name": name,
        "address": "192.0.2.7",
        "port": 22,
        "user": "ada",
    } | endpoint
    return Host(name=name, endpoint=Endpoint(**settled))


def local_host(name: str) -> Host:
    return Host(name=name, transport=TransportKind.LOCAL)


def plan_of(hosts: Sequence[Host], steps: tuple[Step, ...] = STEPS) -> Plan:
    plans = tuple(HostPlan(host, steps) for host in hosts)
    return Plan(Playbook(name="look", steps=steps), plans)


def step_result(name: str, outcome: Outcome = Outcome.OK, **more: Any) -> StepResult:
    return StepResult(name=name, outcome=outcome, **more)


def host_result(name: str, status: HostStatus = HostStatus.OK, **more: Any) -> HostResult:
    return HostResult(name=name, status=status, **more)
