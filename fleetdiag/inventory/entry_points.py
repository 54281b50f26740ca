"""Sources that other packages add, by an entry point in the group `fleetdiag.inventory`."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.complaints import one_line
from fleetdiag.inventory.records import Records, group_name_problem, host_name_problem

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "fleetdiag.inventory"


def added_sources() -> tuple[str, ...]:
    """The names that installed packages give to sources, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def added_records(source: str) -> Records | None:
    """What the source `name:argument` of another package says; None where no package has it.

    The entry point names a function that takes the argument (what follows the colon, "" without)
    and returns Records, or what `ansible-inventory --list` prints, as a dict. Raises
    InventoryError, whatever goes wrong in it.
    """
    name, _, argument = source.partition(":")
    points = tuple(entry_points(group=GROUP, name=name))
    if not points:
        return None
    if len({point.value for point in points}) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        raise InventoryError(f"-i {source}: {packages} both have a source `{name}`")
    said = _called(points[0], source, argument)
    if isinstance(said, Records):
        return _checked(said, source, points[0])
    if isinstance(said, dict):
        from fleetdiag.inventory.listed import listed_records

        return listed_records(_as_json(said, source, points[0]), source)
    kind = type(said).__name__
    raise InventoryError(
        f"{_who(points[0], source)} gave {kind}, expected Records or the dict that "
        "ansible-inventory --list prints"
    )


def _called(point: EntryPoint, source: str, argument: str) -> object:
    try:
        return point.load()(argument)
    except (Exception, SystemExit) as error:  # others' code may raise anything
        reason = one_line(str(error))
        said = reason if isinstance(error, InventoryError) else f"{type(error).__name__}: {reason}"
        raise InventoryError(f"{_who(point, source)}: {said}") from error


def _who(point: EntryPoint, source: str) -> str:
    return f"-i {source}: the source `{point.name}` of {_package(point)}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _as_json(said: object, source: str, point: EntryPoint) -> object:
    """`said` as JSON has it: tuples as lists, nothing that is no data."""
    try:
        return json.loads(json.dumps(said))
    except (ValueError, TypeError, RecursionError) as error:
        message = f"{_who(point, source)} gave a dict that is no JSON: {one_line(str(error))}"
        raise InventoryError(message) from error


def _checked(records: Records, source: str, point: EntryPoint) -> Records:
    """`records` where every name can be one and every group's host is among the hosts."""
    problems = [host_name_problem(host.name) for host in records.hosts]
    problems += [group_name_problem(group.name) for group in records.groups]
    known = {host.name for host in records.hosts}
    problems += [
        f"host {host!r} of group {group.name!r} is not among its hosts"
        for group in records.groups
        for host in group.hosts
        if host not in known
    ]
    for problem in filter(None, problems):
        raise InventoryError(f"{_who(point, source)}: {one_line(problem)}")
    return records
