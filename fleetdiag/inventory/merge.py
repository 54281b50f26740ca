"""Records of several sources as one, and what hosts inherit from their groups. Pure.

What beats what, from weakest to strongest: `defaults`, groups from the outermost to the innermost
(counted by the longest way down to them; of two equally deep, the one later in the alphabet), the
host itself. Within one of these, a later source beats an earlier one, value by value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetdiag.inventory.records import Given, Records


@dataclass(slots=True)
class _Group:
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inherited:
    """One host with everything said of it, in its groups too."""

    name: str
    groups: tuple[str, ...]
    """All of them, parents included, sorted."""
    variables: Mapping[str, Given]


def inherit(sources: Iterable[Records]) -> dict[str, Inherited]:
    """Every host of `sources`, in the order first named; raises InventoryError for group cycles."""
    hosts: dict[str, dict[str, Given]] = {}
    groups: dict[str, _Group] = {}
    defaults: dict[str, Given] = {}
    for source in sources:
        defaults.update(source.defaults)
        for host in source.hosts:
            hosts.setdefault(host.name, {}).update(host.variables)
        for record in source.groups:
            group = groups.setdefault(record.name, _Group())
            group.hosts |= dict.fromkeys(record.hosts)
            group.children |= dict.fromkeys(record.children)
            group.variables.update(record.variables)
    return _inherited(hosts, groups, defaults)


def _inherited(
    hosts: Mapping[str, dict[str, Given]],
    groups: Mapping[str, _Group],
    defaults: Mapping[str, Given],
) -> dict[str, Inherited]:
    above, depth = _above_and_depth(groups)
    direct: dict[str, set[str]] = {name: set() for name in hosts}
    for name, group in groups.items():
        for host in group.hosts:
            direct[host].add(name)
    shared: dict[frozenset[str], tuple[tuple[str, ...], dict[str, Given]]] = {}
    result = {}
    for name, variables in hosts.items():
        key = frozenset(direct[name])
        if key not in shared:  # hosts in the same groups inherit the same
            every = key.union(*(above[group] for group in key))
            merged = dict(defaults)
            for group_name in sorted(every, key=lambda g: (depth[g], g)):
                merged.update(groups[group_name].variables)
            shared[key] = (tuple(sorted(every)), merged)
        names, inherited = shared[key]
        result[name] = Inherited(name, names, {**inherited, **variables})
    return result


def _above_and_depth(groups: Mapping[str, _Group]) -> tuple[dict[str, set[str]], dict[str, int]]:
    """For each group, all the groups it is in, and the longest way down to it (0: in none)."""
    parents: dict[str, set[str]] = {name: set() for name in groups}
    for name, group in groups.items():
        for child in group.children:
            parents.setdefault(child, set()).add(name)
    above: dict[str, set[str]] = {}
    depth: dict[str, int] = {}
    try:
        for name in TopologicalSorter(parents).static_order():
            above[name] = parents[name].union(*(above[parent] for parent in parents[name]))
            depth[name] = max((depth[parent] + 1 for parent in parents[name]), default=0)
    except CycleError as error:
        chain = " > ".join(error.args[1])
        raise InventoryError(f"groups of several sources contain each other: {chain}") from error
    return above, depth
