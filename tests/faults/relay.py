"""A TCP relay on loopback before a real SSH server, which fails at a chosen moment of a connection.

It reads what the server says (RFC 4253, section 6): the identification line, then packets with
their length in front. Behind the key exchange the length is readable only where the server uses
`ETM` (OpenSSH's PROTOCOL, section 1.6), so the fleet's servers are given that and nothing else.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

ETM = {"Ciphers": "aes128-ctr", "MACs": "hmac-sha2-256-etm@openssh.com"}
"""Lines of sshd_config; the length of a packet is in clear, 32 bytes of code are behind it."""

_MAC_BYTES = 32
_READ_BYTES = 1 << 16
_KEXINIT, _NEWKEYS, _KEX_REPLY = 20, 21, 31
_UNTIL_LOGGED_IN = 3
"""Packets behind the key exchange: what the server can sign, that it lets us ask, and yes."""
_UNTIL_MIDWAY_BYTES = 50_000


class Moment(Enum):
    """When a connection fails: once the client has had this of the server."""

    CONNECTED = "connected"
    """Nothing yet."""
    IDENTIFIED = "identified"
    """The identification line."""
    OFFERED = "offered"
    """The server's list of algorithms."""
    KEYED = "keyed"
    """The reply with the server's key; the new keys are not in force."""
    ENCRYPTED = "encrypted"
    """The key exchange; nothing of the login."""
    LOGGED_IN = "logged in"
    MIDWAY = "midway"
    """So many bytes that steps must be running."""


class Failure(Enum):
    """What becomes of the connection then."""

    BLACKHOLE = "blackhole"
    """Nothing passes any more, and nobody says so."""
    RESET = "reset"
    HALF_CLOSED = "half-closed"
    """The client is told that nothing more comes; what it sends is swallowed."""
    TRICKLE = "trickle"
    """The server's bytes pass, one a second."""


class Relay:
    """Doors to one SSH server, each failing in its own way; all closed after the `with` block."""

    def __init__(self, address: str, port: int = 22) -> None:
        self._target = (address, port)
        self._over = threading.Event()
        self._sockets: list[socket.socket] = []

    def door(self, moment: Moment, failure: Failure, *, times: int = 1 << 30) -> int:
        """The port of a new door; only its first `times` connections fail."""
        listener = self._held(socket.create_server(("127.0.0.1", 0), backlog=64))
        arguments = (listener, moment, failure, times)
        threading.Thread(target=self._accept, args=arguments, daemon=True).start()
        return int(listener.getsockname()[1])

    def saying(self, text: bytes, *, slowly: bool = False) -> int:
        """The port of a door with no server behind it, which says this and closes.

        `slowly`: one byte a second, for as long as there is something to say.
        """
        listener = self._held(socket.create_server(("127.0.0.1", 0), backlog=64))
        threading.Thread(target=self._say, args=(listener, text, slowly), daemon=True).start()
        return int(listener.getsockname()[1])

    def _say(self, listener: socket.socket, text: bytes, slowly: bool) -> None:
        with suppress(OSError):
            while True:
                client = self._held(listener.accept()[0])
                arguments = (client, text, slowly)
                threading.Thread(target=self._tell, args=arguments, daemon=True).start()

    def _tell(self, client: socket.socket, text: bytes, slowly: bool) -> None:
        with suppress(OSError):
            client.recv(_READ_BYTES)  # or the kernel would answer what it sent with a reset
            while slowly and text and not self._over.wait(1.0):
                client.sendall(text[:1])
                text = text[1:]
            client.sendall(text)
        client.close()

    def _held(self, sock: socket.socket) -> socket.socket:
        self._sockets.append(sock)
        return sock

    def _accept(
        self, listener: socket.socket, moment: Moment, failure: Failure, times: int
    ) -> None:
        with suppress(OSError):
            while True:
                client = self._held(listener.accept()[0])
                server = self._held(socket.create_connection(self._target))
                watch = _Watch(moment if times > 0 else None)
                times -= 1
                arguments = (client, server, watch, failure)
                threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def _carry(
        self, client: socket.socket, server: socket.socket, watch: _Watch, failure: Failure
    ) -> None:
        """One connection: both ways until the moment comes, then its failure."""
        with suppress(OSError):
            while not watch.come:
                if client in _readable(client, server) and not _pass(client, server):
                    break
                if server in _readable(server, timeout_s=0):
                    data = server.recv(_READ_BYTES)
                    if not data:
                        break
                    client.sendall(watch.feed(data))
            if watch.come:
                self._fail(client, server, watch, failure)
                return
        # A connection that ended in peace.
        for sock in (client, server):
            sock.close()

    def _fail(
        self, client: socket.socket, server: socket.socket, watch: _Watch, failure: Failure
    ) -> None:
        match failure:
            case Failure.BLACKHOLE:
                """Neither is read any more; both stay open until all is over."""
            case Failure.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                server.close()
            case Failure.HALF_CLOSED:
                client.shutdown(socket.SHUT_WR)
                while client.recv(_READ_BYTES):
                    pass
                server.close()
            case Failure.TRICKLE:
                self._trickle(client, server, watch.rest)

    def _trickle(self, client: socket.socket, server: socket.socket, rest: bytes) -> None:
        while not self._over.wait(1.0):
            if client in _readable(client, timeout_s=0) and not _pass(client, server):
                return
            if server in _readable(server, timeout_s=0):
                rest += server.recv(_READ_BYTES)
            client.sendall(rest[:1])
            rest = rest[1:]

    def close(self) -> None:
        """Close every door and end every connection."""
        self._over.set()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _readable(*sockets: socket.socket, timeout_s: float | None = None) -> list[socket.socket]:
    return select.select(sockets, [], [], timeout_s)[0]


def _pass(source: socket.socket, target: socket.socket) -> bool:
    """Whether there was something to pass on, and not the end."""
    data = source.recv(_READ_BYTES)
    target.sendall(data)
    return bool(data)


class _Watch:
    """Reads along with what the server says, and knows when the moment has come."""

    def __init__(self, moment: Moment | None) -> None:
        self.come = moment is Moment.CONNECTED
        self.rest = b""
        """What is not to pass any more, or not whole yet."""
        self._moment = moment
        self._encrypted_packets = 0
        self._encrypted_bytes = 0
        self._at: Moment | None = None

    def feed(self, data: bytes) -> bytes:
        """What of it may pass."""
        if self._moment is None:
            return data
        self.rest += data
        passed = b""
        while not self.come and (size := self._size()):
            piece, self.rest = self.rest[:size], self.rest[size:]
            passed += piece
            self._note(piece)
            self.come = self._at is self._moment
        return passed

    def _size(self) -> int:
        """Of the next line or packet; 0 where it is not whole yet."""
        if self._at is None:
            return self.rest.find(b"\n") + 1
        if len(self.rest) < 4:
            return 0
        code = _MAC_BYTES if self._is_encrypted else 0
        size = 4 + int(struct.unpack(">I", self.rest[:4])[0]) + code
        return size if len(self.rest) >= size else 0

    @property
    def _is_encrypted(self) -> bool:
        return self._at in (Moment.ENCRYPTED, Moment.LOGGED_IN, Moment.MIDWAY)

    def _note(self, piece: bytes) -> None:
        if self._at is None:
            self._at = Moment.IDENTIFIED
        elif self._is_encrypted:
            self._encrypted_packets += 1
            self._encrypted_bytes += len(piece)
            if self._encrypted_bytes > _UNTIL_MIDWAY_BYTES:
                self._at = Moment.MIDWAY
            elif self._encrypted_packets == _UNTIL_LOGGED_IN:
                self._at = Moment.LOGGED_IN
        else:
            kinds = {
                _KEXINIT: Moment.OFFERED,
                _KEX_REPLY: Moment.KEYED,
                _NEWKEYS: Moment.ENCRYPTED,
            }
            self._at = kinds.get(piece[5], self._at)
