"""Instances -> hosts: names, addresses, attributes, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetdiag.inventory.ec2_hosts import attribute_name, hosts_and_groups
from fleetdiag.inventory.ec2_instances import Instance
from fleetdiag.inventory.ec2_options import Ec2Options
from fleetdiag.inventory.records import host_name_problem

if TYPE_CHECKING:
    from fleetdiag.inventory.records import HostRecord


def instance(number: int, name: str = "", **fields: str) -> Instance:
    tags = {"Name": name} if name else {}
    values = {"private": f"10.0.0.{number}", **fields}
    return Instance(f"i-{number:017x}", "us-east-1", tags=tags, **values)  # type: ignore[arg-type]


def convert(*instances: Instance, options: Ec2Options | None = None) -> dict[str, HostRecord]:
    hosts, _, _ = hosts_and_groups(instances, options or Ec2Options(), "-i ec2")
    return {host.name: host for host in hosts}


def address(instance: Instance, wanted: str | None) -> str | None:
    found = convert(instance, options=Ec2Options(address=wanted))
    return next((str(host.variables["address"].value) for host in found.values()), None)


def test_two_of_one_name_have_their_ids_in_it() -> None:
    found = convert(instance(1, "web"), instance(2, "web"), instance(3, "db"))
    assert list(found) == ["db", "web-i-00000000000000001", "web-i-00000000000000002"]


def test_names_are_unique_even_where_one_is_called_like_another_and_its_id() -> None:
    second = instance(2, "web")
    found = convert(instance(1, "web"), second, instance(3, f"web-{second.id}"))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("web 1 (blue)", "web-1-blue"),
        ("web[01-10]", "web-01-10"),
        ("a,b&!c", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("web\x1b[31m\u202e", "web-31m"),
        ("-rf", "rf"),
        ("http://x:80/%h", "http-x-80-h"),
        ("ünïcode", "ünïcode"),
        ("", "i-00000000000000001"),
        ("***", "i-00000000000000001"),
        ("all", "all-i-00000000000000001"),
        ("x" * 300, "x" * 253),
    ],
)
def test_a_name_holds_only_what_a_host_may_be_called(tag: str, name: str) -> None:
    assert list(convert(instance(1, tag))) == [name]
    assert host_name_problem(name) is None


def test_names_come_from_where_they_are_wanted() -> None:
    named = instance(1, "web", private_dns="ip-10-0-0-1.ec2.internal")
    assert list(convert(named, options=Ec2Options(name="id"))) == [named.id]
    assert list(convert(named, options=Ec2Options(name="private-dns"))) == [
        "ip-10-0-0-1.ec2.internal"
    ]


def test_hosts_are_sorted_as_people_count() -> None:
    assert list(convert(instance(1, "web-10"), instance(2, "web-9"))) == ["web-9", "web-10"]


def test_the_public_address_comes_first_unless_another_is_asked_for() -> None:
    both = instance(1, public="54.0.0.1")
    assert address(both, None) == "54.0.0.1"
    assert address(both, "private") == "10.0.0.1"
    assert address(instance(1), None) == "10.0.0.1"
    assert address(instance(1), "public") is None
    assert address(instance(1, private="", ipv6="2001:db8::1"), None) == "2001:db8::1"


def test_an_address_from_a_tag_must_be_one() -> None:
    tagged = Instance("i-1", "us-east-1", tags={"ip": "10.9.9.9"})
    assert address(tagged, "tag:ip") == "10.9.9.9"
    hostile = Instance("i-1", "us-east-1", tags={"ip": "-oProxyCommand=sh"})
    assert address(hostile, "tag:ip") is None


def test_who_has_no_address_is_named() -> None:
    lone = [instance(number, f"web-{number}", private="") for number in range(1, 8)]
    hosts, _, notes = hosts_and_groups(lone, Ec2Options(address="public"), "-i ec2")
    assert hosts == ()
    (note,) = notes
    assert note.startswith("EC2: 7 instances without a usable public address left out: web-1, ")
    assert note.endswith("web-5, ….")


def test_groups_are_the_tag_with_its_value() -> None:
    tagged = [
        Instance("i-1", "us-east-1", private="10.0.0.1", tags={"role": "web app", "team": "web"}),
        Instance("i-2", "us-east-1", private="10.0.0.2", tags={"role": "all"}),
    ]
    options = Ec2Options(groups=("role", "team"))
    hosts, groups, _ = hosts_and_groups(tagged, options, "-i ec2")
    assert {group.name: group.hosts for group in groups} == {
        "role_web_app": ("i-1",),
        "team_web": ("i-1",),
        "role_all": ("i-2",),
    }
    assert hosts[0].variables["attributes.role"].value == "web app"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("role", "role"),
        ("zone", "tag_zone"),
        ("aws:ec2spot:fleet-request-id", "aws_ec2spot_fleet-request-id"),
        ("-x", "tag_-x"),
    ],
)
def test_a_tag_never_stands_for_an_attribute_of_ours(tag: str, name: str) -> None:
    assert attribute_name(tag) == name


def test_spot_and_its_group_are_attributes() -> None:
    tags = {"aws:autoscaling:groupName": "web-asg"}
    spot = Instance("i-1", "us-east-1", private="10.0.0.1", lifecycle="spot", tags=tags)
    (host,) = convert(spot).values()
    assert host.variables["attributes.lifecycle"].value == "spot"
    assert host.variables["attributes.asg"].value == "web-asg"
    assert "attributes.launched" not in host.variables
