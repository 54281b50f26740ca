"""The kernel's rules, on lines that kernels write: ill ones and healthy ones."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]  # how else to see what a pattern must find
from typing import Any

import pytest
import yaml

from fleetdiag import rules
from fleetdiag.model import Flag, Severity

HERE = Path(__file__).parent / "kernel"
RECORDED = Path(rules.__file__).parents[1] / "recorded" / "incident"
FLAGS = rules.load("kernel")
BY_NAME = {flag.name: flag for flag in FLAGS}
HITS: dict[str, list[str]] = yaml.safe_load((HERE / "hits.yaml").read_text(encoding="utf-8"))
CASES = [(line, names.split(", ")) for names, lines in HITS.items() for line in lines]
HEALTHY = sorted((HERE / "healthy").glob("*.txt"))
INNOCENT = [
    line
    for line in (HERE / "innocent.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
LONG = 100_000
"""Characters: far more than a line is searched."""


def raised(line: str) -> list[Flag]:
    return [flag for flag in FLAGS if flag.matches and re.search(flag.matches, line)]


@pytest.mark.parametrize(("line", "names"), CASES)
def test_a_red_line_raises_its_rules_and_no_other(line: str, names: list[str]) -> None:
    assert sorted(flag.name for flag in raised(line)) == sorted(names)


def test_every_rule_has_lines_that_raise_it_alone() -> None:
    assert set(BY_NAME) - set(HITS) == set()
    assert len(CASES) >= 120


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_a_healthy_boot_raises_nothing_above_info(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [
        (flag.name, line)
        for line in lines
        for flag in raised(line)
        if flag.severity is not Severity.INFO
    ]

    assert len(lines) >= 80
    assert found == []


@pytest.mark.parametrize("line", INNOCENT)
def test_a_line_with_a_red_flags_words_raises_none(line: str) -> None:
    assert raised(line) == []


def test_the_recorded_boots_raise_nothing() -> None:
    logs = sorted(RECORDED.glob("*/dmesg.out"))
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]

    assert logs
    assert [line for line in lines if raised(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "Nov 23 02:26:25 web-01 app[812]: BUG: the cart was empty",
        "Nov 23 02:26:25 web-01 app[812]: Oops: try again",
        "Nov 23 02:26:25 web-01 app[812]: WARNING: disk cache is cold",
        "Nov 23 02:26:25 web-01 app[812]: DEBUG: all is well",
    ],
)
def test_what_a_program_says_of_itself_is_not_the_kernels(line: str) -> None:
    assert raised(line) == []


# ----------------------------------------------------------------------------------- explains


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        ("panic", "oops"),
        ("panic", "gpf"),
        ("panic", "hung-task"),
        ("panic", "kernel-warning"),
        ("panic", "soft-lockup"),
        ("oops", "kernel-warning"),
        ("nvme-timeout", "io-error"),
        ("nvme-timeout", "fs-read-only"),
        ("io-error", "fs-error"),
        ("io-error", "hung-task"),
        ("oom-host", "allocation-failure"),
        ("hard-lockup", "rcu-stall"),
        ("hardware-uncorrected", "hardware-error"),
    ],
)
def test_a_cause_explains_its_consequences_near_and_far(cause: str, consequence: str) -> None:
    assert consequence in BY_NAME[cause].explains


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_nothing_is_explained_by_what_it_explains_or_by_something_milder(flag: Flag) -> None:
    explained = [BY_NAME[name] for name in flag.explains]

    assert all(flag.name not in other.explains for other in explained)
    assert all(flag.severity.rank <= other.severity.rank for other in explained)


# ----------------------------------------------------------------------------------- patterns


def branches(tree: Any) -> Iterator[list[tuple[Any, Any]]]:
    """The alternatives at a pattern's top, each as its parsed items."""
    items = list(tree)
    if len(items) == 1 and str(items[0][0]) == "BRANCH":
        for branch in items[0][1][1]:
            yield from branches(branch)
    else:
        yield items


def longest_literal(items: list[tuple[Any, Any]]) -> int:
    """The length of the longest text that must be there, of all alternatives the shortest."""
    longest = run = 0
    for kind, value in items:
        match str(kind):
            case "LITERAL":
                run += 1
                longest = max(longest, run)
                continue
            case "SUBPATTERN":
                longest = max(longest, longest_literal(list(value[-1])))
            case "BRANCH":
                longest = max(longest, min(longest_literal(list(one)) for one in value[1]))
            case _:
                pass
        run = 0
    return longest


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_every_branch_of_a_pattern_has_words_it_cannot_do_without(flag: Flag) -> None:
    for items in branches(_parser.parse(flag.matches)):
        assert longest_literal(items) >= 4, items


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_a_pattern_has_no_groups_and_repeats_without_end_nothing_but_digits(flag: Flag) -> None:
    pattern = flag.matches or ""

    assert re.compile(pattern).groups == 0
    assert re.findall(r"(?<!\\d)(?<!\\)[*+]", pattern) == []


def words_of(flag: Flag) -> str:
    """A line that raises the rule, without its time, cut where a pattern may still go on."""
    return re.sub(r"^\[[^]]*\] ", "", HITS[flag.name][0])


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_a_hostile_line_takes_no_long_time(flag: Flag) -> None:
    search = re.compile(flag.matches or "").search
    words = words_of(flag)
    hostile = [" ", "0", "a", "[1]: ", words[: len(words) // 2], words[:12], words[:-1] + " "]
    hostile += [f"{word} " for word in re.findall(r"[A-Za-z][A-Za-z _-]{3,}", flag.matches or "")]
    for part in dict.fromkeys(filter(None, hostile)):
        line = (part * (LONG // len(part) + 1))[:LONG]
        started = time.perf_counter()
        search(line)
        assert time.perf_counter() - started < 1, part
