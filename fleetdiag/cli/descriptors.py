"""Room for the run's connections: the limit of open files is raised, or fewer hosts go at once."""

from __future__ import annotations

import resource
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.cli import screen
from fleetdiag.model import TransportKind

if TYPE_CHECKING:
    from fleetdiag.model import Plan

A_HOST = 8
"""Open files of one host in flight, at most: while a child (a proxy command, `ssh`) is started both
ends of its pipes are ours. A test counts them."""
RESERVED = 128
"""Of the program itself: the run's file, the provider's connections, the terminal."""


def fitted(plan: Plan) -> Plan:
    """`plan` with as many hosts at once as this process may have files open for.

    The soft limit is raised up to the hard one where the plan needs it, for this process and its
    children; where that is not enough the user is told.
    """
    at_once = min(plan.fanout, len(plan.hosts))
    if all(each.host.transport is TransportKind.REPLAY for each in plan.hosts):
        return plan
    needed = at_once * A_HOST + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _reaches(soft, needed):
        return plan
    limit = needed if _reaches(hard, needed) else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit == needed:
        return plan
    fitting = max(1, (limit - RESERVED) // A_HOST)
    screen.say(
        f"{at_once} hosts at once need {needed} open files, and this machine allows {limit} "
        f"(ulimit -Hn): {fitting} at once."
    )
    return replace(plan, fanout=fitting)


def _reaches(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
