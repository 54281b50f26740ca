"""`fleetdiag run triage` on ten real hosts: silent on healthy ones, and right about broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import Json, must_be_first, notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


def differing(told: Json) -> list[str]:
    return [step["name"] for step in told["steps"] if len(step["groups"]) > 1]


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    for _ in range(2):
        told = program.told("run", "triage")
        assert [host["status"] for host in told["hosts"]] == ["ok"] * 10
        assert notable(told) == []
        assert differing(told) == []
    assert "Nothing odd: 10 hosts answered" in program.call("show").out


@pytest.mark.parametrize("count", [3, 50])
def test_a_small_and_a_large_healthy_fleet_are_silent_twice(count: int, tmp_path: Path) -> None:
    # Fifty hosts share this machine's processors: few at once, none with a systemd of its own.
    with Fleet(hosts=count, kind="openssh" if count < 10 else "bare") as fleet:
        program = Program(tmp_path, fleet.inventory_path)
        for _ in range(2):
            told = program.told("run", "triage", "--fanout", "8")
            assert [host["status"] for host in told["hosts"]] == ["ok"] * count
            assert notable(told) == []
            assert differing(told) == []


@pytest.mark.parametrize(
    ("fault", "values", "step", "severity", "said"),
    [
        (
            "sysctl",
            {"key": "net.ipv4.ip_forward", "value": "1"},
            "kernel-settings",
            "warning",
            "+ net.ipv4.ip_forward = 1",
        ),
        ("full-disk", {"path": "/srv/data"}, "disk", "critical", "/srv/data 100 % of space used"),
        ("stop-unit", {"unit": "app.service"}, "services", "warning", "+ app.service inactive"),
        ("fail-unit", {"unit": "app.service"}, "failed-units", "warning", "app.service failed"),
        ("kernel-panic", {}, "kernel-log", "critical", "Kernel panic - not syncing"),
    ],
)
def test_a_planted_fault_is_the_first_finding_on_the_right_host(
    program: Program,
    ten: Fleet,
    fault: str,
    values: dict[str, str],
    step: str,
    severity: str,
    said: str,
) -> None:
    ten.fault("web-07", fault, **values)
    told = program.told("run", "triage", exits=1)
    must_be_first(told, step, severity, said)
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-07"}


def test_a_changed_file_in_a_step_of_ones_own_is_named(program: Program, ten: Fleet) -> None:
    book = program.playbook(
        "config", "steps:\n  - kernel: uname -r\n  - config: cat /etc/app.conf\n"
    )
    for host in ten.hosts:
        ten.fault(host.name, "file", path="/etc/app.conf", content="listen = 80\nworkers = 4\n")
    program.told("run", book)
    ten.fault("web-04", "file", path="/etc/app.conf", content="listen = 80\nworkers = 40\n")
    told = program.told("run", book, exits=1)
    first = told["findings"][0]
    assert (first["kind"], first["hosts"], first["step"]) == ("differs", ["web-04"], "config")
    assert first["evidence"] == ["- workers = 4", "+ workers = 40"]
    assert differing(told) == ["config"]


def test_a_host_is_odd_only_where_it_is_odd_among_the_peers_of_the_last_run(
    program: Program, ten: Fleet
) -> None:
    program.told("run", "triage", "-l", "web-[01-05]")
    assert program.run("check", "web-03").code == 0
    ten.fault("web-03", "sysctl", key="net.ipv4.ip_forward", value="1")
    done = program.run("check", "web-03")
    assert done.code == 1
    assert "5 hosts" in done.err
    told = program.told("check", "web-03", exits=1)
    assert {(f["step"], *f["hosts"]) for f in notable(told)} == {("kernel-settings", "web-03")}
    assert differing(told) == ["kernel-settings"]
    assert program.stored().playbook.name == "triage"
    assert len(program.stored().hosts) == 5, "a check is not stored"


@pytest.mark.parametrize("user", ["root", "ops"])
def test_busybox_and_debian_hosts_answer_every_step_to_root_and_to_plain_users(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "triage", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert (host.facts.user == "0") == (user == "root")
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
