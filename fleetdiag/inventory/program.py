"""Run a program within a time and a size: what it printed. Knows nothing of inventories."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_OUTPUT_BYTES = 256 << 20
"""Of stdout: some 20,000 hosts with all that a cloud says of each."""
_MAX_COMPLAINT_BYTES = 256 << 10
_READ_BYTES = 1 << 16
_AFTER_END_S = 0.5
"""How long what a program left behind may hold its output open."""


class NoAnswerError(Exception):
    """The program could not be started, took too long or printed too much; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed, and how it ended."""

    exit_code: int
    """Negative: ended by that signal."""
    stdout: bytes
    stderr: bytes
    """Its beginning, where it is long."""


def run_program(
    arguments: Sequence[str], *, timeout_s: float, environ: Mapping[str, str] | None = None
) -> Answer:
    """What the program prints, run without a shell, without stdin and without a terminal.

    `environ` is its whole environment; None: ours. Its process group is ended with it. Raises
    NoAnswerError.
    """
    try:
        # A session of its own: no question (a vault's password) can be asked at our terminal.
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environ is None else dict(environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoAnswerError(f"cannot be started: {reason}") from error
    try:
        with process:
            try:
                stdout, stderr = _read(process, timeout_s)
            finally:
                _end(process)
    except TimeoutError:
        raise NoAnswerError(f"gave no answer within {timeout_s:.0f} s") from None
    return Answer(process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it started; nothing to do where all have ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, bytes]:
    """Both streams until the program has ended; raises TimeoutError and NoAnswerError."""
    assert process.stdout is not None  # noqa: S101 - for mypy: both are pipes
    assert process.stderr is not None  # noqa: S101
    deadline = time.monotonic() + timeout_s
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            ended = process.poll() is not None
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            ready = selector.select(_AFTER_END_S if ended else min(left_s, _AFTER_END_S))
            if ended and not ready:
                break
            for key, _ in ready:
                data = os.read(key.fd, _READ_BYTES)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(complaint) < _MAX_COMPLAINT_BYTES:
                    key.data.extend(data)
            if len(output) > MAX_OUTPUT_BYTES:
                raise NoAnswerError(f"printed more than {MAX_OUTPUT_BYTES >> 20} MiB")
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(output), bytes(complaint)
