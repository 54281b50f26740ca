"""`fleetdiag run service` on ten real hosts, with a unit of the test's own on each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import Json, notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


ODD = "web-07"
UNIT = """[Unit]
Description=A worker

[Service]
ExecStart=/bin/sleep infinity
{more}
[Install]
WantedBy=multi-user.target
"""
REMOVE = """
systemctl stop "$0"
systemctl reset-failed "$0"
cd /etc/systemd/system && rm -rf "$0.service" "$0.service.d" "multi-user.target.wants/$0.service"
"""
NUMBERS = count(1)


class Unit:
    """A service, started and enabled on all hosts but where a test has it otherwise.

    Each test has one of its own name: systemd need not be told to read it anew.
    """

    def __init__(self, ten: Fleet) -> None:
        self.ten = ten
        self.name = f"worker{next(NUMBERS)}"
        self.path = f"/etc/systemd/system/{self.name}.service"

    def start(self, *, but: str = "") -> None:
        for host in self.ten.hosts:
            if host.name != but:
                self.start_on(host.name, UNIT.format(more=""))

    def start_on(self, host: str, text: str) -> None:
        self.ten.write(host, self.path, text.encode())
        wants = f"/etc/systemd/system/multi-user.target.wants/{self.name}.service"
        self.must(host, f"ln -s {self.path} {wants}; systemctl start --no-block {self.name}")

    def must(self, host: str, script: str) -> None:
        done = self.ten.exec(host, ["sh", "-ec", script])
        assert done.returncode == 0, done

    def remove(self) -> None:
        for host in self.ten.hosts:
            self.ten.exec(
                host.name,
                ["sh", "-c", REMOVE, self.name],
            )


@pytest.fixture
def unit(ten: Fleet) -> Iterator[Unit]:
    made = Unit(ten)
    yield made
    made.remove()


def must_be_first(told: Json, step: str, severity: str, summary: str, said: str) -> None:
    first = told["findings"][0]
    assert (first["hosts"], first["step"], first["severity"]) == ([ODD], step, severity), first
    assert first["of"] == 10
    assert summary in first["summary"]
    assert said in " ".join(first["evidence"]), first
    assert {host for finding in notable(told) for host in finding["hosts"]} == {ODD}


def ask(program: Program, unit: Unit, *, exits: int) -> Json:
    return program.told("run", "service", "-p", f"name={unit.name}", exits=exits)


def test_a_service_that_is_well_everywhere_shows_nothing_twice(
    program: Program, unit: Unit
) -> None:
    unit.start()
    for _ in range(2):
        told = ask(program, unit, exits=0)
        assert [host["status"] for host in told["hosts"]] == ["ok"] * 10
        assert notable(told) == []


def test_a_service_that_was_stopped_is_named(program: Program, unit: Unit) -> None:
    unit.start()
    unit.must(ODD, f"systemctl stop {unit.name}")

    told = ask(program, unit, exits=1)

    must_be_first(told, "unit", "warning", "does not run, though", "does not run, though enabled")


def test_a_service_that_failed_is_critical(program: Program, unit: Unit) -> None:
    unit.start()
    unit.must(
        ODD,
        f"systemctl kill --signal=KILL {unit.name}; "
        f"until systemctl is-failed -q {unit.name}; do sleep 0.02; done",
    )

    told = ask(program, unit, exits=1)

    must_be_first(told, "unit", "critical", "the service has failed", "state: failed (failed)")


def test_a_service_that_ends_as_often_as_it_is_restarted_is_critical(
    program: Program, unit: Unit
) -> None:
    unit.start(but=ODD)
    loops = UNIT.format(more="Restart=always\nRestartSec=1s")
    unit.start_on(ODD, loops.replace("/bin/sleep infinity", "/bin/false"))
    unit.must(
        ODD, f"until systemctl show -p NRestarts {unit.name} | grep -q '=[2-9]'; do sleep 0.1; done"
    )

    told = ask(program, unit, exits=1)

    must_be_first(told, "unit", "critical", "waits to be restarted", "activating (auto-restart)")
    assert "systemd has restarted the service" in str(told)


def test_a_limit_of_one_host_s_own_is_named(program: Program, unit: Unit) -> None:
    unit.ten.write(ODD, f"{unit.path}.d/limits.conf", b"[Service]\nLimitNOFILE=64\n")
    unit.start()

    told = ask(program, unit, exits=1)

    must_be_first(told, "limits", "warning", "limits", "+ open files = 64")
    assert "LimitNOFILE=64" in str(told), "the drop-in is named, too"


def test_a_service_that_one_host_does_not_have_is_named(program: Program, unit: Unit) -> None:
    unit.start(but=ODD)

    told = ask(program, unit, exits=1)

    must_be_first(told, "unit", "warning", "there is no service of that name", "state: not found")


@pytest.mark.parametrize("user", ["root", "ops"])
def test_every_step_ends_well_on_busybox_and_for_a_plain_user(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-02": "bare", "web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    for name in ("ssh", "dropbear", "no-such-service"):
        mixed.run("run", "service", "-p", f"name={name}", "-u", user)
        for host in mixed.stored().hosts:
            assert host.status == "ok", host
            assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
