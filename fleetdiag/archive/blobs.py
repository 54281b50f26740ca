"""Outputs that stay in a run's file until somebody asks for one."""

from __future__ import annotations

import sqlite3
import threading
import weakref
import zlib
from typing import TYPE_CHECKING

from fleetdiag.archive import schema
from fleetdiag.errors import ArchiveError
from fleetdiag.model import StoredOutput

if TYPE_CHECKING:
    from pathlib import Path

    from fleetdiag.model import Output

HELD_BYTES = 256
"""An output up to this size is held in memory: to say where it is stored takes as much."""


class Blobs:
    """The outputs in one run's file. Opened when the first is asked for; any thread may ask.

    No transaction stays open between two outputs, so that the run may be gone on with.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def output(self, name: str, size: int) -> StoredOutput:
        """The output that is stored under its digest `name`."""
        return StoredOutput(name, size, self)

    def __call__(self, name: str) -> bytes:
        """The bytes of that digest; raises ArchiveError where they are gone, or not whole."""
        try:
            with self._lock:
                found = self._open().execute("SELECT * FROM blob WHERE sha256 = ?", (name,))
                row = found.fetchone()
            if row is None:
                raise ArchiveError(f"{self._path}: damaged, an output is not there")
            return schema.unpack(schema.Blob._make(row))
        except (sqlite3.Error, zlib.error, TypeError, ValueError) as error:
            raise ArchiveError(
                f"{self._path}: damaged, an output cannot be read ({error})"
            ) from error

    def held(self, name: str, output: bytes) -> Output:
        """What to hold of an output that is stored now."""
        return output if len(output) <= HELD_BYTES else self.output(name, len(output))

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            opened = sqlite3.connect(
                self._uri, uri=True, isolation_level=None, check_same_thread=False
            )
            opened.execute("PRAGMA trusted_schema = OFF")
            weakref.finalize(self, opened.close)
            self._connection = opened
        return self._connection
