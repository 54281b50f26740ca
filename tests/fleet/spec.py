"""What a fleet is to be: plain frozen values that travel to the supervisor as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ClusterShell.NodeSet import NodeSet, NodeSetParseError

Kind = Literal["openssh", "bare", "dropbear"]
"""`openssh`: Debian with systemd; `bare`: the same without systemd, as a container has it;
`dropbear`: busybox, dropbear and nothing else."""
Sudo = Literal["none", "nopasswd", "password"]
Shell = Literal["sh", "bash", "zsh", "fish", "csh", "rbash"]

PASSWORD = "night-shift"
"""What `ops` types, for sudo and (with `password_login`) for ssh."""


class FleetError(Exception):
    """A fleet cannot be started, or was asked for something it cannot do; text for a person."""


@dataclass(frozen=True, slots=True)
class User:
    """A login besides root, on every host of the fleet."""

    name: str = "ops"
    login_shell: Shell = "bash"
    """On a dropbear host always `sh` (busybox ash)."""
    sudo: Sudo = "none"
    """`password`: sudo asks for `PASSWORD`."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host before it runs."""

    name: str
    kind: Kind
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Everything the supervisor needs to build a fleet."""

    hosts: tuple[HostSpec, ...]
    rtt_ms: float = 0.0
    """Between the controller and a host; hosts reach each other without it."""
    loss: float = 0.0
    """Share of packets lost, each way: 0.01 is one in a hundred."""
    seed: int = 1
    """Of the losses, and of what differs between hosts (kernel log, uptime)."""
    users: tuple[User, ...] = (User(),)
    sshd_options: Mapping[str, str] = field(default_factory=dict)
    """Lines of sshd_config that come before the fleet's own (the first value counts)."""
    password_login: bool = False
    label: str = ""
    """Who started it, for people; the command line touches only fleets labelled `by hand`."""
    owner_pid: int | None = None
    """Its death ends the fleet; None keeps the fleet until it is taken down."""


def make_spec(
    hosts: int | None = None,
    *,
    names: str | None = None,
    kind: Kind = "openssh",
    kinds: Mapping[str, Kind] | None = None,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
    rtt_ms: float = 0.0,
    loss: float = 0.0,
    seed: int = 1,
    users: Sequence[User] = (User(),),
    sshd_options: Mapping[str, str] | None = None,
    password_login: bool = False,
    label: str = "",
    owner_pid: int | None = None,
) -> FleetSpec:
    """The checked spec; raises FleetError. See `Fleet` for what each value means."""
    if rtt_ms < 0 or not 0 <= loss < 1:
        raise FleetError(f"rtt_ms {rtt_ms} or loss {loss}: expected rtt_ms >= 0 and 0 <= loss < 1")
    host_names = _host_names(hosts, names)
    kind_of = {name: one for pattern, one in (kinds or {}).items() for name in _expand(pattern)}
    wanted = {kind, *kind_of.values()}
    if unknown := [one for one in wanted if one not in get_args(Kind)]:
        raise FleetError(f"host kind {unknown[0]!r}: expected one of {', '.join(get_args(Kind))}")
    return FleetSpec(
        hosts=tuple(
            HostSpec(
                name,
                kind_of.get(name, kind),
                {"zone": _zone(position, len(host_names)), **(attributes or {}).get(name, {})},
            )
            for position, name in enumerate(host_names)
        ),
        rtt_ms=rtt_ms,
        loss=loss,
        seed=seed,
        users=tuple(users),
        sshd_options=dict(sshd_options or {}),
        password_login=password_login,
        label=label,
        owner_pid=owner_pid,
    )


def spec_to_json(spec: FleetSpec) -> str:
    """One line of JSON."""
    return json.dumps(dataclasses.asdict(spec))


def spec_from_json(line: str) -> FleetSpec:
    """The reverse of `spec_to_json`."""
    plain = json.loads(line)
    plain["hosts"] = tuple(HostSpec(**one) for one in plain["hosts"])
    plain["users"] = tuple(User(**one) for one in plain["users"])
    return FleetSpec(**plain)


def _host_names(count: int | None, names: str | None) -> list[str]:
    if names is None:
        count = 4 if count is None else count
        width = max(2, len(str(count)))
        names = f"web-[{1:0{width}}-{count:0{width}}]" if count else ""
    expanded = _expand(names)
    if not expanded or (count is not None and count != len(expanded)):
        raise FleetError(f"{names!r} gives {len(expanded)} host names: expected {count or 'some'}")
    return expanded


def _expand(pattern: str) -> list[str]:
    try:
        return list(NodeSet(pattern))
    except NodeSetParseError as error:
        raise FleetError(f"host names {pattern!r}: {error}") from error


def _zone(position: int, count: int) -> str:
    """The first half of the fleet stands in zone-a, the rest in zone-b."""
    return "zone-a" if position < (count + 1) // 2 else "zone-b"
