"""`load`: from what the user gave (`-i`, `-w`, environment, files) to an Inventory."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.adhoc import adhoc_records
from fleetdiag.inventory.records import Overrides, Records, tilde
from fleetdiag.inventory.resolve import resolve
from fleetdiag.inventory.sources import read_source
from fleetdiag.inventory.ssh_config import read_ssh_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Inventory

ENVIRONMENT = "FLEETDIAG_INVENTORY"
FILE_NAME = "inventory.yaml"


def load(
    sources: Sequence[str],
    *,
    adhoc: str | None = None,
    ssh_config: Path | None = None,
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen
) -> Inventory:
    """The hosts of this run, everything about them resolved; raises InventoryError.

    `sources` are `-i` values: the path of a YAML file or of an executable, `ansible:PATH`,
    `ec2:REGION`, `ssh_config`, `local`, `demo`, or a source of another package. Several merge:
    later ones add hosts and groups, and beat earlier ones value by value. `adhoc` is a `-w` value:
    exactly the hosts it names are in the inventory, and `sources`, if there are any, lend them
    their settings and groups. With neither, see `default_sources`. `ssh_config` is a file to read
    in place of the user's and the system's; `overrides` beat everything.
    """
    config = functools.cache(lambda: read_ssh_config(ssh_config))
    if adhoc is None and not sources:
        sources = default_sources()
    records = [read_source(source, config) for source in sources]
    if adhoc is None:
        return resolve(records, config, overrides)
    named: Records = adhoc_records(adhoc)
    return resolve([*records, named], config, overrides, [host.name for host in named.hosts])


def default_sources() -> tuple[str, ...]:
    """The sources where none is named: the first found of the environment and two files.

    `$FLEETDIAG_INVENTORY` holds `-i` values with commas between them (a colon may be part of one).
    Raises InventoryError, which says what was looked for and what to do.
    """
    named = [part.strip() for part in os.environ.get(ENVIRONMENT, "").split(",") if part.strip()]
    if named:
        return tuple(named)
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    users = configuration / "fleetdiag" / FILE_NAME
    for path in (Path(FILE_NAME), users):
        if path.exists():
            return (tilde(path),)
    raise InventoryError(
        f"no inventory: ${ENVIRONMENT} is not set, and there is no ./{FILE_NAME} and no "
        f"{tilde(users)}. Name hosts with -w 'web[01-10],db1', or a source with -i FILE, "
        "-i ssh_config, -i local (this machine) or -i demo (a recorded fleet)"
    )
