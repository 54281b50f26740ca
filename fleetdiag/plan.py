"""Hosts and a playbook become a plan. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.errors import PlanError
from fleetdiag.model import DEFAULT_FANOUT, HostPlan, HostStatus, Limits, Outcome, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Host, Playbook, Run


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
    # One tuple for all hosts alike: a plan is held, forked and sent whole.
    steps = {
        as_root: tuple(
            replace(step, become=_settled(step.become, as_root)) for step in playbook.steps
        )
        for as_root in (False, True)
    }
    plans = tuple(
        HostPlan(host, steps[host.become if become is None else become]) for host in hosts
    )
    return Plan(playbook, plans, fanout, limits or Limits(), note, peers)


def remaining(plan: Plan, earlier: Run) -> Plan:
    """Of `plan` only what has no result in `earlier`: hosts that gave none, and their steps.

    Raises PlanError where there is nothing left to do.
    """
    open_steps = {
        host.name: {step.name for step in host.steps if step.outcome is Outcome.NOT_RUN}
        for host in earlier.hosts
        if host.status is not HostStatus.OK
    }
    hosts = [
        HostPlan(each.host, tuple(step for step in each.steps if step.name in open_steps[name]))
        for each in plan.hosts
        if (name := each.host.name) in open_steps
    ]
    left = tuple(each for each in hosts if each.steps)
    if not left:
        raise PlanError(f"nothing to retry: every host of run {earlier.id} has its results")
    return replace(plan, hosts=left)


def _settled(own: bool | None, otherwise: bool) -> bool:
    return otherwise if own is None else own
