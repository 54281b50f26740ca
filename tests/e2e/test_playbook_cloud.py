"""`fleetdiag run cloud` on ten hosts that each have a metadata service of their own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fleetdiag.model import read_output
from tests.conftest import MakeFleet
from tests.e2e import metadata
from tests.e2e.program import Program
from tests.e2e.told import notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

Instances = Callable[[Mapping[str, Mapping[str, str]]], None]

SERVER = "/run/metadata.py"
ANSWERS = {
    "ami-id": "ami-0abcdef1234567890",
    "autoscaling/target-lifecycle-state": "InService",
    "events/maintenance/history": "[]",
    "events/maintenance/scheduled": "[]",
    "instance-life-cycle": "on-demand",
    "instance-type": "m5.large",
    "placement/region": "eu-west-1",
}
REBOOT = """[ {
  "NotBefore" : "21 Jan 2031 09:00:43 GMT",
  "Code" : "system-reboot",
  "Description" : "scheduled reboot",
  "EventId" : "instance-event-0d59937288b749b32",
  "NotAfter" : "21 Jan 2031 09:17:23 GMT",
  "State" : "active"
} ]"""


def own_answers(number: int) -> dict[str, str]:
    """What is every instance's own, and the zone that half of them are in."""
    zone = "ab"[number > 5]
    return {
        "instance-id": f"i-0{number:016x}",
        "placement/availability-zone": f"eu-west-1{zone}",
        "placement/availability-zone-id": f"euw1-az{'ab'.index(zone) + 1}",
    }


@pytest.fixture
def instances(ten: Fleet, program: Program) -> Iterator[Instances]:
    """Makes each host an instance; some answers of some hosts are given."""
    source = Path(metadata.__file__).read_bytes()

    def make(changed: Mapping[str, Mapping[str, str]]) -> None:
        for number, host in enumerate(ten.hosts, 1):
            answers = {**ANSWERS, **own_answers(number), **changed.get(host.name, {})}
            ten.exec(host.name, ["ip", "address", "replace", f"{metadata.ADDRESS}/32", "dev", "lo"])
            ten.write(host.name, SERVER, source)
            command = f"exec /usr/bin/python3 {SERVER} {shlex.quote(json.dumps(answers))}"
            ten.fault(host.name, "run", command=command)
        wait = f"until ss -tln | grep -q {metadata.ADDRESS}:80; do sleep 0.05; done"
        for host in ten.hosts:
            ten.exec(host.name, ["sh", "-c", wait])

    yield make
    for host in ten.hosts:
        ten.exec(host.name, ["ip", "address", "delete", f"{metadata.ADDRESS}/32", "dev", "lo"])


def test_healthy_instances_in_two_zones_are_silent_and_tell_their_zone(
    program: Program, instances: Instances
) -> None:
    instances({})
    for _ in range(2):
        told = program.told("run", "cloud")
        assert notable(told) == []
    told_of = {host["name"]: host["attributes"] for host in told["hosts"]}
    assert told_of["web-02"]["zone_id"] == "euw1-az1"
    assert told_of["web-07"]["zone_id"] == "euw1-az2"
    assert told_of["web-07"]["instance_type"] == "m5.large"
    assert told_of["web-07"]["image"] == "ami-0abcdef1234567890"
    for host in program.stored().hosts:
        said = b"".join(read_output(step.stdout) for step in host.steps)
        assert b"instance_id=i-0" in said
        assert max(map(len, said.split())) < 40, "a token is longer than that"


@pytest.mark.parametrize(
    ("answers", "step", "severity", "said"),
    [
        (
            {"events/maintenance/scheduled": REBOOT},
            "events",
            "warning",
            "maintenance: system-reboot active, from 21 Jan 2031 09:00:43 GMT, scheduled reboot",
        ),
        (
            {
                "spot/instance-action": '{"action": "terminate", "time": "2031-09-18T08:22:00Z"}',
                "events/recommendations/rebalance": '{"noticeTime": "2031-09-18T08:15:00Z"}',
                "autoscaling/target-lifecycle-state": "Terminated",
            },
            "events",
            "critical",
            "spot interruption: action: terminate, time: 2031-09-18T08:22:00Z",
        ),
        ({"instance-type": "m5.2xlarge"}, "instance", "warning", "m5.2xlarge"),
    ],
    ids=["maintenance", "spot", "type"],
)
def test_what_the_provider_says_of_one_instance_is_the_first_finding(
    program: Program,
    instances: Instances,
    answers: dict[str, str],
    step: str,
    severity: str,
    said: str,
) -> None:
    instances({"web-07": answers})
    told = program.told("run", "cloud", exits=1)
    first = told["findings"][0]
    assert (first["hosts"], first["step"], first["severity"]) == (["web-07"], step, severity)
    assert said in " ".join(first["evidence"])
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-07"}


def test_hosts_outside_a_cloud_answer_within_seconds(make_fleet: MakeFleet, tmp_path: Path) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    for user in ("root", "ops"):
        told = mixed.told("run", "cloud", "-u", user)
        assert notable(told) == []
        assert told["run"]["duration_s"] < 10
        for host in mixed.stored().hosts:
            assert {step.outcome for step in host.steps} == {"ok"}, host
