"""`fleetdiag run kernel` on ten real hosts: silent on healthy ones, and right about broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import Step, read_output
from fleetdiag.playbook import load
from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import must_be_first, must_be_silent_twice, notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    must_be_silent_twice(program, "kernel")


@pytest.mark.parametrize(
    ("fault", "values", "step", "severity", "said"),
    [
        (
            "sysctl",
            {"key": "net.ipv4.tcp_ecn", "value": "0"},
            "sysctl",
            "warning",
            "+ net.ipv4.tcp_ecn = 0",
        ),
        (
            "sysctl",
            {"key": "vm.swappiness", "value": "1"},
            "sysctl",
            "warning",
            "+ vm.swappiness = 1",
        ),
        (
            "kernel-log",
            {"text": "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [kworker/1:2:2217]"},
            "kernel-log",
            "critical",
            "soft lockup",
        ),
    ],
)
def test_a_fault_is_the_first_finding_on_the_right_host(
    program: Program,
    ten: Fleet,
    fault: str,
    values: dict[str, str],
    step: str,
    severity: str,
    said: str,
) -> None:
    ten.fault("web-07", fault, **values)

    told = program.told("run", "kernel", exits=1)

    must_be_first(told, step, severity, said)
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-07"}


def test_the_tree_of_settings_holds_what_the_first_look_asks_for(program: Program) -> None:
    program.told("run", "triage", "-l", "web-01")
    asked = names(program, "kernel-settings")
    program.told("run", "kernel", "-l", "web-01")

    assert len(asked) > 30
    assert asked <= names(program, "sysctl")


def names(program: Program, step: str) -> set[str]:
    (host,) = program.stored().hosts
    (answer,) = [one for one in host.steps if one.name == step]
    return {line.partition(" = ")[0] for line in read_output(answer.stdout).decode().splitlines()}


def test_the_release_is_an_attribute_of_the_host(program: Program, ten: Fleet) -> None:
    release = ten.exec("web-01", ["uname", "-r"]).stdout.strip()
    program.told("run", "kernel")

    chosen = program.told("run", "uptime", "-l", f"kernel={release}")

    assert len(chosen["hosts"]) == 10
    steps: tuple[Step, ...] = load("kernel").steps
    assert [name for step in steps for name in step.sets] == ["kernel"]


@pytest.mark.parametrize("user", ["root", "ops"])
def test_every_step_ends_well_on_busybox_and_for_a_plain_user(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "kernel", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
