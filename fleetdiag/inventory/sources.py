"""What `-i` may say, and which function reads it: the one table to add a source to."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    A name of `SOURCES` means that source (write `./local` for a file called so), all else is the
    path of a YAML file.
    """
    name, _, argument = source.partition(":")
    reader = SOURCES.get(name)
    if reader is None or (argument and name in _WITHOUT_ARGUMENT):
        return _file(Request(source, ssh_config))
    return reader(Request(argument, ssh_config))


def _file(request: Request) -> Records:
    from fleetdiag.inventory.yaml_file import yaml_records

    path = Path(request.argument).expanduser()
    if path.is_dir():
        raise InventoryError(f"-i {request.argument}: a directory, expected a YAML file")
    if not path.exists():
        raise InventoryError(f"-i {request.argument}: no such file{_advice(request.argument)}")
    return yaml_records(path, request.argument)


def _advice(source: str) -> str:
    if near := get_close_matches(source, SOURCES, n=1):
        return f"; did you mean `-i {near[0]}`?"
    return (
        f", expected a YAML file or one of {', '.join(SOURCES)}; to name hosts, use -w 'web[01-10]'"
    )


def _ssh_config(request: Request) -> Records:
    from fleetdiag.inventory.ssh_hosts import ssh_config_records

    return ssh_config_records(request.ssh_config())


def _local(_request: Request) -> Records:
    from fleetdiag.inventory.this_machine import local_records

    return local_records()


def _demo(_request: Request) -> Records:
    from fleetdiag.inventory.recorded import recorded_records

    return recorded_records()


SOURCES: Mapping[str, Callable[[Request], Records]] = {
    "ssh_config": _ssh_config,
    "local": _local,
    "demo": _demo,
}
_WITHOUT_ARGUMENT = frozenset({"ssh_config", "local", "demo"})
