"""Bytes from a host -> text that is safe to compare and to print.

Knows nothing of steps or hosts. Every function is linear in its input: a host that is on fire, or
hostile, may send a megabyte of anything.
"""

from __future__ import annotations

import re

MAX_SHOWN_CHARS = 300
"""A line longer than this is cut where it is shown; comparison sees the whole line."""

_PLAIN_BYTES = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
"""Tab, newline and printable ASCII: text of these needs no cleaning."""

# CSI (colours, cursor), OSC and the other string sequences (title, clipboard, hyperlinks), and the
# two-character ones. The bounds keep an unfinished sequence from swallowing the rest of the output.
_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]{1,4}[0-~]"
    r"|\x1b[78=>cDEHMNOZ]"
)
_CONTROLS = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    r"\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, bidi
    r"\ud800-\udfff\U000e0000-\U000e007f"  # lone surrogates, tags
)
_CONTROL_RUN = re.compile(rf"([{_CONTROLS}])\1*+")
_SHORT_RUN = 4
"""A run of one control up to this long is written out; a longer one as `^@(x1048576)`."""


def clean(data: bytes) -> str:
    r"""The text of `data`: UTF-8, without terminal escapes, other controls made visible.

    Invalid bytes become `\xff`, controls `^@` or `\u202e`; only tab and newline are kept.
    Carriage returns before a newline go.
    """
    if not data.translate(None, _PLAIN_BYTES):
        return data.decode("ascii")
    return clean_text(data.decode("utf-8", errors="backslashreplace"))


def clean_text(text: str) -> str:
    """`text` without terminal escapes, and with every other control made visible."""
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return _CONTROL_RUN.sub(_visible_run, text)


def clean_lines(data: bytes) -> tuple[str, ...]:
    """The lines of `data`, cleaned, without trailing blanks and without blank lines at the end."""
    return tuple(split_lines(clean(data)))


def split_lines(text: str) -> list[str]:
    """The lines of cleaned `text`, without trailing blanks and without blank lines at the end."""
    lines = text.split("\n")
    if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
        lines = [line.rstrip(" \t") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def visible(data: bytes) -> str:
    """`data` (a line) with every escape and control made visible: nothing is taken away."""
    return _CONTROL_RUN.sub(_visible_run, data.decode("utf-8", errors="backslashreplace"))


def one_line(text: str) -> str:
    """`text` (a reason, a name) as one clean line: newlines and tabs become spaces."""
    return " ".join(clean_text(text).split())


def clip(line: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """`line`, or its first `limit` characters and how many more there are."""
    if len(line) <= limit:
        return line
    return f"{line[:limit]}… (+{len(line) - limit} characters)"


def _visible_run(match: re.Match[str]) -> str:
    mark, count = _visible(match[1]), len(match[0])
    return mark * count if count <= _SHORT_RUN else f"{mark}(x{count})"


def _visible(control: str) -> str:
    code = ord(control)
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
