"""The thread engine: one worker a host, never more than the fanout at once.

Or a quarter more, while as many do not answer: a dead host holds its place for the whole connect
limit, and a host that is well would wait for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fleetdiag.executor.host import Control, run_host
from fleetdiag.executor.ledger import Ledger, without_outputs, without_steps
from fleetdiag.model import Event, HostFinished, HostStatus, StepFinished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetdiag.model import HostPlan, HostResult, OnEvent, Plan, Transport

_LOOK_UP_S = 0.1
"""How often the calling thread looks up from its queue for a stop or the deadline."""

_LARGE_BYTES = 1 << 16
"""A worker with an output of this size waits until the calling thread has taken it."""
_LENT_AFTER_S = 1.0
"""A host that has no session yet after this long lends its place to another."""
_LENT_SHARE = 4
"""One place in so many may be lent. With a fanout below that none is: who asks for one host at a
time means it."""

_STOP_GRACE_S = 1.0
"""How long workers may take to notice that the run is stopped; a login that hangs in a system
call does not notice, and is left behind."""


def run_hosts(
    plan: Plan,
    transport: Transport,
    on_event: OnEvent,
    *,
    become_password: str | None = None,
    stop: threading.Event | None = None,
) -> tuple[tuple[HostResult, ...], bool]:
    """The result of every host of the plan, in its order, and whether the run was stopped early.

    `on_event` is called in the calling thread only, so that archive and progress need no locks;
    what it answers is in the results. Of the outputs it has not heard of yet no more are in memory
    than a large one a worker, and the small ones of one host.
    """
    ledger = Ledger(plan, on_event)
    return _Engine(plan, transport, ledger, become_password, stop or threading.Event()).run()


@dataclass(frozen=True, slots=True)
class _Posted:
    """An event on its way to the calling thread."""

    event: Event
    taken: threading.Event | None
    """Set when it was told; None where nobody waits for that."""


class _Engine:
    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        ledger: Ledger,
        become_password: str | None,
        stop: threading.Event,
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._ledger = ledger
        self._password = become_password
        self._asked = stop
        """Set by whoever wants the run to stop."""
        self._over = threading.Event()
        """Set when no worker is to go on."""
        self._waiting = deque(plan.hosts)
        self._controls: dict[str, Control] = {}
        self._begun: dict[str, float] = {}
        """Host in flight -> since when, monotonic clock."""
        self._workers = 0
        self._counting = threading.Lock()
        self._posted: SimpleQueue[_Posted] = SimpleQueue()

    def run(self) -> tuple[tuple[HostResult, ...], bool]:
        self._start_workers()
        try:
            for event in self._until_done():
                if isinstance(event, HostFinished):
                    self._controls.pop(event.result.name, None)
                self._ledger.note(event)
            interrupted = self._asked.is_set()
        finally:
            self._over.set()
        self._ledger.abandon(self._where)
        return self._ledger.results(), interrupted

    def _start_workers(self) -> None:
        """As many as may be; fewer where the machine has no more threads, but one."""
        while self._waiting and self._workers < min(self._places(), len(self._plan.hosts)):
            name = f"host-{self._workers}"
            worker = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                worker.start()
            except RuntimeError:
                if not self._workers:
                    raise
                return
            with self._counting:
                self._workers += 1

    def _places(self) -> int:
        """How many hosts may be in flight now."""
        late_since = time.monotonic() - _LENT_AFTER_S
        late = 0
        for name, since in list(self._begun.items()):
            control = self._controls.get(name)
            late += since < late_since and control is not None and control.session is None
        return self._plan.fanout + min(late, self._plan.fanout // _LENT_SHARE)

    def _until_done(self) -> Iterator[Event]:
        """Events until every host has a result, or the run was stopped and its grace is over."""
        run_s = self._plan.limits.run_s
        late_at = float("inf") if run_s is None else time.monotonic() + run_s
        give_up_at = float("inf")
        look_at = 0.0
        while not self._ledger.complete and time.monotonic() < give_up_at:
            self._ledger.late = not self._asked.is_set() and time.monotonic() >= late_at
            stopping = self._asked.is_set() or self._ledger.late
            if stopping and not self._over.is_set():
                give_up_at = time.monotonic() + _STOP_GRACE_S
                self._stop()
            elif not stopping and time.monotonic() >= look_at:
                self._start_workers()
                look_at = time.monotonic() + _LOOK_UP_S
            try:
                posted = self._posted.get(timeout=_LOOK_UP_S)
            except Empty:
                continue
            yield posted.event
            if posted.taken is not None:
                posted.taken.set()
            del posted

    def _stop(self) -> None:
        """Wake every worker: those in a session by closing it."""
        self._over.set()
        for control in list(self._controls.values()):
            session = control.session
            if session is not None:
                session.close()

    def _work(self) -> None:
        while not self._over.is_set() and not self._leaves():
            try:
                host_plan = self._waiting.popleft()
            except IndexError:
                return
            self._begun[host_plan.host.name] = time.monotonic()
            control = Control(stopped=self._over.is_set, pause=self._pause)
            self._controls[host_plan.host.name] = control
            try:
                run_host(
                    host_plan,
                    self._transport,
                    self._plan.limits,
                    self._post,
                    control,
                    self._password,
                )
            except Exception as error:  # noqa: BLE001 - a fault of ours must cost one host, not the run
                reason = f"internal error, please report: {type(error).__name__}: {error}"
                self._post(HostFinished(without_steps(host_plan, HostStatus.LOST, reason)))
            finally:
                self._begun.pop(host_plan.host.name)

    def _leaves(self) -> bool:
        """Whether a worker has to go: the host that lent its place has come back to it."""
        with self._counting:
            surplus = self._workers > self._places()
            self._workers -= surplus
        return surplus

    def _post(self, event: Event) -> Event:
        """Hand an event to the calling thread, which holds a step's outputs from then on.

        Hosts and large outputs wait until they were taken, or a slow disk would fill the memory.
        """
        large = isinstance(event, HostFinished)
        if isinstance(event, StepFinished):
            large = len(event.step.stdout) + len(event.step.stderr) >= _LARGE_BYTES
        taken = threading.Event() if large else None
        self._posted.put(_Posted(event, taken))
        while taken and not (taken.wait(_LOOK_UP_S) or self._over.is_set()):
            pass
        return without_outputs(event)

    def _pause(self, seconds: float) -> None:
        self._over.wait(seconds)

    def _where(self, host_plan: HostPlan) -> str | None:
        """How far a host is whose worker did not come back; None where none took it up."""
        control = self._controls.get(host_plan.host.name)
        return None if control is None else control.where
