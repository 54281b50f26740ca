"""Stored runs: one run, one file, written as the hosts finish; it survives kill -9.

A file is a SQLite database named after its run, which never holds more than the run: it is the
report's source, the baseline for the next run and the attachment for the incident. What comes
back from `load` is equal to what the live run gave.

Knows the model; nothing of SSH, of comparison or of the screen.
"""

from __future__ import annotations

from fleetdiag.archive.reader import RunSummary, is_change, load, summarize
from fleetdiag.archive.shelf import (
    default_directory,
    find,
    list_runs,
    new_run_id,
    newest_first,
    peers_last,
)
from fleetdiag.archive.writer import Writer

__all__ = [
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
