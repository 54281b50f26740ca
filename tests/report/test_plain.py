"""Text that reaches the screen has no controls and a known width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.report.plain import cells, clip, printable, wrap


def test_controls_become_visible_and_tabs_blanks() -> None:
    assert printable("a\tb\x1b[31m\x00\x9b\u202e") == "a       b^[[31m^@\\x9b\\u202e"


def test_wide_and_combining_characters_are_measured_in_columns() -> None:
    assert cells("日本") == 4
    assert cells("e\u0301") == 1


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_clipped_text_fits(text: str, columns: int) -> None:
    assert cells(clip(printable(text), columns)) <= columns


@given(st.text(max_size=80), st.integers(2, 30), st.integers(1, 4))
def test_wrapped_lines_fit_and_are_no_more_than_asked(text: str, columns: int, most: int) -> None:
    lines = wrap(printable(text), columns, most=most)
    assert 1 <= len(lines) <= most
    assert all(cells(line) <= columns for line in lines)


def test_a_text_is_broken_after_the_separator_and_nothing_is_lost() -> None:
    assert wrap("web-[01,03,05,07,09]", 11, at=",") == ["web-[01,03,", "05,07,09]"]
    assert wrap("web-[01,03,05,07,09]", 11, at=",", most=1) == ["web-[01,03…"]
