"""Status and events of instances, states of zones."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fleetdiag.cloud.ec2 import Aws, instance_facts
from fleetdiag.model import CloudEvent, CloudInstance, CloudStatus, CloudZone, EventState
from tests.cloud.account import account, clean_environment, ids
from tests.cloud.ec2_answers import Event, Instance, Zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud.ec2_server import Ec2Server

SINCE = "2025-06-01T03:00:00.000Z"
SINCE_S = 1748746800.0
WEB = [
    Instance(
        "web-1",
        system="impaired",
        disks="impaired",
        since=SINCE,
        events=[Event(not_before=SINCE)],
    ),
    Instance("web-2", zone="us-east-1b", instance="initializing"),
    Instance("web-3", zone="us-east-1b", state="stopped"),
    Instance("west", zone="us-west-2a"),
]
DEADLINE_S = 20.0
"""Far away: for calls that are to succeed on a machine that is busy."""


@pytest.fixture
def ec2(tmp_path: Path) -> Iterator[Ec2Server]:
    with account(tmp_path, WEB) as server:
        yield server


def stamp(ago_s: float) -> str:
    return datetime.fromtimestamp(time.time() - ago_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_status_since_when_zone_and_events_of_each_host(ec2: Ec2Server) -> None:
    instances, zones, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert problems == ()
    assert instances["web-1"] == CloudInstance(
        id=WEB[0].its_id,
        state="running",
        region="us-east-1",
        zone="us-east-1a",
        zone_id="use1-az1",
        system=CloudStatus.IMPAIRED,
        system_since=SINCE_S,
        instance=CloudStatus.OK,
        disks=CloudStatus.IMPAIRED,
        disks_since=SINCE_S,
        events=(
            CloudEvent(
                "system-maintenance",
                EventState.OPEN,
                "The instance is running on degraded hardware",
                SINCE_S,
            ),
        ),
    )
    assert instances["web-2"].instance is CloudStatus.INITIALIZING
    assert instances["web-3"].state == "stopped"
    assert instances["web-3"].system is CloudStatus.NOT_APPLICABLE
    assert instances["west"].zone_id == "usw2-az1"
    assert [zone.name for zone in zones] == ["us-east-1a", "us-east-1b", "us-west-2a"]


def test_the_state_and_the_messages_of_zones_are_told(tmp_path: Path) -> None:
    zones = [
        Zone("us-east-1a", "use1-az6", "impaired", ["Power is\u202e\x85\nlost", "We work on it"])
    ]
    with account(tmp_path, WEB[:1], zones):
        _, found, _ = instance_facts(ids(WEB[:1]), DEADLINE_S)
    assert found == (
        CloudZone(
            "us-east-1a",
            "use1-az6",
            "us-east-1",
            "impaired",
            ("Power is lost", "We work on it"),
        ),
    )


@pytest.mark.parametrize(
    ("event", "state", "description"),
    [
        (Event(description="rebooting"), EventState.OPEN, "rebooting"),
        (Event(description="[Completed] rebooting"), EventState.COMPLETED, "rebooting"),
        (Event(description="[Canceled] rebooting"), EventState.CANCELED, "rebooting"),
        (Event(description="see [Completed] ones"), EventState.OPEN, "see [Completed] ones"),
        (
            Event(description="[Completed] x", not_before=stamp(6 * 86_400)),
            EventState.COMPLETED,
            "x",
        ),
    ],
)
def test_an_event_says_whether_it_is_over(
    event: Event, state: EventState, description: str, tmp_path: Path
) -> None:
    instances = [Instance("web", events=[event])]
    with account(tmp_path, instances):
        found, _, _ = instance_facts(ids(instances), DEADLINE_S)
    (told,) = found["web"].events
    assert (told.state, told.description) == (state, description)


def test_what_was_over_a_week_ago_is_left_out_and_what_is_open_never(tmp_path: Path) -> None:
    old = stamp(8 * 86_400)
    events = [
        Event("instance-stop", "[Completed] long ago", old, old),
        Event("instance-reboot", "[Completed] begun long ago", old, stamp(3600)),
        Event("instance-retirement", "still open", old),
    ]
    instances = [Instance("web", events=events)]
    with account(tmp_path, instances):
        found, _, _ = instance_facts(ids(instances), DEADLINE_S)
    assert [event.code for event in found["web"].events] == [
        "instance-reboot",
        "instance-retirement",
    ]


def test_ids_go_in_batches_and_very_many_are_looked_for_page_by_page(tmp_path: Path) -> None:
    many = [Instance(f"web-{n}") for n in range(1200)]
    with account(tmp_path, many) as server:
        found, _, problems = instance_facts(ids(many[:250]), DEADLINE_S)
        assert (len(found), problems, server.count("DescribeInstanceStatus")) == (250, (), 3)
        server.asked.clear()
        found, _, problems = instance_facts(ids(many[:800]), DEADLINE_S)
        assert (len(found), problems, server.count("DescribeInstanceStatus")) == (800, (), 2)


@pytest.mark.parametrize("others", [0, 600])
def test_an_instance_that_is_gone_does_not_cost_the_others_their_facts(
    others: int, tmp_path: Path
) -> None:
    there = [Instance(f"web-{n}") for n in range(others + 3)]
    wanted = {**ids(there), "gone": ("us-east-1", "i-0ffffffffffffffff"), "bad": ("us-east-1", "x")}
    with account(tmp_path, there):
        found, _, problems = instance_facts(wanted, DEADLINE_S)
    assert set(found) == set(ids(there))
    assert problems == (
        "bad: 'x' is no instance id, expected i-0123456789abcdef0",
        "EC2 us-east-1: no such instance, gone or of another account: gone (i-0ffffffffffffffff)",
    )


@pytest.mark.parametrize(
    ("action", "hosts", "zones"),
    [("DescribeInstanceStatus", 0, 3), ("DescribeAvailabilityZones", 4, 0)],
)
def test_a_missing_permission_is_one_problem_and_the_rest_goes_on(
    action: str, hosts: int, zones: int, ec2: Ec2Server
) -> None:
    ec2.fail("unauthorized", action=action)
    instances, found, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert (len(instances), len(found)) == (hosts, zones)
    assert problems == (
        f"EC2 us-east-1, us-west-2: no permission for ec2:{action} (UnauthorizedOperation)",
    )


def test_a_region_that_fails_does_not_hide_the_others(ec2: Ec2Server) -> None:
    ec2.fail("malformed", region="us-east-1")
    instances, zones, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert list(instances) == ["west"]
    assert [zone.name for zone in zones] == ["us-west-2a"]
    (problem,) = problems
    assert problem.startswith("EC2 us-east-1: an answer came that is not AWS's, or not whole")


def test_throttling_is_waited_out(ec2: Ec2Server) -> None:
    ec2.fail("throttled", action="DescribeInstanceStatus", region="us-east-1", times=2)
    instances, _, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert (len(instances), problems) == (4, ())


def test_a_call_that_hangs_holds_nobody_and_what_came_is_given(ec2: Ec2Server) -> None:
    aws = Aws()
    instance_facts(ids(WEB), DEADLINE_S, aws=aws)
    ec2.fail("hang", action="DescribeInstanceStatus", region="us-east-1")
    began = time.monotonic()
    instances, zones, problems = instance_facts(ids(WEB), 1.0, aws=aws)
    assert time.monotonic() - began < 2.0
    aws.close()
    assert list(instances) == ["west"]
    assert len(zones) == 3
    assert problems == ("EC2 us-east-1: no answer to DescribeInstanceStatus within 1 s",)


def test_half_an_answer_is_a_problem_in_words(ec2: Ec2Server) -> None:
    ec2.fail("bare", region="us-west-2")
    ec2.fail("odd", region="us-east-1")
    instances, zones, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert (instances, [zone.name for zone in zones]) == ({}, [])
    assert len(problems) == 3
    assert "EC2 us-west-2: the answer cannot be understood: there is no InstanceStatuses in it" in (
        problems
    )
    assert problems[-1].startswith("EC2 us-east-1: the answer says nothing of: web-1 (i-")


def test_a_status_of_no_known_kind_is_unknown_and_odd_times_are_none(tmp_path: Path) -> None:
    odd = [
        Instance("web", system="on\x85fire", instance="impaired", since="noon"),
        Instance("x", events=[Event("odd\u202e", "a\x00b", "99999-01-01", "")]),
    ]
    # XML cannot hold a NUL at all: that one is a broken answer.
    with account(tmp_path, odd[:1]):
        found, _, problems = instance_facts(ids(odd[:1]), DEADLINE_S)
    assert problems == ()
    assert found["web"].system is CloudStatus.UNKNOWN
    assert found["web"].instance is CloudStatus.IMPAIRED
    assert found["web"].instance_since is None
    with account(tmp_path, odd[1:]):
        _, _, problems = instance_facts(ids(odd[1:]), DEADLINE_S)
    assert len(problems) == 1
    assert problems[0].isprintable()


def test_without_credentials_there_is_one_problem_and_no_call(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    with clean_environment(tmp_path) as patch:
        patch.setenv("AWS_ENDPOINT_URL", ec2.url)
        instances, zones, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert (instances, zones, ec2.asked) == ({}, (), [])
    (problem,) = problems
    assert problem.startswith("EC2: no AWS credentials found")


def test_without_boto3_the_problem_says_what_to_install(
    ec2: Ec2Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    _, _, problems = instance_facts(ids(WEB), DEADLINE_S)
    assert problems == ("EC2: needs boto3, which is not installed: pip install 'fleetdiag[ec2]'",)


def test_nobody_is_asked_for_no_hosts(ec2: Ec2Server) -> None:
    assert instance_facts({}, DEADLINE_S) == ({}, (), ())
    assert ec2.asked == []
