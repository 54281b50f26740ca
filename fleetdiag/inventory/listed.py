"""The JSON of `ansible-inventory --list` and of inventory scripts -> Records. Pure.

Its form (https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html): group ->
`{"hosts": [name], "children": [group], "vars": {}}` or a list of hosts, and under `_meta` the
variables of hosts: `{"hostvars": {host: {}}}`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.hostvars import HostSaid, VariableError, host_said
from fleetdiag.inventory.records import (
    GroupRecord,
    HostRecord,
    Records,
    group_name_problem,
    host_name_problem,
)
from fleetdiag.yamlmarks import kind_of, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_BUILT_IN = ("all", "ungrouped")
"""Groups that Ansible makes itself: of all hosts, and of those in no other."""
_KEYS = frozenset({"hosts", "children", "vars"})
_PRIORITY = "ansible_group_priority"
_MAX_PROBLEMS = 5
_MAX_NAMED = 3

Variables = dict[str, Any]


@dataclass(slots=True)
class _Group:
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: Variables = field(default_factory=dict)


def listed_records(
    data: object,
    source: str,
    *,
    ask: Callable[[Sequence[str]], Mapping[str, object]] | None = None,
    magic: Mapping[str, object] | None = None,
    note: str | None = None,
) -> Records:
    """What `data` says, with `source` as its name and as the origin of every value.

    `ask` gives the variables of the hosts it is called with, where `data` has no
    `_meta.hostvars`; `magic` are variables that Ansible has beside those (`inventory_dir`), for
    templates. The records' note is `note`, then which hosts are left out, and what of their
    variables is not followed. Raises InventoryError, for an inventory without hosts too.
    """
    groups = _groups(_mapping(data, source, "the inventory"), source)
    above = _above(groups, source)
    names = list(dict.fromkeys(host for group in groups.values() for host in group.hosts))
    hostvars = _hostvars(data, names, source, ask)
    inherited = _inherited(groups, above)
    remarks = _Remarks(source)
    hosts: list[HostRecord] = []
    for name, variables in _each(names, groups, inherited, hostvars):
        if host_name_problem(name):
            remarks.left_out(name, "with names that are no host names")
        elif said := remarks.of(name, {**(magic or {}), **variables}):
            hosts.append(HostRecord(name, said.variables))
    remarks.raise_problems()
    if not hosts:
        raise InventoryError(remarks.nothing(groups))
    kept = {host.name for host in hosts}
    records = tuple(_group_records(groups, kept, remarks))
    sentences = [note, *remarks.sentences(len(names))]
    return Records(source, tuple(hosts), records, note=" ".join(filter(None, sentences)) or None)


# --------------------------------------------------------------------------------- the form


def _mapping(value: object, source: str, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InventoryError(f"-i {source}: {what} is {kind_of(value)}, expected a mapping by name")
    return value


def _names(value: object, source: str, what: str) -> list[str]:
    if not isinstance(value, list):
        raise InventoryError(f"-i {source}: {what} is {kind_of(value)}, expected a list of names")
    for each in value:
        if not isinstance(each, str):
            raise InventoryError(f"-i {source}: {what} has {kind_of(each)}, expected names")
    return value


def _groups(data: Mapping[str, Any], source: str) -> dict[str, _Group]:
    """Every group, those that are only named as children too."""
    groups: dict[str, _Group] = {}
    for name, said in data.items():
        if name == "_meta":
            continue
        group = groups.setdefault(name, _Group())
        what = f"group {quoted(name)}"
        if isinstance(said, list):
            said = {"hosts": said}  # the short form
        for key in _mapping(said, source, what):
            if not _KEYS & said.keys():
                hint = "hosts, children or vars"
                raise InventoryError(f"-i {source}: {what} has {quoted(key)}, expected {hint}")
        group.hosts = _names(said.get("hosts", []), source, f"`hosts` of {what}")
        group.children = _names(said.get("children", []), source, f"`children` of {what}")
        group.variables = dict(_mapping(said.get("vars", {}), source, f"`vars` of {what}"))
        for child in group.children:
            groups.setdefault(child, _Group())
    return groups


def _hostvars(
    data: object,
    names: Sequence[str],
    source: str,
    ask: Callable[[Sequence[str]], Mapping[str, object]] | None,
) -> dict[str, Mapping[str, Any]]:
    top = _mapping(data, source, "the inventory")
    meta = _mapping(top.get("_meta", {}), source, "`_meta`")
    if "hostvars" not in meta and ask is not None:
        found: Mapping[str, object] = ask([name for name in names if not host_name_problem(name)])
    else:
        found = _mapping(meta.get("hostvars", {}), source, "`_meta.hostvars`")
    return {
        name: _mapping(found[name], source, f"what is said of host {quoted(name)}")
        for name in names
        if name in found
    }


# --------------------------------------------------------------------------------- inheritance


def _above(groups: Mapping[str, _Group], source: str) -> dict[str, frozenset[str]]:
    """For each group, itself and all it is in; parents first. Raises InventoryError for cycles."""
    parents: dict[str, set[str]] = {name: set() for name in groups}
    for name, group in groups.items():
        for child in group.children:
            parents[child].add(name)
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        chain = " > ".join(quoted(name) for name in error.args[1])
        message = (
            f"-i {source}: groups contain each other: {chain}, expected no way back to a group"
        )
        raise InventoryError(message) from error
    above: dict[str, frozenset[str]] = {}
    for name in order:
        above[name] = frozenset({name}).union(*(above[parent] for parent in parents[name]))
    return above


def _inherited(
    groups: Mapping[str, _Group], above: Mapping[str, frozenset[str]]
) -> Callable[[frozenset[str]], Variables]:
    """What a host in exactly these groups has of them, by Ansible's precedence.

    Weakest first: `all`, then by depth (the longest way down from `all`), by
    `ansible_group_priority`, by name (ansible/inventory/helpers.py: sort_groups).
    """
    depth: dict[str, int] = {}
    for name in above:  # parents come first
        outer = [depth[parent] for parent in above[name] if parent != name]
        depth[name] = 0 if name == "all" else 1 + max(outer, default=0)
    known: dict[frozenset[str], Variables] = {}

    def rank(name: str) -> tuple[int, int, str]:
        priority = groups[name].variables.get(_PRIORITY, 1)
        number = int(priority) if str(priority).lstrip("-").isdecimal() else 1
        return depth[name], number, name

    def inherited(direct: frozenset[str]) -> Variables:
        if direct not in known:
            every = direct.union(*(above[name] for name in direct), {"all"} & groups.keys())
            merged: Variables = {}
            for name in sorted(every, key=rank):
                merged |= groups[name].variables
            merged.pop(_PRIORITY, None)
            known[direct] = merged
        return known[direct]

    return inherited


def _each(
    names: Iterable[str],
    groups: Mapping[str, _Group],
    inherited: Callable[[frozenset[str]], Variables],
    hostvars: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Variables]]:
    """Each host with all its variables."""
    direct: dict[str, set[str]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            direct.setdefault(host, set()).add(name)
    for host in names:
        yield host, {**inherited(frozenset(direct[host])), **hostvars.get(host, {})}


# ------------------------------------------------------------------------------------- results


def _group_records(
    groups: Mapping[str, _Group], kept: set[str], remarks: _Remarks
) -> Iterator[GroupRecord]:
    """The groups with a name that fleetdiag can use; what is in others is in those around them."""
    usable = {name for name in groups if not group_name_problem(name)} - {*_BUILT_IN}
    for name in groups.keys() - usable - {*_BUILT_IN}:
        remarks.groups.append(name)
    for name in groups:
        if name not in usable:
            continue
        hosts: dict[str, None] = {}
        children: dict[str, None] = {}
        waiting, seen = [name], {name}
        while waiting:
            group = groups[waiting.pop()]
            hosts |= dict.fromkeys(host for host in group.hosts if host in kept)
            children |= dict.fromkeys(child for child in group.children if child in usable)
            dissolved = [child for child in group.children if child not in usable | seen]
            seen.update(dissolved)
            waiting += dissolved
        yield GroupRecord(name, tuple(hosts), tuple(children))


class _Remarks:
    """What is wrong with hosts, what is left out of them, and in which words that is said."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.groups: list[str] = []
        self._left_out: dict[str, list[str]] = {}
        self._not_followed: dict[str, list[str]] = {}
        self._problems: dict[tuple[str, str], list[str]] = {}

    def of(self, name: str, variables: Variables) -> HostSaid | None:
        """What the variables of a host say; None where it is left out, or they are wrong."""
        try:
            said = host_said(name, variables, self.source)
        except VariableError as error:
            self._problems.setdefault((error.variable, str(error)), []).append(name)
            return None
        if said.connection not in {"ssh", "local"}:
            self.left_out(name, f"with connection {quoted(said.connection)}")
            return None
        for remark in dict.fromkeys(said.remarks):
            self._not_followed.setdefault(remark, []).append(name)
        return said

    def left_out(self, name: str, why: str) -> None:
        self._left_out.setdefault(why, []).append(name)

    def raise_problems(self) -> None:
        """Raise InventoryError with the first problems, a line for each, where there are some."""
        if not self._problems:
            return
        lines = [
            f"-i {self.source}: host {_some(hosts)}: {variable} {problem}"
            for (variable, problem), hosts in self._problems.items()
        ]
        more = len(lines) - _MAX_PROBLEMS
        end = [f"-i {self.source}: and {more} more problems with variables"] if more > 0 else []
        raise InventoryError("\n".join([*lines[:_MAX_PROBLEMS], *end]))

    def nothing(self, groups: Mapping[str, _Group]) -> str:
        """Why there is no host at all."""
        if self._left_out:
            why = ", ".join(f"{len(hosts)} {why}" for why, hosts in self._left_out.items())
            return f"-i {self.source}: none of its hosts can be used: {why}"
        hint = "" if groups else "; hosts stand in groups, `_meta` alone names none"
        return f"-i {self.source}: names no host{hint}"

    def sentences(self, total: int) -> Iterator[str]:
        """For the person who looks at these hosts."""
        for why, hosts in self._left_out.items():
            yield f"{self.source}: left out {len(hosts)} of {total} hosts, {why}: {_some(hosts)}."
        alike: dict[tuple[str, ...], list[str]] = {}
        for remark, hosts in self._not_followed.items():
            alike.setdefault(tuple(hosts), []).append(remark)
        for those, remarks in alike.items():
            yield f"{self.source}: not followed for {_some(those)}: {', '.join(remarks)}."
        if self.groups:
            yield f"{self.source}: groups with names that are none here: {_some(self.groups)}."


def _some(names: Sequence[str]) -> str:
    """`web01, web02, web03 and 37 more`."""
    shown = ", ".join(quoted(name)[1:-1] for name in names[:_MAX_NAMED])
    more = len(names) - _MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
