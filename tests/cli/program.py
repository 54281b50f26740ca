"""Runs the program as a user does: a process of its own, in an empty home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import fleetdiag

ROOT = Path(fleetdiag.__file__).parent.parent


def environment(home: Path | None = None) -> dict[str, str]:
    """Ours without anything that changes what the program says; the home directory if given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLEETDIAG_", "XDG_", "SSH_")) and name not in ("NO_COLOR", "TERM")
    }
    kept["PYTHONPATH"] = str(ROOT)
    return kept | ({"HOME": str(home)} if home else {})


def fleetdiag_argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fleetdiag", *arguments]


def heed_interrupts() -> None:
    """For a new process: Ctrl-C counts, also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_program(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs one command line to its end, with `home` as home and working directory."""
    return subprocess.run(
        fleetdiag_argv(*arguments),
        cwd=home,
        env=environment(home) | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
