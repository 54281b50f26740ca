"""Records -> Inventory: here inheritance, ssh_config, defaults and flags end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.endpoints import Endpoints
from fleetdiag.inventory.merge import Inherited, inherit
from fleetdiag.inventory.records import ATTRIBUTE, Given, Overrides, Records, Variables
from fleetdiag.model import Host, Inventory, TransportKind
from fleetdiag.yamlmarks import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from fleetdiag.inventory.ssh_config import SshConfig
    from fleetdiag.model import Endpoint

_WITHOUT_ENDPOINT = (TransportKind.LOCAL, TransportKind.REPLAY)


def resolve(
    sources: Sequence[Records],
    ssh_config: Callable[[], SshConfig],
    overrides: Overrides,
    only: Collection[str] | None = None,
) -> Inventory:
    """The inventory `sources` make, or of it the hosts named in `only`, in that order.

    `ssh_config` is called once at most, and only where a host is reached by SSH. Raises
    InventoryError.
    """
    known = inherit(sources)
    chosen = [known[name] for name in only] if only is not None else list(known.values())
    flags = overrides.variables()
    endpoints: Endpoints | None = None
    hosts = []
    for inherited in chosen:
        variables = _with_flags(inherited.variables, flags)
        if _transport(variables) in _WITHOUT_ENDPOINT:
            hosts.append(_host(inherited, variables))
            continue
        if endpoints is None:
            endpoints = Endpoints(ssh_config(), known)
        endpoint, origins = endpoints.endpoint(inherited.name, variables)
        hosts.append(_host(inherited, variables, endpoint=endpoint, origins=origins))
    notes = list(dict.fromkeys(source.note for source in sources if source.note))
    return Inventory(
        hosts=tuple(hosts),
        groups=_groups(chosen),
        sources=tuple(source.source for source in sources),
        note=" ".join(notes) or None,
        peers=_peers(sources, known.values()),
    )


def _peers(sources: Iterable[Records], hosts: Iterable[Inherited]) -> str | None:
    """As the last source has it that names one; raises InventoryError where no host has it."""
    named = [source.peers for source in sources if source.peers is not None]
    if not named:
        return None
    peers, origin = str(named[-1].value), named[-1].origin
    there = {name for host in hosts for name in host.variables if name.startswith(ATTRIBUTE)}
    known = sorted(name.removeprefix(ATTRIBUTE) for name in there)
    if peers not in known:
        near = did_you_mean(peers, known) or (f"; there are {', '.join(known)}" if known else "")
        raise InventoryError(f"{origin}: no host has the attribute `{peers}` of `peers`{near}")
    return peers


def _transport(variables: Variables) -> TransportKind:
    given = variables.get("transport")
    return TransportKind.SSH if given is None else TransportKind(str(given.value))


def _with_flags(variables: Variables, flags: Variables) -> Variables:
    """`variables` beaten by the flags; no flag sends a local or recorded host over the network."""
    if _transport(variables) in _WITHOUT_ENDPOINT:
        flags = {name: given for name, given in flags.items() if name == "become"}
    return {**variables, **flags} if flags else variables


def _host(
    inherited: Inherited,
    variables: Variables,
    endpoint: Endpoint | None = None,
    origins: dict[str, str] | None = None,
) -> Host:
    attributes = {
        name.removeprefix(ATTRIBUTE): given
        for name, given in variables.items()
        if name.startswith(ATTRIBUTE)
    }
    default = Given(None, "default")
    recording = variables.get("recording")
    return Host(
        name=inherited.name,
        transport=_transport(variables),
        endpoint=endpoint,
        become=bool(variables.get("become", default).value),
        groups=inherited.groups,
        attributes={name: str(given.value) for name, given in attributes.items()},
        origins={
            **(origins or {}),
            "transport": variables.get("transport", default).origin,
            "become": variables.get("become", default).origin,
            **{f"{ATTRIBUTE}{name}": given.origin for name, given in attributes.items()},
        },
        recording=None if recording is None else str(recording.value),
    )


def _groups(hosts: Iterable[Inherited]) -> dict[str, tuple[str, ...]]:
    """Group -> its hosts, groups by name."""
    members: dict[str, list[str]] = {}
    for host in hosts:
        for group in host.groups:
            members.setdefault(group, []).append(host.name)
    return {group: tuple(members[group]) for group in sorted(members)}
