"""Ranges in names: `web[01-10,15]`, `rack[1-2]-node[1-4/2]`, and how texts of several split.

The notation is ClusterShell's, and a test holds it to that library. Expanded here because an
address range goes in step with a name range, which needs the order as written (a node set sorts),
and because a slip such as `web[1-999999999]` must be refused before it is built.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HOSTS = 200_000
"""What one range may stand for."""

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_SPAN = re.compile(r"(?P<first>\d{1,18})(-(?P<last>\d{1,18})(/(?P<step>\d{1,9}))?)?", re.ASCII)


def expand(text: str) -> list[str]:
    """The names `text` stands for, in the order written, the rightmost bracket fastest.

    Raises ValueError with what is wrong and what was expected.
    """
    literals = _BRACKETS.split(text)[::2]
    if any("[" in part or "]" in part for part in literals):
        raise ValueError(f"brackets of `{text}` do not pair up, expected such as web[01-10]")
    if len(literals) == 1:
        return [text]
    spans = [_numbers(inside, text) for inside in _BRACKETS.findall(text)]
    count = 1
    for sizes in spans:
        count *= sum(len(span) for span, _ in sizes)
    if count > MAX_HOSTS:
        raise ValueError(f"`{text}` stands for {count} hosts, expected at most {MAX_HOSTS}")
    choices = [[f"{n:0{width}d}" for span, width in sizes for n in span] for sizes in spans]
    return [
        "".join(itertools.chain.from_iterable(zip(literals, (*numbers, ""), strict=True)))
        for numbers in itertools.product(*choices)
    ]


def _numbers(inside: str, text: str) -> list[tuple[range, int]]:
    """The spans of one bracket, each with its zero-padded width (0: not padded)."""
    spans = []
    for part in inside.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"`{part}` in `{text}` is no range, expected such as 01-10 or 1-9/2")
        first, last = match["first"], match["last"] or match["first"]
        step = int(match["step"] or 1)
        if int(last) < int(first) or step == 0:
            raise ValueError(f"`{part}` in `{text}` is empty, expected the smaller number first")
        padded = len(first) > 1 and first.startswith("0")
        if len(last) > len(first) and last.startswith("0"):
            raise ValueError(f"`{part}` in `{text}` mixes widths, expected as many digits in both")
        spans.append((range(int(first), int(last) + 1, step), len(first) if padded else 0))
    return spans


def split_terms(text: str, operators: str = ",") -> Iterator[tuple[str, str]]:
    """(operator before it, term) for each term, split at `operators` outside brackets.

    The first has "," before it unless `text` begins with another operator; empty terms are left
    out; newlines and spaces around terms do not count.
    """
    depth, start, operator = 0, 0, ","
    for position, character in enumerate(f"{text},"):
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif (character in operators and depth <= 0) or position == len(text):
            if term := text[start:position].strip():
                yield operator, term
                operator = ","
            start = position + 1
            if character != ",":
                operator = character
