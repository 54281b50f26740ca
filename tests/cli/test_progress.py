from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

from fleetdiag.cli.progress import Progress, Style, choose_style, failure_line, interrupted_line
from fleetdiag.cli.tally import InFlight
from fleetdiag.model import HostFinished, HostStarted, HostStatus
from tests.cli.plans import host_result, local_host, plan_of
from tests.cli.program import environment

if TYPE_CHECKING:
    import pytest

PLAN = plan_of([local_host("web-1"), local_host("web-2"), local_host("web-3")])
LOST = host_result("web-2", HostStatus.LOST, reason="the connection was reset")


def test_without_a_terminal_only_failed_hosts_have_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert choose_style(wanted=True) is Style.LINES
    with Progress(PLAN, Style.LINES) as progress:
        progress(HostStarted("web-1"))
        progress(HostFinished(host_result("web-1")))
        progress(HostFinished(LOST))
        progress(HostFinished(host_result("web-3", HostStatus.CANCELLED, reason="stopped")))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "web-2: lost: the connection was reset\n"


def test_silent_progress_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_style(wanted=False) is Style.SILENT
    with Progress(PLAN, Style.SILENT) as progress:
        progress(HostFinished(LOST))
    assert capsys.readouterr().err == ""


def test_reason_from_a_host_cannot_move_the_cursor() -> None:
    hostile = host_result("web-1", HostStatus.REFUSED, reason="go \x1b[2Jaway\r\nnow\x07")
    assert failure_line(hostile).isprintable()


def test_interrupted_line_folds_the_hosts_at_each_step() -> None:
    in_flight = [InFlight(f"web-{n}", "disk", 1.0) for n in (1, 2, 3)]
    line = interrupted_line([*in_flight, InFlight("db", "login or load", 1.0)])
    assert line.startswith("Interrupted; still running: web-[1-3] at disk, db at login or load.")


def test_interrupted_line_says_when_nothing_ran() -> None:
    assert "still running: nothing." in interrupted_line([])


LIVE = """
import time
from fleetdiag.cli.progress import Progress, choose_style
from fleetdiag.model import HostFinished, HostStarted
from tests.cli.test_progress import LOST, PLAN
with Progress(PLAN, choose_style(wanted=True)) as progress:
    progress(HostStarted("web-1"))
    progress(HostFinished(LOST))
    time.sleep(1.2)
"""


def test_terminal_gets_a_live_line_that_is_taken_away() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment() | {"TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"},
    )
    os.close(theirs)
    written = read_to_end(ours)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, b"")
    assert "1/3 done · 1 in flight · 1 failed" in written
    assert written.rstrip().endswith("\x1b[2K")  # the line is erased
    assert "\x1b[?25h" in written  # the cursor is back


def read_to_end(terminal: int) -> str:
    """All that is written to the other side of a terminal."""
    written = b""
    while select.select([terminal], [], [], 20)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux: the other side was closed
            break
        if not data:
            break
        written += data
    os.close(terminal)
    return written.decode()
