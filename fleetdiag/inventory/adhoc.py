"""Hosts named on the command line: `-w 'web[01-10],db1,admin@10.0.0.7:2222'`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.ranges import expand, split_terms
from fleetdiag.inventory.records import Given, HostRecord, Records, Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGIN = "-w"


def adhoc_records(text: str) -> Records:
    """The hosts `text` names, in its order; raises InventoryError.

    Node-set syntax: `,` adds, `!` takes away, `&` keeps what is in both, `^` what is in one only,
    from left to right; each term may carry `user@` and `:port`, an IPv6 address stands in brackets
    or bare. A host is called by its name without user and port, except where one name is asked for
    at several ports: then `name:port`.
    """
    chosen: dict[Target, None] = {}
    for operator, term in split_terms(text, ",!&^"):
        chosen = _combined(chosen, operator, dict.fromkeys(_targets(term)))
    if not chosen:
        raise InventoryError(f"-w {text!r} names no host, expected such as -w 'web[01-10],db1'")
    return Records(ORIGIN, tuple(_host_records(tuple(chosen))))


def _combined(
    left: dict[Target, None], operator: str, right: dict[Target, None]
) -> dict[Target, None]:
    match operator:
        case "!":
            return {t: None for t in left if t not in right}
        case "&":
            return {t: None for t in left if t in right}
        case "^":
            return {t: None for t in left | right if (t in left) != (t in right)}
        case _:
            return left | right


def _targets(term: str) -> list[Target]:
    if term.startswith("@"):
        raise InventoryError(f"-w {term!r}: groups and files are for -l, expected host names")
    try:
        if term.partition("]")[0].count(":") > 1:  # an IPv6 address, not a range
            return [parse_target(term)]
        return [parse_target(name) for name in expand(term)]
    except ValueError as error:
        raise InventoryError(f"-w: {error}") from error


def _host_records(targets: Sequence[Target]) -> list[HostRecord]:
    ports: dict[str, set[int | None]] = defaultdict(set)
    for target in targets:
        ports[target.host].add(target.port)
    hosts: dict[str, HostRecord] = {}
    for target in targets:
        variables: dict[str, Given] = {}
        if target.user is not None:
            variables["user"] = Given(target.user, ORIGIN)
        if target.port is not None:
            variables["port"] = Given(target.port, ORIGIN)
        name = target.host
        if len(ports[name]) > 1 and target.port is not None:
            variables["address"] = Given(name, ORIGIN)
            name = f"{name}:{target.port}" if ":" not in name else f"[{name}]:{target.port}"
        known = hosts.get(name, HostRecord(name)).variables
        hosts[name] = HostRecord(name, {**known, **variables})
    return list(hosts.values())
