"""The file of a run: its tables, how it is recognised, how outputs are packed. Pure.

One row of `run` and one of `host` a planned host are there from the start; one of `cloud` where the
provider was asked; one of `rollout` where hosts are changed, with a row of `act` before and after
each change of one; a row of `result` comes with each host that finishes, in the same transaction as
its outputs; the row of `finished` comes last, and its absence tells that the run was killed. Bodies
are JSON.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any, NamedTuple

SUFFIX = ".fleetdiag"
APPLICATION_ID = 0x666C6467
"""`fldg`, in SQLite's header: what `file` and `load` know a run by."""
FORMAT = 3
"""SQLite's user_version; one more whenever an older fleetdiag could misread the file. 2: cloud; 3:
changes."""

CLOUD_TABLE = "CREATE TABLE cloud (body BLOB NOT NULL)"
ROLLOUT_TABLE = "CREATE TABLE rollout (body BLOB NOT NULL)"
ACT_TABLE = "CREATE TABLE act (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
SINCE = {CLOUD_TABLE: 2, ROLLOUT_TABLE: 3, ACT_TABLE: 3}
"""The format with which tables came that were not there from the first."""
TABLES = (
    "CREATE TABLE run (body BLOB NOT NULL)",
    "CREATE TABLE finished (body BLOB NOT NULL)",
    CLOUD_TABLE,
    ROLLOUT_TABLE,
    ACT_TABLE,
    "CREATE TABLE host (position INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    (
        "CREATE TABLE result (position INTEGER PRIMARY KEY, status TEXT NOT NULL,"
        " ended_at REAL NOT NULL, body BLOB NOT NULL)"
    ),
    # Counts a run's hosts by status without reading their results.
    "CREATE INDEX result_status ON result (status)",
    (
        "CREATE TABLE blob (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL,"
        " packed INTEGER NOT NULL, data BLOB NOT NULL)"
    ),
)

_LEAST_WORTH_PACKING_BYTES = 128


class Blob(NamedTuple):
    """One output as it is stored; equal outputs are one blob."""

    sha256: str
    size: int
    """Bytes before packing."""
    packed: int
    """1 where `data` is zlib's."""
    data: bytes


def to_body(row: dict[str, Any]) -> bytes:
    """The row as JSON, lone surrogates included.

    SQLite's text would refuse them, and JSON's escapes read two of them back as one character.
    """
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


def from_body(body: object) -> dict[str, Any]:
    """The row; raises TypeError or ValueError where it is none."""
    if not isinstance(body, bytes):
        raise TypeError("a row's body is not bytes")
    try:
        row = json.loads(body.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("a row's body is nested too deeply") from None
    if not isinstance(row, dict):
        raise TypeError("a row's body is not an object")
    return row


def digest(output: bytes) -> str:
    """The output's name: SHA-256 in hex."""
    return hashlib.sha256(output).hexdigest()


def pack(name: str, output: bytes) -> Blob:
    """The blob of an output, compressed where that saves a tenth. `name` is its digest."""
    if len(output) >= _LEAST_WORTH_PACKING_BYTES:
        # Level 1: on logs three times as fast as the default, for a tenth more bytes.
        data = zlib.compress(output, 1)
        if len(data) < 0.9 * len(output):
            return Blob(name, len(output), 1, data)
    return Blob(name, len(output), 0, output)


def unpack(blob: Blob) -> bytes:
    """The output; raises ValueError or zlib.error where it is not what was stored."""
    output = blob.data
    if blob.packed:
        # Never more than the size that was stored: a small file cannot fill the memory.
        output = zlib.decompressobj().decompress(blob.data, blob.size + 1)
    if digest(output) != blob.sha256:
        raise ValueError(f"output {blob.sha256[:12]} is not what was stored")
    return output
