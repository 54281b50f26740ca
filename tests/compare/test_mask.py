"""The shipped masks, one by one (`mask_cases.txt`), and how they are chosen and applied."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.heads import masked_times
from fleetdiag.compare.mask import MASK_NAMES, MASKS, SELF, LineMasker
from fleetdiag.model import Compare

CASES = [
    tuple(field.strip() for field in line.split(" | ", 2))
    for line in Path(__file__)
    .with_name("mask_cases.txt")
    .read_text()
    .replace(" |\n", " | \n")
    .split("\n")
    if line and not line.startswith("#")
]
HOSTILE = (
    "1", "a", "1:", "0x", "12:", "[ ", "up ", "up  ", " ", "9.", "1.1.1.1.", "a:", "a1", "aa:",
    "aa-", "::", "1d", "1 s ", "1s, ", "task ", "task a:", "[1]", "pid ", "2026-11-22T", "Nov ",
    "Nov 22 ", "Mon, ", "[123456", "ffffffffffff ", "12345678-", "-", "time=1", "1 days, ",
    "a1" * 40 + "g",
)  # fmt: skip


NO_OPTIONS = Compare()


def masked(line: str, options: Compare = NO_OPTIONS) -> tuple[str, tuple[str, ...]]:
    masker = LineMasker(options)
    return masker.mask([line])[0], masker.hits


@pytest.mark.parametrize(("name", "line", "expected"), CASES, ids=[case[1] for case in CASES])
def test_a_mask_hides_its_kind_and_nothing_else(name: str, line: str, expected: str) -> None:
    text, hits = masked(line)
    if name == "-":
        assert (text, hits) == (line, ())
    else:
        assert text == expected
        assert name in hits


def test_every_mask_has_a_case() -> None:
    assert {mask.name for mask in MASKS} <= {name for name, _, _ in CASES}


@pytest.mark.parametrize("name", [name for name in MASK_NAMES if name != SELF])
def test_unmask_switches_a_mask_off(name: str) -> None:
    line = next(line for mask, line, _ in CASES if mask == name)
    assert name not in masked(line, Compare(unmask=(name,)))[1]


def test_a_playbooks_own_mask_comes_before_the_shipped_ones_and_is_named() -> None:
    text, hits = masked("job 17 at 10.0.0.1", Compare(mask=(r"job \d+ at \d+",)))
    assert text == "<masked>.0.0.1"
    assert hits == (r"/job \d+ at \d+/",)


def test_a_line_takes_the_same_form_whatever_the_width_of_what_was_masked() -> None:
    assert masked("  task  a[1]:  pid 7")[0] == masked("  task  a[12345]:  pid 70000")[0]
    assert masked("RAX:  0xffffff  x")[0] == masked("RAX:        0xffffff  x")[0]


@given(st.lists(st.text(st.characters(blacklist_characters="\n"), max_size=40), max_size=8))
def test_lines_masked_in_a_batch_are_masked_as_alone(lines: list[str]) -> None:
    alone = [LineMasker(Compare()).mask([line])[0] for line in lines]
    assert LineMasker(Compare()).mask(lines) == alone


@given(
    st.sampled_from([line for _, line, _ in CASES]),
    st.sampled_from(["[    1.000001] ", "Nov 22 03:04:05 ", "2026-11-22T03:04:05 "]),
)
def test_masking_the_leading_time_first_changes_nothing(line: str, stamp: str) -> None:
    timed, hits = masked_times(stamp + line, frozenset())
    assert len(hits) == 1
    assert masked(timed)[0].split() == masked(stamp + line)[0].split()


@pytest.mark.parametrize("piece", HOSTILE)
def test_every_mask_is_linear_on_a_megabyte(piece: str) -> None:
    text = (piece * (1 << 20))[: 1 << 20]
    for mask in MASKS:
        started = time.process_time()
        mask.pattern.sub(mask.replacement, text)
        assert time.process_time() - started < 3, mask.name  # measured: under 0.3 s


def test_the_documentation_lists_every_mask_in_order() -> None:
    text = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")
    table = text[text.index("## Masks") : text.index("Kept, because")]
    places = [table.index(f"`{name}`", table.index("| name |")) for name in MASK_NAMES]
    assert places == sorted(places)
