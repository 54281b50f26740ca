"""What the steps of `disk` say of other systems: recorded and planted outputs."""

from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
EFS_OPTIONS = "rw,vers=4.1,rsize=1048576,wsize=1048576,hard,proto=tcp,timeo=600,retrans=2,sec=sys"
LOST = "a RAID array has lost a disk or does not run"


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("disk", request.param, tmp_path)


def flags(step: str, output: str) -> set[Severity]:
    return {severity for severity, _say in raised("disk", step, output)}


def test_arrays_are_told_by_how_many_disks_they_have(disk: Planted) -> None:
    text = recorded("disk", "mdstat-node-exporter")

    given = disk.run("raid", {"/proc/mdstat": text})

    assert given.stdout.splitlines() == [
        "md3 raid6 is complete, 8 of 8 disks",
        "md6 raid1 is degraded, 1 of 2 disks",
        "md6 is being rebuilt",
        "md8 raid1 is complete, 2 of 2 disks",
        "md8 is being rebuilt",
        "md9 raid1 is complete, 4 of 4 disks",
        "md11 raid1 is complete, 2 of 2 disks",
    ]
    assert flags("raid", given.stdout) == {CRITICAL, INFO}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mdstat-centos5-degraded", "md2 raid5 is degraded, 3 of 4 disks"),
        ("mdstat-failed", "md3 has lost 1 disk"),
    ],
)
def test_a_lost_disk_is_critical(disk: Planted, name: str, said: str) -> None:
    given = disk.run("raid", {"/proc/mdstat": recorded("disk", name)})

    assert said in given.stdout.splitlines()
    assert raised("disk", "raid", given.stdout) == {(CRITICAL, LOST)}


def test_an_array_that_does_not_run_is_critical(disk: Planted) -> None:
    text = "Personalities : [raid1]\nmd4 : inactive sda3[0](S)\n      4883648 blocks\n"

    given = disk.run("raid", {"/proc/mdstat": text})

    assert given.stdout == "md4 is inactive\n"
    assert flags("raid", given.stdout) == {CRITICAL}


def test_a_host_without_arrays_has_none(disk: Planted) -> None:
    none = "Personalities :\nunused devices: <none>\n"

    assert disk.run("raid", {"/proc/mdstat": none}).stdout == "none\n"


def test_a_pool_of_zfs_that_lost_a_disk_is_critical(disk: Planted) -> None:
    state = "/proc/spl/kstat/zfs"
    files = {f"{state}/tank/state": "DEGRADED\n", f"{state}/home/state": "ONLINE\n"}

    given = disk.run("raid", files, below=["/proc"])

    assert given.stdout == "pool home is ONLINE\npool tank is DEGRADED\n"
    assert len(raised("disk", "raid", given.stdout)) == 1


def test_volumes_are_told_only_where_something_is_wrong(disk: Planted) -> None:
    status = recorded("disk", "dmsetup-status")

    given = disk.run(
        "volumes",
        {"/sys/class/misc/device-mapper": ""},
        {"dmsetup": f"cat <<'E'\n{status}E"},
    )

    assert given.stdout.splitlines() == [
        "multipath mpatha: a path has failed",
        "multipath mpathb: every path has failed",
        "pool vg-dead-tpool has failed",
        "pool vg-full-tpool data 100 %",
        "pool vg-full-tpool is out of space",
        "pool vg-full-tpool metadata 91 %",
        "pool vg-full-tpool needs a check",
        "pool vg-pool-tpool data 96 %",
        "raid vg-mirror has lost a disk",
        "snapshot vg-snap is invalid",
        "snapshot vg-snap2 90 %",
    ]


def test_volumes_are_denied_to_a_plain_user_and_none_without_a_mapper(disk: Planted) -> None:
    denied = "echo '/dev/mapper/control: open failed: Permission denied' >&2; exit 1"

    assert disk.run("volumes", {}, below=["/sys/class/misc"]).stdout == "none\n"
    given = disk.run("volumes", {"/sys/class/misc/device-mapper": ""}, {"dmsetup": denied})
    assert given.kind == "denied"


def test_a_device_mapper_with_nothing_mapped_is_none(disk: Planted) -> None:
    files = {"/sys/class/misc/device-mapper": ""}

    given = disk.run("volumes", files, {"dmsetup": "echo 'No devices found'"})

    assert given.stdout == "none\n"


def test_devices_are_told_without_their_names(disk: Planted) -> None:
    files = {
        "/sys/block/nvme0n1/size": "16777216\n",
        "/sys/block/nvme0n1/queue/rotational": "0\n",
        "/sys/block/nvme0n1/queue/scheduler": "[none] mq-deadline kyber\n",
        "/sys/block/nvme0n1/device/model": "Amazon Elastic Block Store              \n",
        "/sys/block/nvme0n1/device/firmware_rev": "1.0     \n",
        "/sys/block/nvme2n1/size": "16777216\n",
        "/sys/block/nvme2n1/queue/rotational": "0\n",
        "/sys/block/nvme2n1/queue/scheduler": "[none] mq-deadline kyber\n",
        "/sys/block/nvme2n1/device/model": "Amazon Elastic Block Store              \n",
        "/sys/block/nvme2n1/device/firmware_rev": "1.0     \n",
        "/sys/block/sda/size": "1953525168\n",
        "/sys/block/sda/queue/rotational": "1\n",
        "/sys/block/sda/queue/scheduler": "noop deadline [cfq]\n",
        "/sys/block/dm-0/size": "104857600\n",
        "/sys/block/dm-0/dm/uuid": "LVM-abcdef\n",
        "/sys/block/loop3/size": "112\n",
        "/sys/block/zram0/size": "0\n",
    }

    given = disk.run("devices", files, below=["/sys/block"])

    assert given.stdout.splitlines() == [
        "1 x mapped LVM 50 GiB",
        "1 x sd 932 GiB, rotates, scheduler cfq",
        "2 x nvme 8192 MiB, scheduler none, Amazon Elastic Block Store 1.0",
    ]


def test_a_disk_that_was_given_up_is_critical(disk: Planted) -> None:
    files = {
        "/sys/block/sda/device/state": "running\n",
        "/sys/block/sdb/device/state": "offline\n",
        "/sys/class/nvme/nvme0/state": "dead\n",
    }

    given = disk.run("device-state", files, below=["/sys/block", "/sys/class/nvme"])

    assert given.stdout == "nvme0 is dead\nsdb is offline\n"
    assert flags("device-state", given.stdout) == {CRITICAL}
    assert flags("device-state", "none\n") == set()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("mounts-rhel7", ["/ rootfs rw", "/ xfs rw"]),
        ("mounts-fedora-atomic", ["/ overlay ro", "/etc btrfs rw,ssd", "/sysroot btrfs ro,ssd"]),
        (
            "mounts-amazon-linux-efs",
            [
                "/ xfs rw,noatime",
                "/home/jovyan nfs4 from 127.0.0.1:/ " + EFS_OPTIONS,
            ],
        ),
    ],
)
def test_mounts_keep_the_options_that_hosts_have_in_common(
    disk: Planted, name: str, lines: list[str]
) -> None:
    given = disk.run("mounts", {"/proc/mounts": recorded("disk", name)})

    assert [line for line in given.stdout.splitlines() if "/dev/shm" not in line] == lines


def test_what_fstab_wants_and_is_not_mounted_is_named(disk: Planted) -> None:
    mounts = recorded("disk", "mounts-amazon-linux-efs")
    mounts += "tmpfs /dev/shm tmpfs rw 0 0\ntmpfs /var/tmp tmpfs rw 0 0\n"
    mounts += "127.0.0.1:/ /mnt/downloads nfs4 rw 0 0\n/dev/nvme1n1 /ctc xfs rw 0 0\n"
    fstab = recorded("disk", "fstab-amazon-linux-2")
    fstab += "# /old\n/swap none swap sw 0 0\n/dev/sr0 /media cdrom noauto 0 0\n"

    given = disk.run("fstab", {"/proc/mounts": mounts, "/etc/fstab": fstab})

    assert given.stdout == "/mnt/CAASQA-dev is not mounted\n"
    assert flags("fstab", given.stdout) == {WARNING}


def waits_for_nfs(disk: Planted, wchan: str, later: str) -> str:
    first = recorded("disk", "mountstats-nfs")
    marks = disk.directory / "slept"
    files = {
        "/proc/1/fd/0": "",
        "/proc/4905/wchan": wchan,
        "/proc/self/mountstats": first,
        "/proc/self/later": later,
    }
    root = disk.directory / "root/proc/self"
    sleep = f"cp {root}/later {root}/mountstats; touch {marks}"
    return disk.run("network-filesystems", files, {"sleep": sleep}, below=["/proc"]).stdout


@pytest.mark.parametrize(
    "wchan", ["rpc_wait_bit_killable", "nfs_set_open_stateid_locked", "folio_wait_bit_common"]
)
def test_a_server_from_which_nothing_comes_is_critical(disk: Planted, wchan: str) -> None:
    told = waits_for_nfs(disk, wchan, recorded("disk", "mountstats-nfs"))

    assert told == "/mnt/nfs/test does not answer\n"
    assert flags("network-filesystems", told) == {CRITICAL}


def test_a_server_that_answers_is_none(disk: Planted) -> None:
    later = recorded("disk", "mountstats-nfs").replace("2826 2818", "2926 2918")

    assert waits_for_nfs(disk, "rpc_wait_bit_killable", later) == "none\n"


def test_an_idle_mount_is_none_whatever_was_sent_twice(disk: Planted) -> None:
    told = waits_for_nfs(disk, "do_epoll_wait", recorded("disk", "mountstats-nfs"))

    assert told == "none\n"
    assert not (disk.directory / "slept").exists()


def test_speed_is_read_from_kernels_with_fewer_numbers(disk: Planted) -> None:
    files = {
        "/proc/diskstats": recorded("disk", "diskstats"),
        "/sys/block/nvme0n1/device/model": "x\n",
    }

    given = disk.run("speed", files, {"sleep": "exit 0"}, below=["/sys/block"])

    assert given.stdout.splitlines() == [
        "1 disks",
        "since boot a read took 0.5 ms, a write 1.0 ms on the slowest disk",
        "this second a request took 0.0 ms on the slowest disk, 0 % busy at most",
    ]


def test_a_disk_that_ends_no_request_is_critical(disk: Planted) -> None:
    before = "   8       0 sda 5000 0 9 100 5000 0 9 100 7 1000 9\n"
    files = {
        "/proc/diskstats": before,
        "/proc/later": before.replace("7 1000 9", "7 2001 9"),
        "/sys/block/sda/device/model": "x\n",
    }
    root = disk.directory / "root/proc"
    sleep = {"sleep": f"cp {root}/later {root}/diskstats"}

    given = disk.run("speed", files, sleep, below=["/sys/block", "/proc"])

    assert given.stdout.splitlines()[-1] == "sda: no request ended within a second, 7 wait"
    assert flags("speed", given.stdout) == {CRITICAL}


@pytest.mark.parametrize(
    ("last", "said", "severity"),
    [
        ("99999999999", "/data: ext4, 3 errors, the last within a day", CRITICAL),
        ("1600000000", "/data: ext4, 3 errors", WARNING),
    ],
)
def test_errors_of_a_filesystem_count_more_when_they_are_new(
    disk: Planted, last: str, said: str, severity: Severity
) -> None:
    files = {
        "/sys/fs/ext4/sda1/errors_count": "0\n",
        "/sys/fs/ext4/dm-3/errors_count": "3\n",
        "/sys/fs/ext4/dm-3/last_error_time": f"{last}\n",
        "/sys/class/block/dm-3/dev": "253:3\n",
        "/proc/self/mountinfo": "60 1 253:3 / /data rw - ext4 /dev/mapper/vg-data rw\n",
    }

    given = disk.run("filesystem-errors", files, below=["/sys/fs", "/sys/class/block"])

    assert given.stdout == f"{said}\n"
    assert flags("filesystem-errors", given.stdout) == {severity}


def test_errors_that_btrfs_counts_are_told(disk: Planted) -> None:
    stats = "write_errs 0\nread_errs 2\nflush_errs 0\ncorruption_errs 1\ngeneration_errs 0\n"
    at = "/sys/fs/btrfs/15c7809d-e6e3-4062-a5eb-afeb1939fc6e"
    files = {f"{at}/devinfo/1/error_stats": stats, f"{at}/label": "backup\n"}

    given = disk.run("filesystem-errors", files, below=["/sys/fs"])

    assert given.stdout == "backup: btrfs, 3 errors\n"
    assert flags("filesystem-errors", given.stdout) == {WARNING}


@pytest.mark.parametrize(("share", "flagged"), [(4, False), (5, True), (39, True)])
def test_deleted_files_count_by_their_share_of_the_filesystem(share: int, flagged: bool) -> None:
    output = f"java holds 900 MiB, {share} % of the filesystem\n"

    assert bool(raised("disk", "deleted-files", output)) is flagged


def test_a_log_without_trouble_of_disks_is_none(disk: Planted) -> None:
    log = "[    1.0] Linux version 5.14.0\n[    2.0] eth0: link up"
    bad = "[    9.0] blk_update_request: I/O error, dev sda, sector 12345"

    assert disk.run("kernel-disks", {}, {"dmesg": f"echo '{log}'"}).stdout == "none\n"
    given = disk.run("kernel-disks", {}, {"dmesg": f"echo '{log}'; echo '{bad}'"})
    assert given.stdout == f"{bad}\n"
    assert flags("kernel-disks", given.stdout) == {CRITICAL}
