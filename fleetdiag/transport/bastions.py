"""Bastions: one login each, and the streams through them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

import paramiko
from paramiko.ssh_exception import ChannelException, SSHException

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus
from fleetdiag.transport.dial import Buffered, StreamLateError, dial
from fleetdiag.transport.login import OtherKeyTypes

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer as Buffer

    from fleetdiag.model import Endpoint, Limits
    from fleetdiag.transport.eager import EagerTransport
    from fleetdiag.transport.login import Login

Connection = TypeVar("Connection")

_READ_BYTES = 1 << 16
_PROHIBITED, _CONNECT_FAILED = 1, 2
"""RFC 4254, section 5.1: why a server opened no channel."""


class Tunnel(Buffered):
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


def with_known_key_type(log_in: Callable[..., Connection]) -> Connection:
    """A login, and a second one where the server's first key type is not the known one."""
    try:
        return log_in()
    except OtherKeyTypes as other:
        return log_in(other.types)


class Bastions:
    """One login for each bastion, opened by the first host that needs it; the others wait."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._opening: dict[tuple[Endpoint, ...], threading.Lock] = {}
        self._opened: dict[tuple[Endpoint, ...], paramiko.Transport | HostError] = {}

    def log_in(self, endpoint: Endpoint, limits: Limits) -> EagerTransport:
        """A connection for threads to share, the caller's to close."""

        def log_in(key_types: tuple[str, ...] = ()) -> EagerTransport:
            stream = (
                self.tunnel(endpoint.via, endpoint, limits)
                if endpoint.via
                else dial(endpoint, limits)
            )
            return self._login.for_many(stream, endpoint, limits, key_types)

        return with_known_key_type(log_in)

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
            said = f"bastion {via[-1].name}: {in_words(error)}"
            raise HostError(HostStatus.UNREACHABLE, said) from error

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


def in_words(error: Exception) -> str:
    return str(error) or "the connection ended"
