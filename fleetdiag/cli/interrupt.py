"""Ctrl-C, SIGTERM and a closed terminal during a run: once means stop and keep, twice leave now.

Knows nothing of runs: it sets an event and calls a function.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from fleetdiag.model import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signal(stop: threading.Event, on_stop: Callable[[], None]) -> Iterator[None]:
    """At the first signal sets `stop` and calls `on_stop`, in a thread; at the second exits.

    The handler itself only writes to a pipe. It runs in the main thread between any two
    instructions, also while that thread holds the very lock that `Event.set` or a write to stderr
    would take; a thread on the other end of the pipe may take locks.
    """
    reading, writing = os.pipe()
    signalled = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal signalled
        if signalled:
            _leave_now()
        signalled = True
        os.write(writing, b"!")

    def watch() -> None:
        if os.read(reading, 1):
            stop.set()
            on_stop()

    watcher = threading.Thread(target=watch, name="interrupt", daemon=True)
    watcher.start()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        # Started in the background or under nohup, a shell has it ignored: leave it so.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _leave_now() -> NoReturn:
    """End the process without waiting for a single thread or host."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\r\x1b[K\x1b[?25h")  # drop the live line, cursor back
    os._exit(ExitCode.INTERRUPTED)
