import re
import time

import pytest

from fleetdiag.playbook import load
from fleetdiag.playbook.patterns import MAX_PATTERN_CHARS, matches_everything, pattern_problem


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a*)*b", r"(\w+\s?)*$", "((ab)?c+)+", "(?:a{2,}){3,}", "(x|y+)*", "(?=(a+)+)b"],
)
def test_a_repeat_inside_a_repeat_is_refused(pattern: str) -> None:
    assert "repeat inside a repeat" in (pattern_problem(pattern) or "")


@pytest.mark.parametrize(
    "pattern",
    [
        "a+b+",
        r"(?:\d{1,3}\.){3}\d{1,3}",
        r"(?:\d++\.)+",
        "(?>a+)+",
        "(?:a+){2}",
        "(?:ab)+",
        "x{0,5}",
    ],
)
def test_ordinary_patterns_are_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{3,2}", "(?P<x", "\\", "(?<=a+)b"])
def test_what_is_no_regular_expression_is_refused(pattern: str) -> None:
    assert "not a regular expression" in (pattern_problem(pattern) or "")


def test_a_very_long_pattern_is_refused() -> None:
    assert pattern_problem("a" * MAX_PATTERN_CHARS) is None
    assert "at most 1000" in (pattern_problem("a" * (MAX_PATTERN_CHARS + 1)) or "")


@pytest.mark.parametrize("pattern", ["", ".*", "x*", "(?:)", "^", "a|"])
def test_a_pattern_that_finds_itself_everywhere_is_known(pattern: str) -> None:
    assert matches_everything(pattern)


@pytest.mark.parametrize("pattern", ["^$", "^none$", "a", "."])
def test_a_pattern_that_tells_lines_apart_is_not(pattern: str) -> None:
    assert not matches_everything(pattern)


def test_the_shipped_flags_answer_at_once_on_hostile_lines() -> None:
    lines = [
        piece * (8192 // len(piece)) for piece in ("a", "XFS ", "BUG: ", "[1] ", "nvme0: I/O 1 ")
    ]
    lines += ["general protection fault " * 300, "INFO: task " * 700, "rcu" * 2700]
    flags = [flag for step in load("triage").steps for flag in step.flags]
    patterns = [flag.matches for flag in flags if flag.matches is not None]

    started = time.process_time()
    for pattern in patterns:
        for line in lines:
            re.search(pattern, line)

    assert len(patterns) > 30
    assert time.process_time() - started < 3
