"""Values between a process and one it forked: whole ones only, whoever dies in between.

Knows nothing of what the values are. Pickles: both ends are this program.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from contextlib import suppress
from typing import Any

_LENGTH = struct.Struct("!Q")
_READ_BYTES = 1 << 20


class Wire:
    """One end of a socket pair. Any thread may send, one may receive."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()
        self._sending = threading.Lock()

    @classmethod
    def pair(cls) -> tuple[Wire, Wire]:
        """Two ends, each what the other hears; no program started later inherits them."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    def fileno(self) -> int:
        """For selectors: readable when `heard` has something to say."""
        return self._socket.fileno()

    def send(self, value: object) -> None:
        """Send a value; raises OSError where the other end is gone."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        with self._sending:
            self._socket.sendall(_LENGTH.pack(len(data)))
            self._socket.sendall(data)

    def wait(self) -> Any:
        """The next value; raises EOFError where the other end is gone."""
        while (value := self._next()) is _NOTHING:
            if not self._read(0):
                raise EOFError
        return value

    def heard(self) -> tuple[list[Any], bool]:
        """The values that are there, without waiting, and whether the other end still is.

        A value that broke off is dropped.
        """
        alive = True
        with suppress(BlockingIOError):
            while alive := self._read(socket.MSG_DONTWAIT):
                if len(self._received) >= _READ_BYTES:
                    break
        values = []
        while (value := self._next()) is not _NOTHING:
            values.append(value)
        return values, alive

    def close(self) -> None:
        """Let go of this end; the other one hears it."""
        self._socket.close()

    def _read(self, flags: int) -> bool:
        """Take in some bytes; False at the end."""
        try:
            data = self._socket.recv(_READ_BYTES, flags)
        except ConnectionError:
            return False
        self._received += data
        return bool(data)

    def _next(self) -> Any:
        start = _LENGTH.size
        if len(self._received) < start:
            return _NOTHING
        (length,) = _LENGTH.unpack_from(self._received)
        if len(self._received) < start + length:
            return _NOTHING
        value = pickle.loads(memoryview(self._received)[start : start + length].toreadonly())  # noqa: S301
        del self._received[: start + length]
        return value


_NOTHING = object()
