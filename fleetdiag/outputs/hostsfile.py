"""`hosts.json` beside outputs: host -> its attributes; also the form of a recorded fleet.

{"web-01": {"zone": "a", "role": "web"}, …}
{"note": "…", "hosts": {"web-01": {"attributes": {…}, "status": "lost", "facts": {…}}, …}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import FileProblemsError, Problem
from fleetdiag.model import HostFacts, HostStatus
from fleetdiag.outputs.files import Unread, read_content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fleetdiag.model import Attributes

SCALARS = (str, bool)
"""What a value may be: numbers are read as they are written."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the file says of one host."""

    attributes: Attributes = field(default_factory=dict)
    status: HostStatus = HostStatus.OK
    reason: str = ""
    facts: HostFacts | None = None


@dataclass(frozen=True, slots=True)
class HostsFile:
    """The hosts in the file's order."""

    hosts: Mapping[str, Listed] = field(default_factory=dict)
    note: str | None = None


class _Twice(Exception):  # noqa: N818 - a way out of the parser
    pass


def read_hosts_file(path: Path) -> HostsFile:
    """What `path` says; raises FileProblemsError with every problem of it."""
    try:
        text = read_content(path).data.decode("utf-8-sig")
        read = json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except Unread as error:
        raise _problem(path, str(error)) from error
    except UnicodeDecodeError as error:
        raise _problem(path, f"is no UTF-8: byte {error.start}") from error
    except json.JSONDecodeError as error:
        place = Problem(str(path), error.lineno, error.colno, f"is no JSON: {error.msg}")
        raise FileProblemsError([place]) from error
    except _Twice as error:
        raise _problem(path, f"{str(error)!r} is there twice in one object") from error
    except RecursionError as error:
        raise _problem(path, "is nested too deeply") from error
    return _checked(path, read)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _problem(path: Path, message: str) -> FileProblemsError:
    return FileProblemsError([Problem(str(path), None, None, message)])


def _checked(path: Path, read: object) -> HostsFile:
    if not isinstance(read, dict):
        raise _problem(path, "expected an object of hosts, each with an object of attributes")
    problems: list[str] = []
    if _is_recording(read):
        hosts = {name: _recorded(name, said, problems) for name, said in read["hosts"].items()}
    else:
        hosts = {name: Listed(_attributes(name, said, problems)) for name, said in read.items()}
    if problems:
        raise FileProblemsError([Problem(str(path), None, None, each) for each in problems])
    note = read.get("note") if _is_recording(read) else None
    return HostsFile(hosts, note if isinstance(note, str) else None)


def _is_recording(read: Mapping[str, Any]) -> bool:
    """A fleet may have a host called `hosts`; its attributes are texts, not objects."""
    hosts = read.get("hosts")
    return isinstance(hosts, dict) and all(isinstance(said, dict) for said in hosts.values())


def _attributes(host: str, said: object, problems: list[str]) -> dict[str, str]:
    if not isinstance(said, dict):
        problems.append(f"{host}: expected an object of attributes, found {_kind(said)}")
        return {}
    found = {}
    for name, value in said.items():
        if isinstance(value, SCALARS):
            found[name] = str(value).lower() if isinstance(value, bool) else value
        elif value is not None:
            problems.append(f"{host}.{name}: expected a text or a number, found {_kind(value)}")
    return found


def _recorded(host: str, said: Mapping[str, Any], problems: list[str]) -> Listed:
    attributes = _attributes(f"{host}.attributes", said.get("attributes", {}), problems)
    status = str(said.get("status", HostStatus.OK.value))
    if status not in list(HostStatus):
        problems.append(f"{host}.status: {status!r} is none of {', '.join(HostStatus)}")
        status = HostStatus.OK.value
    facts = said.get("facts")
    return Listed(
        attributes=attributes,
        status=HostStatus(status),
        reason=str(said.get("reason", "")),
        facts=_facts(facts) if isinstance(facts, dict) else None,
    )


def _facts(said: Mapping[str, Any]) -> HostFacts:
    texts = {
        name: str(said.get(name, "")) for name in ("hostname", "boot_id", "machine_id", "user")
    }
    addresses = said.get("addresses")
    return HostFacts(
        **texts,
        addresses=tuple(map(str, addresses)) if isinstance(addresses, list) else (),
        uptime_s=_number(said.get("uptime_s")),
        clock_offset_s=_number(said.get("clock_offset_s")),
    )


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", type(None): "null"}
    return kinds.get(type(value), repr(value))
