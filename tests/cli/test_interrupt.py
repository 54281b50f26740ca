"""The handler itself; that a run stops in time is in test_run.py."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from fleetdiag.cli.interrupt import stop_on_signal
from tests.cli.program import environment, heed_interrupts

WAITER = """
import sys, threading
from fleetdiag.cli.interrupt import stop_on_signal
stop, told = threading.Event(), threading.Event()
with stop_on_signal(stop, told.set):
    print("ready", flush=True)
    {wait}
print("told" if told.wait(5) else "not told", flush=True)
"""
STOPPING = WAITER.format(wait="stop.wait()")
STUBBORN = WAITER.format(
    wait="stop.wait(); print('stopping', flush=True); threading.Event().wait()"
)


def ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def started(source: str, *, ignoring_interrupts: bool = False) -> subprocess.Popen[str]:
    """The script, at the point where it waits for a signal."""

    process = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=ignore_interrupts if ignoring_interrupts else heed_interrupts,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_signal_stops_and_tells(number: signal.Signals) -> None:
    process = started(STOPPING)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("told\n", 0)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_leaves_at_once(second: signal.Signals) -> None:
    process = started(STUBBORN)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "stopping\n"
    began = time.monotonic()
    process.send_signal(second)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 2


def test_ignored_interrupt_stays_ignored() -> None:
    process = started(STOPPING, ignoring_interrupts=True)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert output == "told\n"


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threads = threading.active_count()
    with stop_on_signal(threading.Event(), lambda: None):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert threading.active_count() == threads
