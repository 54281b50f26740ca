"""docs/faults.md: every row's test is there, and its words are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleetdiag.model import HostStatus

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STATUS = re.compile(r"\*\*([a-z-]+)\*\*")
QUOTED = re.compile(r"`([^`]+)`")
VARIES = re.compile(
    r"…|\d[\d.]*|\bT\b|web-[\w.]+|~\S+|[':;()]|\b(?:root|slow|then)\b"
    r"|key exchange|too many open files"
)
ELSEWHERE = (
    *(
        "Password change required",
        "This account is currently",
        "sh: 1: Cannot fork",
        "fleetdiag show",
    ),
    *("No space left on device", "a key exchange", "--connect-timeout"),
)
"""Words of hosts and of this page, not of the program."""


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [row for row in cells if row[0] not in {"fault", "---"}]


def program_words() -> str:
    """All sources, with texts in several pieces joined."""
    sources = (path.read_text() for path in sorted((ROOT / "fleetdiag").rglob("*.py")))
    return re.sub(r'"\s+f?"', "", "\n".join(sources))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_rows_tests_are_there(row: list[str]) -> None:
    shown = TEST.findall(row[-1])
    assert len(row) == 4
    assert shown, "no test is named"
    for path, name in shown:
        assert f"\ndef {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_rows_words_are_the_programs(row: list[str]) -> None:
    assert set(STATUS.findall(row[1])) <= set(HostStatus)
    words = program_words()
    for quoted in QUOTED.findall(row[1]):
        pieces = (piece.strip(" ;:.") for piece in VARIES.split(quoted))
        longest = max(pieces, key=len)
        if not quoted.startswith("step: ") and not any(word in quoted for word in ELSEWHERE):
            assert longest in words, quoted


def test_the_words_can_be_wrong() -> None:
    assert "connected, but the server sang" not in program_words()
    assert "connected, but the server said nothing within" in program_words()
