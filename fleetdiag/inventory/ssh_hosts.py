"""`-i ssh_config`: the hosts the user's ssh_config names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.records import HostRecord, Records, host_name_problem

if TYPE_CHECKING:
    from fleetdiag.inventory.ssh_config import SshConfig


def ssh_config_records(config: SshConfig) -> Records:
    """Each `Host` entry that is a plain name; patterns and names that are no host names are not.

    Raises InventoryError where there is none. What the entries say is looked up later, as for
    every host.
    """
    names = [name for name, _ in config.names() if not host_name_problem(name)]
    if not names:
        raise InventoryError(
            "ssh_config: no `Host` entry with a plain name in the user's file; "
            "name the hosts with -w 'web[01-10],db1', or write an inventory.yaml"
        )
    return Records("ssh_config", tuple(HostRecord(name) for name in names))
