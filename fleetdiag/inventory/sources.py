"""What `-i` may say, and which function reads it: the one table to add a source to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError, InventoryFileError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleetdiag.inventory.records import Records
    from fleetdiag.inventory.ssh_config import SshConfig


@dataclass(frozen=True, slots=True)
class Request:
    """What a source is asked with."""

    argument: str
    """What follows the source's name and a colon; for a file, its path. May be empty."""
    ssh_config: Callable[[], SshConfig]
    """The ssh_config of this run, read when first called."""


def read_source(source: str, ssh_config: Callable[[], SshConfig]) -> Records:
    """What the `-i` value `source` names says; raises InventoryError.

    A name of `SOURCES` means that source (write `./local` for a file called so); all else is the
    path of a file, or where there is none, a source that another package adds. A file that may be
    executed, and is not called YAML, is run; others are YAML.
    """
    name, _, argument = source.partition(":")
    reader = SOURCES.get(name)
    if reader is None or (argument and name in _WITHOUT_ARGUMENT):
        return _file(Request(source, ssh_config))
    return reader(Request(argument, ssh_config))


def _file(request: Request) -> Records:
    shown = request.argument
    path = Path(shown).expanduser()
    if path.is_dir():
        raise InventoryError(
            f"-i {shown}: a directory, expected a YAML file; one of Ansible's is -i ansible:{shown}"
        )
    if not path.exists():
        return _added(shown)
    if path.suffix.lower() not in _YAML and os.access(path, os.X_OK):
        from fleetdiag.inventory.executable import executable_records

        return executable_records(path, shown)
    from fleetdiag.inventory.yaml_file import yaml_records

    try:
        return yaml_records(path, shown)
    except InventoryFileError as error:
        if not _looks_like_ansibles(path):
            raise
        hint = f"if this is an inventory of Ansible's, use -i ansible:{shown}"
        raise InventoryFileError([*error.problems, Problem(shown, None, None, hint)]) from error


def _looks_like_ansibles(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _OF_ANSIBLE.search(stream.read(_ENOUGH_BYTES)) is not None
    except OSError:
        return False


def _added(source: str) -> Records:
    from fleetdiag.inventory.entry_points import added_records, added_sources

    records = added_records(source)
    if records is None:
        raise InventoryError(f"-i {source}: no such file{_advice(source, added_sources())}")
    return records


def _advice(source: str, added: Sequence[str]) -> str:
    known = list(dict.fromkeys([*SOURCES, *added]))
    name, colon, argument = source.partition(":")
    if near := get_close_matches(name, known, n=1):
        return f"; did you mean `-i {near[0]}{colon}{argument}`?"
    return (
        f", expected a YAML file or one of {', '.join(known)}; to name hosts, use -w 'web[01-10]'"
    )


def _ansible(request: Request) -> Records:
    from fleetdiag.inventory.ansible import ansible_records

    return ansible_records(request.argument)


def _ssh_config(request: Request) -> Records:
    from fleetdiag.inventory.ssh_hosts import ssh_config_records

    return ssh_config_records(request.ssh_config())


def _local(_request: Request) -> Records:
    from fleetdiag.inventory.this_machine import local_records

    return local_records()


def _ec2(request: Request) -> Records:
    from fleetdiag.inventory.ec2 import ec2_records

    return ec2_records(request.argument)


def _demo(_request: Request) -> Records:
    from fleetdiag.inventory.recorded import recorded_records

    return recorded_records()


SOURCES: Mapping[str, Callable[[Request], Records]] = {
    "ssh_config": _ssh_config,
    "local": _local,
    "demo": _demo,
    "ansible": _ansible,
    "ec2": _ec2,
}
"""Each is named as what stands before the colon; packages can add more (`entry_points`)."""
_WITHOUT_ARGUMENT = frozenset({"ssh_config", "local", "demo"})
_YAML = frozenset({".yaml", ".yml"})
_OF_ANSIBLE = re.compile(rb"^(\[[^\[\]\s]+\]\s*$|all:|plugin:)", re.MULTILINE)
"""A section's head of an INI file, or what its YAML files begin with."""
_ENOUGH_BYTES = 1 << 14
