"""What the steps of `cloud` say on instances of other providers, and without curl."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleetdiag.model import Severity
from fleetdiag.playbook import load
from tests.e2e import metadata
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import BUSYBOX, SHELLS, Answer, answer, applets

STEPS = {step.name: step for step in load("cloud").steps}
NOBODY = "no metadata service answered"
EC2 = {
    "ami-id": "ami-0abcdef1234567890",
    "events/maintenance/history": recorded("cloud", "history"),
    "events/maintenance/scheduled": recorded("cloud", "scheduled"),
    "instance-id": "i-00000000000000001",
    "instance-life-cycle": "spot",
    "instance-type": "m5.large",
    "placement/availability-zone": "eu-west-1a",
    "placement/availability-zone-id": "euw1-az3",
    "placement/region": "eu-west-1",
}
INSTANCE = """\
provider=ec2
region=eu-west-1
zone=eu-west-1a
zone_id=euw1-az3
instance_type=m5.large
image=ami-0abcdef1234567890
lifecycle=spot
instance_id=i-00000000000000001
"""
EVENTS = """\
maintenance: instance-stop active, from 1 Jan 2021 02:00:00 GMT, \
The instance is running on degraded hardware
past maintenance: none
spot interruption: none
rebalance recommendation: none
autoscaling: none
"""

Serve = Callable[[dict[str, str]], int]
Ask = Callable[[str, str, int], Answer]


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("cloud", request.param, tmp_path)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a metadata service like EC2's on loopback; gives its port."""
    with ExitStack() as stack:

        def start(answers: dict[str, str]) -> int:
            program = [sys.executable, metadata.__file__, json.dumps(answers), "127.0.0.1", "0"]
            process = stack.enter_context(subprocess.Popen(program, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert process.stdout is not None
            return int(process.stdout.readline().split()[1])

        yield start


@pytest.fixture(params=["curl", "nc", "bash"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Ask:
    """Runs a step on a host that has only one of the three, pointed at a port of loopback."""
    if BUSYBOX is None:
        pytest.skip("busybox: not found")
    shell, path = SHELLS[-1], applets(tmp_path / "applets")
    (path / "nc").unlink()
    there = {
        "curl": 'exec /usr/bin/curl "$@" --connect-to 169.254.169.254:80:127.0.0.1:{port}',
        "nc": 'exec busybox nc "$1" "$2" 127.0.0.1 {port}',
        "bash": 'script=$(echo "$2" | sed s,/80,/{port},); exec /bin/bash -c "$script" 127.0.0.1',
    }[request.param]

    def run(step: str, vendor: str, port: int) -> Answer:
        (path / request.param).write_text(f"#!/bin/sh\n{there.format(port=port)}\n")
        (path / request.param).chmod(0o755)
        name = tmp_path / "sys_vendor"
        name.write_text(vendor)
        commands = STEPS[step].commands
        commands = tuple(one.replace("/sys/class/dmi/id/sys_vendor", str(name)) for one in commands)
        return answer(commands, shell, None, str(path))

    return run


def test_an_instance_tells_the_same_by_curl_by_nc_and_by_bash(serve: Serve, ask: Ask) -> None:
    port = serve(EC2)

    assert ask("instance", "Amazon EC2\n", port) == Answer("ok", INSTANCE, "")
    events = ask("events", "Amazon EC2\n", port)
    assert events == Answer("ok", EVENTS, "")
    assert raised("cloud", "events", events.stdout) == {
        (Severity.WARNING, "the provider has planned maintenance on this instance")
    }


def test_where_nobody_listens_nobody_answered(ask: Ask) -> None:
    assert ask("instance", "Amazon EC2\n", 1) == Answer("ok", f"provider={NOBODY}\n", "")
    assert ask("events", "Amazon EC2\n", 1) == Answer("ok", f"{NOBODY}\n", "")


OLD = r"""
for last; do :; done
case $* in *PUT*) exit 22 ;; esac
case $last in
  *instance-id | *ami-id) echo i-1 ;;
  *instance-type) echo m1.small ;;
  *availability-zone) echo nova ;;
  *region | *zone-id | *life-cycle) printf '<html>\n<head>\n' ;;
  *) exit 22 ;;
esac"""
REFUSED = "exit 22"
GOOGLE = r"""
for last; do :; done
grep -q 'Metadata-Flavor: Google' || exit 22
case $last in
  */zone) echo projects/1234/zones/us-central1-a ;;
  */machine-type) echo projects/1234/machineTypes/e2-medium ;;
  */image) echo projects/debian-cloud/global/images/debian-12-v20250101 ;;
  */id) echo 4567 ;;
  */scheduling/provisioning-model) echo STANDARD ;;
  */maintenance-event) echo MIGRATE_ON_HOST_MAINTENANCE ;;
  */preempted) echo FALSE ;;
  *) exit 22 ;;
esac"""
AZURE = r"""
for last; do :; done
grep -q 'Metadata: true' || exit 22
case $last in
  *compute/location*) printf westeurope ;;
  *compute/zone*) printf 2 ;;
  *compute/vmSize*) printf Standard_D2s_v3 ;;
  *compute/sku*) printf 22_04-lts ;;
  *compute/vmId*) printf 02aab8a4-74ef-476e-8182-f6d2ba4166a6 ;;
  *compute/priority*) ;;
  *) echo asked for "$last" >&2; exit 22 ;;
esac"""
VENDOR = "/sys/class/dmi/id/sys_vendor"


@pytest.mark.parametrize(
    ("vendor", "curl", "instance", "events"),
    [
        ("OpenStack Foundation", OLD,
         ["provider=ec2", "zone=nova", "instance_type=m1.small", "image=i-1", "instance_id=i-1"],
         ["maintenance: none", "past maintenance: none", "spot interruption: none",
          "rebalance recommendation: none", "autoscaling: none"]),
        ("Dell Inc.", REFUSED, [f"provider={NOBODY}"], [NOBODY]),
        ("Google", GOOGLE,
         ["provider=google", "zone=us-central1-a", "instance_type=e2-medium",
          "image=debian-12-v20250101", "instance_id=4567", "lifecycle=STANDARD"],
         ["maintenance: MIGRATE_ON_HOST_MAINTENANCE", "spot interruption: none"]),
        ("Microsoft Corporation", AZURE,
         ["provider=azure", "region=westeurope", "zone=2", "instance_type=Standard_D2s_v3",
          "image=22_04-lts", "instance_id=02aab8a4-74ef-476e-8182-f6d2ba4166a6"],
         ["not asked on Azure"]),
    ],
)  # fmt: skip
def test_other_providers_tell_what_they_have(
    cloud: Planted, vendor: str, curl: str, instance: list[str], events: list[str]
) -> None:
    files = {VENDOR: f"{vendor}\n"}

    said = cloud.run("instance", files, {"curl": curl})

    assert (said.stdout.splitlines(), said.stderr) == (instance, "")
    assert cloud.run("events", files, {"curl": curl}).stdout.splitlines() == events


# `date` is the answer to "which day is it?": history counts for a week.
@pytest.mark.parametrize(("now", "told"), [("1548200000", True), ("1549900000", False)])
def test_past_maintenance_is_told_for_a_week(cloud: Planted, now: str, told: bool) -> None:
    script = f"""
for last; do :; done
case $last in
  *token) echo a-token ;;
  *history) cat <<'E'
{recorded("cloud", "history")}
E
  ;;
  *) exit 22 ;;
esac"""

    given = cloud.run("events", {VENDOR: "Amazon EC2\n"}, {"curl": script, "date": f"echo {now}"})

    line = "system-reboot canceled, from 21 Jan 2019 09:00:43 GMT, [Canceled] scheduled reboot"
    assert (f"past maintenance: {line}" in given.stdout) is told
    assert len(raised("cloud", "events", given.stdout)) == told


def test_a_service_that_falls_silent_is_not_taken_for_none(cloud: Planted) -> None:
    script = "case $* in *token) echo a-token ;; *) exit 28 ;; esac"

    given = cloud.run("events", {VENDOR: "Amazon EC2\n"}, {"curl": script})

    assert [line.rpartition(": ")[2] for line in given.stdout.splitlines()] == ["no answer"] * 5
    assert raised("cloud", "events", given.stdout) == set()


@pytest.mark.parametrize(
    ("line", "severities"),
    [
        ("spot interruption: action: terminate, time: 2031-09-18T08:22:00Z", {Severity.CRITICAL}),
        ("rebalance recommendation: noticeTime: 2031-09-18T08:15:00Z", {Severity.WARNING}),
        ("autoscaling: Terminated", {Severity.WARNING}),
        ("autoscaling: InService", set()),
        ("autoscaling: Warmed:Stopped", {Severity.WARNING}),
        ("maintenance: none\nspot interruption: none", set()),
    ],
)
def test_notices_have_their_severity(line: str, severities: set[Severity]) -> None:
    assert {severity for severity, _ in raised("cloud", "events", line)} == severities


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"/sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
          "/sys/class/dmi/id/product_name": "m5.large\n"},
         "sys_vendor Amazon EC2\nproduct_name m5.large\n"),
        ({"/sys/hypervisor/type": "xen\n"}, "hypervisor xen\n"),
        ({"/sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B\0"},
         "model Raspberry Pi 4 Model B\n"),
        ({}, "none\n"),
    ],
)  # fmt: skip
def test_the_maker_is_what_the_firmware_says(
    cloud: Planted, files: dict[str, str], said: str
) -> None:
    below = ["/sys/class/dmi/id", "/sys/hypervisor", "/sys/firmware/devicetree"]

    assert cloud.run("machine", files, {}, below=below).stdout == said
