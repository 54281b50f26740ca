"""SSH by paramiko: one channel a host, one login a bastion."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

import paramiko
from paramiko.ssh_exception import ChannelException, SSHException

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus
from fleetdiag.transport.dial import Buffered, EagerSocket, StreamLateError, connect, run_proxy
from fleetdiag.transport.inline import InlineTransport, Opening, TooEagerError
from fleetdiag.transport.keys import KeyRing
from fleetdiag.transport.login import HostKeys, Login, OtherKeyTypes

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer as Buffer

    from fleetdiag.model import Chunk, Endpoint, Host, Limits
    from fleetdiag.transport.eager import EagerTransport
    from fleetdiag.transport.secrets import Secrets

Connection = TypeVar("Connection")

_COMMAND = "sh -s"
_READ_BYTES = 1 << 16
_PROHIBITED, _CONNECT_FAILED = 1, 2
"""RFC 4254, section 5.1: why a server opened no channel."""


class SshTransport:
    """Sessions over SSH; keys, agent and known_hosts are read once and shared by all threads."""

    def __init__(self, secrets: Secrets, *, accept_new: bool = False) -> None:
        self._login = Login(KeyRing(secrets), secrets, HostKeys(accept_new=accept_new))
        self._bastions = _Bastions(self._login)

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> SshSession:
        """A shell reading from our channel; raises HostError with status and reason."""
        if host.endpoint is None:
            raise HostError(HostStatus.NOT_RUN, "no address to log in to")
        try:
            return self._session(host.endpoint, limits, first, early=bool(first))
        except TooEagerError:
            return self._session(host.endpoint, limits, first, early=False)

    def log_in(self, endpoint: Endpoint, limits: Limits) -> paramiko.Transport:
        """A logged-in connection, the caller's to close; raises HostError."""
        return self._bastions.log_in(endpoint, limits)

    def close(self) -> None:
        """Log out of the bastions, let go of the agent."""
        self._bastions.close()
        self._login.keys.close()

    def _session(
        self, endpoint: Endpoint, limits: Limits, first: bytes, *, early: bool
    ) -> SshSession:
        opening = Opening(_COMMAND, first)

        def log_in(key_types: tuple[str, ...] = ()) -> InlineTransport:
            raw = self._bastions.stream(endpoint, limits)
            stream = raw if isinstance(raw, EagerSocket) else _Tunnel(raw)
            asked = opening if early else None
            return self._login.for_one(stream, endpoint, limits, key_types, asked)

        connection = _with_known_key_type(log_in)
        try:
            return SshSession(connection, opening, limits)
        except BaseException:
            connection.close()
            raise


class SshSession:
    """One channel with `sh -s` on it, and the connection it is the only channel of."""

    def __init__(self, connection: InlineTransport, opening: Opening, limits: Limits) -> None:
        self._connection = connection
        try:
            connection.open(opening, limits.auth_s)
        except ChannelException as error:
            words = f"logged in, but the server opens no session: {error.text}"
            raise HostError(HostStatus.AUTH_FAILED, words) from error
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, f"logged in, then: {_words(error)}") from error
        self.sent_at = connection.sent_at

    def send(self, data: bytes) -> None:
        """Write all of `data` to the shell's stdin."""
        try:
            self._connection.say(data)
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, _words(error)) from error

    def read(self, timeout_s: float) -> Chunk | None:
        """The next bytes of either stream; None when the channel has ended."""
        try:
            return self._connection.hear(timeout_s)
        except TimeoutError:
            raise
        except (SSHException, EOFError, OSError):
            return None

    def close(self) -> None:
        """Close the connection: the server gives our shell an end of file, which ends it."""
        self._connection.close()


class _Tunnel(Buffered):
    """A bastion's channel as a stream."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._next = b""
        self._over = False

    def send(self, data: Buffer, /) -> int:
        """As `socket.send`."""
        left_s = None if self.until is None else max(0.001, self.until - time.monotonic())
        self._channel.settimeout(left_s)
        try:
            return self._channel.send(bytes(data))
        except TimeoutError as error:
            raise StreamLateError from error

    def settimeout(self, value: float | None, /) -> None:
        """Nothing: `until` says how long."""

    def close(self) -> None:
        """Close the channel; the bastion stays."""
        self._channel.close()

    def _comes(self, timeout_s: float) -> bool:
        if not self._next and not self._over:
            self._channel.settimeout(max(0.0, timeout_s))
            try:
                self._next = self._channel.recv(_READ_BYTES)
            except TimeoutError:
                return False
            self._over = not self._next
        return True

    def _receive(self, size: int) -> bytes:  # noqa: ARG002 - what has come is there whole
        data, self._next = self._next, b""
        return data


def _with_known_key_type(log_in: Callable[..., Connection]) -> Connection:
    """A login, and a second one where the server's first key type is not the known one."""
    try:
        return log_in()
    except OtherKeyTypes as other:
        return log_in(other.types)


class _Bastions:
    """One login for each bastion, opened by the first host that needs it; the others wait."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._opening: dict[tuple[Endpoint, ...], threading.Lock] = {}
        self._opened: dict[tuple[Endpoint, ...], paramiko.Transport | HostError] = {}

    def stream(self, endpoint: Endpoint, limits: Limits) -> EagerSocket | paramiko.Channel:
        """A byte stream to the endpoint's server."""
        if endpoint.via:
            return self.tunnel(endpoint.via, endpoint, limits)
        if endpoint.proxy_command:
            return run_proxy(endpoint.proxy_command)
        return connect(endpoint.address, endpoint.port, limits.connect_s)

    def log_in(self, endpoint: Endpoint, limits: Limits) -> EagerTransport:
        """A connection for threads to share, the caller's to close."""

        def log_in(key_types: tuple[str, ...] = ()) -> EagerTransport:
            stream = self.stream(endpoint, limits)
            return self._login.for_many(stream, endpoint, limits, key_types)

        return _with_known_key_type(log_in)

    def tunnel(
        self, via: tuple[Endpoint, ...], endpoint: Endpoint, limits: Limits
    ) -> paramiko.Channel:
        """A stream from the last bastion of `via` to the endpoint."""
        bastion = self._open(via, limits)
        try:
            return bastion.open_channel(
                "direct-tcpip",
                dest_addr=(endpoint.address, endpoint.port),
                src_addr=("127.0.0.1", 0),
                timeout=limits.connect_s,
            )
        except ChannelException as error:
            raise _tunnel_failure(error, via[-1].name, endpoint) from error
        except (SSHException, EOFError, OSError) as error:
            words = f"bastion {via[-1].name}: {_words(error)}"
            raise HostError(HostStatus.UNREACHABLE, words) from error

    def close(self) -> None:
        with self._lock:
            opened = list(self._opened.values())
            self._opened.clear()
        for connection in opened:
            if isinstance(connection, paramiko.Transport):
                connection.close()

    def _open(self, via: tuple[Endpoint, ...], limits: Limits) -> paramiko.Transport:
        with self._lock:
            opening = self._opening.setdefault(via, threading.Lock())
        with opening:
            bastion = self._opened.get(via)
            if isinstance(bastion, HostError):
                raise bastion
            if bastion is None or not bastion.is_active():
                bastion = self._open_new(via, limits)
            return bastion

    def _open_new(self, via: tuple[Endpoint, ...], limits: Limits) -> paramiko.Transport:
        *before, last = via
        try:
            if before:
                stream = self.tunnel(tuple(before), last, limits)
                connection = self._login.for_many(stream, last, limits)
            else:
                connection = self.log_in(last, limits)
        except HostError as error:
            refused = HostError(error.status, f"bastion {last.name}: {error.reason}")
            # A dropped login may do in a moment; anything else fails for all hosts alike.
            if error.status is not HostStatus.THROTTLED:
                self._opened[via] = refused
            raise refused from error
        connection.set_keepalive(15)
        self._opened[via] = connection
        return connection


def _tunnel_failure(error: ChannelException, bastion: str, endpoint: Endpoint) -> HostError:
    place = f"{endpoint.address} port {endpoint.port}, from bastion {bastion}"
    text = error.text.lower()
    if error.code == _PROHIBITED:
        return HostError(HostStatus.UNREACHABLE, f"{place}: the bastion forbids forwarding")
    if "refused" in text:
        return HostError(HostStatus.REFUSED, f"{place}: connection refused")
    if "resolve" in text or "name or service" in text:
        return HostError(HostStatus.DNS, f"{place}: the bastion cannot resolve it")
    return HostError(HostStatus.UNREACHABLE, f"{place}: {error.text or 'no connection'}")


def _words(error: Exception) -> str:
    return str(error) or "the connection ended"
