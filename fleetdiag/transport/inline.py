"""A login with one session, read by the thread that uses it, in as few flights as may be.

paramiko reads each connection in a thread of its own, wakes ten times a second to look around, and
times the key exchange in a third thread. Here whoever waits reads. Only for a connection that one
thread uses: bastions, which many share, and interactive shells keep paramiko's way.

With a server and a key that are known to take it, the session, its command and its first bytes go
out right behind the signed request (RFC 4252, section 5.1: what follows the request that succeeds
is passed on to the service). docs/decisions/0004-one-flight.md says why that is safe.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from paramiko import common
from paramiko.message import Message
from paramiko.ssh_exception import AuthenticationException, ChannelException, SSHException

from fleetdiag.model import Chunk
from fleetdiag.transport.dial import StreamLateError
from fleetdiag.transport.eager import EagerAuthHandler, EagerTransport

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from paramiko.pkey import PKey

    from fleetdiag.transport.dial import Stream

_EARLY_MAX_BYTES = {"SSH-2.0-OpenSSH_": 64 << 10, "SSH-2.0-dropbear": 20 << 10}
"""Servers that were tried -> how much they may be sent behind a command before they said so. Each
numbers a connection's first channel 0 and opens its window with the command: 2 MiB in OpenSSH,
24 KiB in dropbear, unless it was told otherwise."""
_NUMBER = 0
"""Of our one channel, on our side; with an early session it is the server's as well."""
_WINDOW_BYTES = 2 << 20
"""How far a server may be ahead of us: as OpenSSH's own client has it."""
_PACKET_BYTES = 32 << 10
"""Every server takes packets of that (RFC 4253, section 6.1)."""
_MID_PACKET_S = 5.0
"""How much longer than it was asked to wait a read of output goes on in the middle of a packet."""
_KEX_REPLIES = range(30, 42)
"""RFC 4250, section 4.1.2: numbers that each key exchange method uses as it likes."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session begins with."""

    command: str
    first: bytes
    """For the command's stdin."""


class TooEagerError(Exception):
    """The connection ended, and a session was asked for early: a plain login may do."""


class InlineTransport(EagerTransport):
    """A connection with one session, driven by its caller; `close` may come from any thread."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        stream.settimeout(0.0)
        self._stream = stream
        self._channel = _Channel(self._send_when_clear)
        self._early: Opening | None = None
        """Asked for together with the key, not answered yet or opened."""
        self.sent_at = 0.0
        """Monotonic clock, just before the first bytes of the session were sent."""

    # ------------------------------------------------------------------------------- login

    def start_client(self, event: object = None, timeout: float | None = None) -> None:  # noqa: ARG002 - paramiko's
        """Identification and key exchange, within `handshake_timeout`.

        Raises SSHException, EOFError or OSError.
        """
        self._stream.until = time.monotonic() + self.handshake_timeout
        self.active = True
        try:
            self.packetizer.write_all(f"{self.local_version}\r\n".encode())
            self._check_banner()  # type: ignore[attr-defined]
            self._send_kex_init()  # type: ignore[attr-defined]
            self._expect_packet(common.MSG_KEXINIT)  # type: ignore[attr-defined]
            while not self.initial_kex_done:
                self._handle_next()
        except Exception as error:
            raise self._ended_by(error) from error

    def auth_and_open(self, username: str, key: PKey, opening: Opening | None) -> list[str]:
        """As `auth_publickey`, and a session with `opening` in the same flight.

        Only where the server is known to take that and it is short. For a key that is expected to
        be taken: a server may disconnect where it is not. Raises TooEagerError where it did.
        """
        if opening is not None and len(opening.first) <= self._early_max_bytes():
            self._early = opening
        try:
            return self.auth_publickey(username, key)
        except Exception as error:
            if self._was_too_eager():
                raise TooEagerError from error
            raise
        finally:
            if not self.is_authenticated():
                self._early = None  # refused: the server passed over what came behind

    def asked_to_authenticate(self) -> None:
        """Send what goes in the same flight."""
        if self._early is not None:
            self._channel.ask_to_open()
            self._begin(self._early, remote=_NUMBER)

    def _was_too_eager(self) -> bool:
        """Whether it may have been for the session that the server ended the connection."""
        return self._early is not None and (self._stream.ended or bool(self.farewell))

    def _early_max_bytes(self) -> int:
        for server, most in _EARLY_MAX_BYTES.items():
            if self.remote_version.startswith(server):
                return most
        return 0

    def _new_auth_handler(self) -> EagerAuthHandler:
        return _InlineAuthHandler(self)

    def _wait_for_algorithms(self) -> None:
        self.take_until(self._algorithms_known.is_set, self.too_late())

    # ----------------------------------------------------------------------------- session

    def open(self, opening: Opening, timeout_s: float) -> None:
        """The session: asked for now, or already with the key.

        Raises ChannelException where the server opens none, TimeoutError where it does not answer,
        and SSHException, EOFError, OSError, TooEagerError where the connection ended.
        """
        until, channel = time.monotonic() + timeout_s, self._channel
        if self._early is None:
            channel.ask_to_open()
        try:
            if not self.take_until(lambda: channel.answered, until):
                raise TimeoutError
        except (SSHException, EOFError, OSError) as error:
            if self._was_too_eager():
                raise TooEagerError from error
            raise
        if channel.refused is not None:
            raise channel.refused
        if self._early is None:
            self._begin(opening, remote=channel.remote)
        elif channel.remote != _NUMBER:
            raise TooEagerError

    @property
    def no_command(self) -> bool:
        """The server opened the session and did not start its command."""
        return self._channel.no_command

    def _begin(self, opening: Opening, remote: int) -> None:
        self.sent_at = time.monotonic()
        self._channel.execute(opening.command, remote)
        if self._early is not None:
            self._channel.send(opening.first, remote)
            return
        # Where the shell is gone already, what it said is still to be heard.
        with suppress(SSHException, EOFError, OSError):
            self.say(opening.first)

    def say(self, data: bytes) -> None:
        """Write to the session's stdin; raises SSHException, EOFError, OSError.

        A server that lets us send nothing is waited for no longer than for a login.
        """
        channel, until = self._channel, self.too_late()
        while data:
            if not self.take_until(lambda: channel.window > 0 or channel.over, until):
                raise TimeoutError
            if channel.over:
                raise EOFError
            part, data = data[: channel.window], data[channel.window :]
            channel.window -= len(part)
            channel.send(part, channel.remote)

    def hear(self, timeout_s: float) -> Chunk | None:
        """The next bytes of either stream, None at their end; raises TimeoutError.

        And SSHException, EOFError, OSError where the connection ended before the session.
        """
        until, channel = time.monotonic() + timeout_s, self._channel
        while not channel.arrived:
            if channel.over:
                return None
            if not self.take(until, spare_s=_MID_PACKET_S):
                raise TimeoutError
        return channel.arrived.popleft()

    def close(self) -> None:
        """End the connection at once."""
        self.active = False
        self._stream.close()

    # ---------------------------------------------------------------------------- messages

    def take(self, until: float, spare_s: float = 0.0) -> bool:
        """Handle the next message; False where none has begun by then (monotonic clock).

        One that has begun may take `spare_s` longer; after that the connection is of no use.
        """
        try:
            if self.packetizer.need_rekey() and not self.in_kex:
                self._send_kex_init()  # type: ignore[attr-defined]
            if not self._stream.ready(until - time.monotonic()):
                return False
            self._stream.until = until + spare_s
            self._handle_next()
        except Exception as error:
            raise self._ended_by(error) from error
        return True

    def too_late(self) -> float:
        """When an answer of the login's is, from now (monotonic clock)."""
        return time.monotonic() + (self.auth_timeout or 0.0)

    def take_until(self, holds: Callable[[], bool], until: float) -> bool:
        """Handle messages until it holds; whether it did by then (monotonic clock)."""
        while not holds():
            if not self.take(until):
                return False
        return True

    def _ended_by(self, error: Exception) -> Exception:
        """A connection that failed is over, and a stream that was late says so in SSH's words."""
        self.active = False
        if isinstance(error, StreamLateError):
            return SSHException("timeout in the middle of a message")
        return error

    def _handle_next(self) -> None:
        """As paramiko's own loop does, for a client."""
        kind, message = self.packetizer.read_message()
        if kind in {common.MSG_IGNORE, common.MSG_DEBUG}:
            self._enforce_strict_kex(kind)  # type: ignore[attr-defined]
            return
        if kind == common.MSG_DISCONNECT:
            self._parse_disconnect(message)
            raise SSHException(self.farewell)
        if self._expected_packet:
            self._check_expected(kind)
            if kind in _KEX_REPLIES and self.kex_engine is not None:
                self.kex_engine.parse_next(kind, message)
                return
        handler = self._handler(kind)
        if handler is not None:
            handler(message)
        elif kind != common.MSG_UNIMPLEMENTED:
            answer = Message()
            answer.add_byte(common.cMSG_UNIMPLEMENTED)
            answer.add_int(message.seqno)
            self._send_message(answer)  # type: ignore[attr-defined]

    def _handler(self, kind: int) -> Callable[[Message], None] | None:
        # Ours first: paramiko's table has some of a channel's messages too.
        found = self._channel.handlers.get(kind) or self._handler_table.get(kind)  # type: ignore[attr-defined]
        if found is None and self.auth_handler is not None:
            # Last: paramiko makes this table anew each time it is looked at.
            found = self.auth_handler._handler_table.get(kind)  # type: ignore[attr-defined]  # noqa: SLF001
        return cast("Callable[[Message], None] | None", found)

    def _check_expected(self, kind: int) -> None:
        if kind not in self._expected_packet:
            raise SSHException(f"the server sent message {kind} during the key exchange")
        self._expected_packet: tuple[int, ...] = ()

    def _send_when_clear(self, message: Message) -> None:
        """Send what may not come between the messages of a key exchange."""
        until = time.monotonic() + self.clear_to_send_timeout
        if not self.take_until(self.clear_to_send.is_set, until):
            raise SSHException("the key exchange did not end")
        self._stream.until = max(self._stream.until or 0.0, time.monotonic() + _MID_PACKET_S)
        self._send_message(message)  # type: ignore[attr-defined]


class _InlineAuthHandler(EagerAuthHandler):
    transport: InlineTransport

    def asked(self) -> None:
        self.transport.asked_to_authenticate()

    def wait_for_response(self, event: threading.Event) -> list[str]:
        if not self.transport.take_until(event.is_set, self.transport.too_late()):
            raise AuthenticationException("Authentication timeout.")
        allowed: list[str] = super().wait_for_response(event)
        return allowed


class _Channel:
    """The one channel of a connection: RFC 4254, sections 5 and 6."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self.arrived: deque[Chunk] = deque()
        self.answered = False
        """The server has opened the channel, or said that it does not."""
        self.refused: ChannelException | None = None
        self.over = False
        """Nothing more will arrive."""
        self.no_command = False
        """The server did not start what it was to execute."""
        self.remote = -1
        self.window = 0
        """Bytes that the server takes at the moment."""
        self._taken = 0
        """Bytes that arrived and that the server was not told of."""
        self.handlers: dict[int, Callable[[Message], None]] = {
            common.MSG_CHANNEL_OPEN_SUCCESS: self._opened,
            common.MSG_CHANNEL_OPEN_FAILURE: self._not_opened,
            common.MSG_CHANNEL_WINDOW_ADJUST: self._may_send,
            common.MSG_CHANNEL_DATA: self._data,
            common.MSG_CHANNEL_EXTENDED_DATA: self._extended_data,
            common.MSG_CHANNEL_EOF: self._ended,
            common.MSG_CHANNEL_CLOSE: self._ended,
            common.MSG_CHANNEL_REQUEST: self._asked,
            common.MSG_CHANNEL_SUCCESS: _pass_over,
            common.MSG_CHANNEL_FAILURE: self._not_started,
        }

    def ask_to_open(self) -> None:
        sizes = _WINDOW_BYTES, _PACKET_BYTES
        self._send(_message(common.cMSG_CHANNEL_OPEN, "session", _NUMBER, *sizes))

    def execute(self, command: str, remote: int) -> None:
        """Does not wait for the answer, which is asked for all the same.

        Without it a server that cannot start the command (out of processes) says nothing and keeps
        the channel.
        """
        self._send(_message(common.cMSG_CHANNEL_REQUEST, remote, "exec", True, command))

    def send(self, data: bytes, remote: int) -> None:
        for at in range(0, len(data), _PACKET_BYTES // 2):
            part = data[at : at + _PACKET_BYTES // 2]
            self._send(_message(common.cMSG_CHANNEL_DATA, remote, part))

    def _opened(self, message: Message) -> None:
        message.get_int()
        self.remote, self.window = message.get_int(), message.get_int()
        self.answered = True

    def _not_opened(self, message: Message) -> None:
        message.get_int()
        code = message.get_int()
        text = common.CONNECTION_FAILED_CODE.get(code, message.get_text())
        self.refused, self.answered = ChannelException(code, text), True

    def _may_send(self, message: Message) -> None:
        message.get_int()
        self.window += message.get_int()

    def _data(self, message: Message) -> None:
        message.get_int()
        self._take(message.get_binary(), stderr=False)

    def _extended_data(self, message: Message) -> None:
        message.get_int()
        stderr = message.get_int() == 1  # RFC 4254, section 5.2: the only kind there is
        data = message.get_binary()
        if stderr:
            self._take(data, stderr=True)

    def _take(self, data: bytes, *, stderr: bool) -> None:
        self.arrived.append(Chunk(stderr, data))
        self._taken += len(data)
        if self._taken > _WINDOW_BYTES // 4:
            self._send(_message(common.cMSG_CHANNEL_WINDOW_ADJUST, self.remote, self._taken))
            self._taken = 0

    def _ended(self, message: Message) -> None:  # noqa: ARG002 - a handler's
        self.over = True

    def _not_started(self, message: Message) -> None:  # noqa: ARG002 - a handler's
        self.no_command = self.over = True

    def _asked(self, message: Message) -> None:
        """Exit statuses and the like: what our script says of its steps is all we need."""
        message.get_int()
        message.get_text()
        if message.get_boolean():
            self._send(_message(common.cMSG_CHANNEL_FAILURE, self.remote))


def _pass_over(message: Message) -> None:
    pass


def _message(kind: bytes, *fields: str | bytes | int | bool) -> Message:
    """Kinds of fields as RFC 4251, section 5, has them: text and bytes as strings."""
    message = Message()
    message.add_byte(kind)
    for value in fields:
        if isinstance(value, bool):
            message.add_boolean(value)
        elif isinstance(value, int):
            message.add_int(value)
        else:
            message.add_string(value)
    return message
