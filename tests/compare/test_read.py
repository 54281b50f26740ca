"""Output as features, mode by mode."""

from __future__ import annotations

from fleetdiag.compare.read import canonical_lines, features_of
from fleetdiag.model import Mode


def test_text_is_one_feature() -> None:
    assert features_of(Mode.TEXT, ("a", "", "b")) == {"output": "a\n\nb"}


def test_lines_are_a_feature_each_without_order_repeats_and_blanks() -> None:
    assert features_of(Mode.LINES, ("b", "a", "", "b")) == features_of(Mode.LINES, ("a", "b"))


def test_ignored_output_has_no_features() -> None:
    assert features_of(Mode.IGNORE, ("a",)) is None


def test_lines_are_shown_sorted_and_text_as_it_is() -> None:
    assert canonical_lines(Mode.LINES, ("b", "a", "b", "")) == ("a", "b")
    assert canonical_lines(Mode.TEXT, ("b", "a", "b", "")) == ("b", "a", "b", "")
