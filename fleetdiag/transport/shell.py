"""An interactive shell over our own login, for machines without an `ssh` program.

fabric drives the terminal (raw mode, window size, both directions); the login, with its verified
host key, is ours. docs/decisions/0003-fabric.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabric import Config, Connection
from invoke.exceptions import UnexpectedExit
from paramiko.config import SSHConfig

from fleetdiag.errors import InventoryError
from fleetdiag.transport.secrets import Secrets
from fleetdiag.transport.ssh import SshTransport

if TYPE_CHECKING:
    from fleetdiag.model import Host, Limits


def interactive_shell(host: Host, limits: Limits, command: str | None = None) -> int:
    """A shell (or `command`) on the host until it ends; its exit status. Raises HostError."""
    if host.endpoint is None:
        raise InventoryError(f"{host.name} is not reached by SSH (it is {host.transport})")
    transport = SshTransport(Secrets())
    try:
        connection = Connection(
            host.endpoint.address,
            user=host.endpoint.user,
            port=host.endpoint.port,
            # Neither ssh_config nor fabric's own files: all was settled in the inventory.
            config=Config(ssh_config=SSHConfig(), lazy=True),
        )
        connection.transport = transport.log_in(host.endpoint, limits)
        with connection:
            ended = connection.run(command, pty=True, warn=True) if command else connection.shell()
        return int(ended.exited)
    except UnexpectedExit as error:
        # `shell` raises it although its documentation says it does not.
        return int(error.result.exited)
    finally:
        transport.close()
