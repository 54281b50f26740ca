"""`fleetdiag run disk` on ten real hosts: silent on healthy ones, and right about broken ones."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program, until
from tests.e2e.told import must_be_first, must_be_silent_twice
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True, scope="module")
def own_fstab(ten: Fleet) -> None:
    """The machine's own /etc/fstab, which the hosts show, names what they do not have."""
    for host in ten.hosts:
        ten.write(host.name, "/etc/fstab", b"data /srv/data tmpfs size=16m 0 0\n")


def must(ten: Fleet, script: str) -> None:
    """Run it as root on web-07."""
    done = ten.exec("web-07", ["sh", "-ec", script])
    assert done.returncode == 0, done


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    must_be_silent_twice(program, "disk")


def test_a_full_filesystem_is_named(program: Program, ten: Fleet) -> None:
    ten.fault("web-07", "full-disk", path="/srv/data")

    told = program.told("run", "disk", exits=1)

    must_be_first(told, "disk", "critical", "/srv/data 100 % of space used")


def test_a_filesystem_that_is_not_mounted_after_all_is_named(program: Program, ten: Fleet) -> None:
    must(ten, "umount /srv/data")
    try:
        told = program.told("run", "disk", exits=1)
    finally:
        must(ten, "mount -t tmpfs -o size=16m,mode=755,nosuid,nodev data /srv/data")

    must_be_first(told, "fstab", "warning", "/srv/data is not mounted")


def test_space_held_by_a_deleted_file_is_told_with_its_program(
    program: Program, ten: Fleet
) -> None:
    must(ten, "dd if=/dev/zero of=/var/big.log bs=1M count=24 2>/dev/null")
    ten.fault("web-07", "run", command="exec 3</var/big.log; rm /var/big.log; exec sleep 600")
    until(
        lambda: ten.exec("web-07", ["test", "-e", "/var/big.log"]).returncode == 1,
        "the file is deleted",
    )

    told = program.told("run", "disk", exits=1)

    must_be_first(told, "deleted-files", "warning", "sleep holds 24 MiB, 9 % of the filesystem")


@pytest.fixture
def ext4(ten: Fleet, tmp_path: Path) -> Iterator[Path]:
    """An ext4 filesystem mounted at /mnt of web-07; its directory in /sys/fs/ext4."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    losetup = ["losetup", "--find", "--show", str(image)]
    found = subprocess.run(losetup, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no loop device to be had: {found.stderr}")
    device = Path(found.stdout.strip())
    try:
        numbers = Path(f"/sys/block/{device.name}/dev").read_text().strip().replace(":", " ")
        must(ten, f"mknod {device} b {numbers}; mount -t ext4 {device} /mnt")
        try:
            yield Path("/sys/fs/ext4") / device.name
        finally:
            must(ten, f"umount /mnt; rm {device}")
    finally:
        subprocess.run(["losetup", "--detach", str(device)], check=True)


def test_a_filesystem_that_found_errors_in_itself_is_named(
    program: Program, ten: Fleet, ext4: Path
) -> None:
    (ext4 / "trigger_fs_error").write_text("a test\n")

    told = program.told("run", "disk", exits=1)

    must_be_first(
        told, "filesystem-errors", "critical", "/mnt: ext4, 1 errors, the last within a day"
    )


@pytest.mark.parametrize("user", ["root", "ops"])
def test_busybox_and_debian_hosts_answer_every_step_to_root_and_to_plain_users(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "disk", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
