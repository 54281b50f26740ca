"""Hosts and a playbook become a plan. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.errors import PlanError
from fleetdiag.model import DEFAULT_FANOUT, HostPlan, Limits, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Host, Playbook


def make_plan(
    hosts: Sequence[Host],
    playbook: Playbook,
    *,
    fanout: int = DEFAULT_FANOUT,
    limits: Limits | None = None,
    become: bool | None = None,
    note: str | None = None,
    peers: str | None = None,
) -> Plan:
    """What every host will be asked; `note` and `peers` are the inventory's.

    A step's own `become` wins; then `become` here (a flag), then the host's. Raises PlanError
    where there is nothing to do, or the fanout is below one.
    """
    if not hosts:
        raise PlanError("no host is selected")
    if twice := [name for name, count in Counter(h.name for h in hosts).items() if count > 1]:
        raise PlanError(f"host {twice[0]} is there twice")
    if not playbook.steps:
        raise PlanError(f"playbook {playbook.name} has no steps")
    if fanout < 1:
        raise PlanError(f"fanout {fanout}: expected 1 or more hosts at once")
    plans = []
    for host in hosts:
        as_root = host.become if become is None else become
        steps = (_settled(step.become, as_root) for step in playbook.steps)
        resolved = zip(playbook.steps, steps, strict=True)
        plans.append(HostPlan(host, tuple(replace(step, become=root) for step, root in resolved)))
    return Plan(playbook, tuple(plans), fanout, limits or Limits(), note, peers)


def _settled(own: bool | None, otherwise: bool) -> bool:
    return otherwise if own is None else own
