"""How a byte stream to an SSH server comes to be: TCP, or a proxy command. Knows nothing of SSH."""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import ReadableBuffer as Buffer

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_FIRST_BYTES = 200
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_OUR_LIMITS = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN)
}
"""This machine's own: no word about the host."""


class EagerSocket(socket.socket):
    """A TCP socket that neither waits to send nor to acknowledge, and remembers what it saw.

    Nagle's algorithm and delayed acknowledgements cost a quarter of a login at 100 ms round trip
    and half of one on loopback (docs/design.md). Linux forgets TCP_QUICKACK by itself, so it is
    set again after every read (tcp(7)).
    """

    first_bytes: bytes = b""
    """What the server said first: tells a dropped login from a silent server."""
    ended: bool = False
    """The server closed or reset the connection."""
    proxied: bool = False
    """A proxy command is at the other end, not the server itself."""

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        """As `socket.send`."""
        try:
            return super().send(data, flags)
        except ConnectionError:
            self.ended = True
            raise

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As `socket.recv`."""
        try:
            data = super().recv(size, flags)
        except ConnectionError:
            self.ended = True
            raise
        if not data:
            self.ended = True
        elif len(self.first_bytes) < _FIRST_BYTES:
            self.first_bytes += data[:_FIRST_BYTES]
        if _QUICKACK is not None and self.family != socket.AF_UNIX:
            try:
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            except OSError:
                self.ended = True
        return data


def connect(address: str, port: int, timeout_s: float) -> EagerSocket:
    """A connection to the first address of the name that answers; HostError where none does.

    `timeout_s` is for all addresses together: each has an equal share of what is left, so that
    a dead first one leaves time for the next.
    """
    deadline = time.monotonic() + timeout_s
    targets = _resolve(address, port)
    failure = HostError(HostStatus.UNREACHABLE, "no address")
    for number, (family, target) in enumerate(targets):
        share_s = (deadline - time.monotonic()) / (len(targets) - number)
        try:
            sock = EagerSocket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise our_limit(error) from error
        try:
            sock.settimeout(max(share_s, 0.001))
            sock.connect(target)
        except OSError as error:
            sock.close()
            failure = _connect_failure(error, str(target[0]), port, timeout_s)
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure


def run_proxy(command: str) -> EagerSocket:
    """A socket joined to the stdin and stdout of a ProxyCommand.

    It is run by /bin/sh as ssh does (ssh_config(5), ProxyCommand), from the user's own ssh_config
    or inventory, already expanded.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise our_limit(error) from error
    with theirs:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise our_limit(error) from error
    stream = _ProxySocket(fileno=ours.detach())
    stream.process = process
    return stream


class _ProxySocket(EagerSocket):
    """Our end of a proxy command, which ends with it."""

    process: subprocess.Popen[bytes] | None = None
    proxied = True

    def close(self) -> None:
        super().close()
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait()


def _resolve(address: str, port: int) -> Sequence[tuple[int, tuple[Any, ...]]]:
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_SYSTEM, socket.EAI_MEMORY}:
            raise our_limit(error) from error
        words = f"{address}: {error.strerror.lower() if error.strerror else 'does not resolve'}"
        raise HostError(HostStatus.DNS, words) from error
    except OSError as error:
        raise our_limit(error) from error
    except (UnicodeError, ValueError) as error:
        raise HostError(HostStatus.DNS, f"{address}: not a host name") from error
    return [(family, target) for family, _, _, _, target in found]


def our_limit(error: OSError) -> HostError:
    """For what this machine could not give; the host was not asked."""
    words = f"this machine: {(error.strerror or str(error)).lower()}; ask fewer at once (--fanout)"
    return HostError(HostStatus.NOT_RUN, words)


def _connect_failure(error: OSError, address: str, port: int, timeout_s: float) -> HostError:
    place = f"{address} port {port}"
    if isinstance(error, TimeoutError):
        return HostError(HostStatus.UNREACHABLE, f"{place}: no answer within {timeout_s:g} s")
    if isinstance(error, ConnectionRefusedError):
        return HostError(HostStatus.REFUSED, f"{place}: connection refused")
    if error.errno in _OUR_LIMITS:
        return our_limit(error)
    if error.errno in _NO_ROUTE:
        return HostError(HostStatus.UNREACHABLE, f"{place}: no route to host")
    return HostError(HostStatus.UNREACHABLE, f"{place}: {error.strerror or error}")
