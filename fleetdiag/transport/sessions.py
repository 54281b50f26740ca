"""SSH by paramiko: one channel a host, one login a bastion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramiko.ssh_exception import ChannelException, SSHException

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus
from fleetdiag.transport.bastions import Bastions, Tunnel, in_words, with_known_key_type
from fleetdiag.transport.dial import EagerSocket, dial
from fleetdiag.transport.inline import InlineTransport, Opening, TooEagerError
from fleetdiag.transport.keys import KeyRing
from fleetdiag.transport.login import ENDED_DURING_LOGIN, HostKeys, Login

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from fleetdiag.model import Chunk, Endpoint, Limits
    from fleetdiag.transport.secrets import Secrets

_COMMAND = "sh -s"
_NO_COMMAND = (
    "logged in, but the server starts no command: it has no process left, or allows us none"
)


class Sessions:
    """What all sessions of a run share: keys, agent, known_hosts, bastions."""

    def __init__(self, secrets: Secrets, *, accept_new: bool) -> None:
        self._login = Login(KeyRing(secrets), secrets, HostKeys(accept_new=accept_new))
        self._bastions = Bastions(self._login)
        self._plain: set[Endpoint] = set()
        """Started no command that was asked for early. A server with one process left may start it
        a moment later, when the one that checked the key has ended."""

    def open(
        self, dialled: EagerSocket | None, endpoint: Endpoint, limits: Limits, first: bytes
    ) -> SshSession:
        """A session over a connection that is there, or one of its own; raises HostError."""
        try:
            early = bool(first) and endpoint not in self._plain
            return self._open(dialled, endpoint, limits, first, early=early)
        except TooEagerError:
            return self._open(None, endpoint, limits, first, early=False)

    def log_in(self, endpoint: Endpoint, limits: Limits) -> paramiko.Transport:
        """A logged-in connection, the caller's to close; raises HostError."""
        return self._bastions.log_in(endpoint, limits)

    def close(self) -> None:
        """Log out of the bastions, let go of the agent."""
        self._bastions.close()
        self._login.keys.close()

    def _open(
        self,
        dialled: EagerSocket | None,
        endpoint: Endpoint,
        limits: Limits,
        first: bytes,
        *,
        early: bool,
    ) -> SshSession:
        opening = Opening(_COMMAND, first)
        streams = [] if dialled is None else [dialled]

        def log_in(key_types: tuple[str, ...] = ()) -> InlineTransport:
            stream = streams.pop() if streams else self._stream(endpoint, limits)
            asked = opening if early else None
            return self._login.for_one(stream, endpoint, limits, key_types, asked)

        connection = with_known_key_type(log_in)
        try:
            return SshSession(connection, opening, limits, lambda: self._plain.add(endpoint))
        except BaseException:
            connection.close()
            raise

    def _stream(self, endpoint: Endpoint, limits: Limits) -> EagerSocket | Tunnel:
        if endpoint.via:
            return Tunnel(self._bastions.tunnel(endpoint.via, endpoint, limits))
        return dial(endpoint, limits)


class SshSession:
    """One channel with `sh -s` on it, and the connection it is the only channel of."""

    def __init__(
        self,
        connection: InlineTransport,
        opening: Opening,
        limits: Limits,
        on_no_command: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._on_no_command = on_no_command
        self._heard = False
        try:
            connection.open(opening, limits.auth_s)
        except ChannelException as error:
            said = (
                f"logged in, but the server opens no session: {error.text.lower()} (MaxSessions?)"
            )
            raise HostError(HostStatus.AUTH_FAILED, said) from error
        except TimeoutError as error:
            said = f"logged in, but no session was opened within {limits.auth_s:g} s"
            raise HostError(HostStatus.TIMED_OUT, said) from error
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, ENDED_DURING_LOGIN) from error
        self.sent_at = connection.sent_at

    def send(self, data: bytes) -> None:
        """Write all of `data` to the shell's stdin."""
        try:
            self._connection.say(data)
        except (SSHException, EOFError, OSError) as error:
            raise HostError(HostStatus.LOST, in_words(error)) from error

    def read(self, timeout_s: float) -> Chunk | None:
        """The next bytes of either stream; None when the channel has ended."""
        try:
            chunk = self._connection.hear(timeout_s)
        except TimeoutError:
            raise
        except (SSHException, EOFError, OSError) as error:
            if not self._heard:
                raise HostError(HostStatus.LOST, ENDED_DURING_LOGIN) from error
            return None
        if chunk is None and self._connection.no_command:
            self._on_no_command()
            raise HostError(HostStatus.LOST, _NO_COMMAND)
        self._heard = True
        return chunk

    def close(self) -> None:
        """Close the connection: the server gives our shell an end of file, which ends it."""
        self._connection.close()
