"""Hosts that are a process of this machine: any shell on the PATH, behind any login shell."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from fleetdiag.executor.host import Control, run_host
from fleetdiag.model import (
    Event,
    Host,
    HostPlan,
    HostResult,
    Limits,
    OnEvent,
    Step,
    StepResult,
    TransportKind,
)
from fleetdiag.transport.process import ProcessSession

SCRIPT_SHELLS = {
    "dash": ["dash", "-s"],
    "bash": ["bash", "--posix", "-s"],
    "bash-not-posix": ["bash", "-s"],
    "busybox": ["busybox", "sh", "-s"],
}
"""What `sh` may be on a host."""


def installed(argv: Sequence[str]) -> bool:
    return shutil.which(argv[0]) is not None


@dataclass
class ProcessTransport:
    """Every session is a new process of `argv`; counts them."""

    argv: Sequence[str]
    opened: int = 0

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> ProcessSession:
        self.opened += 1
        return ProcessSession(self.argv, first)

    def close(self) -> None:
        pass


def ignore(event: Event) -> None:
    pass


def run_steps(
    argv: Sequence[str],
    *steps: Step,
    limits: Limits | None = None,
    become_password: str | None = None,
    transport: ProcessTransport | None = None,
    on_event: OnEvent = ignore,
) -> HostResult:
    """What a host whose `sh -s` is `argv` gives for these steps."""
    control = Control(stopped=lambda: False, pause=lambda seconds: None)
    return run_host(
        HostPlan(Host("here", TransportKind.LOCAL), steps),
        transport or ProcessTransport(argv),
        limits or Limits(),
        on_event,
        control,
        become_password,
    )


def only(result: HostResult) -> StepResult:
    """The one step's result of a host that answered."""
    assert result.status == "ok", result.reason
    (step,) = result.steps
    return step
