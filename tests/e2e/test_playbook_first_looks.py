"""`dmesg`, `top` and `uptime` on ten real hosts: the small playbooks, with real faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program, until
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

Json = dict[str, Any]
# tail keeps in memory what it may have to print.
HOLDS_MEMORY = "head -c 900000000 /dev/zero | tail -c 900000000 | sleep 60"
# Before whatever else this machine does: it is to get a whole processor.
SPINS = "exec nice -n -15 sh -c 'while :; do :; done'"


def first(program: Program, playbook: str) -> Json:
    found: Json = program.told("run", playbook, exits=1)["findings"][0]
    return found


@pytest.mark.parametrize("playbook", ["dmesg", "top", "uptime"])
def test_a_healthy_fleet_is_silent(program: Program, playbook: str) -> None:
    told = program.told("run", playbook)
    assert [finding for finding in told["findings"] if finding["severity"] != "info"] == []


@pytest.mark.parametrize(
    ("playbook", "fault", "values", "severity", "said"),
    [
        ("dmesg", "kernel-panic", {}, "critical", "Kernel panic - not syncing"),
        ("dmesg", "oom", {}, "critical", "Out of memory: Killed process"),
        ("top", "run", {"command": SPINS}, "warning", "processor "),
        ("uptime", "stuck", {"command": "uptime"}, "warning", "not even KILL ends it"),
    ],
)
def test_a_fault_is_the_first_finding(
    program: Program,
    ten: Fleet,
    playbook: str,
    fault: str,
    values: dict[str, str],
    severity: str,
    said: str,
) -> None:
    ten.fault("web-07", fault, **values)
    found = first(program, playbook)
    assert (found["hosts"], found["severity"]) == (["web-07"], severity)
    assert said in " ".join(found["evidence"])


def test_a_program_that_holds_much_memory_is_the_first_finding(
    program: Program, ten: Fleet
) -> None:
    ten.fault("web-07", "run", command=HOLDS_MEMORY)
    largest = "ps -eo rss= | sort -n | tail -n 1"
    until(
        lambda: int(ten.exec("web-07", ["sh", "-c", largest]).stdout) > 850_000, "it holds 850 MB"
    )
    found = first(program, "top")
    assert (found["hosts"], found["severity"]) == (["web-07"], "warning")
    assert "memory 8" in " ".join(found["evidence"])


def test_a_host_that_just_came_up_is_the_first_finding(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    # A fleet of its own: a reboot stays in what a host says of itself.
    fleet = make_fleet(hosts=5, kind="bare")
    fleet.fault("web-03", "reboot")
    found = first(Program(tmp_path, fleet.inventory_path), "uptime")
    assert (found["hosts"], found["severity"]) == (["web-03"], "warning")
    assert "up 0 min" in " ".join(found["evidence"])
