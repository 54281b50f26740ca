"""One host's variables, as Ansible names them, in fleetdiag's words. Pure.

Where two names mean the same, the `ansible_ssh_…` one counts, as in ansible-core's own ssh plugin
(the last of the `vars` it lists). Connection variables must be understood; of all others only
listed names are looked at, for variables may be secrets, and attributes are stored with every run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.inventory.records import (
    ATTRIBUTE,
    Given,
    group_name_problem,
    host_name_problem,
    user_problem,
)
from fleetdiag.inventory.ssh_arguments import parse_ssh_arguments
from fleetdiag.inventory.templates import filled, is_template, unsafe_text
from fleetdiag.model import TransportKind
from fleetdiag.yamlmarks import kind_of, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleetdiag.inventory.ssh_arguments import SshArguments

ATTRIBUTES_VARIABLE = "fleetdiag_attributes"
"""The variable that lists further variables that are to be attributes."""
# fmt: off
_PLAIN = (
    "datacenter", "dc", "rack", "room", "role", "env", "environment", "stage", "tier", "cluster",
    "instance_id", "os", "app", "application", "service", "team", "vlan", "hypervisor", "provider",
)
# fmt: on
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "zone": ("zone", "availability_zone", "placement.availability_zone"),
    "zone_id": ("zone_id", "placement.availability_zone_id"),
    "region": ("region", "placement.region"),
    "type": ("type", "instance_type"),
    "image": ("image", "image_id", "ami"),
    "vpc": ("vpc", "vpc_id"),
    "subnet": ("subnet", "subnet_id"),
    **{name: (name,) for name in _PLAIN},
}
"""Attribute -> the variables it is taken from, the first that is there; a dot leads into a mapping.
`placement` is what the plugin amazon.aws.aws_ec2 gives."""
MAX_ATTRIBUTE_CHARACTERS = 120

_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
_BUILT_IN = ("ansible.builtin.", "ansible.legacy.")
# As ansible/module_utils/parsing/convert_bool.py has them.
_TRUE = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
_FALSE = frozenset({"n", "no", "off", "0", "false", "f", "0.0"})
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
"""In the order in which they come on ssh's command line."""


class VariableError(Exception):
    """A connection variable cannot be used; `variable` is its name, the text says why."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(problem)
        self.variable = variable


@dataclass(slots=True)
class HostSaid:
    """What the variables of one host come to."""

    connection: str = "ssh"
    """`ssh`, `local`, or another plugin's name: such a host is none of ours."""
    variables: dict[str, Given] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    """What is not followed, as it may stand after "of 3 hosts": sentences without a full stop."""


def host_said(name: str, variables: Mapping[str, Any], origin: str) -> HostSaid:
    """What `variables` say of the host `name`; raises VariableError for the first that is wrong.

    They are all that is known of it, groups' included, and may hold templates.
    """
    return _Reader(name, variables, origin).said()


class _Reader:
    """One host's variables, with what its templates may stand for."""

    def __init__(self, name: str, variables: Mapping[str, Any], origin: str) -> None:
        self.variables = {
            **variables,
            "inventory_hostname": name,
            "inventory_hostname_short": name.split(".", maxsplit=1)[0],
        }
        self.origin = origin
        self.result = HostSaid()

    def said(self) -> HostSaid:
        connection = self._text("ansible_connection") or "ssh"
        for prefix in _BUILT_IN:
            connection = connection.removeprefix(prefix)
        self.result.connection = "ssh" if connection in _SSH else connection
        if self.result.connection not in {"ssh", "local"}:
            return self.result
        if self.result.connection == "local":
            self._give("transport", TransportKind.LOCAL.value)
        else:
            self._login()
        self._become()
        self._attributes()
        return self.result

    def _give(self, name: str, value: object) -> None:
        if value is not None and value != ():
            self.result.variables[name] = Given(value, self.origin)

    # ------------------------------------------------------------------------------ the login

    def _login(self) -> None:
        user = self._text("ansible_ssh_user", "ansible_user", problem=user_problem)
        arguments = self._arguments(user)
        self._give("address", self._text("ansible_ssh_host", "ansible_host", problem=_bad_address))
        self._give("port", self._port("ansible_ssh_port", "ansible_port", default=arguments.port))
        self._give("user", user or arguments.user)
        key = self._text("ansible_ssh_private_key_file", "ansible_private_key_file")
        # As for Ansible, a relative path is from the current directory.
        self._give("identity_file", _paths([*([key] if key else []), *arguments.identity_files]))
        self._give("known_hosts", _paths(arguments.known_hosts))
        self._give("via", arguments.via)

    def _arguments(self, user: str | None) -> SshArguments:
        lines = {name: text for name in _ARGUMENTS if (text := self._text(name))}
        said = parse_ssh_arguments(" ".join(lines.values()), user)
        where = " and ".join(lines)
        self.result.remarks += [f"{quoted(left)} for ssh" for left in said.left]
        if said.user is not None and (problem := user_problem(said.user)):
            raise VariableError(where, problem)
        return said

    def _become(self) -> None:
        found = self._value("ansible_become")
        if found is None:
            return
        variable, value = found
        become = _boolean(variable, value)
        self._give("become", become)
        if not become:
            return
        for name, ours in (("ansible_become_method", "sudo"), ("ansible_become_user", "root")):
            other = self._text(name)
            if other and other.removeprefix(_BUILT_IN[0]) != ours:
                self.result.remarks.append(f"{name} {quoted(other)} ({ours} is used)")

    # ------------------------------------------------------------------------- single values

    def _value(self, *names: str) -> tuple[str, object] | None:
        """The first of these variables that is given, its templates filled in."""
        for name in names:
            raw = self.variables.get(name)
            if (text := unsafe_text(raw)) is not None:
                return name, text
            value = filled(raw, self.variables)
            if isinstance(value, str) and is_template(value):
                raise VariableError(name, _template_problem(str(raw), value))
            if isinstance(value, dict) and "__ansible_vault" in value:
                raise VariableError(name, "is encrypted (vault), expected plain text")
            if value is not None and value != "":
                return name, value
        return None

    def _text(self, *names: str, problem: Callable[[str], str | None] | None = None) -> str | None:
        found = self._value(*names)
        if found is None:
            return None
        name, value = found
        # A number is a text to Ansible too: `ansible_user=1001` in an INI file is one.
        if isinstance(value, bool | float) or not isinstance(value, str | int):
            raise VariableError(name, f"is {kind_of(value)}, expected text")
        text = str(value).strip()
        if complaint := problem(text) if problem is not None else None:
            raise VariableError(name, complaint)
        return text

    def _port(self, *names: str, default: str | None) -> int | None:
        found = self._value(*names)
        if found is None and default is not None:
            found = "the port for ssh", default
        return None if found is None else _port(*found)

    # ----------------------------------------------------------------------------- attributes

    def _attributes(self) -> None:
        wanted = {**{name: (name,) for name in self._listed()}, **ATTRIBUTES}
        for attribute, names in wanted.items():
            values = (self._attribute(name) for name in names)
            self._give(f"{ATTRIBUTE}{attribute}", next((v for v in values if v is not None), None))

    def _listed(self) -> Iterator[str]:
        """The names that the inventory itself wants to be attributes."""
        listed = filled(self.variables.get(ATTRIBUTES_VARIABLE), self.variables)
        if listed is None:
            return
        if not isinstance(listed, list):
            raise VariableError(ATTRIBUTES_VARIABLE, f"is {kind_of(listed)}, expected a list")
        for name in listed:
            if not isinstance(name, str):
                raise VariableError(ATTRIBUTES_VARIABLE, f"has {kind_of(name)}, expected names")
            if problem := group_name_problem(name):
                raise VariableError(ATTRIBUTES_VARIABLE, problem)
            yield name

    def _attribute(self, path: str) -> str | None:
        """The value of a variable as an attribute has it; None where it is nothing for one."""
        value = self.variables.get(path)
        if value is None and "." in path:
            value = self.variables
            for step in path.split("."):
                value = value.get(step) if isinstance(value, dict) else None
        unsafe = unsafe_text(value)
        value = filled(value, self.variables) if unsafe is None else unsafe
        match value:
            case bool():
                return str(value).lower()
            case float() if not math.isfinite(value):
                return None
            case int() | float():
                text = str(value)
            case str() if unsafe is not None or not is_template(value):
                text = value.strip()
            case _:
                return None
        fits = 0 < len(text) <= MAX_ATTRIBUTE_CHARACTERS and text.isprintable()
        return text if fits else None


def _template_problem(raw: str, left: str) -> str:
    become = "" if raw == left else f" (of {quoted(raw)})"
    return (
        f"is the template {quoted(left)}{become}, which only Ansible can fill in; expected plain "
        "text, or {{ name }} of a plain variable"
    )


def _bad_address(text: str) -> str | None:
    if host_name_problem(text):
        return f"is text {quoted(text)}, expected a name or an IP address"
    return None


def _port(name: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 16:
        raise VariableError(name, f"is {kind_of(value)}, expected a port from 1 to 65535")
    return number


def _boolean(name: str, value: object) -> bool:
    word = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if word not in _TRUE | _FALSE:
        raise VariableError(name, f"is {kind_of(value)}, expected true or false")
    return word in _TRUE


def _paths(paths: list[str]) -> tuple[str, ...]:
    return tuple(str(Path(path).expanduser().absolute()) for path in paths)
