"""`fleetdiag run memory` on ten real hosts: silent on healthy ones, and right about broken ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import must_be_first, must_be_silent_twice
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    must_be_silent_twice(program, "memory")


def test_a_kill_for_want_of_memory_in_the_log_is_told_with_who_was_killed(
    program: Program, ten: Fleet
) -> None:
    ten.fault("web-07", "oom")

    told = program.told("run", "memory", exits=1)

    must_be_first(told, "kernel-memory", "critical", "Out of memory: Killed process")


V1 = """\
mkdir -p /var/lib/fleet/memory
mount -t cgroup -o memory memory /var/lib/fleet/memory
cd /var/lib/fleet/memory
mkdir -p small.slice
echo 16M >small.slice/memory.limit_in_bytes
echo 0 >small.slice/memory.swappiness
"""
V2 = """\
cd /sys/fs/cgroup
grep -qw memory cgroup.controllers
echo +memory >cgroup.subtree_control
mkdir -p small.slice
echo 16M >small.slice/memory.max
echo 0 >small.slice/memory.swap.max || true
"""


@pytest.fixture
def small_slice(ten: Fleet) -> Iterator[str]:
    """A control group of web-07 that may have 16 MiB, its directory there."""
    above = Path(f"/sys/fs/cgroup/fleetdiag-{ten.number}/cgroup.subtree_control")
    if above.exists():  # cgroup v2, the controller is there to be handed down
        with suppress(OSError):
            above.write_text("+memory")
    for script in (V2, V1):
        made = ten.exec("web-07", ["sh", "-ec", script + "pwd"])
        if made.returncode == 0:
            break
    else:
        pytest.skip(f"no control group of memory to be had: {made.stderr}")
    at = made.stdout.strip()
    yield f"{at}/small.slice"
    ten.exec("web-07", ["rmdir", f"{at}/small.slice"])
    if script == V1:
        ten.exec("web-07", ["umount", at])


def test_a_real_kill_at_the_limit_of_a_control_group_is_told(
    program: Program, ten: Fleet, small_slice: str
) -> None:
    greedy = f"echo $$ >{small_slice}/cgroup.procs; exec tail /dev/zero"
    killed = ten.exec("web-07", ["sh", "-c", greedy])
    assert killed.returncode in (-9, 137), killed

    told = program.told("run", "memory", exits=1)

    must_be_first(told, "cgroup-limits", "warning", "small.slice: 1 killed at a memory limit")


@pytest.mark.parametrize("user", ["root", "ops"])
def test_busybox_and_debian_hosts_answer_every_step_to_root_and_to_plain_users(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "memory", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
