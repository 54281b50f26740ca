"""The founding story, and six others told the same way: seven verdicts on twelve real hosts.

The hosts are real and really broken; EC2 and the status page are servers on loopback that speak the
documented answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.ec2_answers import Event, Instance, Zone, id_of
from tests.cloud.ec2_server import Ec2Server
from tests.cloud.feed_server import Said, serving
from tests.e2e.program import Program, finished
from tests.factory import names
from tests.fleet import Fleet, kernellog

pytestmark = pytest.mark.fleet

Json = dict[str, Any]

HOSTS = names("web-", 12)
TEN, TWO = HOSTS[:10], HOSTS[10:]
CONNECT_LIMIT_S = 4
ZONES = (
    Zone("us-east-1a", id="use1-az4"),
    Zone("us-east-1b", id="use1-az6"),
)
PANIC = kernellog.panic_log(8100.0).encode()
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
BEGAN = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
MAINTENANCE = Event("system-maintenance", "Maintenance of network equipment", BEGAN, "")
QUIET_PAGE = {"page": {"name": "Provider"}, "incidents": [], "scheduled_maintenances": []}


def zone_of(host: str) -> str:
    return "us-east-1a" if host in TEN else "us-east-1b"


def instances(**of_ten: Any) -> list[Instance]:
    """Twelve that are well; the ten as told."""
    return [Instance(host, zone=zone_of(host), **(of_ten if host in TEN else {})) for host in HOSTS]


@pytest.fixture(scope="module")
def twelve() -> Iterator[Fleet]:
    """web-01 to web-10 in one zone, web-11 and web-12 in another; all EC2 instances by name."""
    attributes = {
        host: {
            "zone": zone_of(host),
            "zone_id": "use1-az4" if host in TEN else "use1-az6",
            "region": "us-east-1",
            "instance_id": id_of(host),
            "image": "ami-new" if host in NEW else "ami-old",
        }
        for host in HOSTS
    }
    with Fleet(names="web-[01-12]", kind="bare", attributes=attributes) as running:
        yield running


NEW = ("web-02", "web-05", "web-08", "web-11")


@pytest.fixture
def fleet_of_twelve(twelve: Fleet) -> Iterator[Fleet]:
    yield twelve
    twelve.heal()


def triage(
    fleet: Fleet, home: Path, ec2: Sequence[Instance], page: Mapping[str, Any] = QUIET_PAGE
) -> Json:
    """The JSON of `run triage`, with EC2 and a status page to ask."""
    with (
        Ec2Server(ec2, ZONES) as server,
        serving() as feed,
    ):
        body = json.dumps(page).encode()
        feed.pages["/api/v2/summary.json"] = Said(body, content_type="application/json")
        variables = {
            **server.environment,
            "FLEETDIAG_STATUS_FEEDS": f"Provider={feed.url}/api/v2/summary.json",
            "XDG_CACHE_HOME": str(home / "cache"),
        }
        program = Program(home, fleet.inventory_path, variables)
        limit = ("--connect-timeout", str(CONNECT_LIMIT_S))
        source = ("-i", str(fleet.inventory_path), *limit, "--format", "json")
        with program.start("run", "triage", *source) as process:
            done = finished(process)
        told: Json = json.loads(done.out)
        shown = program.call("show", "last")
        told["screen"] = shown.out.splitlines()
    return told


def concluded(told: Json) -> tuple[str, str]:
    return told["verdict"]["cause"], told["verdict"]["confidence"]


def test_the_story_is_provider_maintenance_in_the_zone_of_the_ten(
    fleet_of_twelve: Fleet, tmp_path: Path
) -> None:
    for host in TEN:
        fleet_of_twelve.fault(host, "blackhole")
    page = {
        **QUIET_PAGE,
        "scheduled_maintenances": [
            {
                "name": "Network maintenance in use1-az4",
                "status": "in_progress",
                "scheduled_for": BEGAN,
                "incident_updates": [{"body": "Work is under way.", "status": "in_progress"}],
            }
        ],
    }

    ec2 = instances(events=[MAINTENANCE], console=PANIC, console_at=NOW)
    told = triage(fleet_of_twelve, tmp_path, ec2, page)

    assert concluded(told) == ("provider", "high")
    assert told["verdict"]["summary"] == "the provider: maintenance in zone use1-az4"
    assert told["verdict"]["hosts"] == TEN
    assert told["run"]["duration_s"] <= CONNECT_LIMIT_S + 2
    panics = [f for f in told["findings"] if f["summary"] == "the kernel panicked"]
    assert [(f["hosts"], f["step"]) for f in panics] == [(TEN, "console")]
    # The first line below the head of the report.
    at = next(n for n, line in enumerate(told["screen"]) if line.startswith("VERDICT"))
    assert told["screen"][at].startswith("VERDICT   the provider: maintenance in zone use1-az4")
    assert at <= 2


def test_one_bad_host_is_that_host_alone(fleet_of_twelve: Fleet, tmp_path: Path) -> None:
    fleet_of_twelve.fault("web-03", "blackhole")

    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("host", "high")
    assert told["verdict"]["summary"] == "web-03 alone"
    against = "the provider knows of no trouble with these hosts or their zone"
    assert told["verdict"]["against"] == [against]


def test_a_bad_kernel_across_zones_is_the_kernel(fleet_of_twelve: Fleet, tmp_path: Path) -> None:
    bad = ["web-01", "web-04", "web-09", "web-12"]
    wrapper = '#!/bin/sh\n[ "$1" = -r ] && echo 6.5.0-bad || exec /bin/uname "$@"\n'
    for host in bad:
        fleet_of_twelve.fault(
            host, "file", path="/usr/local/bin/uname", content=wrapper, mode="755"
        )
        fleet_of_twelve.fault(host, "kernel-panic")

    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("group", "high")
    assert told["verdict"]["summary"].startswith("kernel 6.5.0-bad")
    assert told["verdict"]["hosts"] == bad


def test_a_software_crash_across_zones_is_software(fleet_of_twelve: Fleet, tmp_path: Path) -> None:
    bad = ["web-03", "web-05", "web-07", "web-10", "web-12"]
    for host in bad:
        fleet_of_twelve.fault(host, "kernel-panic")

    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("software", "high")
    assert told["verdict"]["because"][0] == ("5 of 5 bad hosts show it, in use1-az4, use1-az6")


def test_a_zones_network_cut_is_the_zone(fleet_of_twelve: Fleet, tmp_path: Path) -> None:
    for host in TWO:
        fleet_of_twelve.fault(host, "blackhole")

    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("zone", "medium")
    assert "use1-az6" in told["verdict"]["summary"]
    assert "2 of 2 gave no answer" in told["verdict"]["because"]


def test_a_bad_image_on_new_instances_only_is_the_image(
    fleet_of_twelve: Fleet, tmp_path: Path
) -> None:
    for host in NEW:
        fleet_of_twelve.fault(host, "full-disk", path="/srv/data")

    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("group", "high")
    assert "image ami-new" in told["verdict"]["summary"]
    assert told["verdict"]["hosts"] == list(NEW)


def test_nothing_wrong_is_no_verdict(fleet_of_twelve: Fleet, tmp_path: Path) -> None:
    told = triage(fleet_of_twelve, tmp_path, instances())

    assert concluded(told) == ("none", "none")
    assert not any(line.startswith("VERDICT") for line in told["screen"])


def test_a_provider_that_does_not_answer_costs_the_run_no_more_than_its_spare_time(
    fleet_of_twelve: Fleet, tmp_path: Path
) -> None:
    with Ec2Server(instances(), ZONES) as server:
        server.fail("hang")
        program = Program(tmp_path, fleet_of_twelve.inventory_path, server.environment)
        told = program.told("run", "uptime")

        shown = program.call("show", "last").out
    assert [host["status"] for host in told["hosts"]] == ["ok"] * 12
    assert told["run"]["duration_s"] < 4
    assert "EC2 did not answer in time" in told["cloud"]["problems"]
    assert "NOT TOLD by the provider\nEC2 did not answer in time" in shown


@pytest.mark.parametrize(
    ("fault", "action", "said"),
    [
        ("expired-token", "*", "expired"),
        ("unauthorized", "DescribeInstanceStatus", "DescribeInstanceStatus"),
        ("throttled", "*", "did not answer in time"),
        ("malformed", "*", ""),
    ],
)
def test_whatever_ails_the_provider_is_a_line_and_the_diagnosis_unharmed(
    fleet_of_twelve: Fleet, tmp_path: Path, fault: str, action: str, said: str
) -> None:
    with Ec2Server(instances(), ZONES) as server:
        server.fail(fault, action=action)
        program = Program(tmp_path, fleet_of_twelve.inventory_path, server.environment)
        told = program.told("run", "uptime")
    assert [host["status"] for host in told["hosts"]] == ["ok"] * 12
    problems = told["cloud"]["problems"]
    assert problems
    assert said in " ".join(problems).lower() or said in " ".join(problems)
    assert all("\n" not in line and len(line) < 400 for line in problems)
