"""Whatever bytes come, what goes on is text without control characters."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.clean import clean, clean_lines, clip, one_line

CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
MIB = 1 << 20


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        ("grün ✓".encode(), "grün ✓"),
        (b"bad \xff\xfe", "bad \\xff\\xfe"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b(Btext\x1b7\x1bM", "text"),
        (b"lone \x1b", "lone ^["),
        (b"one\r\ntwo\r", "one\ntwo^M"),
        (b"\x00\x00", "^@^@"),
        (b"a" + b"\x00" * 9 + b"b", "a^@(x9)b"),
        (b"\x7f", "^?"),
        ("\u202eevil".encode(), "\\u202eevil"),
        ("\x9b31m".encode(), "\\x9b31m"),
        ("a\u2028b".encode(), "a\\u2028b"),
    ],
)
def test_controls_and_invalid_bytes_become_visible(data: bytes, text: str) -> None:
    assert clean(data) == text


@given(st.binary())
def test_no_control_character_survives(data: bytes) -> None:
    assert not CONTROL.search(clean(data))


@given(st.text(alphabet=st.sampled_from("\x1b[]0;31m\x07\\P^ab\r\n\x9b"), max_size=60))
def test_no_piece_of_an_escape_sequence_becomes_one(text: str) -> None:
    assert "\x1b" not in clean(text.encode())
    assert not CONTROL.search(clean(text.encode()))


def test_lines_lose_trailing_blanks_and_blank_lines_at_the_end_only() -> None:
    assert clean_lines(b"a  \n\n b\t\n\n\n") == ("a", "", " b")
    assert clean_lines(b"\n\n") == ()
    assert clean_lines(b"no newline") == ("no newline",)


def test_a_reason_becomes_one_line() -> None:
    assert one_line(" two\nlines\tand \x07 ") == "two lines and ^G"


def test_a_clipped_line_says_how_much_is_missing() -> None:
    assert clip("abcdef", 3) == "abc… (+3 characters)"
    assert clip("abc", 3) == "abc"


@pytest.mark.parametrize(
    "piece",
    [b"\x00", b"\x1b", b"\x1b[", b"\x1b]", b"\x1b]x", b"\x1b[1;", b"\xff", b"\r", b"\x00\x01"],
)
def test_a_megabyte_of_anything_is_cleaned_in_bounded_time(piece: bytes) -> None:
    started = time.process_time()
    clean(piece * (MIB // len(piece)))
    assert time.process_time() - started < 5  # measured: under 1 s
