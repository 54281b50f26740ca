"""Who deviates in which feature: majority, presence, cells, splits, what varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.contrast import Deviation, contrast
from fleetdiag.compare.features import PRESENT, WHOLE, Cell, Feature, Features, Number, Value
from fleetdiag.model import Field, Unit

PERCENT = Field("used", unit=Unit.PERCENT)


def fleet(*values: Mapping[Any, Any]) -> dict[str, Features]:
    return {f"h{number}": value for number, value in enumerate(values)}


def same(count: int, value: Value, feature: Feature = "key") -> list[Features]:
    return [{feature: value} for _ in range(count)]


def percent(value: float) -> Number:
    return Number(value, f"{value:g} %", PERCENT)


def test_a_text_that_most_hosts_have_is_what_the_others_deviate_from() -> None:
    found = contrast(fleet(*same(3, "a"), *same(1, "b")))
    assert found.odd == {"h3": (Deviation("key", "b", "a", 4),)}
    assert found.splits == ()


def test_half_is_no_majority() -> None:
    found = contrast(fleet(*same(2, "a"), *same(2, "b")))
    assert found.odd == {}
    assert found.splits[0].values == {"a": ("h0", "h1"), "b": ("h2", "h3")}


def test_a_feature_that_one_host_lacks_or_alone_has_sets_it_apart() -> None:
    both, one, three = (dict.fromkeys(names, PRESENT) for names in ("xy", "x", "xyz"))
    found = contrast(fleet(both, both, one, three))
    assert found.odd == {
        "h2": (Deviation("y", None, PRESENT, 4),),
        "h3": (Deviation("z", PRESENT, None, 4),),
    }


def test_hosts_are_odd_by_feature_even_where_no_two_are_alike() -> None:
    values = [{"a": "1", "b": "1", "c": "1"} for _ in range(3)]
    for value, key in zip(values, "abc", strict=True):
        value[key] = "2"
    found = contrast(fleet(*values))
    assert [d.feature for odd in found.odd.values() for d in odd] == ["a", "b", "c"]
    assert found.splits == ()


def test_a_row_missing_on_one_host_is_said_once_not_for_each_cell() -> None:
    row: Features = {"/data": PRESENT, Cell("/data", "type"): "ext4", Cell("/data", "opts"): "rw"}
    found = contrast(fleet(row, row, row, {}))
    assert found.odd == {"h3": (Deviation("/data", None, PRESENT, 4),)}


def test_a_row_that_one_host_alone_has_is_said_once() -> None:
    row: Features = {"/data": PRESENT, Cell("/data", "type"): "ext4"}
    found = contrast(fleet({}, {}, row))
    assert found.odd == {"h2": (Deviation("/data", PRESENT, None, 3),)}


def test_what_differs_on_every_host_varies_and_makes_nobody_odd() -> None:
    found = contrast(fleet(*({"serial": f"S{n}-x"} for n in range(5))))
    assert (found.odd, found.splits, found.varying) == ({}, (), ("serial",))


def test_whole_outputs_never_vary_they_have_no_majority() -> None:
    found = contrast(fleet(*({WHOLE: f"S{n}-x"} for n in range(5))))
    assert len(found.splits[0].values) == 5


def test_a_number_far_from_the_others_is_odd_and_the_median_is_said() -> None:
    values = [41, 40, 43, 42, 41, 97]
    found = contrast(fleet(*({"used": percent(value)} for value in values)))
    ((deviation,),) = found.odd.values()
    assert list(found.odd) == ["h5"]
    assert isinstance(deviation.want, Number)
    assert deviation.want.value == 41.5
    assert found.measures[0].values["h5"] == 97


def test_below_four_hosts_numbers_are_a_table_without_a_verdict() -> None:
    found = contrast(fleet(*({"used": percent(value)} for value in (1, 2, 99))))
    assert found.odd == {}
    assert found.measures[0].odd == ()
    assert len(found.measures[0].values) == 3


def test_a_field_for_rules_only_is_not_compared() -> None:
    field = Field("cpus", compare=False)
    found = contrast(fleet(*({"cpus": Number(n, str(n), field)} for n in (2, 2, 2, 2, 64))))
    assert (found.odd, found.measures) == ({}, ())


def test_plain_numbers_without_a_majority_are_measured() -> None:
    found = contrast(fleet(*({"requests": str(n)} for n in (100, 110, 105, 98, 102, 90_000))))
    assert list(found.odd) == ["h5"]
    assert found.splits == ()


def test_a_count_of_events_far_from_the_others_is_odd() -> None:
    found = contrast(fleet(*({"link down": n} for n in (2, 3, 2, 1, 2, 400))))
    assert found.odd == {"h5": (Deviation("link down", 400, 2, 6),)}


def test_one_host_is_compared_with_nothing() -> None:
    assert contrast({"h0": {"a": "b"}}).odd == {}


FEATURES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["x", "y", PRESENT]))


@given(st.lists(FEATURES, min_size=2, max_size=8))
def test_a_majority_never_deviates(values: list[dict[str, str]]) -> None:
    hosts: dict[str, Features] = fleet(*values)
    for host, deviations in contrast(hosts).odd.items():
        for deviation in deviations:
            alike = sum(v.get(deviation.feature) == deviation.got for v in hosts.values())
            assert alike * 2 < len(hosts)
            assert hosts[host].get(deviation.feature) == deviation.got
