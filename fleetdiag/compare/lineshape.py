"""One line's shape: the line with its numbers taken out, and names for what stood there.

Three ways to see it, from fine to coarse: every number a slot; what stands after `key:`; all words
with a digit in them together. Knows nothing of hosts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SHAPED_CHARS = 2048
MOST_SLOTS = 40
"""A line with more numbers is compared as one."""
MAX_LABEL_WORDS = 3
SHORTEST_LABEL = 3
MAX_HEAD_CHARS = 30
MARK = "#"
"""In the place of a number."""

_KEY = re.compile(r"\s*+([^\d:=\s](?:[^:=\s]| (?! )){0,60})\s{0,8}[:=]\s?(?=\S)")
_HEX = r"(?<![A-Za-z0-9])(?=[0-9a-f]{0,64}\d)(?=[0-9a-f]{0,64}[a-f])[0-9a-f]{6,64}+(?![A-Za-z0-9])"
# A version or a date is a name, not a quantity: `6.1.0-18-amd64`, `2026-11-22`.
_VERSION = r"(?<![\w.-])v?\d{1,9}(?:[.+~_:-][A-Za-z0-9]{1,32}){2,8}(?!\w)"
_UNITS = r"(?:weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?)(?!\w)"
_DURATION = rf"\d{{1,6}} ?{_UNITS}(?:,? (?:and )?\d{{1,6}} ?{_UNITS}){{1,4}}"
_NUMBERS = re.compile(rf"{_VERSION}|{_DURATION}|{_HEX}|(?:(?<![^\s:=(,\[])[+-])?\d+(?:\.\d+)?+")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
"""Columns are as wide as what is in them."""
_TOKENS = re.compile(r"[^\s\d]*+\d\S*+")
_COLUMN = re.compile(r"[A-Za-z%_(#][A-Za-z%_()/.:#-]{0,30}\d{0,2}[A-Za-z%_()]{0,9}")
_SUFFIX = re.compile(r" ?(?:%|[kKMGT]i?B?|[µum]?s|min|hours?|days?|bytes)(?![A-Za-z0-9])")
_TRIMMED = " \t:=,;()[]{}<>\"'|%"


class Shaped(NamedTuple):
    """A line's shape and what stands in its slots."""

    shape: str
    slots: tuple[str, ...]


def fine(line: str) -> Shaped | None:
    """Each number of the line is a slot."""
    head = line[:MAX_SHAPED_CHARS]
    numbers = _NUMBERS.findall(head)
    if not 0 < len(numbers) <= MOST_SLOTS:
        return None
    shape = _BLANKS.sub(" ", _NUMBERS.sub(MARK, head)) + line[MAX_SHAPED_CHARS:]
    return Shaped(shape, tuple(numbers))


def keyed(line: str) -> Shaped | None:
    """What stands after `key:` or `key=` is the slot."""
    match = _KEY.match(line[:MAX_SHAPED_CHARS])
    return None if match is None else Shaped(match[1].strip(_TRIMMED), (line[match.end() :],))


def coarse(line: str) -> Shaped | None:
    """All words with a digit in them, together."""
    head = line[:MAX_SHAPED_CHARS]
    shape = _TOKENS.sub(MARK, head)
    return None if shape == head else Shaped(shape, (line,))


def with_units(form: Shaped) -> tuple[str, ...]:
    """The slots' texts, each with the unit that follows it."""
    _, *following = form.shape.split(MARK)
    if len(following) != len(form.slots):
        return form.slots
    units = [_SUFFIX.match(after) for after in following]
    return tuple(
        text + (unit[0].strip() if unit else "")
        for text, unit in zip(form.slots, units, strict=True)
    )


def is_header(names: Sequence[str]) -> bool:
    """Whether the words of a line are like names of columns."""
    return all(map(_COLUMN.fullmatch, names))


def headed(shape: str, fixed: Sequence[str | None], header: Sequence[str]) -> tuple[str, ...]:
    """Names of the slots by the header's words, after the row's first word if it is one."""
    words = shape.split()
    if sum(word.count(MARK) for word in words) != len(fixed):
        return ()
    row = "" if MARK in words[0] else f"{words[0]} "
    return tuple(
        f"{row}{name}"
        for name, word in zip(header, words, strict=True)
        for _ in range(word.count(MARK))
    )


def labels(shape: str, fixed: Sequence[str | None]) -> tuple[str, ...]:
    """A name for each slot: the words before it, or after it in lines that begin with a number.

    Args:
        shape: of the line.
        fixed: for each slot the text that all hosts have there; None where it varies.
    """
    parts = shape.split(MARK)
    if len(fixed) == 1:
        ends = [part.strip(_TRIMMED) for part in parts if part.strip(_TRIMMED)] or ["number"]
        return (" … ".join(ends) if len(ends[0]) < SHORTEST_LABEL else ends[0],)
    begins_with_number = not parts[0].strip(_TRIMMED)
    head = " ".join(parts[0].strip(_TRIMMED).split())[:MAX_HEAD_CHARS]
    found: list[str] = []
    before = parts[0]
    for number, text in enumerate(fixed):
        after = parts[number + 1].strip(_TRIMMED).split()[:MAX_LABEL_WORDS]
        words = [w for w in before.strip(_TRIMMED).split() if w.strip("/-")][-MAX_LABEL_WORDS:]
        label = " ".join((after or words) if begins_with_number else words)
        found.append(label or f"{head} number {number + 1}".strip())
        before = parts[number + 1] if text is None else f"{before}{text}{parts[number + 1]}"
    return tuple(found)
