"""What others may rely on, pinned: a change here is a change for them."""

from __future__ import annotations

import re
import subprocess
import sys

import fleetdiag
from fleetdiag import archive


def test_the_package_itself_offers_its_version_only() -> None:
    # In a fresh interpreter: here other tests have imported submodules into it.
    told = subprocess.run(
        [sys.executable, "-c", "import fleetdiag; print(*vars(fleetdiag))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [name for name in told if not name.startswith("_")] == []
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", fleetdiag.__version__)


def test_the_archive_offers() -> None:
    assert archive.__all__ == [
        "RunSummary",
        "Writer",
        "default_directory",
        "find",
        "is_change",
        "list_runs",
        "load",
        "new_run_id",
        "newest_first",
        "peers_last",
        "summarize",
    ]
