"""What odd hosts have in common."""

from __future__ import annotations

import random
import time
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.fisher import fisher, number_tried
from fleetdiag.compare.share import boot_clusters, shared_by, suggest_controls

Attributes = dict[str, dict[str, str]]


def fleet(**columns: str) -> Attributes:
    """`fleet(zone="aab")`: a letter of each attribute for each host; `-` is none."""
    size = len(next(iter(columns.values())))
    return {
        f"h{place}": {name: value[place] for name, value in columns.items() if value[place] != "-"}
        for place in range(size)
    }


def odd(*places: int) -> list[str]:
    return [f"h{place}" for place in places]


@given(st.integers(1, 8), st.data())
def test_fisher_is_what_counting_every_draw_gives(hosts: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, hosts))
    having = data.draw(st.integers(0, hosts))
    least = data.draw(st.integers(0, hosts + 1))
    draws = list(combinations(range(hosts), bad))
    hits = sum(sum(place < having for place in draw) >= least for draw in draws)
    assert fisher(least, bad, having, hosts) == pytest.approx(hits / len(draws), abs=1e-12)


@given(st.integers(1, 120), st.data())
def test_fisher_is_the_exact_hypergeometric_tail(hosts: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, hosts))
    having = data.draw(st.integers(0, hosts))
    least = data.draw(st.integers(0, min(bad, having)))
    ways = sum(
        comb(having, k) * comb(hosts - having, bad - k)
        for k in range(least, min(bad, having) + 1)
        if bad - k <= hosts - having
    )
    assert fisher(least, bad, having, hosts) == pytest.approx(ways / comb(hosts, bad), rel=1e-9)


def test_fisher_does_not_underflow_in_the_common_part_of_a_large_fleet() -> None:
    assert fisher(2_400, 5_000, 5_000, 10_000) == pytest.approx(1.0, abs=1e-4)
    assert fisher(2_501, 5_000, 5_000, 10_000) == pytest.approx(0.492, abs=1e-3)
    assert 0.0 <= fisher(5_000, 5_000, 5_000, 10_000) < 1e-300


def test_a_test_that_could_not_pass_whatever_the_result_is_not_counted() -> None:
    assert number_tried([2, 2, 2, 10], odd=10, hosts=20) == 1
    assert number_tried([10] * 7, odd=10, hosts=20) == 7
    assert number_tried([], odd=10, hosts=20) == 1


def test_the_zone_of_the_odd_hosts_is_what_they_share() -> None:
    attributes = fleet(zone="aaaaaaaaaabb", role="wwdwdwdwdwdw", image="xyxyxyxyxyxy")
    (shared,) = shared_by(odd(*range(10)), list(attributes), attributes)
    assert (shared.attribute, shared.value) == ("zone", "a")
    assert (shared.odd, shared.odd_total, shared.rest, shared.rest_total) == (10, 10, 0, 2)
    assert shared.p == pytest.approx(1 / comb(12, 10))
    assert shared.risk_ratio == pytest.approx((10.5 / 11) / (0.5 / 3))


def test_the_risk_ratio_is_plain_where_some_hosts_without_the_value_are_odd() -> None:
    attributes = fleet(zone="a" * 10 + "b" * 10)
    (shared,) = shared_by(odd(*range(8), 10), list(attributes), attributes)
    assert shared.risk_ratio == pytest.approx(0.8 / 0.1)
    assert (shared.odd, shared.rest) == (8, 2)


def test_what_every_host_has_and_what_is_each_hosts_own_are_not_shared() -> None:
    attributes = fleet(region="r" * 12, serial="abcdefghijkl")
    assert shared_by(odd(0, 1, 2, 3), list(attributes), attributes) == ()


def test_odd_hosts_that_share_nothing_more_than_chance_are_told_nothing() -> None:
    attributes = fleet(zone="aabbaabbaabb", image="xyxyxyxyxyxy")
    assert shared_by(odd(0, 3, 5), list(attributes), attributes) == ()


def test_attributes_that_mark_the_same_hosts_are_one_entry() -> None:
    attributes = fleet(zone="aaaaaabbbbbb", role="wdwdwdwdwdwd", subnet="ssssssttttttt")
    (shared,) = shared_by(odd(*range(6)), list(attributes), attributes)
    assert (shared.attribute, shared.value, shared.alike) == ("zone", "a", ("subnet s",))


def test_a_pair_is_told_where_it_says_more_than_each_alone() -> None:
    zone, role = "aaaabbbbcccc" * 4, "wwddwwddwwdd" * 4
    attributes = fleet(zone=zone, role=role)
    bad = [place for place in range(48) if (zone[place], role[place]) == ("a", "d")]
    shared = shared_by(odd(*bad), list(attributes), attributes)
    assert [(one.attribute, one.value) for one in shared] == [("zone + role", "a + d")]
    assert (shared[0].odd, shared[0].rest) == (8, 0)


def test_a_pair_that_adds_nothing_is_not_told() -> None:
    attributes = fleet(zone="a" * 8 + "b" * 16, role="wd" * 12)
    shared = shared_by(odd(*range(8)), list(attributes), attributes)
    assert [one.attribute for one in shared] == ["zone"]


def test_the_region_around_the_bad_zone_and_its_subnets_only_follow_from_it() -> None:
    zone = "a" * 12 + "b" * 12 + "c" * 24
    attributes = fleet(zone=zone, region="r" * 24 + "s" * 24, subnet="1" * 9 + "2" * 3 + "3" * 36)
    shared = shared_by(odd(*range(12)), list(attributes), attributes)
    assert [one.attribute for one in shared] == ["zone"]


def test_at_most_three_are_told_the_best_first() -> None:
    rng = random.Random(3)
    columns = {
        name: "".join("x" if (place < 20) != (rng.random() < noise) else "y" for place in range(60))
        for name, noise in zip("abcde", (0.2, 0.0, 0.05, 0.15, 0.1), strict=True)
    }
    shared = shared_by(odd(*range(20)), list(fleet(**columns)), fleet(**columns))
    assert len(shared) == 3
    assert shared[0].attribute == "b"
    assert [one.p for one in shared] == sorted(one.p for one in shared if one.p is not None)


def test_a_value_that_fewer_than_half_of_the_odd_have_is_not_told() -> None:
    attributes = fleet(zone="a" * 9 + "b" * 91)
    assert shared_by(odd(*range(9), *range(50, 61)), list(attributes), attributes) == ()


def test_a_missing_or_empty_value_is_no_value() -> None:
    attributes = fleet(zone="------bbbbbb")
    assert shared_by(odd(*range(6)), list(attributes), attributes) == ()
    empty = {host: {"zone": own.get("zone", "")} for host, own in attributes.items()}
    assert shared_by(odd(*range(6)), list(empty), empty) == ()


def test_one_odd_host_shares_nothing() -> None:
    attributes = fleet(zone="abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert shared_by(odd(0), list(attributes), attributes) == ()


def test_where_all_are_odd_what_all_have_is_told_without_contrast() -> None:
    attributes = fleet(zone="a" * 10, role="wd" * 5, image="x" * 10, kernel="k" * 10)
    shared = shared_by(list(attributes), list(attributes), attributes)
    assert [(one.attribute, one.value) for one in shared] == [
        ("zone", "a"),
        ("image", "x"),
        ("kernel", "k"),
    ]
    assert {(one.odd, one.rest_total, one.risk_ratio, one.p) for one in shared} == {
        (10, 0, None, None)
    }


def test_controls_are_suggested_where_no_host_is_healthy() -> None:
    attributes = fleet(zone="a" * 4, image="x" * 4)
    assert suggest_controls(list(attributes), list(attributes), attributes) == (
        "no healthy host for contrast: "
        "check one in another zone than a, or with another image than x"
    )
    assert suggest_controls(odd(0, 1), list(attributes), attributes) == ""


def test_known_hosts_that_would_serve_as_controls_are_named() -> None:
    attributes = fleet(zone="aaab")
    hosts = odd(0, 1, 2)
    assert suggest_controls(hosts, hosts, attributes).endswith("than a (h3)")


def test_all_bad_without_anything_in_common_says_so() -> None:
    attributes = fleet(zone="abcd")
    said = suggest_controls(list(attributes), list(attributes), attributes)
    assert said == "no healthy host for contrast, and nothing that all of them share"


def test_random_attributes_are_told_of_few_fleets() -> None:
    """A family of values and one of pairs at 5 % each: 10 % at most."""
    rng = random.Random(11)
    told = 0
    for _ in range(300):
        attributes = {
            f"h{place}": {name: rng.choice("xyz") for name in "abcdef"} for place in range(30)
        }
        told += bool(shared_by(odd(*rng.sample(range(30), 8)), list(attributes), attributes))
    assert told <= 30


def test_ten_thousand_hosts_with_twenty_attributes_take_less_than_a_second() -> None:
    rng = random.Random(5)
    attributes = {
        f"h{place}": {f"a{number}": f"v{rng.randrange(2 + number**2)}" for number in range(20)}
        for place in range(10_000)
    }
    bad = [host for host, own in attributes.items() if own["a3"] == "v1"]
    begun = time.process_time()
    shared = shared_by(bad, list(attributes), attributes)
    assert time.process_time() - begun < 1.0
    assert shared[0].attribute == "a3"


AT = 1_795_316_460.0
"""2026-11-22T03:01:00Z."""


def test_hosts_that_booted_close_together_are_a_cluster_named_by_its_times() -> None:
    times = {"c": AT + 190, "a": AT, "b": AT + 100, "lone": AT + 9_000, "none": float("nan")}
    assert boot_clusters(times) == dict.fromkeys("cab", "2026-11-22 03:01-03:04 UTC")


def test_a_cluster_within_a_minute_or_over_midnight_is_named_so() -> None:
    assert boot_clusters({"a": AT, "b": AT + 3}) == dict.fromkeys("ab", "2026-11-22 03:01 UTC")
    midnight = AT - 3 * 3600 - 60
    assert boot_clusters({"a": midnight - 30, "b": midnight + 30})["a"] == (
        "2026-11-21 23:59 to 2026-11-22 00:00 UTC"
    )


def test_two_clusters_have_two_names() -> None:
    times = {"a": AT, "b": AT + 60, "c": AT + 181, "d": AT + 200}
    assert len(set(boot_clusters(times).values())) == 2
