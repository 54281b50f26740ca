"""Line rules: found wherever they match, passed over by what they cannot match without."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag import rules
from fleetdiag.compare.linerules import SEARCHED_CHARS, LineRules, required_literals
from tests.factory import make_flag

KERNEL = rules.load("kernel")


def matches(lines: list[str], *patterns: str) -> dict[int, str]:
    return dict(LineRules([make_flag(p, "x") for p in patterns]).first_matches(lines, lines))


def test_anchors_see_single_lines() -> None:
    assert matches(["not tainted", "tainted"], "^tainted$") == {0: "tainted"}
    assert matches(["not tainted"], "^tainted$") == {}


def test_a_line_seen_before_is_still_found() -> None:
    book = LineRules([make_flag("panic", "x")])
    assert book.first_matches(["a panic"], ["a panic"]) == {0: "a panic"}
    assert book.first_matches(["ok", "a panic"], ["ok", "a panic"]) == {0: "a panic"}
    assert book.first_matches(["ok"], ["ok"]) == {}


def test_an_endless_line_is_searched_at_its_start_only() -> None:
    started = time.process_time()
    lines = ["panic" + "z" * (1 << 20), "q" * SEARCHED_CHARS + "panic"]
    assert list(matches(lines, "panic", r".*quadratic.*\d$")) == [0]
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("Kernel panic - not syncing", ("Kernel panic - not syncing",)),
        ("segfault at|general protection", ("segfault at", "general protection")),
        (r"\d+ errors? on \w+", (" error",)),
        ("(?i)panic", ()),
        ("(?i:panic) attack", (" attack",)),
        (r"a|bcdef", ()),
        (r"(?:abcdef)?", ()),
        (r"(?:abcdef)+", ("abcdef",)),
        (r"x{0,9}", ()),
        (r"\[12345\]: died", (": died",)),
        ("", ()),
    ],
)
def test_the_text_a_pattern_cannot_match_without(pattern: str, literals: tuple[str, ...]) -> None:
    assert required_literals(pattern) == literals


@given(st.data())
def test_whatever_a_pattern_matches_holds_one_of_its_literals(data: st.DataObject) -> None:
    flag = data.draw(st.sampled_from(KERNEL))
    assert flag.matches is not None
    text = data.draw(st.from_regex(flag.matches))
    literals = required_literals(flag.matches)
    assert literals
    assert any(literal in text for literal in literals)


@given(
    st.lists(st.sampled_from(["ab", "panic", " ", "12", "x", "\t"]), max_size=12).map("".join),
    st.sampled_from([r"pan(?:ic|x)", r"(?:ab|panic)12", r"^x?panic", r"panic(?= )", r"[ab]+panic"]),
)
def test_a_rule_finds_what_its_pattern_finds(line: str, pattern: str) -> None:
    assert bool(matches([line], pattern)) == bool(re.search(pattern, line))
