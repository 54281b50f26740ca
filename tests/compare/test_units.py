"""Numbers with units, as programs print them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.units import MAX_CHARS, format_quantity, parse_quantity
from fleetdiag.model import Unit

MIB, GIB, DAY = 2.0**20, 2.0**30, 86_400.0


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("42", 42, Unit.NONE),
        ("-1.5", -1.5, Unit.NONE),
        ("1,234", 1234, Unit.NONE),
        ("1,234,567", 1234567, Unit.NONE),
        ("0,15", 0.15, Unit.NONE),
        ("0,150", 0.15, Unit.NONE),
        ("1e3", 1000, Unit.NONE),
        (" 93% ", 93, Unit.PERCENT),
        ("93 %", 93, Unit.PERCENT),
        ("1.5G", 1.5 * GIB, Unit.BYTES),
        ("795Mi", 795 * MIB, Unit.BYTES),
        ("16303224 kB", 16303224 * 1024, Unit.BYTES),
        ("512B", 512, Unit.BYTES),
        ("10M", 10 * MIB, Unit.BYTES),
        ("10m", 600, Unit.SECONDS),
        ("0.5 ms", 0.0005, Unit.SECONDS),
        ("250µs", 0.00025, Unit.SECONDS),
        ("2d4h", 2 * DAY + 4 * 3600, Unit.SECONDS),
        ("1min 30s", 90, Unit.SECONDS),
        ("3 days,  4:02", 3 * DAY + 4 * 3600 + 120, Unit.SECONDS),
        ("3 days, 12 min", 3 * DAY + 720, Unit.SECONDS),
        ("3 days", 3 * DAY, Unit.SECONDS),
        ("12 min", 720, Unit.SECONDS),
        ("2:03", 2 * 3600 + 180, Unit.SECONDS),
        ("03:04:05", 3 * 3600 + 4 * 60 + 5, Unit.SECONDS),
        ("1-03:04:05", DAY + 3 * 3600 + 4 * 60 + 5, Unit.SECONDS),
    ],
)
def test_a_number_is_read_with_its_unit(text: str, value: float, unit: Unit) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert quantity.value == pytest.approx(value)
    assert quantity.unit is unit


@pytest.mark.parametrize(
    "text",
    ["", "yes", "1.2.3", "0x10", "12 parsecs", "1 G G", "--", "G", "%", "9" * (MAX_CHARS + 1)],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10m", Unit.BYTES, 10 * MIB),
        ("1.2g", Unit.BYTES, 1.2 * GIB),
        ("7", Unit.BYTES, 7),
        ("7", Unit.PERCENT, 7),
        ("7", Unit.SECONDS, 7),
        ("93%", Unit.NONE, 93),
    ],
)
def test_the_field_decides_in_doubt(text: str, unit: Unit, value: float) -> None:
    quantity = parse_quantity(text, unit)
    assert quantity is not None
    assert quantity.value == pytest.approx(value)
    assert quantity.unit is unit


@pytest.mark.parametrize(
    ("text", "unit"), [("93%", Unit.BYTES), ("1G", Unit.PERCENT), ("1G", Unit.SECONDS)]
)
def test_a_number_of_another_unit_is_none(text: str, unit: Unit) -> None:
    assert parse_quantity(text, unit) is None


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (93.0, Unit.PERCENT, "93 %"),
        (1.5 * GIB, Unit.BYTES, "1.5 GiB"),
        (512.0, Unit.BYTES, "512 B"),
        (1023.9 * MIB, Unit.BYTES, "1 GiB"),
        (0.00025, Unit.SECONDS, "250 µs"),
        (0.25, Unit.SECONDS, "250 ms"),
        (12.0, Unit.SECONDS, "12 s"),
        (600.0, Unit.SECONDS, "10 min"),
        (7200.0, Unit.SECONDS, "2 h"),
        (3 * DAY, Unit.SECONDS, "3 days"),
        (0.15, Unit.NONE, "0.15"),
        (123456.0, Unit.NONE, "123456"),
    ],
)
def test_a_number_is_shown_in_a_few_digits(value: float, unit: Unit, shown: str) -> None:
    assert format_quantity(value, unit) == shown


@given(st.floats(0, 1e15), st.sampled_from(list(Unit)))
def test_what_is_shown_can_be_read_again(value: float, unit: Unit) -> None:
    quantity = parse_quantity(format_quantity(value, unit), unit)
    assert quantity is not None
    assert math.isclose(quantity.value, value, rel_tol=0.01, abs_tol=1e-8)


@given(st.text(max_size=80), st.sampled_from([None, *Unit]))
def test_no_text_breaks_it(text: str, unit: Unit | None) -> None:
    parse_quantity(text, unit)
