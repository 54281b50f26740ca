"""Control groups of the hosts: frozen processes, and what is left of them after a kill -9."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.fleet import namespaces as ns
from tests.fleet.spec import FleetError

NAME = "fleetdiag-"
"""What the cgroups of a fleet are called, with its number behind it."""


def mount_freezer(target: Path) -> None:
    """The v1 freezer tree at `target`; raises FleetError where the kernel has none.

    v1, because a process frozen by v2 can be killed, and a process that cannot is the point.
    """
    target.mkdir()
    try:
        ns.mount("freezer", target, "cgroup", 0, "freezer")
    except OSError as error:
        raise FleetError(f"{error}: the kernel has no v1 freezer cgroup to lend") from error


def mount_units(target: Path) -> None:
    """The v2 tree at `target`, where systemd hosts keep their units; raises OSError."""
    target.mkdir()
    ns.mount("cgroup2", target, "cgroup2")


def thaw(directory: Path) -> None:
    """Let every process in and below a freezer cgroup run again: only then can it be killed."""
    for state in directory.rglob("freezer.state"):
        state.write_text("THAWED")


def clear(directory: Path) -> None:
    """Kill what is left in a cgroup and below, frozen or not, and remove it; fine if not there."""
    if not directory.is_dir():
        return
    thaw(directory)
    below = [path for path in directory.rglob("*/") if path.is_dir()]
    for path in [*sorted(below, key=lambda path: -len(path.parts)), directory]:
        _remove(path)


def _remove(directory: Path) -> None:
    for pid in (directory / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    for _attempt in range(100):
        with suppress(OSError):  # until the last process has really gone
            directory.rmdir()
            return
        time.sleep(0.02)
