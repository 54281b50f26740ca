"""What is known of each host while workers run it: every event once, finished steps kept.

Every engine writes into it what it hears. Knows nothing of threads, processes or networks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.executor.host import tell
from fleetdiag.model import (
    HostFinished,
    HostResult,
    HostStarted,
    HostStatus,
    Outcome,
    StepFinished,
    StepResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetdiag.model import Event, HostPlan, OnEvent, Plan


def lightened(event: Event) -> Event:
    """The event as it travels: a result without what the ledger has already."""
    if isinstance(event, HostFinished):
        return HostFinished(replace(event.result, steps=(), attributes={}))
    return event


def without_outputs(event: Event) -> Event:
    """What need be held of an event where it was sent on: of a step all but its outputs."""
    if isinstance(event, StepFinished):
        return StepFinished(event.host, replace(event.step, stdout=b"", stderr=b""))
    return event


def without_steps(host_plan: HostPlan, status: HostStatus, reason: str) -> HostResult:
    """What is known of a host that gave no result of its own; a ledger adds the rest."""
    host = host_plan.host
    address = host.endpoint.address if host.endpoint else ""
    return HostResult(host.name, status, reason, address=address)


class Ledger:
    """Takes events in any order between hosts, tells each once, and keeps what they came to."""

    def __init__(self, plan: Plan, on_event: OnEvent) -> None:
        self._plan = plan
        self._plans = {each.host.name: each for each in plan.hosts}
        self._on_event = on_event
        self._begun: set[str] = set()
        self._steps: dict[str, dict[str, StepResult]] = {}
        """Host in flight -> its finished steps."""
        self._results: dict[str, HostResult] = {}
        self.late = False
        """The run's deadline has passed: who is cancelled from now on is so by it."""

    def note(self, event: Event) -> None:
        """Take in what a shard says, and pass it on unless it was said before."""
        match event:
            case HostStarted(host) if host not in self._begun:
                self._begun.add(host)
                self._on_event(event)
            case StepFinished(host, step) if host not in self._results:
                finished = self._steps.setdefault(host, {})
                if step.name not in finished:
                    told = tell(self._on_event, StepFinished(host, step))
                    finished[step.name] = told.step
            case HostFinished(result) if result.name not in self._results:
                self._settle(result)

    def give_up(self, host_plan: HostPlan, status: HostStatus, reason: str) -> None:
        """Settle a host of which nothing more will be heard; `{where}` in the reason is filled."""
        words = reason.replace("{where}", self.where(host_plan))
        self._settle(without_steps(host_plan, status, words))

    def abandon(self, where: Callable[[HostPlan], str | None] | None = None) -> None:
        """Settle every host that is left when the run is over.

        `where` says in words how far a host is, None where it was not begun; else the ledger does.
        """
        for each in self._plan.hosts:
            if self.settled(each):
                continue
            words = where(each) if where else self.where(each) if self.begun(each) else None
            if words is None:
                self.give_up(each, HostStatus.NOT_RUN, "the run was stopped before its turn")
            else:
                self.give_up(each, HostStatus.CANCELLED, words)

    def begun(self, host_plan: HostPlan) -> bool:
        """Whether a shard took the host up."""
        return host_plan.host.name in self._begun

    def settled(self, host_plan: HostPlan) -> bool:
        """Whether the host has its result."""
        return host_plan.host.name in self._results

    @property
    def complete(self) -> bool:
        """Whether every host has."""
        return len(self._results) == len(self._plans)

    def results(self) -> tuple[HostResult, ...]:
        """All results, in the plan's order."""
        return tuple(self._results[each.host.name] for each in self._plan.hosts)

    def left(self, host_plan: HostPlan) -> HostPlan:
        """The host with those steps that have no result yet.

        Where all of them have, the last one: what a host says of itself comes with an answer.
        """
        finished = self._steps.get(host_plan.host.name, {})
        steps = tuple(step for step in host_plan.steps if step.name not in finished)
        return replace(host_plan, steps=steps or host_plan.steps[-1:])

    def where(self, host_plan: HostPlan) -> str:
        """In words, how far it is; login and first step look the same from here."""
        name = host_plan.host.name
        step = self.left(self._plans[name]).steps[0].name
        return f"during step {step}" if self._steps.get(name) else f"during login or step {step}"

    def _settle(self, result: HostResult) -> None:
        host_plan = self._plans[result.name]
        finished = self._steps.pop(result.name, {})
        status, reason = result.status, result.reason
        if self.late and status is HostStatus.CANCELLED:
            status = HostStatus.TIMED_OUT
            reason = f"the run's deadline of {self._plan.limits.run_s:g} s passed {reason}"
        whole = replace(
            result,
            status=status,
            reason=reason,
            steps=tuple(
                finished.get(step.name) or StepResult(step.name, Outcome.NOT_RUN)
                for step in host_plan.steps
            ),
            attributes=host_plan.host.attributes,
        )
        self._results[result.name] = tell(self._on_event, HostFinished(whole)).result
