"""What a Dask worker does with a part of a plan: the thread engine, its events fetched in batches.

Imported on workers, and on the scheduler, which unpickles its name; so it imports little.
"""

from __future__ import annotations

import asyncio
import resource
import threading
import time
import weakref
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetdiag.executor.engine import Open
    from fleetdiag.model import Endpoint, Event, HostPlan, Plan

LEASE_S = 20.0
"""A part nobody asks after for so long is ended: whoever wanted it is gone."""
_WAIT_S = 1.0
"""How long a question waits for something to tell; the answer is a sign of life."""
_GATHER_S = 0.05
"""How long more is waited for once there is something: many events in one answer."""
_BATCH_BYTES = 4 << 20
_KEPT_BYTES = 64 << 20
"""Outputs kept for who asks; past that hosts wait, or a slow line would fill the memory."""
_FILES_A_HOST, _FILES_BESIDE = 8, 256
"""Open files of a host in flight (as in cli/descriptors.py), and of the worker itself."""


class RemotePart:
    """Runs one part in threads of its worker; a Dask actor. Ends when it is let go of."""

    def __init__(self) -> None:
        self._state = _State()
        weakref.finalize(self, self._state.stop.set)

    def begin(self, plan: Plan, open_transport: Open, become_password: str | None) -> None:
        """Start on the hosts of `plan`, over a transport opened here."""
        arguments = (self._state, plan, open_transport, become_password)
        threading.Thread(target=_run, args=arguments, name="part", daemon=True).start()

    async def take(self) -> tuple[list[Event], bool, str]:
        """What has happened since the last question, whether that was all, and what failed.

        Waits a second for something to happen. Of each event, only what a ledger lacks.
        """
        return await self._state.take()

    async def stop(self) -> None:
        """End the part soon; what becomes of its hosts is told."""
        self._state.stop.set()


class _State:
    """What the running part and those who ask after it share."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._kept_bytes = 0
        self._over = False
        self._failure = ""
        self._asked_at = time.monotonic()

    def tell(self, event: Event) -> None:
        """Keep an event until it is asked for; waits while too much is kept."""
        while self._kept_bytes >= _KEPT_BYTES and not self.stop.is_set():
            time.sleep(_GATHER_S)
        with self._lock:
            self._events.append(event)
            self._kept_bytes += _size(event)

    def finish(self, failure: str) -> None:
        with self._lock:
            self._over, self._failure = True, failure

    @property
    def forgotten(self) -> bool:
        return time.monotonic() - self._asked_at > LEASE_S

    @property
    def over(self) -> bool:
        return self._over

    async def take(self) -> tuple[list[Event], bool, str]:
        give_up_at = time.monotonic() + _WAIT_S
        while not (self._events or self._over) and time.monotonic() < give_up_at:
            await asyncio.sleep(_GATHER_S)
        await asyncio.sleep(_GATHER_S)
        self._asked_at = time.monotonic()
        with self._lock:
            batch = self._events[: _count(self._events)]
            del self._events[: len(batch)]
            self._kept_bytes -= sum(_size(event) for event in batch)
            return batch, self._over and not self._events, self._failure


def _count(events: list[Event]) -> int:
    """How many of them make a batch: one at least."""
    size = 0
    for number, event in enumerate(events, start=1):
        size += _size(event)
        if size >= _BATCH_BYTES:
            return number
    return len(events)


def _size(event: Event) -> int:
    """Of its outputs, bytes."""
    from fleetdiag.model import StepFinished

    if not isinstance(event, StepFinished):
        return 0
    return len(event.step.stdout) + len(event.step.stderr)


def _run(state: _State, plan: Plan, open_transport: Open, become_password: str | None) -> None:
    """Run the hosts to their end, and say so whatever happens."""
    from fleetdiag.executor.ledger import lightened, without_outputs
    from fleetdiag.executor.threads import run_hosts

    threading.Thread(target=_watch, args=(state,), name="lease", daemon=True).start()

    def tell(event: Event) -> Event:
        state.tell(lightened(event))
        return without_outputs(event)

    failure = ""
    try:
        here = at_home_here(plan)
        _allow_files(plan.fanout)
        with closing(open_transport(here)) as transport:
            run_hosts(here, transport, tell, become_password=become_password, stop=state.stop)
    except Exception as error:  # noqa: BLE001 - told to whoever asks
        failure = f"{type(error).__name__}: {error}"
    state.finish(failure)


def _allow_files(fanout: int) -> None:
    """Raise this process's limit of open files as far as so many hosts need, and it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = fanout * _FILES_A_HOST + _FILES_BESIDE
    if soft not in (resource.RLIM_INFINITY, hard) and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _watch(state: _State) -> None:
    """Stop what nobody asks after any more."""
    while not state.over and not state.stop.wait(_WAIT_S):
        if state.forgotten:
            state.stop.set()


def away_from_home(plan: Plan) -> Plan:
    """The plan for another machine: files of this user's home are those of the user there."""
    home = Path.home()

    def moved(path: str) -> str:
        file = Path(path)
        return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else path

    return _with_paths(plan, moved)


def at_home_here(plan: Plan) -> Plan:
    """The plan with the files that `away_from_home` left open."""
    return _with_paths(plan, lambda path: str(Path(path).expanduser()))


def _with_paths(plan: Plan, changed: Callable[[str], str]) -> Plan:
    return replace(plan, hosts=tuple(_host_with_paths(each, changed) for each in plan.hosts))


def _host_with_paths(host_plan: HostPlan, changed: Callable[[str], str]) -> HostPlan:
    """Keys and known_hosts; where values came from (`origins`) is for people here, and stays."""
    host = host_plan.host
    endpoint = host.endpoint
    if endpoint is not None:
        via = tuple(_endpoint_with_paths(hop, changed) for hop in endpoint.via)
        endpoint = replace(_endpoint_with_paths(endpoint, changed), via=via)
    return replace(host_plan, host=replace(host, endpoint=endpoint, origins={}))


def _endpoint_with_paths(endpoint: Endpoint, changed: Callable[[str], str]) -> Endpoint:
    return replace(
        endpoint,
        identity_files=tuple(changed(path) for path in endpoint.identity_files),
        known_hosts_files=tuple(changed(path) for path in endpoint.known_hosts_files),
    )
