"""`-i FILE`: an inventory in YAML; `yaml_schema` has its form, inventory.example.yaml shows it."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import InventoryFileError, Problem
from fleetdiag.inventory.ranges import expand
from fleetdiag.inventory.records import (
    ATTRIBUTE,
    Given,
    GroupRecord,
    HostRecord,
    Records,
    Variables,
)
from fleetdiag.yamlmarks import (
    Marked,
    YamlPath,
    YamlProblems,
    did_you_mean,
    problems_from_pydantic,
    quoted,
    read_yaml_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PATHS = ("identity_file", "known_hosts")
_MAX_CYCLES = 20
_NOT_VARIABLES = ("hosts", "children", "attributes")


def yaml_records(path: Path, shown: str) -> Records:
    """The hosts and groups of the file, called `shown` in messages and origins.

    Raises InventoryFileError with every problem of the file.
    """
    problems: list[Problem] = []
    try:
        marked = read_yaml_file(path, shown)
    except YamlProblems as error:
        if error.marked is None:
            raise InventoryFileError(error.problems) from error
        marked, problems = error.marked, list(error.problems)
    problems += _schema_problems(marked)
    problems += _group_problems(marked)
    problems += _address_problems(marked)
    if problems:
        raise InventoryFileError(sorted(set(problems), key=_position))
    return _File(marked, path.absolute().parent).records()


def _position(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


# -------------------------------------------------------------------------------- checks


def _schema_problems(marked: Marked) -> list[Problem]:
    import pydantic  # late: it takes longer to import than the program may take to start

    from fleetdiag.inventory.yaml_schema import InventoryFile, known_keys

    try:
        InventoryFile.model_validate({} if marked.data is None else marked.data)
    except pydantic.ValidationError as error:
        return problems_from_pydantic(error, marked, marked.file, known_keys)
    return []


def _mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one: the schema has complained already."""
    return value if isinstance(value, dict) else {}


def _group_problems(marked: Marked) -> Iterator[Problem]:
    """Children that are no group of the file, and groups that contain themselves."""
    groups = _mapping(_mapping(marked.data).get("groups"))
    children: dict[str, list[str]] = {}
    for name, said in groups.items():
        listed = _mapping(said).get("children")
        children[name] = []
        for number, child in enumerate(listed if isinstance(listed, list) else ()):
            path = ("groups", name, "children", number)
            if not isinstance(child, str):
                continue
            if child in groups:
                children[name].append(child)
            else:
                near = did_you_mean(child, groups) or ", expected a group of this file"
                yield marked.problem(path, f"unknown group {quoted(child)}{near}")
    for cycle in _cycles(children):
        chain = " > ".join((*cycle, cycle[0]))
        message = f"groups contain each other: {chain}, expected no way back to a group"
        yield marked.problem(("groups", cycle[0], "children"), message)


def _cycles(children: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Cycles, each from parent to child, until none is left (or enough to work on)."""
    graph = {name: set(listed) for name, listed in children.items()}
    for _ in range(_MAX_CYCLES):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle = error.args[1][:0:-1]
            yield cycle
            graph[cycle[-1]].discard(cycle[0])
        else:
            return


def _host_mappings(marked: Marked) -> Iterator[tuple[YamlPath, Mapping[str, Any]]]:
    """Where hosts are given with variables: at the top, and in groups."""
    data = _mapping(marked.data)
    yield ("hosts",), _mapping(data.get("hosts"))
    for name, said in _mapping(data.get("groups")).items():
        yield ("groups", name, "hosts"), _mapping(_mapping(said).get("hosts"))


def _address_problems(marked: Marked) -> Iterator[Problem]:
    """Address ranges that do not go in step with the host range they belong to."""
    for path, hosts in _host_mappings(marked):
        for host, said in hosts.items():
            yield from _step_problems(marked, (*path, host), said, host)
    data = _mapping(marked.data)
    yield from _step_problems(marked, ("defaults",), data.get("defaults"), "host")
    for name, said in _mapping(data.get("groups")).items():
        yield from _step_problems(marked, ("groups", name), said, "host")


def _step_problems(marked: Marked, path: YamlPath, said: object, hosts: str) -> Iterator[Problem]:
    address = _mapping(said).get("address")
    if not isinstance(address, str):
        return
    try:
        names, addresses = len(expand(hosts)), len(expand(address))
    except ValueError:
        return  # the schema has complained
    if addresses != names:
        message = (
            f"`address` {quoted(address)} stands for {addresses} addresses, "
            f"expected {names}, one for each host of {quoted(path[-1])}"
            if names > 1
            else f"`address` {quoted(address)} stands for {addresses} addresses, expected one"
        )
        yield marked.problem((*path, "address"), message)


# ------------------------------------------------------------------------------- records


class _File:
    """Turns a checked document into records."""

    def __init__(self, marked: Marked, directory: Path) -> None:
        self.marked = marked
        self.directory = directory
        self.hosts: dict[str, dict[str, Given]] = {}

    def records(self) -> Records:
        data = _mapping(self.marked.data)
        self._add_hosts(data.get("hosts"), ("hosts",))
        groups = []
        for name, said in _mapping(data.get("groups")).items():
            path: YamlPath = ("groups", name)
            members = self._add_hosts(_mapping(said).get("hosts"), (*path, "hosts"))
            children = tuple(_mapping(said).get("children") or ())
            groups.append(GroupRecord(name, members, children, self._variables(said, path)))
        hosts = tuple(HostRecord(name, variables) for name, variables in self.hosts.items())
        defaults = self._variables(data.get("defaults"), ("defaults",))
        said = data.get("peers")
        peers = None if said is None else Given(said, self._origin(("peers",)))
        return Records(self.marked.file, hosts, tuple(groups), defaults, peers=peers)

    def _add_hosts(self, listed: Iterable[str] | None, path: YamlPath) -> tuple[str, ...]:
        """Note the hosts listed at `path`, later variables winning; their names, each once."""
        names: dict[str, None] = {}
        said = _mapping(listed)
        for text in listed or ():
            expanded = expand(text)
            names |= dict.fromkeys(expanded)
            variables = self._variables(said.get(text), (*path, text))
            address = variables.get("address")
            addresses = [] if address is None else expand(str(address.value))
            for number, name in enumerate(expanded):
                known = self.hosts.setdefault(name, {})
                known.update(variables)
                if address is not None:
                    known["address"] = Given(addresses[number], address.origin)
        return tuple(names)

    def _variables(self, said: object, path: YamlPath) -> Variables:
        variables: dict[str, Given] = {}
        for key, value in _mapping(said).items():
            if value is None or key in _NOT_VARIABLES:
                continue
            final = self._paths(value) if key in _PATHS else value
            variables[key] = Given(final, self._origin((*path, key)))
        for name in _mapping(_mapping(said).get("attributes")):
            at = (*path, "attributes", name)
            variables[f"{ATTRIBUTE}{name}"] = Given(self.marked.spelling(at), self._origin(at))
        return variables

    def _origin(self, path: YamlPath) -> str:
        return f"{self.marked.file}:{self.marked.place(path, key=True)[0]}"

    def _paths(self, value: str | list[str]) -> tuple[str, ...]:
        """Absolute paths; relative ones are from the inventory file's directory."""
        listed = [value] if isinstance(value, str) else value
        return tuple(str(self.directory / Path(path).expanduser()) for path in listed)
