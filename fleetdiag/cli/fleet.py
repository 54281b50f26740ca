"""From the options to the hosts they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.cli.screen import fold, say, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


def choose(inventory: Inventory, pattern: str | None, settings: Settings) -> tuple[Host, ...]:
    """The hosts of a pattern, or all without one; raises SelectionError.

    An attribute that the inventory does not give to every host also has the values that stored
    runs told last; that is said, and of which hosts it is not known.
    """
    from fleetdiag.inventory import attributes_named, select

    if not pattern:
        return inventory.hosts
    named = attributes_named(pattern)
    missing = [
        name for name in named if any(name not in host.attributes for host in inventory.hosts)
    ]
    if not missing:
        return select(inventory, pattern)
    known = {host.name: host for host in inventory.hosts}
    completed = tuple(_completed(inventory.hosts, missing, settings))
    _tell_unknown(inventory, completed, {name: named[name] for name in missing})
    chosen = select(replace(inventory, hosts=completed), pattern)
    return tuple(known[host.name] for host in chosen)


def _completed(hosts: Sequence[Host], missing: Sequence[str], settings: Settings) -> Iterator[Host]:
    """`hosts` with what stored runs told of them where the inventory says nothing."""
    from fleetdiag import pipeline
    from fleetdiag.cli.launch import stored_in

    addresses = {host.name: host.endpoint.address if host.endpoint else "" for host in hosts}
    told, runs = pipeline.recalled(stored_in(settings), missing, addresses)
    if runs:
        more = f" and {len(runs) - 1} before" if len(runs) > 1 else ""
        say(visible(f"{', '.join(missing)}: as told in run {runs[0]}{more}."))
    for host in hosts:
        yield replace(host, attributes={**told[host.name], **host.attributes})


def _tell_unknown(
    inventory: Inventory, completed: Sequence[Host], missing: Mapping[str, bool]
) -> None:
    """Say of which hosts an attribute is not known.

    Raises SelectionError where hosts are left out by it: nobody can say whether these are among
    them.
    """
    from fleetdiag.errors import SelectionError

    for name, excludes in missing.items():
        told = any(name in host.attributes for host in completed)
        unknown = [host.name for host in completed if name not in host.attributes]
        given = any(name in host.attributes for host in inventory.hosts)
        if not told or not unknown or given:
            continue  # nobody knows it: `select` says so; or the inventory gives it to some
        words = f"{name} of {fold(unknown)} is not known"
        if excludes:
            raise SelectionError(f"{words}, so nobody can say whether to leave them out")
        say(f"{words}.")


def choose_one(inventory: Inventory, name: str, settings: Settings) -> Host:
    """The one host a pattern means; raises SelectionError where it means several."""
    from fleetdiag.errors import SelectionError

    hosts = choose(inventory, name, settings)
    if len(hosts) != 1:
        raise SelectionError(f"{name!r} means {len(hosts)} hosts; this command takes one")
    return hosts[0]
