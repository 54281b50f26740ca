"""Recorded hosts: the demonstration fleet, and the double for tests of what lies behind.

A recording is a directory: `hosts.json` tells what hosts there were and what became of them,
`HOST/STEP.out` (`.err`, `.rc`) what they said. The executor drives a replayed host by the same
script and the same marks as a live one.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import HostError, InventoryError
from fleetdiag.model import Chunk, HostStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Host, Limits, Step

_NONCE = re.compile(rb"^N=(@\w+) ", re.MULTILINE)
_STEP = re.compile(rb"^step (\d+) ", re.MULTILINE)


class ReplayTransport:
    """Sessions to recorded hosts. `steps` are the plan's: recordings are found by step name."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._recordings: dict[str, dict[str, Any]] = {}

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> ReplaySession:  # noqa: ARG002 - the protocol's
        """A session that plays; raises the HostError that was recorded."""
        directory = Path(host.recording or ".")
        recorded = self._read(directory)["hosts"].get(host.name)
        if recorded is None:
            raise HostError(HostStatus.DNS, "no such host in the recording")
        status = HostStatus(recorded.get("status", "ok"))
        if status is not HostStatus.OK:
            raise HostError(status, recorded.get("reason", "recorded so"))
        session = ReplaySession(directory / host.name, self._steps, recorded.get("facts", {}))
        session.send(first)
        return session

    def close(self) -> None:
        """Nothing is shared."""

    def _read(self, directory: Path) -> dict[str, Any]:
        key = str(directory)
        if key not in self._recordings:
            try:
                self._recordings[key] = json.loads((directory / "hosts.json").read_bytes())
            except (OSError, ValueError) as error:
                raise InventoryError(f"{directory / 'hosts.json'}: {error}") from error
        return self._recordings[key]


class ReplaySession:
    """Answers a script with marks of its nonce and the recorded outputs between them."""

    def __init__(self, directory: Path, steps: Sequence[Step], facts: dict[str, Any]) -> None:
        self._directory = directory
        self._steps = steps
        self._facts = facts
        self._chunks: deque[Chunk] = deque()
        self.sent_at = time.monotonic()

    def send(self, data: bytes) -> None:
        """Take the whole script at once; other lines (a step's end asked for) change nothing."""
        nonce = _NONCE.search(data)
        if nonce is None:
            return
        mark = nonce[1]
        self._say(mark, b"H", b"", b"")
        self._say(mark, b"I", self._greeting(), b"")
        for number in _STEP.findall(data):
            step = self._steps[int(number)]
            out, err, code = self._recorded(step.name)
            # A step that ended badly had no fallback left: it was its last command that ended it.
            command = len(step.commands) - 1 if code else 0
            self._say(mark, b"E %s %d %d %s -" % (number, command, code, self._uptime()), out, err)
        self._say(mark, b"Z", b"", b"")

    def read(self, timeout_s: float) -> Chunk | None:  # noqa: ARG002 - the protocol's
        """What is left to play."""
        return self._chunks.popleft() if self._chunks else None

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, mark: bytes, words: bytes, out: bytes, err: bytes) -> None:
        line = b"\n%s %s\n" % (mark, words)
        self._chunks += (Chunk(stderr=False, data=out + line), Chunk(stderr=True, data=err + line))

    def _uptime(self) -> bytes:
        return str(self._facts.get("uptime_s", 0.0)).encode()

    def _greeting(self) -> bytes:
        said = {name: self._facts.get(name, "") for name in ("hostname", "boot_id", "machine_id")}
        lines = [f"{name}={value}" for name, value in said.items()]
        lines += [
            f"uptime={self._facts.get('uptime_s', '')}",
            f"user={self._facts.get('user', '')}",
        ]
        lines += ["clock="]
        lines += [f"inet {address}" for address in self._facts.get("addresses", ())]
        return "\n".join(lines).encode()

    def _recorded(self, step: str) -> tuple[bytes, bytes, int]:
        out, err, code = (self._file(step, ending) for ending in ("out", "err", "rc"))
        if out is None and err is None and code is None:
            return b"", b"%s: not found in the recording\n" % step.encode(), 127
        return out or b"", err or b"", int(code or b"0")

    def _file(self, step: str, ending: str) -> bytes | None:
        try:
            return (self._directory / f"{step}.{ending}").read_bytes()
        except OSError:
            return None
