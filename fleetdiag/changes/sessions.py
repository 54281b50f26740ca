"""How a host is asked for a change, and what is known of it from before."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.errors import PlanError
from fleetdiag.executor.host import Control, run_host
from fleetdiag.model import HostPlan, HostResult, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.change.acting import Ask
    from fleetdiag.model import Change, HostAct, Plan, Playbook, Step, Transport

_QUICK = Limits(connect_s=5.0, banner_s=5.0, auth_s=8.0, throttle_retries=1)


def change_of(playbook: Playbook) -> Change:
    """What the playbook does to hosts; raises PlanError for a diagnosis."""
    if playbook.change is None:
        raise PlanError(f"`{playbook.name}` is a diagnosis, it changes nothing")
    return playbook.change


def asker(plan: Plan, transport: Transport, become_password: str | None) -> Ask:
    """How hosts of the plan are asked, outside of any run."""
    hosts = {each.host.name: each.host for each in plan.hosts}

    def ask(host: str, steps: Sequence[Step], /, *, quick: bool = False) -> HostResult:
        # Never stopped: what was begun on a host is seen through.
        control = Control(stopped=lambda: False, pause=time.sleep)
        total_s = sum(step.timeout_s for step in steps)
        limits = replace(_QUICK, host_s=total_s) if quick else plan.limits
        own = HostPlan(hosts[host], tuple(steps))
        return run_host(own, transport, limits, lambda _: None, control, become_password)

    return ask


def as_of(act: HostAct, result: HostResult) -> HostResult:
    """A host's result with the boot that it was in when the act was announced."""
    return replace(result, facts=replace(result.facts, boot_id=act.boot_id))
