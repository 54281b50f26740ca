"""Runs a plan over its hosts. Knows transports by their protocol; nothing of comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.executor import threads
from fleetdiag.executor.engine import Engine

if TYPE_CHECKING:
    import threading

    from fleetdiag.model import HostResult, OnEvent, Plan, Transport

__all__ = ["Engine", "run_hosts"]


def run_hosts(
    plan: Plan,
    transport: Transport | Engine,
    on_event: OnEvent,
    *,
    become_password: str | None = None,
    stop: threading.Event | None = None,
) -> tuple[tuple[HostResult, ...], bool]:
    """The result of every host of the plan, in its order, and whether the run was stopped early.

    Over a transport in threads of this process; an engine opens its own transports elsewhere.
    `on_event` is called in the calling thread only, so that archive and progress need no locks.
    """
    if isinstance(transport, Engine):
        return transport.run_hosts(plan, on_event, become_password=become_password, stop=stop)
    return threads.run_hosts(plan, transport, on_event, become_password=become_password, stop=stop)
