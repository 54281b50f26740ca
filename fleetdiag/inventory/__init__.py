"""Which hosts there are and how to reach them: `load` gives an Inventory, `select` a part of it.

Sources (one file each, dispatched in `sources`) produce records; `resolve` alone makes hosts of
them. Knows nothing of playbooks and opens no connection.
"""

from fleetdiag.inventory.listing import hosts_json, via_text
from fleetdiag.inventory.load import load
from fleetdiag.inventory.records import Overrides
from fleetdiag.inventory.select import attributes_named, select

__all__ = ["Overrides", "attributes_named", "hosts_json", "load", "select", "via_text"]
