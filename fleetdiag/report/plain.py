"""The last gate before the screen: text of any origin -> one printable line of known width.

The comparison has cleaned outputs already; names, reasons and whatever else a report shows pass
here, so that no control character reaches a terminal on any path.
"""

from __future__ import annotations

import re
import unicodedata

TAB_COLUMNS = 8
ELLIPSIS = "…"

# Controls, line separators, invisible and direction-changing characters, lone surrogates.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""`text` as one line: tabs expanded, every control character visible (`^[`, `\u202e`)."""
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(_visible, text.expandtabs(TAB_COLUMNS))


def cells(text: str) -> int:
    """Columns that printable `text` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_char_cells, text))


def clip(text: str, columns: int) -> str:
    """`text` if it fits into `columns`, else its beginning and an ellipsis."""
    if cells(text) <= columns:
        return text
    if columns < 1:
        return ""
    return f"{_head(text, columns - 1)}{ELLIPSIS}"


def wrap(text: str, columns: int, *, at: str = " ", most: int = 100) -> list[str]:
    """`text` in lines of at most `columns`, broken after `at`; the last of `most` is clipped."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most - 1 and cells(rest) > columns:
        head = _head(rest, columns)
        end = head.rfind(at) + 1 or len(head) or 1
        lines.append(rest[:end].rstrip(" "))
        rest = rest[end:].lstrip(" ")
    return [*lines, clip(rest, columns)] if rest or not lines else lines


def _head(text: str, columns: int) -> str:
    if text.isascii():
        return text[:columns]
    used = 0
    for number, char in enumerate(text):
        used += _char_cells(char)
        if used > columns:
            return text[:number]
    return text


def _char_cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
