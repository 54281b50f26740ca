"""How far a run is, from its events: hosts done, in flight, failed, and who is at what.

Knows nothing of the screen.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.model import (
    Event,
    HostFinished,
    HostPlan,
    HostStarted,
    HostStatus,
    Plan,
    StepFinished,
    TransportKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class InFlight:
    """A host that was begun and is not finished."""

    host: str
    at: str
    """The step it is at; `login or STEP` before its first answer, when the two look the same."""
    for_s: float
    """Since it was begun."""


class Tally:
    """Counts events; any thread may note one, any thread may ask."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._plans = {each.host.name: each for each in plan.hosts}
        self._begun: dict[str, float] = {}
        self._at: dict[str, str] = {}
        self._done = 0
        self._failed = 0
        self._started = clock()

    def note(self, event: Event) -> None:
        """Take an event in."""
        with self._lock:
            match event:
                case HostStarted(host):
                    self._begun[host] = self._clock()
                    self._at[host] = _first(self._plans[host])
                case StepFinished(host, step):
                    self._at[host] = _following(self._plans[host], step.name)
                case HostFinished(result):
                    self._begun.pop(result.name, None)
                    self._at.pop(result.name, None)
                    self._done += 1
                    self._failed += result.status is not HostStatus.OK

    def in_flight(self) -> tuple[InFlight, ...]:
        """The hosts in flight, the one begun first in front."""
        with self._lock:
            now = self._clock()
            begun = sorted(self._begun.items(), key=lambda item: item[1])
            return tuple(InFlight(host, self._at[host], now - since) for host, since in begun)

    def line(self) -> str:
        """`12/50 done · 35 in flight · 3 failed · 4.2 s · slowest: web-07 disk 3 s`."""
        in_flight = self.in_flight()
        with self._lock:
            done, failed = self._done, self._failed
            elapsed_s = self._clock() - self._started
        parts = [f"{done}/{len(self._plans)} done", f"{len(in_flight)} in flight"]
        parts += [f"{failed} failed"] if failed else []
        parts.append(f"{elapsed_s:.1f} s")
        slowest = [f"{each.host} {each.at} {each.for_s:.0f} s" for each in in_flight[:3]]
        parts += [f"slowest: {', '.join(slowest)}"] if slowest else []
        return " · ".join(parts)


def _first(plan: HostPlan) -> str:
    """Where a host is when nothing was heard of it yet."""
    if not plan.steps:
        return "login"
    first = plan.steps[0].name
    has_login = plan.host.transport in (TransportKind.SSH, TransportKind.OPENSSH)
    return f"login or {first}" if has_login else first


def _following(plan: HostPlan, step: str) -> str:
    """The step after this one; `the end` after the last."""
    names = [each.name for each in plan.steps]
    return next(iter(names[names.index(step) + 1 :]), "the end") if step in names else step
