"""`fleetdiag run processes` on ten real hosts: silent when healthy, and right about broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program, until
from tests.e2e.told import must_be_first, must_be_silent_twice
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


FILES = """\
import resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
opened = [open("/dev/null") for _ in range(60)]
time.sleep(600)
"""
ORPHANER = """\
import os, time
for _ in range(40):
    if os.fork() == 0:
        os._exit(0)
time.sleep(600)
"""


def count(ten: Fleet, name: str, state: str = "") -> int:
    """How many processes of web-07 have this name (and state)."""
    shown = ten.exec("web-07", ["ps", "-eo", "stat=,comm="]).stdout.splitlines()
    rows = [row.split() for row in shown]
    return sum(row[1] == name and row[0].startswith(state) for row in rows)


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    must_be_silent_twice(program, "processes")


def test_a_stuck_process_is_named_with_where_it_waits(program: Program, ten: Fleet) -> None:
    ten.fault("web-07", "run", command="stuck")
    until(lambda: count(ten, "stuck", "D") == 1, "the program is stuck")

    told = program.told("run", "processes", exits=1)

    must_be_first(told, "stuck", "critical", "stuck is stuck in __refrigerator")


def test_a_program_near_its_limit_of_open_files_is_named(program: Program, ten: Fleet) -> None:
    ten.write("web-07", "/var/lib/leaky", FILES.encode())
    ten.fault("web-07", "run", command="exec python3 /var/lib/leaky")
    until(lambda: count(ten, "python3") == 1, "the program runs")

    told = program.told("run", "processes", exits=1)

    must_be_first(told, "descriptors", "critical", "python3 has 95 % and more of its 64 files open")


def test_zombies_are_counted_and_their_parent_is_named(program: Program, ten: Fleet) -> None:
    ten.write("web-07", "/var/lib/orphaner", ORPHANER.encode())
    ten.fault("web-07", "run", command="exec python3 /var/lib/orphaner")
    until(lambda: count(ten, "python3", "Z") == 40, "the children have ended")

    told = program.told("run", "processes", exits=1)

    must_be_first(told, "zombies", "warning", "40 left by python3")


def test_a_program_deleted_after_it_was_started_is_named(program: Program, ten: Fleet) -> None:
    ten.exec("web-07", ["cp", "/bin/sleep", "/tmp/worker"])
    ten.fault("web-07", "run", command="exec /tmp/worker 600")
    until(lambda: count(ten, "worker") == 1, "the program runs")
    ten.exec("web-07", ["rm", "/tmp/worker"])

    told = program.told("run", "processes", exits=1)

    must_be_first(told, "replaced", "warning", "worker runs /tmp/worker, which is no longer there")


@pytest.mark.parametrize("user", ["root", "ops"])
def test_busybox_and_debian_hosts_answer_every_step_to_root_and_to_plain_users(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "processes", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
