"""Values of answers, made safe."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fleetdiag.aws import entries, inside, one_line, unix_time
from fleetdiag.aws.values import moment


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2025-06-01T03:00:00.000Z", 1748746800.0),
        ("2025-06-01T05:00:00+02:00", 1748746800.0),
        ("2025-06-01T03:00:00", 1748746800.0),
        (1748746800, 1748746800.0),
        (1748746800.0, 1748746800.0),
        ("Sun, 01 Jun 2025 03:00:00 GMT", 1748746800.0),
        ("yesterday", None),
        ("99999-01-01", None),
        ("", None),
        (float("nan"), None),
        (1e300, None),
        ([], None),
    ],
)
def test_a_time_is_read_or_none(value: Any, at: float | None) -> None:
    assert unix_time(moment(value)) == at


def test_what_is_no_time_is_none() -> None:
    assert unix_time(None) is None
    assert unix_time("2025-06-01") is None
    assert unix_time(datetime(2025, 6, 1, 3, tzinfo=UTC)) == 1748746800.0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, ""),
        (" a\n\tb \x1b[2J\u202ec\x00", "a b [2J c"),
        ("x" * 300, "x" * 199 + "…"),
        (3, "3"),
    ],
)
def test_a_text_becomes_one_printable_line(text: object, line: str) -> None:
    assert one_line(text) == line
    assert one_line(text).isprintable()


def test_a_megabyte_is_cut_before_it_is_looked_at() -> None:
    assert len(one_line("\n" * (1 << 20) + "x")) == 0


def test_what_is_not_there_is_empty() -> None:
    assert entries({"a": [{}, 1, None]}, "a") == [{}]
    assert entries({"a": "text"}, "a") == []
    assert inside({"a": {"b": 1}}, "a", "b") == 1
    assert inside({"a": None}, "a", "b") is None
