"""`fleetdiag run previous-boot` on real hosts that are rebooted, and crash.

Most tests have a fleet of their own: a reboot stays in a host's journal.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import read_output
from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import Json, must_be_silent_twice, notable
from tests.fleet import Fleet, kernellog

pytestmark = pytest.mark.fleet


def answers(program: Program, host: str) -> dict[str, str]:
    (found,) = [one for one in program.stored().hosts if one.name == host]
    return {step.name: read_output(step.stdout).decode() for step in found.steps}


def must_be_first(told: Json, host: str, step: str, severity: str, said: str) -> None:
    first = told["findings"][0]
    assert (first["hosts"], first["step"], first["severity"]) == ([host], step, severity), first
    assert said in " ".join(first["evidence"]), first


def test_hosts_that_were_not_rebooted_show_nothing_twice(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    fresh = Program(tmp_path, make_fleet(hosts=5).inventory_path)
    must_be_silent_twice(fresh, "previous-boot", hosts=5)


def test_a_host_that_came_up_again_and_again_is_named(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    running = make_fleet(hosts=4)
    rebooted = Program(tmp_path, running.inventory_path)
    for _ in range(3):
        running.fault("web-02", "reboot", down_s=0.1)

    told = rebooted.told("run", "previous-boot", exits=1)

    must_be_first(told, "web-02", "boots", "warning", "4")
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-02"}
    assert answers(rebooted, "web-02")["boots"] == "boots in the last day: 4 (by journal)\n"
    assert answers(rebooted, "web-02")["boot-list"].count("\n") == 4


def test_the_crash_record_of_a_host_is_read(program: Program, ten: Fleet) -> None:
    text = "Panic#1 Part1\n" + kernellog.panic_log(4711.0)
    ten.fault(
        "web-07",
        "file",
        path="/var/lib/systemd/pstore/dmesg-efi-176414763301001",
        content=text,
        mode="600",
    )

    told = program.told("run", "previous-boot", exits=1)

    must_be_first(told, "web-07", "crash-records", "critical", "Panic#1 Part1")
    assert told["findings"][0]["summary"].startswith("the kernel panicked")
    assert told["findings"][0]["of"] == 10


def test_a_host_that_would_stand_still_after_a_panic_is_named(program: Program, ten: Fleet) -> None:
    for host in ten.hosts:
        value = "0" if host.name == "web-07" else "10"
        ten.fault(host.name, "sysctl", key="kernel.panic", value=value)

    told = program.told("run", "previous-boot", exits=1)

    must_be_first(told, "web-07", "crash-kernel", "warning", "+ after a panic = stands still")


def test_a_reboot_that_is_scheduled_is_told(program: Program, ten: Fleet) -> None:
    ten.fault(
        "web-07",
        "file",
        path="/run/systemd/shutdown/scheduled",
        content="USEC=1795316645000000\nWARN_WALL=1\nMODE=reboot\n",
    )

    told = program.told("run", "previous-boot", exits=1)

    must_be_first(told, "web-07", "planned", "warning", "reboot at 2026-11-22T03:04:05Z")


@pytest.mark.parametrize("user", ["root", "ops"])
def test_every_step_ends_well_on_busybox_and_for_a_plain_user(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "previous-boot", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
