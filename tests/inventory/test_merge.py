"""What beats what: defaults, groups by depth, the host; earlier and later sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.merge import Inherited, inherit
from fleetdiag.inventory.records import Given, GroupRecord, HostRecord, Records

if TYPE_CHECKING:
    from collections.abc import Mapping


def said(**values: object) -> Mapping[str, Given]:
    return {name: Given(value, "here") for name, value in values.items()}


def value(inherited: Inherited, name: str) -> object:
    return inherited.variables[name].value


def test_the_host_beats_its_group_and_the_group_beats_defaults() -> None:
    records = Records(
        "s",
        hosts=(HostRecord("a", said(user="host")), HostRecord("b")),
        groups=(GroupRecord("g", ("a", "b"), variables=said(user="group", port=2)),),
        defaults=said(user="default", port=1, become=True),
    )
    hosts = inherit([records])
    assert [value(hosts["a"], key) for key in ("user", "port", "become")] == ["host", 2, True]
    assert value(hosts["b"], "user") == "group"


def test_a_child_group_beats_its_parent_whatever_their_names() -> None:
    records = Records(
        "s",
        hosts=(HostRecord("a"),),
        groups=(
            GroupRecord("z", (), ("m",), said(user="parent", port=9)),
            GroupRecord("m", ("a",), (), said(user="child")),
        ),
    )
    host = inherit([records])["a"]
    assert (value(host, "user"), value(host, "port")) == ("child", 9)
    assert host.groups == ("m", "z")


def test_of_groups_equally_deep_the_later_in_the_alphabet_wins() -> None:
    groups = tuple(GroupRecord(name, ("a",), (), said(user=name)) for name in "yx")
    for order in (groups, groups[::-1]):
        assert value(inherit([Records("s", (HostRecord("a"),), order)])["a"], "user") == "y"


def test_depth_is_the_longest_way_down() -> None:
    records = Records(
        "s",
        hosts=(HostRecord("a"),),
        groups=(
            GroupRecord("top", (), ("deep", "mid")),
            GroupRecord("mid", (), ("deep",)),
            GroupRecord("zz", ("a",), (), said(user="shallow")),
            GroupRecord("deep", ("a",), (), said(user="deep")),
        ),
    )
    assert value(inherit([records])["a"], "user") == "deep"


def test_a_later_source_wins_value_by_value_and_adds_hosts() -> None:
    hosts = (HostRecord("a", said(user="one", port=1)), HostRecord("b"))
    first = Records("1", hosts, defaults=said(become=True))
    second = Records("2", (HostRecord("c"), HostRecord("a", said(user="two"))))
    merged = inherit([first, second])
    assert list(merged) == ["a", "b", "c"]
    assert (value(merged["a"], "user"), value(merged["a"], "port")) == ("two", 1)
    assert value(merged["c"], "become") is True


def test_a_group_of_two_sources_has_the_hosts_of_both() -> None:
    first = Records("1", (HostRecord("a"),), (GroupRecord("g", ("a",)),))
    second = Records("2", (HostRecord("b"),), (GroupRecord("g", ("b",), (), said(port=2)),))
    hosts = inherit([first, second])
    assert hosts["a"].groups == hosts["b"].groups == ("g",)
    assert value(hosts["a"], "port") == 2


def test_groups_that_contain_each_other_only_together_are_an_error() -> None:
    first = Records("1", (), (GroupRecord("a", (), ("b",)), GroupRecord("b")))
    second = Records("2", (), (GroupRecord("b", (), ("a",)), GroupRecord("a")))
    with pytest.raises(InventoryError, match="contain each other"):
        inherit([first, second])
