"""SSH by paramiko: one channel a host, one login a bastion."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.ssh_exception import ChannelException, SSHException

from fleetdiag.errors import HostError
from fleetdiag.model import Chunk, HostStatus
from fleetdiag.transport.dial import EagerSocket, connect, run_proxy
from fleetdiag.transport.keys import KeyRing
from fleetdiag.transport.login import HostKeys, Login, OtherKeyTypes

if TYPE_CHECKING:
    from fleetdiag.model import Endpoint, Host, Limits
    from fleetdiag.transport.secrets import Secrets

_READ_BYTES = 1 << 16
_PROHIBITED, _CONNECT_FAILED = 1, 2
"""RFC 4254, section 5.1: why a server opened no channel."""


class SshTransport:
    """Sessions over SSH; keys, agent and known_hosts are read once and shared by all threads."""

    def __init__(self, secrets: Secrets, *, accept_new: bool = False) -> None:
        self._login = Login(KeyRing(secrets), secrets, HostKeys(accept_new=accept_new))
        self._bastions = _Bastions(self._login)

    def open(self, host: Host, limits: Limits) -> SshSession:
        """A shell reading from our channel; raises HostError with status and reason."""
        if host.endpoint is None:
            raise HostError(HostStatus.NOT_RUN, "no address to log in to")
        connection = self.log_in(host.endpoint, limits)
        try:
            return SshSession(connection, limits)
        except BaseException:
            connection.close()
            raise

    def log_in(self, endpoint: Endpoint, limits: Limits) -> paramiko.Transport:
        """A logged-in connection, the caller's to close; raises HostError."""
        return _log_in(endpoint, limits, self._login, self._bastions)

    def close(self) -> None:
        """Log out of the bastions, let go of the agent."""
        self._bastions.close()
        self._login.keys.close()


class SshSession:
    """One channel with `sh -s` on it, and the connection it is the only channel of."""

    def __init__(self, connection: paramiko.Transport, limits: Limits) -> None:
        self._connection = connection
        self._arrived = threading.Event()
        try:
            self._channel = connection.open_session(timeout=limits.auth_s)
        except ChannelException as error:
            words = f"logged in, but the server opens no session: {error.text}"
            raise HostError(HostStatus.AUTH_FAILED, words) from error
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, f"logged in, then: {_words(error)}") from error
        self._channel.in_buffer.set_event(self._arrived)
        self._channel.in_stderr_buffer.set_event(self._arrived)
        self._execute("sh -s")

    def send(self, data: bytes) -> None:
        """Write all of `data` to the shell's stdin."""
        try:
            self._channel.sendall(data)
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, _words(error)) from error

    def read(self, timeout_s: float) -> Chunk | None:
        """The next bytes of either stream; None when the channel has ended."""
        channel = self._channel
        while True:
            # The buffers clear the event when they run empty: look at both after every wait.
            over = channel.eof_received or channel.closed
            if channel.recv_ready():
                return Chunk(stderr=False, data=channel.recv(_READ_BYTES))
            if channel.recv_stderr_ready():
                return Chunk(stderr=True, data=channel.recv_stderr(_READ_BYTES))
            if over:
                return None
            if not self._arrived.wait(timeout_s):
                raise TimeoutError

    def close(self) -> None:
        """Close the connection: the server gives our shell an end of file, which ends it."""
        self._connection.close()

    def _execute(self, command: str) -> None:
        """Ask for a command without waiting for leave: a round trip saved.

        Where it is refused the channel ends, and the caller sees that no script ran.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(False)
        message.add_string(command)
        # paramiko's exec_command always waits; there is no public way to send only.
        self._connection._send_user_message(message)  # type: ignore[attr-defined]  # noqa: SLF001


def _log_in(
    endpoint: Endpoint, limits: Limits, login: Login, bastions: _Bastions
) -> paramiko.Transport:
    """A login, and a second one where the server's first key type is not the known one."""
    try:
        return login.over(_stream(endpoint, limits, bastions), endpoint, limits)
    except OtherKeyTypes as other:
        stream = _stream(endpoint, limits, bastions)
        return login.over(stream, endpoint, limits, other.types)


def _stream(
    endpoint: Endpoint, limits: Limits, bastions: _Bastions
) -> EagerSocket | paramiko.Channel:
    if endpoint.via:
        return bastions.tunnel(endpoint.via, endpoint, limits)
    if endpoint.proxy_command:
        return run_proxy(endpoint.proxy_command)
    return connect(endpoint.address, endpoint.port, limits.connect_s)


class _Bastions:
    """One login for each bastion, opened by the first host that needs it; the others wait."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._opening: dict[tuple[Endpoint, ...], threading.Lock] = {}
        self._opened: dict[tuple[Endpoint, ...], paramiko.Transport | HostError] = {}

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
                bastion = self._log_in(via, limits)
            return bastion

    def _log_in(self, via: tuple[Endpoint, ...], limits: Limits) -> paramiko.Transport:
        *before, last = via
        try:
            if before:
                stream = self.tunnel(tuple(before), last, limits)
                connection = self._login.over(stream, last, limits)
            else:
                connection = _log_in(last, limits, self._login, self)
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
