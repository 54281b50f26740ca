"""What sources produce: hosts and groups as they were written, each value with its origin.

Nothing is inherited or looked up here; `resolve` does that. Variable names are flat: `user`,
`port`, `attributes.zone`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleetdiag.errors import InventoryError

ATTRIBUTE = "attributes."
"""What the variable names of attributes begin with."""

_HOST_NAME = re.compile(r"[\w:][\w.:%+-]*")
_GROUP_NAME = re.compile(r"\w[\w.:+-]*")
# What a shell would read as more than text: user names end in ProxyCommand's %r.
_USER_NAME = re.compile(r"""[^-\s'"`;&<>|(){}$!,=][^\s'"`;&<>|(){}$!,=]*""")


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it was given: `inventory.yaml:12`, `~/.ssh/config:3`, `--user`."""

    value: object
    origin: str


Variables = Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A host as one source names it."""

    name: str
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group as one source names it."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Records:
    """All that one source says; every host of a group is among `hosts`."""

    source: str
    """The source's name for messages."""
    hosts: tuple[HostRecord, ...] = ()
    groups: tuple[GroupRecord, ...] = ()
    defaults: Variables = field(default_factory=dict)
    """For all hosts, those of other sources included."""
    note: str | None = None
    peers: Given | None = None
    """The attribute within whose values hosts are compared; None where the source says nothing."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Values from flags, which beat every file; None is "not given"."""

    user: str | None = None
    identity_file: Path | None = None
    become: bool | None = None
    transport: str | None = None
    """A value of TransportKind, for hosts reached over the network."""
    via: str | None = None
    port: int | None = None

    def variables(self) -> dict[str, Given]:
        """Those that were given, with the flag as origin; raises InventoryError for bad ones."""
        problem = (self.user and user_problem(self.user)) or (self.via and via_problem(self.via))
        if problem:
            raise InventoryError(problem)
        values = {
            "user": self.user,
            "identity_file": self.identity_file
            and (str(self.identity_file.expanduser().absolute()),),
            "become": self.become,
            "transport": self.transport,
            "via": self.via,
            "port": self.port,
        }
        return {
            name: Given(value, f"--{name.replace('_', '-')}")
            for name, value in values.items()
            if value is not None
        }


def host_name_problem(name: str) -> str | None:
    """Why `name` cannot name a host (or be an address); None where it can."""
    if _HOST_NAME.fullmatch(name):
        return None
    return f"{name!r} is no host name, expected letters, digits and . : % + - _"


def group_name_problem(name: str) -> str | None:
    """Why `name` cannot name a group (or an attribute); None where it can."""
    if name == "all":
        return "`all` always means every host, expected another name; or use `defaults`"
    if _GROUP_NAME.fullmatch(name):
        return None
    return f"{name!r} is no name, expected letters, digits and . : + - _"


def user_problem(name: str) -> str | None:
    """Why `name` cannot be a user to log in as; None where it can."""
    if _USER_NAME.fullmatch(name):
        return None
    return f"{name!r} is no user name"


@dataclass(frozen=True, slots=True)
class Target:
    """`[user@]host[:port]` in parts."""

    host: str
    user: str | None = None
    port: int | None = None


_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*:[^\[\]]*:[^\[\]]*)\](:(?P<port>\d+))?")
"""An IPv6 address in brackets, with or without a port."""


def parse_target(text: str) -> Target:
    """The parts of `[ssh://][user@]host[:port]`; IPv6 bare or in brackets; raises ValueError."""
    user, at, rest = text.removeprefix("ssh://").rstrip("/").rpartition("@")
    port: str | None = None
    if match := _BRACKETED.fullmatch(rest):
        host, port = match["host"], match["port"]
        _require_ipv6(host)
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host = rest
        if ":" in host:
            _require_ipv6(host)
    if at and (problem := user_problem(user)):
        raise ValueError(problem)
    if problem := host_name_problem(host):
        raise ValueError(problem)
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError(f"{port!r} is no port, expected a number from 1 to 65535")
    return Target(host, user if at else None, None if port is None else int(port))


def _require_ipv6(host: str) -> None:
    from ipaddress import IPv6Address

    try:
        IPv6Address(host)
    except ValueError as error:
        raise ValueError(f"{host!r} is no IPv6 address, expected host:port") from error


def parse_via(text: str) -> tuple[Target, ...]:
    """The hops of `host`, `user@host:port`, or several with commas; () for `none`.

    Raises ValueError.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(parse_target(hop.strip()) for hop in text.split(","))


def via_problem(text: str) -> str | None:
    """Why `text` is no `via`; None where it is one."""
    try:
        parse_via(text)
    except ValueError as error:
        return f"{error} in via {text!r}, expected [user@]host[:port], several with commas, or none"
    return None


def tilde(path: Path | str) -> str:
    """`path` for a person: the home directory as `~`."""
    text, home = str(path), str(Path.home())
    return f"~{text[len(home) :]}" if text.startswith(home + "/") else text
