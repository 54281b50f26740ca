"""Lines as numbers: what comes back is what went in, also of lines that were packed away."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.compare import pool as pools
from fleetdiag.compare.features import PRESENT
from fleetdiag.compare.pool import LinePool, NumberedLines, counted

LINES = st.lists(st.sampled_from([f"line {n}" for n in range(40)] + ["", "\udc80 é"]), max_size=30)


@settings(deadline=None)
@given(st.lists(LINES, max_size=12), st.sampled_from([3, 10_000]))
def test_every_line_comes_back_and_equal_lines_have_one_number(
    outputs: list[list[str]], most_known: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "PACKED_LINES", 4)
        pool = LinePool(most_known)
        numbers = {place: pool.numbers(lines) for place, lines in enumerate(outputs)}
        texts = pool.seal(numbers)
        for place, lines in enumerate(outputs):
            assert [texts[number] for number in numbers[place]] == lines
            same = [numbers[other] for other, those in enumerate(outputs) if those == lines]
            assert all(one is numbers[place] for one in same)
        everything = list(texts)
        assert len(everything) == len(texts)
        used = {number for some in numbers.values() for number in some}
        assert len({everything[number] for number in used}) == len(used)
        longer = texts.copy()
        longer.append("new")
        assert (longer[len(texts)], len(longer)) == ("new", len(texts) + 1)
        assert list(longer) == [*everything, "new"]


def test_a_packed_line_takes_little_memory() -> None:
    pool = LinePool(10_000)
    for host in range(30):
        pool.numbers(f"value {host} of {line}" for line in range(2_000))
    assert len(pool._numbers) <= 10_000 + 2_000


def test_numbered_lines_are_a_mapping_like_any_other() -> None:
    numbers, counts = counted(array("I", [2, 0, 2]))
    texts = ["a", "b", "c"]
    there = NumberedLines(texts, numbers, counts, {"exit code": "1"})
    assert dict(there) == dict(there.items()) == {"c": 2, "a": 1, "exit code": "1"}
    assert (list(there.values()), len(there)) == ([2, 1, "1"], 3)
    assert (there["a"], "b" in there, there.get("b")) == (1, False, None)
    assert there == {"c": 2, "a": 1, "exit code": "1"}
    assert dict(NumberedLines(texts, numbers)) == {"c": PRESENT, "a": PRESENT}
