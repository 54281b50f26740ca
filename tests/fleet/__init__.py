"""A fleet of real hosts on one Linux machine, for tests: `with Fleet(hosts=4) as fleet: …`."""

from __future__ import annotations

from tests.fleet.fleet import Fleet, FleetHost, missing_parts, running_fleets
from tests.fleet.processes import Process
from tests.fleet.spec import PASSWORD, FleetError, User

__all__ = [
    "PASSWORD",
    "Fleet",
    "FleetError",
    "FleetHost",
    "Process",
    "User",
    "missing_parts",
    "running_fleets",
]
