"""How a byte stream to an SSH server comes to be: TCP, or a proxy command. Knows nothing of SSH."""

from __future__ import annotations

import errno
import select
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from fleetdiag.model import Endpoint, Limits

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_FIRST_BYTES = 200
_RECEIVED_BYTES = 1 << 16
DROPPED = (
    "the server closed the connection before login: too many logins at once (MaxStartups), or it"
    " turns this machine away"
)
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_OUR_LIMITS = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN)
}
"""This machine's own: no word about the host."""


class StreamLateError(Exception):
    """Nothing came, or could be sent, by `Stream.until`. No OSError: SSH libraries take those."""


class Stream(Protocol):
    """What an SSH connection goes over."""

    until: float | None
    """When to give up waiting, with StreamLateError (monotonic clock); None: see `settimeout`."""
    first_bytes: bytes
    """What the server said first: tells a dropped login from a silent server."""
    ended: bool
    """The server closed or reset the connection."""
    proxied: bool
    """A proxy command is at the other end, not the server itself."""

    def send(self, data: Buffer, /) -> int:
        """As `socket.send`."""

    def recv(self, size: int, /) -> bytes:
        """As `socket.recv`."""

    def ready(self, timeout_s: float) -> bool:
        """Whether `recv` would not wait, now or within that time."""

    def settimeout(self, value: float | None, /) -> None:
        """As `socket.settimeout`."""

    def close(self) -> None:
        """At once, any thread, any number of times."""


class Buffered:
    """Reads much at once and hands out little: an SSH library takes a packet in three pieces."""

    until: float | None = None
    first_bytes: bytes = b""
    ended: bool = False
    proxied: bool = False
    _held: memoryview = memoryview(b"")
    """What was received last, read up to `_at`."""
    _at: int = 0

    def recv(self, size: int, flags: int = 0, /) -> bytes:  # noqa: ARG002 - a socket's
        """As `socket.recv`, of what is there already without asking the kernel again."""
        if self._at == len(self._held):
            self._fill()
        data = bytes(self._held[self._at : self._at + size])
        self._at += len(data)
        return data

    def _fill(self) -> None:
        if self.until is not None and not self.ready(self.until - time.monotonic()):
            raise StreamLateError
        data = self._receive(_RECEIVED_BYTES)
        if not data:
            self.ended = True
        elif len(self.first_bytes) < _FIRST_BYTES:
            self.first_bytes += data[:_FIRST_BYTES]
        self._held, self._at = memoryview(data), 0

    def ready(self, timeout_s: float) -> bool:
        """Whether `recv` would not wait, now or within that time."""
        return self._at < len(self._held) or self._comes(timeout_s)

    def _comes(self, timeout_s: float) -> bool:
        raise NotImplementedError

    def _receive(self, size: int) -> bytes:
        raise NotImplementedError


class EagerSocket(Buffered, socket.socket):
    """A TCP socket that neither waits to send nor to acknowledge, and remembers what it saw.

    Nagle's algorithm and delayed acknowledgements cost a quarter of a login at 100 ms round trip
    and half of one on loopback (docs/design.md). Linux forgets TCP_QUICKACK by itself, so it is
    set again after every read (tcp(7)).
    """

    _arrivals: select.poll | None = None

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        """As `socket.send`."""
        while True:
            try:
                return super().send(data, flags)
            except BlockingIOError:
                if self.until is None:
                    raise
                left_s = max(0.0, self.until - time.monotonic())
                if not self._poll(select.POLLOUT).poll(left_s * 1000):
                    raise StreamLateError from None
            except ConnectionError:
                self.ended = True
                raise

    def close(self) -> None:
        """At once, also where another thread waits for what comes."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        super().close()
        self._arrivals = None  # its number may be another's soon

    def _comes(self, timeout_s: float) -> bool:
        if self._arrivals is None:
            self._arrivals = self._poll(select.POLLIN)
        return bool(self._arrivals.poll(max(0.0, timeout_s) * 1000))

    def _poll(self, what: int) -> select.poll:
        poll = select.poll()
        try:
            poll.register(self, what)
        except ValueError as error:
            raise OSError(errno.EBADF, "the connection was closed") from error
        return poll

    def _receive(self, size: int) -> bytes:
        try:
            data = socket.socket.recv(self, size)
        except ConnectionError:
            self.ended = True
            raise
        if _QUICKACK is not None and self.family != socket.AF_UNIX:
            try:
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            except OSError:
                self.ended = True
        return data


def dial(endpoint: Endpoint, limits: Limits) -> EagerSocket:
    """A stream to the endpoint's server, which no bastion is before; raises HostError."""
    if endpoint.proxy_command:
        return run_proxy(endpoint.proxy_command)
    return connect(endpoint.address, endpoint.port, limits.connect_s)


def connect(address: str, port: int, timeout_s: float) -> EagerSocket:
    """A connection to the first address of the name that answers; HostError where none does.

    `timeout_s` is for all addresses together: each has an equal share of what is left, so that
    a dead first one leaves time for the next.
    """
    deadline = time.monotonic() + timeout_s
    targets = _resolve(address, port, timeout_s)
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


_Targets = Sequence[tuple[int, tuple[Any, ...]]]


def _resolve(address: str, port: int, timeout_s: float) -> _Targets:
    """Family and target of each address of the name; HostError, also where no answer comes.

    The C library's own patience (resolv.conf(5): five seconds, twice, for each name server) cannot
    be shortened, so a name is looked up in a thread that is left behind.
    """
    if _is_address(address):
        return _look_up(address, port)
    answer: SimpleQueue[_Targets | HostError] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(_look_up(address, port))
        except HostError as error:
            answer.put(error)

    try:
        threading.Thread(target=ask, name=f"resolve-{address}", daemon=True).start()
    except RuntimeError as error:
        raise our_limit(OSError(errno.EAGAIN, "no more threads")) from error
    try:
        found = answer.get(timeout=timeout_s)
    except Empty:
        words = f"{address}: no answer from the name servers within {timeout_s:g} s"
        raise HostError(HostStatus.DNS, words) from None
    if isinstance(found, HostError):
        raise found
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _look_up(address: str, port: int) -> _Targets:
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
    if isinstance(error, ConnectionResetError):
        # Accepted, and closed at once, before connect(2) had returned.
        return HostError(HostStatus.THROTTLED, DROPPED)
    if error.errno in _OUR_LIMITS:
        return our_limit(error)
    if error.errno in _NO_ROUTE:
        return HostError(HostStatus.UNREACHABLE, f"{place}: no route to host")
    return HostError(HostStatus.UNREACHABLE, f"{place}: {error.strerror or error}")
