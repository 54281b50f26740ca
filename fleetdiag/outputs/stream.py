"""The `host: line` stream of pdsh, clush and pssh -P, or the blocks of pssh -i -> a Run.

Lines of several hosts may be mixed; a host's own keep their order. What pdsh and clush say of exit
codes is taken as such. Bytes stay as they are.
"""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.model import HostFacts, HostResult, HostStatus, Step
from fleetdiag.outputs.answers import Ended, run_of, step_result
from fleetdiag.outputs.nodesets import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetdiag.model import Run
    from fleetdiag.outputs.answers import Judge

KEPT_STRAY = 3
"""So many lines without a host are kept to be shown."""
SHOWN_CHARS = 80

_NAME = re.compile(rb"[^\s:\x00-\x20\x7f]{1,255}")
_TOOL = re.compile(rb"pdsh@\S{1,255}|clush|pssh")
_EXITED = re.compile(
    rb"(\S{1,4096})(?: \(\d{1,9}\))?: (?:\w{1,16} )?exited with exit code (\d{1,9})\s*"
)
_BLOCK = re.compile(
    rb"\[\d{1,9}\] \d\d:\d\d:\d\d \[(SUCCESS|FAILURE)\] (\S{1,255})"
    rb"(?: Exited with error code (\d{1,9}))?[^\r\n]{0,999}\s*"
)


@dataclass(frozen=True, slots=True)
class Stream:
    """What each host said, in the order of first appearance, and what belongs to none."""

    outputs: Mapping[str, bytes]
    exit_codes: Mapping[str, int]
    """Of the hosts where the tool named one; the others ended well."""
    stray: tuple[tuple[int, str], ...]
    """The first lines without a host: number from 1, and the line, cut."""
    stray_lines: int
    """How many there were."""


def read_stream(lines: Iterable[bytes]) -> Stream:
    """What the hosts said. One pass, linear; keeps nothing but the outputs.

    Args:
        lines: with their newlines, such as an open binary file.
    """
    reader = _Reader()
    known = reader.known
    line = b"\n"
    for number, line in enumerate(lines, start=1):
        # Nine lines of ten go the short way: a million a second.
        head, _, rest = line.partition(b": ")
        buffers = known.get(head)
        if buffers is None or reader.in_block:
            reader.take(number, line)
        else:
            for buffer in buffers:
                buffer += rest
    if not line.endswith(b"\n"):
        reader.end_line(line)
    return reader.stream()


def stream_run(stream: Stream, judge: Judge, step: str = "output") -> Run:
    """The stream as a run of one step."""
    now = time.time()
    hosts = [
        HostResult(
            name=host,
            status=HostStatus.OK,
            steps=(
                step_result(step, Ended(stream.exit_codes.get(host, 0), data, b"", False), judge),
            ),
            facts=HostFacts(hostname=host),
            started_at=now,
        )
        for host, data in stream.outputs.items()
    ]
    return run_of(step, [Step(step, commands=())], hosts)


class _Reader:
    """The outputs so far."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[bytearray, ...]] = {}
        """What stands before `: ` -> the outputs of the hosts it means."""
        self.in_block = False
        """The stream is of blocks under headers (pssh -i)."""
        self._block: tuple[bytearray, ...] = ()
        self._outputs: dict[str, bytearray] = {}
        self._exit_codes: dict[str, int] = {}
        self._stray: list[tuple[int, str]] = []
        self._stray_lines = 0

    def take(self, number: int, line: bytes) -> None:
        """A line whose beginning is not known yet, or that has none."""
        if (self.in_block or not self._outputs) and (header := _BLOCK.fullmatch(line)):
            self._begin_block(header)
        elif self.in_block:
            for buffer in self._block:
                buffer += line
        elif (found := _split(line)) is None:
            if line.strip():
                self._lay_aside(number, line)
        elif _TOOL.fullmatch(found[0]):
            self._note(number, line, found[1])
        else:
            head, rest = found
            for buffer in self._hosts(head):
                buffer += rest

    def end_line(self, line: bytes) -> None:
        """The stream ended without a newline: `line`, its last, gets one like all others."""
        found = _split(line)
        for buffer in self._block or (self.known.get(found[0], ()) if found else ()):
            buffer += b"\n"

    def stream(self) -> Stream:
        """All of it; the reader is empty afterwards."""
        outputs = {}
        while self._outputs:  # one by one: a copy of all at once would double the memory
            host = next(iter(self._outputs))
            data = bytes(self._outputs[host])
            outputs[host] = data.replace(b"\r\n", b"\n") if b"\r\n" in data else data
            self._outputs.pop(host).clear()
        return Stream(outputs, self._exit_codes, tuple(self._stray), self._stray_lines)

    def _hosts(self, head: bytes) -> tuple[bytearray, ...]:
        if head not in self.known:
            names = expanded(head.decode("utf-8", errors="backslashreplace").strip())
            self.known[head] = tuple(self._outputs.setdefault(n, bytearray()) for n in names)
        return self.known[head]

    def _begin_block(self, header: re.Match[bytes]) -> None:
        self.in_block = True
        self._block = self._hosts(header[2])
        if header[1] == b"FAILURE":
            host = header[2].decode("utf-8", errors="backslashreplace")
            self._exit_codes[host] = int(header[3] or b"255")

    def _note(self, number: int, line: bytes, said: bytes) -> None:
        """What the tool itself says: an exit code, or something to hand on."""
        exited = _EXITED.fullmatch(said)
        if exited is None:
            self._lay_aside(number, line)
            return
        for host in expanded(exited[1].decode("utf-8", errors="backslashreplace")):
            self._outputs.setdefault(host, bytearray())
            self._exit_codes[host] = int(exited[2])

    def _lay_aside(self, number: int, line: bytes) -> None:
        self._stray_lines += 1
        if len(self._stray) < KEPT_STRAY:
            text = line[: SHOWN_CHARS * 4].decode("utf-8", errors="backslashreplace")
            self._stray.append((number, text.rstrip("\r\n")[:SHOWN_CHARS]))


def _split(line: bytes) -> tuple[bytes, bytes] | None:
    """`web-01: text`, `web-01:text` or `web-01:`, as (host, text); None where no host leads."""
    head, mark, rest = line.partition(b": ")
    if mark and _is_name(head):
        return head, rest
    bare = line.rstrip(b"\r\n")
    if bare.endswith(b":") and _is_name(bare[:-1]):
        return bare[:-1], line[len(bare) :]
    head, mark, rest = line.partition(b":")
    return (head, rest) if mark and _is_name(head) else None


def _is_name(head: bytes) -> bool:
    head = head.strip()
    return _NAME.fullmatch(head) is not None or (b":" in head and _is_ipv6(head))


def _is_ipv6(head: bytes) -> bool:
    """`fe80::1%eth0`, `[2001:db8::1]`, `[2001:db8::1]:2222`."""
    if len(head) > 128:
        return False
    text = head.decode("ascii", errors="replace")
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        if port and not re.fullmatch(r":\d{1,5}", port):
            return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
