"""The lines shown are those in which hosts differ."""

from __future__ import annotations

from fleetdiag.compare.evidence import differing_lines


def test_a_changed_line_is_shown_with_the_one_it_replaced() -> None:
    common = ("a = 1", "b = 2", "c = 3", "d = 4")
    assert differing_lines(common, ("a = 1", "b = 9", "c = 3", "x", "d = 4")) == (
        "- b = 2", "+ b = 9", "+ x",
    )  # fmt: skip


def test_more_than_four_pairs_are_counted() -> None:
    common = tuple(f"k{n} = 0" for n in range(9))
    shown = differing_lines(common, tuple(f"k{n} = 1" for n in range(9)))
    assert shown[:3] == ("- k0 = 0", "+ k0 = 1", "- k1 = 0")
    assert shown[6:] == ("- k3 = 0", "+ k3 = 1", "… 5 more")


def test_another_order_is_said_in_words() -> None:
    said, *moved = differing_lines(("a", "b", "c"), ("b", "c", "a"))
    assert said == "the same lines in another order"
    assert moved == ["- a", "+ a"]


def test_a_difference_far_into_a_long_line_is_seen() -> None:
    left, right = "x" * 5000 + " old", "x" * 5000 + " new"
    minus, plus = differing_lines((left,), (right,))
    assert minus.endswith(" old")
    assert plus.endswith(" new")
    assert len(minus) < 100


def test_a_huge_line_is_clipped() -> None:
    (shown,) = differing_lines((), ("y" * (1 << 20),))
    assert len(shown) < 400
