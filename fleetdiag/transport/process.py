"""A session over the pipes of a child process; and the local host, which is just that."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from fleetdiag.errors import HostError
from fleetdiag.model import Chunk, HostStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Host, Limits

_READ_BYTES = 1 << 16
_END_WAIT_S = 2.0


class ProcessSession:
    """The stdin, stdout and stderr of a child in a session of its own."""

    def __init__(self, argv: Sequence[str], first: bytes = b"") -> None:
        """Start `argv` and give it `first`; raises HostError where there is no such program."""
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(HostStatus.NOT_RUN, f"{argv[0]}: {error.strerror}") from error
        self._selector = selectors.DefaultSelector()
        for stream, stderr in ((self._process.stdout, False), (self._process.stderr, True)):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, stderr)
        self.sent_at = time.monotonic()
        with suppress(HostError):  # gone already: what it said is still to be read
            self.send(first)

    def send(self, data: bytes) -> None:
        """Write all of `data`; raises HostError (lost) when the child is gone."""
        stdin = self._process.stdin
        if stdin is None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[stdin.write(view) :]
        except (OSError, ValueError) as error:
            raise HostError(HostStatus.LOST, "the shell is gone") from error

    def read(self, timeout_s: float) -> Chunk | None:
        """The next bytes of either stream; None when both have ended."""
        while self._selector.get_map():
            ready = self._selector.select(timeout_s)
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                try:
                    data = os.read(key.fd, _READ_BYTES)
                except OSError as error:
                    raise HostError(HostStatus.LOST, "the pipe broke") from error
                if data:
                    return Chunk(key.data, data)
                self._selector.unregister(key.fileobj)
        return None

    def exit_code(self) -> int | None:
        """The child's, once it has ended; None where it does not end soon."""
        try:
            return self._process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End of file for the child, which ends what it started; then the child itself."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


class LocalTransport:
    """This machine, without SSH."""

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> ProcessSession:  # noqa: ARG002 - the protocol's
        """A shell of this machine."""
        return ProcessSession(["sh", "-s"], first)

    def close(self) -> None:
        """Nothing is shared."""
