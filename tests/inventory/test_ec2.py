"""`-i ec2:`: against moto's server and one of our own, which can also fail."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory import load
from fleetdiag.inventory.ec2 import ago, profile_of
from tests.cloud.account import account, clean_environment
from tests.cloud.ec2_answers import Instance
from tests.inventory.fleet import endpoint, host, ssh_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleetdiag.model import Inventory
    from tests.cloud.ec2_server import Ec2Server

WEB = [
    Instance("web-1", address="10.0.0.1", tags={"role": "web"}),
    Instance("web-2", address="10.0.0.2", tags={"role": "web"}, zone="us-east-1b"),
    Instance("db", address="10.0.0.3", tags={"role": "db"}, state="stopped"),
    Instance("west", address="10.9.0.1", public="54.0.0.1", zone="us-west-2a"),
]


@pytest.fixture
def ec2(tmp_path: Path) -> Iterator[Ec2Server]:
    with account(tmp_path, WEB) as server:
        yield server


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions without the waits between them, which one test looks at."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


def read(tmp_path: Path, source: str) -> Inventory:
    return load([source], ssh_config=ssh_file(tmp_path, ""))


def names(inventory: Inventory) -> list[str]:
    return [each.name for each in inventory.hosts]


# ------------------------------------------------------------------------------- what it gives


def test_running_instances_of_all_regions_are_hosts(ec2: Ec2Server, tmp_path: Path) -> None:
    inventory = read(tmp_path, "ec2:us-east-1,us-west-2?groups=tag:role")
    assert names(inventory) == ["web-1", "web-2", "west"]
    assert inventory.groups == {"role_web": ("web-1", "web-2")}
    assert inventory.note is None
    assert endpoint(inventory, "web-1").address == "10.0.0.1"
    assert endpoint(inventory, "west").address == "54.0.0.1"
    assert dict(host(inventory, "web-2").attributes) == {
        "role": "web",
        "zone": "us-east-1b",
        "zone_id": "use1-az2",
        "region": "us-east-1",
        "type": "m5.large",
        "image": "ami-0123456789abcdef0",
        "vpc": "vpc-1",
        "subnet": "subnet-1",
        "launched": "2025-05-01T12:34Z",
        "lifecycle": "on-demand",
        "state": "running",
        "instance_id": WEB[1].its_id,
    }
    assert host(inventory, "web-2").origins["attributes.zone"].startswith("-i ec2:us-east-1")


def test_filters_are_applied_by_ec2_and_stopped_ones_come_where_asked_for(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    assert names(read(tmp_path, "ec2:us-east-1?filter=tag:role=w*")) == ["web-1", "web-2"]
    assert names(read(tmp_path, "ec2:us-east-1?filter=tag:role=db&state=all")) == ["db"]
    several = "ec2:us-east-1?filter=availability-zone=us-east-1b,us-east-1c"
    assert names(read(tmp_path, several)) == ["web-2"]


def test_the_region_of_the_environment_is_asked_where_none_is_given(
    ec2: Ec2Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InventoryError, match="no region; expected -i ec2:REGION"):
        read(tmp_path, "ec2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert names(read(tmp_path, "ec2")) == ["west"]


def test_five_thousand_instances_take_less_than_ten_seconds(tmp_path: Path) -> None:
    many = [Instance(f"web-{n}", address=f"10.0.{n >> 8}.{n & 255}") for n in range(5000)]
    with account(tmp_path, many) as server:
        began = time.monotonic()
        inventory = read(tmp_path, "ec2:us-east-1")
        took_s = time.monotonic() - began
        assert server.count("DescribeInstances") == 5
    assert len(inventory.hosts) == 5000
    assert names(inventory)[:3] == ["web-0", "web-1", "web-2"]
    assert took_s < 10


def test_moto_gives_the_same_hosts_as_it_was_given(tmp_path: Path) -> None:
    from botocore.session import Session
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        with clean_environment(tmp_path) as patch:
            patch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
            patch.setenv("AWS_ACCESS_KEY_ID", "key")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            client = Session().create_client("ec2", region_name="eu-west-1")
            made = _run(client, {"Name": "web", "team": "blue"}, 3)
            made += _run(client, {"Name": "db", "team": "red"}, 1)
            source = "ec2:eu-west-1?groups=tag:team&address=private&cache=0"
            inventory = load([source], ssh_config=ssh_file(tmp_path, ""))
            client.close()
    finally:
        server.stop()
    assert sorted(names(inventory)) == sorted(
        "db" if number == 3 else f"web-{said['InstanceId']}" for number, said in enumerate(made)
    )
    for said in made:
        (found,) = [h for h in inventory.hosts if h.attributes["instance_id"] == said["InstanceId"]]
        assert found.endpoint is not None
        assert found.endpoint.address == said["PrivateIpAddress"]
        assert found.attributes["zone"] == said["Placement"]["AvailabilityZone"]
        assert found.attributes["zone_id"].startswith("euw1-az")
        assert found.attributes["launched"] == said["LaunchTime"].strftime("%Y-%m-%dT%H:%MZ")
        assert found.attributes["subnet"] == said["SubnetId"]
    assert {group: len(its) for group, its in inventory.groups.items()} == {
        "team_blue": 3,
        "team_red": 1,
    }


def _run(client: Any, tags: dict[str, str], count: int) -> list[Any]:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    answer = client.run_instances(
        ImageId="ami-12c6146b",
        InstanceType="t3.small",
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tag_set}],
    )
    return list(answer["Instances"])


# ----------------------------------------------------------------------------------- the cache


def test_a_second_look_asks_nobody_and_says_how_old_it_is(ec2: Ec2Server, tmp_path: Path) -> None:
    first = read(tmp_path, "ec2:us-east-1")
    asked = len(ec2.asked)
    again = read(tmp_path, "ec2:us-east-1")
    assert len(ec2.asked) == asked
    assert again.hosts == first.hosts
    assert again.note is not None
    assert again.note.startswith("EC2: hosts as of ")
    assert read(tmp_path, "ec2:us-east-1?cache=0").note is None
    assert len(ec2.asked) > asked


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("kind", ["expired-token", "unavailable", "malformed", "unauthorized"])
def test_the_last_answer_is_used_with_a_warning_where_there_is_no_new_one(
    kind: str, ec2: Ec2Server, tmp_path: Path
) -> None:
    before = read(tmp_path, "ec2:us-east-1?cache=0")
    ec2.fail(kind)
    after = read(tmp_path, "ec2:us-east-1?cache=0")
    assert names(after) == names(before)
    assert after.note is not None
    assert after.note.startswith("EC2 us-east-1: ")
    assert "; hosts as of 0 s ago." in after.note


def test_a_fleet_that_is_gone_does_not_come_back_from_the_cache(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    read(tmp_path, "ec2:us-west-2")
    ec2.instances = []
    for options in ("?cache=0", ""):
        with pytest.raises(InventoryError, match="no running instance in us-west-2"):
            read(tmp_path, f"ec2:us-west-2{options}")


@pytest.mark.usefixtures("at_once")
def test_a_region_that_fails_for_now_does_not_hide_the_others(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    ec2.fail("unavailable", region="us-east-1")
    inventory = read(tmp_path, "ec2:us-east-1,us-west-2")
    assert names(inventory) == ["west"]
    assert inventory.note is not None
    assert "no hosts of us-east-1 are in this" in inventory.note


def test_a_region_without_permission_is_an_error_whatever_the_others_say(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    ec2.fail("unauthorized", action="DescribeInstances", region="us-east-1")
    with pytest.raises(InventoryError, match=r"us-east-1: no permission for ec2:DescribeInstances"):
        read(tmp_path, "ec2:us-east-1,us-west-2")


# ------------------------------------------------------------------------------------ troubles


def test_throttling_is_waited_out(ec2: Ec2Server, tmp_path: Path) -> None:
    ec2.fail("throttled", action="DescribeInstances", times=2)
    assert names(read(tmp_path, "ec2:us-east-1")) == ["web-1", "web-2"]
    assert ec2.count("DescribeInstances") == 3


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("throttled", r"the API throttles us \(RequestLimitExceeded\), after 4 attempts"),
        ("expired-token", r"the credentials have expired \(ExpiredToken\): log in again"),
        ("request-expired", r"expired \(RequestExpired\).*, or this machine's clock is wrong"),
        ("auth-failure", r"AWS does not accept the credentials \(AuthFailure\)"),
        ("unauthorized", r"no permission for ec2:DescribeInstances \(UnauthorizedOperation\)"),
        ("unavailable", r"the API fails \(Unavailable\)"),
        ("bad-filter", r"ec2:DescribeInstances is refused: The filter 'colour' is invalid"),
        ("malformed", r"an answer came that is not AWS's, or not whole"),
        ("truncated", r"an answer came that is not AWS's, or not whole"),
        ("bare", r"the answer cannot be understood: there is no Reservations in it"),
        ("flood", r"the answer cannot be understood"),
    ],
)
def test_each_trouble_is_one_clear_line(
    kind: str, line: str, ec2: Ec2Server, tmp_path: Path
) -> None:
    ec2.fail(kind)
    with pytest.raises(InventoryError, match=f"^-i ec2: EC2 us-east-1: .*{line}") as caught:
        read(tmp_path, "ec2:us-east-1")
    assert str(caught.value).isprintable()


def test_an_instance_of_which_hardly_anything_is_said_is_named_and_left_out(
    ec2: Ec2Server, tmp_path: Path
) -> None:
    ec2.fail("odd")
    with pytest.raises(
        InventoryError, match=r"1 instance without a usable address left out: i-0+a"
    ):
        read(tmp_path, "ec2:us-east-1")


def test_missing_zone_ids_are_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    # No zone of ours has that name, so that DescribeInstances does not tell the id either.
    with account(tmp_path, [Instance("a", address="10.0.0.1", zone="us-east-1a")]) as server:
        server.zones = []
        server.fail("unauthorized", action="DescribeAvailabilityZones")
        inventory = read(tmp_path, "ec2:us-east-1")
    assert names(inventory) == ["a"]
    assert "zone_id" not in inventory.hosts[0].attributes
    assert inventory.note is not None
    assert "no permission for ec2:DescribeAvailabilityZones" in inventory.note


def test_no_instance_is_an_error_with_what_was_asked(ec2: Ec2Server, tmp_path: Path) -> None:
    said = "no running instance in us-east-1 with tag:role=mail"
    with pytest.raises(InventoryError, match=said):
        read(tmp_path, "ec2:us-east-1?filter=tag:role=mail")


@pytest.mark.usefixtures("at_once")
def test_an_endpoint_that_nobody_listens_on_is_said_at_once(tmp_path: Path) -> None:
    with account(tmp_path) as gone:
        pass
    with clean_environment(tmp_path) as patch:
        for name, value in gone.environment.items():
            patch.setenv(name, value)
        began = time.monotonic()
        with pytest.raises(InventoryError, match="us-east-1: the API cannot be reached"):
            read(tmp_path, "ec2:us-east-1")
        with pytest.raises(InventoryError, match=r"no such region; did you mean .*us-east-1"):
            read(tmp_path, "ec2:us-esat-1")
        assert time.monotonic() - began < 8


def test_no_credentials_and_no_profile_are_said(ec2: Ec2Server, tmp_path: Path) -> None:
    with clean_environment(tmp_path) as patch:
        patch.setenv("AWS_ENDPOINT_URL", ec2.url)
        with pytest.raises(InventoryError, match="EC2: no AWS credentials found: set AWS_PROFILE"):
            read(tmp_path, "ec2:us-east-1,us-west-2")
        with pytest.raises(InventoryError, match=r"config profile \(prod\) could not be found"):
            read(tmp_path, "ec2:us-east-1?profile=prod")
    assert ec2.asked == []


def test_without_boto3_the_error_says_what_to_install(
    ec2: Ec2Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    with pytest.raises(InventoryError, match=r"pip install 'fleetdiag\[ec2\]'"):
        read(tmp_path, "ec2:us-east-1")


def test_an_endpoint_that_hangs_ends_within_the_limit(
    ec2: Ec2Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetdiag.inventory.ec2.LIMIT_S", 1.0)
    ec2.fail("hang")
    began = time.monotonic()
    with pytest.raises(InventoryError, match="no answer to DescribeInstances within 1 s"):
        read(tmp_path, "ec2:us-east-1")
    assert time.monotonic() - began < 3


def test_the_profile_is_known_from_the_origin() -> None:
    assert profile_of("-i ec2:us-east-1?profile=prod&cache=0") == "prod"
    assert profile_of("-i ec2:us-east-1") is None
    assert profile_of("inventory.yaml:3") is None


@pytest.mark.parametrize(
    ("age_s", "said"),
    [
        (0, "0 s ago"),
        (89, "89 s ago"),
        (300, "5 min ago"),
        (10_800, "3 h ago"),
        (259_200, "3 d ago"),
    ],
)
def test_ages_are_for_people(age_s: float, said: str) -> None:
    assert ago(age_s) == said
