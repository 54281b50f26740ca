"""Which hosts' numbers are far from the others'."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.outliers import Counts, odd_counts, odd_hosts
from fleetdiag.model import Field, Rate, Side, Unit

PLAIN = Field("n")
MIB = 2.0**20


def fleet(*values: float) -> dict[str, float]:
    return {f"h{place}": value for place, value in enumerate(values)}


def odd(*values: float, unit: Unit = Unit.NONE, field: Field = PLAIN) -> list[int]:
    return [int(host[1:]) for host in odd_hosts(fleet(*values), field, unit).odd]


def test_one_value_far_from_the_others_is_odd() -> None:
    assert odd(41, 40, 43, 42, 41, 97, unit=Unit.PERCENT) == [5]


def test_the_range_of_the_others_is_without_the_odd() -> None:
    found = odd_hosts(fleet(41, 40, 43, 42, 41, 97), PLAIN, Unit.PERCENT)
    assert (found.median, found.low, found.high) == (41.5, 40, 43)


def test_below_four_hosts_there_is_no_verdict() -> None:
    assert odd(10, 10, 1_000_000) == []
    assert odd(10, 10, 10, 1_000_000) == [3]


def test_equal_values_are_not_odd() -> None:
    assert odd(7, 7, 7, 7, 7) == []


@pytest.mark.parametrize(
    ("usual", "near", "far", "unit"),
    [
        (40.0, 54.9, 55.1, Unit.PERCENT),
        (100 * MIB, 199 * MIB, 201 * MIB, Unit.BYTES),
        (0.01, 0.109, 0.111, Unit.SECONDS),
        (1.0, 5.9, 6.1, Unit.NONE),
    ],
)
def test_all_equal_except_one_is_decided_by_the_floor_of_the_unit(
    usual: float, near: float, far: float, unit: Unit
) -> None:
    assert odd(usual, usual, usual, usual, near, unit=unit) == []
    assert odd(usual, usual, usual, usual, far, unit=unit) == [4]


def test_far_in_absolute_terms_is_not_enough_without_the_proportion() -> None:
    spread = (980.0, 990.0, 1000.0, 1010.0, 1020.0)
    assert odd(*spread, 1499.0) == []
    assert odd(*spread, 1520.0) == [5]
    rate = Field("packets", rate=Rate.SAMPLES)
    assert odd(*[1000.0] * 5, 1999.0, field=rate) == []
    assert odd(*[1000.0] * 5, 2001.0, field=rate) == [5]
    spread_bytes = tuple(value * MIB for value in spread)
    assert odd(*spread_bytes, 1499.0 * MIB, unit=Unit.BYTES) == []
    assert odd(*spread_bytes, 1520.0 * MIB, unit=Unit.BYTES) == [5]


def test_where_values_hardly_differ_a_tenth_more_is_far() -> None:
    gib = 1024.0 * MIB
    alike = (64.0 * gib, 64.001 * gib, 64.002 * gib, 64.003 * gib, 63.999 * gib)
    assert odd(*alike, 60.0 * gib, unit=Unit.BYTES) == []
    assert odd(*alike, 48.0 * gib, unit=Unit.BYTES) == [5]
    assert odd(*[1000.0] * 5, 1099.0) == []
    assert odd(*[1000.0] * 5, 1112.0) == [5]


def test_far_in_proportion_and_absolute_terms_is_not_enough_where_all_spread() -> None:
    assert odd(10, 25, 60, 90, 160, 300, 500) == []


def test_the_floor_of_the_field_goes_before_the_units() -> None:
    assert odd(1, 1, 1, 1, 4, field=Field("n", floor=2)) == [4]
    assert odd(1, 1, 1, 1, 90, field=Field("n", floor=100)) == []


def test_a_floor_of_nothing_divides_by_nothing() -> None:
    assert odd(0, 0, 0, 0, 1, field=Field("n", floor=0)) == [4]


@pytest.mark.parametrize(
    ("side", "expected"), [(Side.HIGH, [5]), (Side.LOW, [4]), (Side.BOTH, [4, 5])]
)
def test_only_the_side_of_the_field_is_odd(side: Side, expected: list[int]) -> None:
    values = (50, 51, 49, 50, 2, 98, 50, 51)
    assert odd(*values, unit=Unit.PERCENT, field=Field("n", side=side)) == expected


def test_a_load_for_each_processor_is_odd_from_one_more() -> None:
    field = Field("load", per="cpus")
    assert odd(0.1, 0.2, 0.1, 0.15, 1.0, field=field) == []
    assert odd(0.1, 0.2, 0.1, 0.15, 4.0, field=field) == [4]


def test_bytes_per_bytes_are_a_share_and_have_the_floor_of_percentages() -> None:
    field = Field("used", unit=Unit.BYTES, per="total")
    assert odd(0.41, 0.40, 0.43, 0.42, 0.50, unit=Unit.BYTES, field=field) == []
    assert odd(0.41, 0.40, 0.43, 0.42, 0.97, unit=Unit.BYTES, field=field) == [4]


def test_a_rate_since_boot_is_odd_from_less_than_one_between_samples() -> None:
    values = (0.0, 0.0, 0.0, 0.0, 0.5)
    assert odd(*values, field=Field("errors", rate=Rate.UPTIME)) == [4]
    assert odd(*values, field=Field("errors", rate=Rate.SAMPLES)) == []


def test_percentages_near_both_ends_are_alike() -> None:
    low = [2.0, 3.0, 1.0, 2.5, 4.0, 60.0, 3.0, 2.0]
    assert odd(*low, unit=Unit.PERCENT) == odd(*(100 - x for x in low), unit=Unit.PERCENT) == [5]


def test_more_than_a_hundred_per_cent_is_a_number_like_others() -> None:
    assert odd(90, 110, 100, 105, 95, 800, unit=Unit.PERCENT) == [5]


def test_a_host_that_has_next_to_nothing_is_odd_where_nobody_else_is_low() -> None:
    assert odd(400, 900, 2000, 650, 1200, 0, 800) == [5]
    assert odd(400, 900, 2000, 650, 1200, 120, 800) == []
    assert odd(400, 900, 2000, 100, 1200, 0, 800) == []


@pytest.mark.parametrize("bad", [1, 2, 3, 4])
def test_up_to_two_fifths_of_the_hosts_do_not_mask_each_other(bad: int) -> None:
    healthy = [38.0, 45.0, 41.0, 47.0, 36.0, 44.0, 40.0, 39.0, 46.0]
    faulty = [95.0, 88.0, 97.0, 91.0]
    values = faulty[:bad] + healthy[: 10 - bad]
    assert odd(*values, unit=Unit.PERCENT) == list(range(bad))


def test_just_under_half_of_the_hosts_are_a_split_that_names_them() -> None:
    healthy = [38.0, 45.0, 41.0, 47.0, 36.0, 44.0]
    found = odd_hosts(fleet(95, 88, 97, 91, 93, *healthy), PLAIN, Unit.PERCENT)
    assert found.odd == ()
    assert found.split is not None
    larger, smaller = found.split
    assert smaller == (("h0", "h1", "h2", "h3", "h4"), 88, 97)
    assert (larger.low, larger.high) == (36, 47)


def test_two_halves_are_a_split_and_nobody_is_odd() -> None:
    found = odd_hosts(fleet(*[10, 11, 12] * 4, *[500, 520, 510] * 4), PLAIN, Unit.NONE)
    assert found.odd == ()
    assert found.split is not None
    assert [len(part.hosts) for part in found.split] == [12, 12]


def test_what_is_not_finite_is_left_out_and_odd_is_found_all_the_same() -> None:
    values = (math.nan, math.inf, -math.inf, 10, 11, 10, 12, 900)
    assert odd(*values) == [7]
    found = odd_hosts(fleet(math.nan, math.inf), PLAIN, Unit.NONE)
    assert (found.median, found.odd) == (0.0, ())
    assert odd_hosts({}, PLAIN, Unit.NONE).odd == ()


def test_negative_values_are_compared() -> None:
    assert odd(-0.001, 0.002, 0.0, -0.003, 35.0, unit=Unit.SECONDS) == [4]
    assert odd(-0.001, 0.002, 0.0, -0.003, -35.0, unit=Unit.SECONDS) == [4]


ANY = st.floats(allow_nan=True, allow_infinity=True)
UNITS = st.sampled_from(list(Unit))
FIELDS = st.sampled_from(
    [PLAIN, Field("n", per="m"), Field("n", rate=Rate.UPTIME), Field("n", floor=0.0, side=Side.LOW)]
)


@given(st.lists(ANY, max_size=20), UNITS, FIELDS)
def test_any_values_are_judged_and_most_hosts_are_never_odd(
    values: list[float], unit: Unit, field: Field
) -> None:
    found = odd_hosts(fleet(*values), field, unit)
    assert math.isfinite(found.median)
    assert len(found.odd) <= 0.4 * len(values)
    assert found.split is None or found.odd == ()


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=20), st.randoms())
def test_the_order_of_hosts_changes_nothing(values: list[int], rng: random.Random) -> None:
    hosts = list(fleet(*values).items())
    mixed = rng.sample(hosts, len(hosts))
    first, second = (odd_hosts(dict(each), PLAIN, Unit.NONE) for each in (hosts, mixed))
    assert set(first.odd) == set(second.odd)


def test_healthy_normal_values_raise_few_false_alarms() -> None:
    rng = random.Random(7)
    for size in (5, 10, 50):
        metrics = [fleet(*(rng.gauss(1000, 300) for _ in range(size))) for _ in range(200)]
        assert sum(bool(odd_hosts(one, PLAIN, Unit.NONE).odd) for one in metrics) <= 14


def test_a_count_of_events_far_from_the_others_is_odd_and_the_median_is_a_count() -> None:
    counts = dict(zip("abcdef", (2, 3, 2, 1, 2, 400), strict=True))
    assert odd_counts(counts) == Counts(2, ("f",))


def test_a_few_more_events_are_chatter() -> None:
    assert odd_counts(dict(zip("abcdef", (0, 1, 0, 2, 0, 9), strict=True))).odd == ()
    assert odd_counts(dict(zip("abcdef", (50, 51, 49, 50, 50, 150), strict=True))).odd == ()
    assert odd_counts({}) == Counts(0, ())


def test_far_fewer_events_are_odd_too() -> None:
    assert odd_counts(dict(zip("abcdef", (500, 510, 490, 3, 500, 505), strict=True))).odd == ("d",)


def test_huge_counts_do_not_overflow() -> None:
    assert odd_counts(dict(zip("abcde", (1, 2, 1, 2, 10**400), strict=True))).odd == ("e",)
