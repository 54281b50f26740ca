"""What every engine is: hosts in, results out. One signature, whoever does the work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from fleetdiag.model import Plan, Transport

if TYPE_CHECKING:
    import threading

    from fleetdiag.model import HostResult, OnEvent

Open = Callable[[Plan], Transport]
"""How a transport for the hosts of a plan is opened where the work is done. Picklable: a transport
itself crosses to no other process. Raises FleetdiagError."""


class Engine(ABC):
    """Runs plans elsewhere than in this process's threads, over transports of its own."""

    @abstractmethod
    def run_hosts(
        self,
        plan: Plan,
        on_event: OnEvent,
        *,
        become_password: str | None = None,
        stop: threading.Event | None = None,
    ) -> tuple[tuple[HostResult, ...], bool]:
        """As `executor.run_hosts`."""

    @abstractmethod
    def close(self) -> None:
        """End whatever does the work; never raises."""
