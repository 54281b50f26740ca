"""The system's `ssh` as a transport: for what paramiko lacks.

Host certificates, FIDO keys, GSSAPI, `Match exec`, ControlMaster. Costs a process a host. Reads
the user's ssh_config itself, by the host's own name; what the inventory settled is given on top.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.errors import HostError
from fleetdiag.model import Chunk, HostStatus
from fleetdiag.transport.process import ProcessSession

if TYPE_CHECKING:
    from fleetdiag.model import Endpoint, Host, Limits

_SSH_FAILED = 255
_TAIL_BYTES = 4096
_REASON_MAX_CHARS = 200

# What ssh prints (OpenSSH 9.2, sshconnect.c and packet.c), most telling first.
_STATUS_BY_TEXT = tuple(
    (re.compile(pattern), status)
    for pattern, status in (
        (rb"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY", HostStatus.KEY_CHANGED),
        (rb"No \S+ host key is known", HostStatus.KEY_UNKNOWN),
        (rb"Host key verification failed", HostStatus.KEY_UNKNOWN),
        (rb"Could not resolve hostname", HostStatus.DNS),
        (rb"Unable to negotiate", HostStatus.AUTH_FAILED),
        (rb"Permission denied|Too many authentication failures", HostStatus.AUTH_FAILED),
        (rb"Connection refused", HostStatus.REFUSED),
        (rb"during banner exchange", HostStatus.TIMED_OUT),
        (rb"timed out|No route to host|unreachable", HostStatus.UNREACHABLE),
        # What ssh calls the far end of a ProxyCommand or a jump that gave no connection.
        (rb"UNKNOWN port 65535", HostStatus.UNREACHABLE),
        (rb"kex_exchange_identification|Exceeded MaxStartups|Not allowed", HostStatus.THROTTLED),
    )
)


class OpensshTransport:
    """Sessions through the system's `ssh`."""

    def __init__(self, *, accept_new: bool = False, config: str | None = None) -> None:
        self._accept_new = accept_new
        self._config = config

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> OpensshSession:
        """An `ssh` process; why a login failed is said when its output ends."""
        if host.endpoint is None:
            raise HostError(HostStatus.NOT_RUN, "no address to log in to")
        options = [
            "-T",
            *("-o", "BatchMode=yes"),
            *("-o", f"ConnectTimeout={max(1, round(limits.connect_s))}"),
            *("-o", f"StrictHostKeyChecking={'accept-new' if self._accept_new else 'yes'}"),
        ]
        return OpensshSession(ssh_argv(host.endpoint, options, self._config, ["sh", "-s"]), first)

    def close(self) -> None:
        """Nothing is shared."""


class OpensshSession(ProcessSession):
    """The pipes of an `ssh` process; tells its own failures from the host's output."""

    _errors = b""

    def read(self, timeout_s: float) -> Chunk | None:
        """As ProcessSession; raises HostError where ssh says why there is no session."""
        chunk = super().read(timeout_s)
        if chunk is not None:
            if chunk.stderr:
                self._errors = (self._errors + chunk.data)[-_TAIL_BYTES:]
            return chunk
        if self.exit_code() == _SSH_FAILED:
            raise HostError(*classify(self._errors))
        return None


def ssh_argv(
    endpoint: Endpoint, options: list[str], config: str | None, command: list[str]
) -> list[str]:
    """The `ssh` command line for an endpoint, with everything the inventory settled."""
    argv = ["ssh", *(["-F", config] if config else []), *options]
    argv += ["-p", str(endpoint.port), "-l", endpoint.user, "-o", f"HostName={endpoint.address}"]
    for path in endpoint.identity_files:
        argv += ["-i", path]
    if endpoint.identities_only:
        argv += ["-o", "IdentitiesOnly=yes"]
    if endpoint.host_key_alias:
        argv += ["-o", f"HostKeyAlias={endpoint.host_key_alias}"]
    if endpoint.known_hosts_files:
        argv += ["-o", f"UserKnownHostsFile={' '.join(endpoint.known_hosts_files)}"]
    if endpoint.via:
        argv += ["-o", f"ProxyCommand={_through(endpoint.via, options, config)}"]
    elif endpoint.proxy_command:
        # Percent signs were expanded already.
        argv += ["-o", f"ProxyCommand={endpoint.proxy_command.replace('%', '%%')}"]
    return [*argv, "--", endpoint.name, *command]


def classify(errors: bytes) -> tuple[HostStatus, str]:
    """The status and the reason in words that `ssh` gave on stderr."""
    lines = [line.strip(b" @\r") for line in errors.split(b"\n") if line.strip(b" @\r")]
    for pattern, status in _STATUS_BY_TEXT:
        for line in lines:
            if pattern.search(line):
                return status, _printable(line)
    return HostStatus.LOST, _printable(lines[-1]) if lines else "ssh failed"


def _printable(line: bytes) -> str:
    said = line.decode(errors="replace")[:_REASON_MAX_CHARS]
    return "".join(c if c.isprintable() else "?" for c in said)


def _through(hops: tuple[Endpoint, ...], options: list[str], config: str | None) -> str:
    """The command that passes the hops: what `-J` does, which hands on neither keys nor files."""
    *before, last = hops
    quiet = [option for option in options if option not in ("-t", "-T")]  # a hop runs no command
    argv = ssh_argv(replace(last, via=tuple(before)), quiet, config, [])
    # Our ssh expands percent signs once before the hop's own ssh sees them.
    inner = [word.replace("%", "%%") for word in argv]
    return shlex.join([inner[0], "-W", "[%h]:%p", *inner[1:]])
