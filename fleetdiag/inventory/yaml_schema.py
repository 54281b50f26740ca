"""The form of an inventory file, as pydantic models: what may stand where, and of what type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fleetdiag.inventory.ranges import expand
from fleetdiag.inventory.records import (
    group_name_problem,
    host_name_problem,
    user_problem,
    via_problem,
)


def _host_range(text: str) -> str:
    for name in expand(text):
        if problem := host_name_problem(name):
            raise ValueError(problem)
    return text


def _group_name(text: str) -> str:
    if problem := group_name_problem(text):
        raise ValueError(problem)
    return text


def _user(text: str) -> str:
    if problem := user_problem(text):
        raise ValueError(problem)
    return text


def _via(text: str) -> str:
    if problem := via_problem(text):
        raise ValueError(problem)
    return text


def _path(text: str) -> str:
    if not text:
        raise ValueError("an empty path, expected the path of a file")
    return text


HostRange = Annotated[str, AfterValidator(_host_range)]
GroupName = Annotated[str, AfterValidator(_group_name)]
FilePath = Annotated[str, AfterValidator(_path)]


class Variables(BaseModel):
    """What can be said of a host, a group of hosts, or all of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    address: HostRange | None = Field(None, description="DNS name or IP address to connect to")
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: Annotated[str, AfterValidator(_user)] | None = None
    identity_file: FilePath | list[FilePath] | None = None
    via: Annotated[str, AfterValidator(_via)] | None = Field(
        None, description="bastions: names or user@host:port, several with commas, or none"
    )
    become: bool | None = Field(None, description="run steps through sudo")
    transport: Literal["ssh", "openssh", "local"] | None = None
    attributes: dict[GroupName, str | int | float | bool] | None = None
    known_hosts: FilePath | list[FilePath] | None = None


class Group(Variables):
    """A group: hosts of its own, other groups, and variables for all of them."""

    hosts: list[HostRange] | dict[HostRange, Variables | None] | None = None
    children: list[GroupName] | None = None


class InventoryFile(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hosts: list[HostRange] | dict[HostRange, Variables | None] | None = None
    groups: dict[GroupName, Group | None] | None = None
    defaults: Variables | None = None
    peers: GroupName | None = Field(
        None, description="the attribute within whose values hosts are compared"
    )


def known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys allowed in the mapping at `path` of an inventory file."""
    match path:
        case ():
            return tuple(InventoryFile.model_fields)
        case ("groups", _):
            return tuple(Group.model_fields)
        case _:
            return tuple(Variables.model_fields)
