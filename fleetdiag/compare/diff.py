"""What one text has and another has not, in bounded time.

difflib's time is quadratic and worse in the number of lines; beyond `MAX_DIFFLIB_LINES` of
differing middle the lines that only one side has are listed instead, in linear time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT_LINES = 2
MAX_DIFFLIB_LINES = 400
MAX_DIFF_LINES = 400
"""A diff is cut after so many lines, and says so."""

Lines = tuple[str, ...]


def unified_diff(common: Lines, other: Lines, *, exact: bool = True) -> Lines:
    """A unified diff from `common` to `other`, without file headers; lines clipped.

    Args:
        common: what the majority printed.
        other: what the odd host printed.
        exact: False for the linear form without context and positions.
    """
    start, end = _shared_edges(common, other)
    left, right = common[start : len(common) - end], other[start : len(other) - end]
    if exact and max(len(left), len(right)) <= MAX_DIFFLIB_LINES:
        return bounded(_difflib(common, other, start, end))
    removed, added = only_in(left, right), only_in(right, left)
    if not removed and not added:
        return ("… the same lines in another order",) if left != right else ()
    return bounded([*(f"-{line}" for line in removed), *(f"+{line}" for line in added)])


def only_in(these: Sequence[str], those: Sequence[str]) -> list[str]:
    """Lines of `these` that `those` lack, in order; twice here and once there counts once."""
    left_over = Counter(those)
    only: list[str] = []
    for line in these:
        if left_over[line] > 0:
            left_over[line] -= 1
        else:
            only.append(line)
    return only


def _shared_edges(left: Lines, right: Lines) -> tuple[int, int]:
    """How many lines both begin with, and how many more both end with."""
    shortest = min(len(left), len(right))
    start = 0
    while start < shortest and left[start] == right[start]:
        start += 1
    end = 0
    while end < shortest - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return start, end


def _difflib(left: Lines, right: Lines, start: int, end: int) -> list[str]:
    from difflib import SequenceMatcher

    first = max(0, start - CONTEXT_LINES)
    keep = max(0, end - CONTEXT_LINES)
    a, b = left[first : len(left) - keep], right[first : len(right) - keep]
    found: list[str] = []
    for hunk in SequenceMatcher(None, a, b).get_grouped_opcodes(CONTEXT_LINES):
        a_from, a_to, b_from, b_to = hunk[0][1], hunk[-1][2], hunk[0][3], hunk[-1][4]
        found.append(f"@@ -{_span(first, a_from, a_to)} +{_span(first, b_from, b_to)} @@")
        for tag, a1, a2, b1, b2 in hunk:
            if tag == "equal":
                found += [f" {line}" for line in a[a1:a2]]
            else:
                found += [f"-{line}" for line in a[a1:a2]]
                found += [f"+{line}" for line in b[b1:b2]]
    return found


def _span(offset: int, begin: int, end: int) -> str:
    """`start,count` as `diff -u` writes it: from 1, or the line before an empty span."""
    count = end - begin
    return f"{offset + begin + (1 if count else 0)},{count}"


def bounded(lines: Sequence[str]) -> Lines:
    """The first lines of a diff, clipped, and how many more there are."""
    shown = tuple(clip(line) for line in lines[:MAX_DIFF_LINES])
    more = len(lines) - MAX_DIFF_LINES
    return (*shown, f"… {more} more lines") if more > 0 else shown
