"""What may stand behind `-i ec2:`."""

from __future__ import annotations

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.ec2_options import Ec2Options, parse_options


def test_everything_that_can_be_said() -> None:
    said = (
        "us-east-1,us-west-2,us-east-1?profile=prod&address=tag:ip&name=private-dns"
        "&filter=tag:env=prod&filter=instance-type=m5.*,c5.*&filter=tag:env=test"
        r"&groups=tag:role,tag:team&attributes=tag:aws:cloudformation:stack-name&cache=0&state=all"
    )
    assert parse_options(said) == Ec2Options(
        regions=("us-east-1", "us-west-2"),
        profile="prod",
        address="tag:ip",
        name="private-dns",
        filters={"tag:env": ("prod", "test"), "instance-type": ("m5.*", "c5.*")},
        groups=("role", "team"),
        attributes=("aws:cloudformation:stack-name",),
        cache_s=None,
        every_state=True,
    )


def test_nothing_said_means_the_defaults() -> None:
    assert parse_options("") == Ec2Options()
    assert parse_options("us-gov-west-1?").regions == ("us-gov-west-1",)


def test_a_comma_can_be_part_of_a_value_or_be_encoded() -> None:
    assert parse_options(r"us-east-1?filter=tag:x=a\,b,c").filters == {"tag:x": ("a,b", "c")}
    assert parse_options("us-east-1%2Cus-west-2").regions == ("us-east-1", "us-west-2")
    assert parse_options("us-east-1?filter=tag:x=a%26b").filters == {"tag:x": ("a&b",)}


def test_the_tags_needed_are_those_of_all_options() -> None:
    options = parse_options("us-east-1?address=tag:ip&groups=tag:role&attributes=tag:x")
    assert options.tags == {"Name", "ip", "role", "x"}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("useast1", "'useast1' is no region, such as us-east-1"),
        ("../../etc", "is no region"),
        ("us-east-1?fliter=a=b", r"'fliter=a=b', did you mean filter=…\?"),
        ("us-east-1?zone", "'zone', expected one of address, attributes, cache"),
        ("us-east-1?profile=", "expected profile=VALUE"),
        ("us-east-1?cache=5m", "cache='5m', expected a whole number of seconds"),
        ("us-east-1?cache=-1", "expected a whole number"),
        ("us-east-1?state=stopped", "expected running or all"),
        ("us-east-1?address=10.0.0.1", "expected public, private or tag:KEY"),
        ("us-east-1?name=Name", "expected id, private-dns or tag:KEY"),
        ("us-east-1?groups=role", r"expected groups=tag:KEY\[,tag:KEY…\]"),
        ("us-east-1?filter=prod", "expected filter=NAME=VALUE"),
        ("us-east-1?profile=a&profile=b", "`profile` is given 2 times, expected it once"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(said: str, line: str) -> None:
    with pytest.raises(InventoryError, match=f"^-i ec2: .*{line}"):
        parse_options(said)
