"""Outputs somebody already has (a directory, a file a host, a stream) -> a Run to compare.

Reads files and bytes only. Knows the model; nothing of SSH, playbook files, comparison or the
screen.
"""

from __future__ import annotations

from fleetdiag.outputs.answers import Ended, Judge
from fleetdiag.outputs.directory import load_directory
from fleetdiag.outputs.named import load_files
from fleetdiag.outputs.steps import compared_as
from fleetdiag.outputs.stream import Stream, read_stream, stream_run

__all__ = [
    "Ended",
    "Judge",
    "Stream",
    "compared_as",
    "load_directory",
    "load_files",
    "read_stream",
    "stream_run",
]
