"""Instances looked for by address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetdiag.cloud.ec2 import find_instances
from tests.cloud.account import account
from tests.cloud.ec2_answers import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud.ec2_server import Ec2Server

DEADLINE_S = 20.0
REGIONS = ["us-east-1", "us-west-2"]
WEB = [
    Instance("web-1", address="10.0.0.1", public="54.0.0.1"),
    Instance("web-2", address="10.0.0.2", zone="us-west-2a", ipv6="2001:db8::2"),
]


@pytest.fixture
def ec2(tmp_path: Path) -> Iterator[Ec2Server]:
    with account(tmp_path, WEB) as server:
        yield server


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("10.0.0.1", 0),
        ("54.0.0.1", 0),
        ("10.0.0.2", 1),
        ("2001:DB8:0::2", 1),
        ("10.0.0.9", None),
        ("127.0.0.1", None),
        ("web.example", None),
    ],
)
def test_the_instance_with_an_address_is_found_in_any_region(
    address: str, number: int | None, ec2: Ec2Server
) -> None:
    found, problems = find_instances({"h": address}, REGIONS, DEADLINE_S)
    assert problems == ()
    wanted = None if number is None else (WEB[number].its_region, WEB[number].its_id)
    assert found.get("h") == wanted


def test_names_and_loopback_ask_nobody(ec2: Ec2Server) -> None:
    find_instances({"a": "web.example", "b": "127.0.0.1"}, REGIONS, DEADLINE_S)
    assert ec2.asked == []


def test_many_addresses_are_asked_for_two_hundred_at_a_time(tmp_path: Path) -> None:
    many = [Instance(f"web-{n}", address=f"10.0.{n >> 8}.{n & 255}") for n in range(450)]
    with account(tmp_path, many) as server:
        found, _ = find_instances({i.name: i.address for i in many}, REGIONS[:1], DEADLINE_S)
        assert server.count("DescribeInstances") == 3
    assert found == {i.name: ("us-east-1", i.its_id) for i in many}


def test_an_address_of_several_is_nobodys_and_said(tmp_path: Path) -> None:
    both = [Instance("a", address="10.0.0.1"), Instance("b", address="10.0.0.1", zone="us-west-2a")]
    with account(tmp_path, both):
        found, problems = find_instances({"h": "10.0.0.1"}, REGIONS, DEADLINE_S)
    assert found == {}
    (problem,) = problems
    assert problem.startswith("EC2: 10.0.0.1 of h is the address of several: i-")


def test_of_several_the_one_that_runs_is_meant(tmp_path: Path) -> None:
    old = Instance("old", address="10.0.0.1", state="stopped")
    new = Instance("new", address="10.0.0.1")
    with account(tmp_path, [old, new]):
        found, problems = find_instances({"h": "10.0.0.1"}, REGIONS[:1], DEADLINE_S)
    assert (found, problems) == ({"h": ("us-east-1", new.its_id)}, ())


def test_a_region_without_permission_does_not_hide_the_others(ec2: Ec2Server) -> None:
    ec2.fail("unauthorized", region="us-west-2")
    wanted = {"a": "10.0.0.1", "b": "10.0.0.2"}
    found, problems = find_instances(wanted, REGIONS, DEADLINE_S)
    assert set(found) == {"a"}
    assert problems == (
        "EC2 us-west-2: no permission for ec2:DescribeInstances (UnauthorizedOperation)",
    )


@pytest.mark.parametrize("kind", ["odd", "bare", "malformed"])
def test_an_odd_answer_finds_nobody(kind: str, ec2: Ec2Server) -> None:
    ec2.fail(kind)
    found, problems = find_instances({"a": "10.0.0.1"}, REGIONS, DEADLINE_S)
    assert found == {}
    assert all(problem.isprintable() for problem in problems)
