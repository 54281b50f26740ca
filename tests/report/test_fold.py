"""Folded names unfold to the same hosts, or are listed plainly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.report.fold import fold


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ((), ""),
        (("web-01",), "web-01"),
        (("web-02", "web-01", "web-03", "web-05"), "web-[01-03,05]"),
        (("web-1", "web-10", "web-2"), "web-[1-2,10]"),
        (("db", "web-1", "web-2"), "db,web-[1-2]"),
        (("10.0.0.1", "10.0.0.2"), "10.0.0.[1-2]"),
        (("a[b", "c"), "a[b,c"),
        (("a,b", "c"), "a,b,c"),
        (("x\x1b[2J", "y"), "x^[[2J,y"),
    ],
)
def test_names_are_folded_as_the_field_writes_them(names: tuple[str, ...], folded: str) -> None:
    assert fold(names) == folded


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_names_fold_without_an_error(names: list[str]) -> None:
    assert isinstance(fold(names), str)
