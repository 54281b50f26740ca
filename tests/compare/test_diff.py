"""Diffs are right where they are small and bounded where they are not."""

from __future__ import annotations

import difflib
import time

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.diff import MAX_DIFF_LINES, only_in, unified_diff

LINES = st.lists(st.sampled_from("abcdefg"), max_size=30).map(tuple)


@given(LINES, LINES)
def test_small_diffs_are_those_of_difflib(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    """Up to which of equal lines are paired: both turn `left` into `right`."""
    found = unified_diff(left, right)
    expected = list(difflib.unified_diff(left, right, n=2, lineterm=""))[2:]
    assert bool(found) == bool(expected)
    added = sorted(line for line in found if line.startswith("+"))
    removed = sorted(line for line in found if line.startswith("-"))
    assert len(added) - len(removed) == len(right) - len(left)
    assert _patched(left, found) == right


def test_a_diff_shows_two_lines_of_context_and_its_place() -> None:
    left = tuple(f"line {number}" for number in range(1, 21))
    right = (*left[:9], "changed", *left[10:])
    assert unified_diff(left, right) == (
        "@@ -8,5 +8,5 @@", " line 8", " line 9", "-line 10", "+changed", " line 11", " line 12",
    )  # fmt: skip


def test_the_linear_form_lists_what_only_one_side_has() -> None:
    assert unified_diff(("a", "b", "c"), ("a", "c", "d"), exact=False) == ("-b", "+d")


def test_the_linear_form_says_so_when_only_the_order_differs() -> None:
    assert unified_diff(("a", "b"), ("b", "a"), exact=False) == (
        "… the same lines in another order",
    )


def test_repeats_count() -> None:
    assert only_in(("a", "a", "b"), ("a",)) == ["a", "b"]


def test_a_long_diff_is_cut_and_says_so() -> None:
    diff = unified_diff((), tuple(map(str, range(1000))))
    assert len(diff) == MAX_DIFF_LINES + 1
    assert diff[-1] == "… 600 more lines"


def test_a_diff_of_many_repeated_lines_takes_bounded_time() -> None:
    left = tuple("ab"[number % 2] for number in range(20_000))
    started = time.process_time()
    unified_diff(left, left[::-1])
    unified_diff(left[:400], tuple("ba" * 100 + "ca" * 100))
    assert time.process_time() - started < 5  # measured: 0.1 s


def _patched(left: tuple[str, ...], diff: tuple[str, ...]) -> tuple[str, ...]:
    result: list[str] = []
    position = 0
    for line in diff:
        if line.startswith("@@"):
            begin, _, count = line.split()[1][1:].partition(",")
            start = int(begin) - (1 if int(count) else 0)
            result += left[position:start]
            position = start
        elif line[0] in " -":
            position += 1
        if line[0] in " +":
            result.append(line[1:])
    return (*result, *left[position:])
