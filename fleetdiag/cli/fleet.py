"""From the options to the hosts they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetdiag.cli.options import Fleet
    from fleetdiag.model import Host, Inventory
    from fleetdiag.settings import Settings


def load_inventory(fleet: Fleet, settings: Settings) -> Inventory:
    """The inventory under the flags; raises InventoryError."""
    from fleetdiag import inventory

    overrides = inventory.Overrides(
        user=fleet.user,
        identity_file=fleet.identity,
        become=fleet.become,
        transport=fleet.transport,
        via=fleet.via,
        port=fleet.port,
    )
    return inventory.load(
        fleet.sources, adhoc=fleet.adhoc, ssh_config=settings.ssh_config, overrides=overrides
    )


def choose(inventory: Inventory, pattern: str | None) -> tuple[Host, ...]:
    """The hosts of a pattern, or all without one; raises SelectionError."""
    from fleetdiag.inventory import select

    return select(inventory, pattern) if pattern else inventory.hosts


def choose_one(inventory: Inventory, name: str) -> Host:
    """The one host a pattern means; raises SelectionError where it means several."""
    from fleetdiag.errors import SelectionError

    hosts = choose(inventory, name)
    if len(hosts) != 1:
        raise SelectionError(f"{name!r} means {len(hosts)} hosts; this command takes one")
    return hosts[0]
