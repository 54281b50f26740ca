"""How many cores this process may use, and how many processes pay for a plan.

Cores by affinity and control groups on Linux; elsewhere what the machine has.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.executor.parts import deal, largest_together
from fleetdiag.model import TransportKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetdiag.model import Plan

HOSTS_A_PROCESS = 100
"""A further process pays from so many hosts more: docs/decisions/0007-processes.md."""
FANOUT_A_PROCESS = 8
"""Fewer at once leave a process idle while it waits for them."""

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def processes_for(plan: Plan, wanted: int | None, cores: float) -> int:
    """How many processes to run the plan in; 1: none besides this one.

    None are `wanted`: as many as there are cores, where logins are made here (paramiko's arithmetic
    is what costs), and where each further process has enough hosts and enough of them at once.
    """
    if wanted is not None:
        return min(wanted, plan.fanout, len(deal(plan.hosts, wanted)))
    logins = [each for each in plan.hosts if each.host.transport is TransportKind.SSH]
    apart = len(logins) - largest_together(logins)
    paying = min(len(logins) // HOSTS_A_PROCESS, 1 + apart // HOSTS_A_PROCESS)
    return max(1, min(int(cores), paying, plan.fanout // FANOUT_A_PROCESS))


def usable_cores(groups: Path = _GROUPS, own: Path = _OWN) -> float:
    """Cores this process may be scheduled on, or fewer where its control groups allow less.

    A group's limit counts for all beneath it (cgroups(7)): `cpu.max` in version 2,
    `cpu.cfs_quota_us` in version 1.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    cores = float(len(allowed(0)) if allowed else os.cpu_count() or 1)
    return min([cores, *_quotas(groups, own)])


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    """The limits in force, each in cores."""
    for line in _read(own).splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            hierarchy = groups
        elif "cpu" in controllers.split(","):
            hierarchy = groups / "cpu"
        else:
            continue
        place = hierarchy / path.strip("/")
        while place.is_relative_to(hierarchy):
            yield from _quota(place)
            place = place.parent


def _quota(group: Path) -> Iterator[float]:
    quota, _, period = _read(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    if quota.strip().isdigit() and period.strip().isdigit():  # else `max`, or -1: no limit
        yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
