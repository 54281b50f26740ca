"""Crash reports in a kernel's log, folded to what tells one crash from another.

A report is a headline (`BUG: …`, `Kernel panic …`), registers, and a call trace. Addresses,
processes and processors differ from host to host; the function it happened in and the functions
that called it do not. Entries marked `?` are leftovers on the stack, not callers. Knows nothing of
hosts or findings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOP_FRAMES = 4
"""Of a stack so many frames are its signature: further down all network traffic looks alike."""
REPORT_LINES = 200
"""A trace this far below its headline belongs to something else."""
READ_CHARS = 512

_HEADLINES = (
    ("panic", re.compile(r"Kernel panic - not syncing")),
    ("soft-lockup", re.compile(r"BUG: soft lockup")),
    ("hard-lockup", re.compile(r"detected hard LOCKUP|hard LOCKUP on cpu")),
    ("gpf", re.compile(r"general protection fault")),
    (
        "oops",
        re.compile(
            r"\bBUG: (?!workqueue)|kernel BUG at |\bOops:|[Uu]nable to handle kernel "
            r"|Internal error: .{1,60}\[#\d"
            r"|(?:invalid opcode|divide error|stack segment): [0-9a-f]{4} \[#"
        ),
    ),
    ("kernel-warning", re.compile(r"\bWARNING: (?:CPU: |at )")),
    ("hung-task", re.compile(r"blocked for more than \d+ seconds")),
    ("rcu-stall", re.compile(r"rcu.{0,20}(?:self-)?detected stalls?")),
)
_MARKS = ("BUG", "panic", "LOCKUP", "protection", "Oops", "nable to handle", "WARNING", "blocked",
          "stall", "Internal error", "opcode", "divide", "segment")  # fmt: skip
_FRAME = re.compile(r"(\? )?([A-Za-z_][\w.]{1,127})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}")
_AT = re.compile(
    r"(?:\bRIP: [0-9a-f]{4}:|\bRIP  ?\[<|\bEIP: |\bpc : |\bPC is at |\bNIP \[)"
    r"[^+]{0,80}?([A-Za-z_][\w.]{1,127})\+0x[0-9a-f]+/0x[0-9a-f]+"
)
_TRACE = re.compile(r"[Cc]all [Tt]race:")
_TRACE_ENDS = re.compile(r"---\[ end |\bCode: |\bRIP: |Modules linked in:|Kernel Offset:")


@dataclass(frozen=True, slots=True)
class Crash:
    """One report."""

    rule: str
    """Which rule of the kernel's set its headline is: `panic`, `oops`, …"""
    headline: str
    """As the host gave it."""
    function: str
    """Where it happened; empty where the report does not say."""
    frames: tuple[str, ...]
    """The callers, innermost first, without `?` entries; at most a few."""

    @property
    def signature(self) -> tuple[str, ...]:
        """Equal for reports of one crash on different hosts; empty where there is no stack."""
        return (self.function, *self.frames) if self.function or self.frames else ()

    @property
    def stack(self) -> str:
        """`skb_release_data ← kfree_skb ← …`."""
        frames = self.frames if self.function in self.frames[:1] else (self.function, *self.frames)
        return " ← ".join(filter(None, frames))


def has_trace(output: bytes) -> bool:
    """Whether it is worth looking for reports in `output`."""
    return b"all Trace:" in output or b"all trace:" in output


def crashes(lines: Sequence[str]) -> list[Crash]:
    """The reports in a log's lines, in order; a panic has the stack of the oops before it."""
    return list(_told(lines))


def _told(lines: Sequence[str]) -> Iterator[Crash]:
    open_report: _Report | None = None
    for number, line in enumerate(lines):
        head = line[:READ_CHARS]
        rule = _headline(head)
        if rule is not None and (open_report is None or open_report.is_over(rule, number)):
            before = open_report
            if before is not None:
                yield before.crash()
            open_report = _Report(rule, head, number)
            if rule == "panic" and before is not None and number - before.number < REPORT_LINES:
                open_report.inherit(before)
        elif open_report is not None:
            open_report.read(head)
    if open_report is not None:
        yield open_report.crash()


def _headline(line: str) -> str | None:
    if not any(mark in line for mark in _MARKS):
        return None
    return next((rule for rule, pattern in _HEADLINES if pattern.search(line)), None)


class _Report:
    """A report while its lines come."""

    def __init__(self, rule: str, headline: str, number: int) -> None:
        self.rule = rule
        self.headline = headline
        self.number = number
        self.function = ""
        self.frames: list[str] = []
        self._tracing = False
        self._inherited = False

    def inherit(self, before: _Report) -> None:
        """A panic that an oops led to says where in its oops."""
        self.function, self.frames = before.function, list(before.frames)
        self._inherited = bool(before.function or before.frames)

    def is_over(self, rule: str, number: int) -> bool:
        """Whether a headline starts another report: the `Oops:` below a `BUG:` does not."""
        if rule == self.rule or rule in {"oops", "gpf"}:
            return bool(self.frames) or number - self.number > REPORT_LINES
        return True

    def read(self, line: str) -> None:
        if self._inherited:
            return
        if not self.function and (match := _AT.search(line)):
            self.function = match[1]
            self._tracing = False
            return
        if _TRACE.search(line):
            self._tracing = not self.frames
        elif self._tracing and _TRACE_ENDS.search(line):
            self._tracing = False
        elif self._tracing and len(self.frames) < TOP_FRAMES:
            match = _FRAME.search(line)
            if match and not match[1]:
                self.frames.append(match[2])

    def crash(self) -> Crash:
        return Crash(self.rule, self.headline, self.function, tuple(self.frames))
