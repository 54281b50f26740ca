"""`fleetdiag ssh`: a shell on one host, with the inventory's settings."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.fleet import choose_one, load_inventory
from fleetdiag.errors import FleetdiagError, HostError, InventoryError

if TYPE_CHECKING:
    from fleetdiag.model import Host
    from fleetdiag.settings import Settings


@click.command(epilog="Example: fleetdiag ssh web-03")
@click.argument("host", shell_complete=candidates.hosts)
@options.fleet
def ssh(host: str, fleet: options.Fleet) -> NoReturn:
    """Open a shell on one host, by the system's ssh where there is one.

    Address, port, user, keys and bastions are the inventory's; host keys are verified. With
    --become the shell is root's, through sudo.
    """
    settings = options.resolve(fleet)
    chosen = choose_one(load_inventory(fleet, settings), host, settings)
    config = None if settings.ssh_config is None else str(settings.ssh_config)
    argv = shell_argv(chosen, config, become=bool(fleet.become))
    if shutil.which(argv[0]) is None:
        sys.exit(_without_ssh(chosen, settings, become=bool(fleet.become)))
    os.execvp(argv[0], argv)  # noqa: S606 - an argument list, no shell


def _without_ssh(host: Host, settings: Settings, *, become: bool) -> int:
    """A shell over our own SSH; its exit status."""
    from fleetdiag.model import Limits
    from fleetdiag.transport.shell import interactive_shell

    patience_s = settings.connect_timeout_s
    limits = Limits(connect_s=patience_s, banner_s=patience_s)
    try:
        return interactive_shell(host, limits, "sudo -i" if become else None)
    except HostError as error:
        raise FleetdiagError(f"{host.name}: {error.status}: {error.reason}") from error


def shell_argv(host: Host, config: str | None, *, become: bool) -> list[str]:
    """The command line of `ssh` for an interactive shell; raises InventoryError without SSH."""
    from fleetdiag.transport.openssh import ssh_argv

    if host.endpoint is None:
        raise InventoryError(f"{host.name} is not reached by SSH (it is {host.transport})")
    options, command = (["-t"], ["sudo", "-i"]) if become else ([], [])
    return ssh_argv(host.endpoint, options, config, command)
