"""What the steps of `triage` say of other hosts: with planted files and planted commands."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import FindingKind, Severity
from fleetdiag.playbook import load
from tests.factory import make_run
from tests.playbook.shells import SHELLS, SYSTEM_PATH, Answer, Shell, answer

STEPS = {step.name: step for step in load("triage").steps}

Play = Callable[..., Answer]


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Runs a step with some paths replaced by planted text, and some commands by scripts."""
    shell: Shell = request.param

    def run(step: str, files: Mapping[str, str], commands: Mapping[str, str]) -> Answer:
        texts = [*STEPS[step].commands]
        for number, (path, text) in enumerate(files.items()):
            planted = tmp_path / f"{number}-{Path(path).name}"
            planted.write_text(text)
            texts = [command.replace(path, str(planted)) for command in texts]
        for name, script in commands.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        texts = [command.replace("/run/systemd/system", str(tmp_path)) for command in texts]
        return answer(tuple(texts), shell, None, f"{tmp_path}:{SYSTEM_PATH}")

    return run


def raised(step: str, output: str) -> set[tuple[Severity, str]]:
    comparison = compare(make_run({"h": {step: output}}, [STEPS[step]]))
    rules = [finding for finding in comparison.findings if finding.kind is FindingKind.RULE]
    return {(finding.severity, finding.summary) for finding in rules}


MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
/dev/vdb /var/my\\040data xfs rw 0 0
/dev/vda1 /bound ext4 rw 0 0
nas:/x /mnt/nas nfs rw 0 0
/dev/loop0 /snap/core squashfs ro 0 0
overlay /var/lib/docker/overlay2/0123456789abcdef/merged overlay rw 0 0
tmpfs /run tmpfs rw 0 0
"""
DF = """\
for last; do :; done
case $1 in -Pk) a=97 b=91 ;; -Pi) a=12 b=99 ;; esac
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
case $last in
  /) echo "/dev/vda1 100 97 3 $a% /" ;;
  '/var/my data') echo "/dev/vdb 100 91 9 $b% /var/my data" ;;
  /run) echo 'tmpfs 100 1 99 1% /run' ;;
  *) echo 'asked for what is not local' >&2; echo "/dev/x 100 100 0 100% $last" ;;
esac"""


def test_full_disks_are_named_with_their_percentage(play: Play) -> None:
    given = play("disk", {"/proc/mounts": MOUNTS}, {"df": DF})

    assert given.stdout.splitlines() == [
        "/ 97 % of space used",
        "/var/my data 91 % of space used",
        "/var/my data 99 % of inodes used",
    ]
    assert raised("disk", given.stdout) == {
        (Severity.CRITICAL, "a filesystem is 95 % full or more"),
        (Severity.WARNING, "a filesystem is 90 % full or more"),
        (Severity.CRITICAL, "a filesystem has hardly an inode left"),
    }


def test_disks_with_room_are_none(play: Play) -> None:
    roomy = DF.replace("a=97 b=91", "a=89 b=5").replace("b=99", "b=-")

    given = play("disk", {"/proc/mounts": MOUNTS}, {"df": roomy})

    assert given.stdout == "none\n"
    assert raised("disk", given.stdout) == set()


def test_disks_that_could_not_be_looked_at_are_not_none(play: Play) -> None:
    given = play("disk", {"/proc/mounts": MOUNTS}, {"df": "exit 1"})

    assert given.stdout == "no filesystem could be looked at\n"


def test_a_read_only_root_is_critical(play: Play) -> None:
    mounts = MOUNTS.replace("ext4 rw,relatime", "ext4 ro,relatime", 1)

    given = play("read-only", {"/proc/mounts": mounts}, {})

    assert given.stdout == "/ ext4\n"
    assert raised("read-only", given.stdout) == {
        (Severity.CRITICAL, "the root filesystem is read-only")
    }
    assert play("read-only", {"/proc/mounts": MOUNTS}, {}).stdout == "none\n"


@pytest.mark.parametrize(
    ("taint", "letters", "flagged"),
    [
        ("0", "none", 0),
        ("4097", "PO", 0),
        ("12288", "OE", 0),
        ("128", "D", 1),
        ("16432", "MBL", 3),
        ("512", "W", 0),
    ],
)
def test_taint_is_read_in_letters(play: Play, taint: str, letters: str, flagged: int) -> None:
    given = play("kernel-taint", {"/proc/sys/kernel/tainted": f"{taint}\n"}, {})

    words = [line.split()[0] for line in given.stdout.splitlines()]
    assert "".join(words) == letters
    assert len(raised("kernel-taint", given.stdout)) == flagged


SYSTEMCTL = r"""
case $1 in
  list-units)
    echo 'nginx.service loaded failed failed A web server'
    echo 'x.mount loaded failed failed x' ;;
  list-unit-files)
    for u in cron getty@ nginx once; do echo "$u.service enabled enabled"; done ;;
  show)
    shift 9
    [ "$*" = 'cron.service nginx.service once.service' ] || { echo "asked $*" >&2; exit 1; }
    printf 'Type=simple\nId=cron.service\nActiveState=active\n\n'
    printf 'Type=forking\nId=nginx.service\nActiveState=failed\n\n'
    printf 'Type=oneshot\nId=once.service\nActiveState=inactive\n' ;;
esac"""


def test_failed_units_are_named(play: Play) -> None:
    given = play("failed-units", {}, {"systemctl": SYSTEMCTL})

    assert given.stdout == "nginx.service failed\nx.mount failed\n"
    assert raised("failed-units", given.stdout) == {(Severity.WARNING, "a unit has failed")}


def test_no_failed_unit_is_none(play: Play) -> None:
    assert play("failed-units", {}, {"systemctl": "exit 0"}).stdout == "none\n"


def test_enabled_services_are_shown_with_their_state(play: Play) -> None:
    given = play("services", {}, {"systemctl": SYSTEMCTL})

    assert given.stdout == "cron.service active\nnginx.service failed\n"


def test_a_broken_systemctl_is_a_failure_not_an_empty_answer(play: Play) -> None:
    given = play("failed-units", {}, {"systemctl": "echo 'Transport failure' >&2; exit 1"})

    assert (given.kind, given.stdout) == ("failed", "")


def journal(end: str) -> str:
    return f"printf '%s\\n' '{end}'"


@pytest.mark.parametrize(
    ("journalctl", "kind", "said"),
    [
        (journal("systemd[1]: Shutting down.\nJournal stopped"), "ok", "ended with a shutdown"),
        (journal("Reached target System Power Off."), "ok", "ended with a shutdown"),
        (journal("nginx: GET /"), "ok", "broke off without a shutdown"),
        (
            "echo 'Data from the specified boot is not available' >&2; exit 1",
            "ok",
            "no record",
        ),
        (
            "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
            "denied",
            "",
        ),
        (
            "echo 'Hint: You are currently not seeing messages from other users' >&2; exit 1",
            "denied",
            "",
        ),
    ],
)
def test_how_the_boot_before_ended_is_told(
    play: Play, journalctl: str, kind: str, said: str
) -> None:
    given = play("last-shutdown", {}, {"journalctl": journalctl})

    assert (given.kind, said in given.stdout) == (kind, True)
    assert bool(raised("last-shutdown", given.stdout)) == ("broke off" in said)


def test_a_kernel_log_that_may_not_be_read_falls_back_to_the_journal(play: Play) -> None:
    denied = "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1"

    journaled = play("kernel-log", {}, {"dmesg": denied, "journalctl": "echo kernel: a line"})
    empty = play(
        "kernel-log",
        {"/var/log/kern.log": "from kern.log\n"},
        {"dmesg": denied, "journalctl": "exit 0"},
    )

    assert journaled.stdout == "kernel: a line\n"
    assert empty.stdout == "from kern.log\n"


MEMINFO = "MemTotal: 16000000 kB\nMemFree: 10 kB\nMemAvailable: {} kB\nSwapTotal: 0 kB\n"


@pytest.mark.parametrize(("available_kib", "flagged"), [(700_000, True), (900_000, False)])
def test_little_memory_is_flagged(play: Play, available_kib: int, flagged: bool) -> None:
    given = play("memory", {"/proc/meminfo": MEMINFO.format(available_kib)}, {})

    assert given.stdout.splitlines()[1] == "no swap"
    assert bool(raised("memory", given.stdout)) is flagged


def test_memory_is_known_on_kernels_before_memavailable(play: Play) -> None:
    old = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 100 kB\nCached: 300 kB\nSwapTotal: 0 kB\n"

    assert play("memory", {"/proc/meminfo": old}, {}).stdout.startswith("available 50 %")


@pytest.mark.parametrize(("seconds", "said"), [("3599.9 1", "booted"), ("3600 1", "up for")])
def test_a_fresh_boot_is_a_fact_not_a_number(play: Play, seconds: str, said: str) -> None:
    assert play("boot", {"/proc/uptime": seconds}, {}).stdout.startswith(said)


def test_equal_machines_have_equal_hardware_though_bytes_differ(play: Play) -> None:
    cpus = "processor\t: 0\n\nprocessor\t: 1\n"
    outputs = {
        play(
            "hardware", {"/proc/cpuinfo": cpus, "/proc/meminfo": f"MemTotal: {kib} kB\n"}, {}
        ).stdout
        for kib in (16_106_000, 16_107_992)
    }

    assert outputs == {"processors 2\nmemory 15 GiB\n"}


def test_overload_is_flagged_by_the_processor(play: Play) -> None:
    files = {
        "/proc/cpuinfo": "processor\t: 0\nprocessor\t: 1\n",
        "/proc/loadavg": "50.00 44.00 9.00 3/812 4711\n",
        "/proc/stat": "cpu 1 2 3\nprocs_running 3\nprocs_blocked 25\n",
    }

    given = play("load", files, {})

    assert "load 50.00 44.00 9.00 on 2 processors" in given.stdout
    assert len(raised("load", given.stdout)) == 2
    assert raised("load", "five minutes: 9 per processor\nprocs_blocked 19") == set()


SS = """\
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port
udp   UNCONN 0      0            0.0.0.0:68         0.0.0.0:*
udp   UNCONN 0      0            0.0.0.0:40123      0.0.0.0:*
tcp   LISTEN 0      128        127.0.0.1:5432       0.0.0.0:*
tcp   LISTEN 0      128     10.0.0.7%eth0:80         0.0.0.0:*
tcp   LISTEN 0      128             [::]:22            [::]:*
tcp   LISTEN 0      128                *:443              *:*"""
NETSTAT = """\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN
tcp        0      0 10.0.0.7:80             0.0.0.0:*               LISTEN
tcp        0      0 0.0.0.0:443             0.0.0.0:*               LISTEN
tcp6       0      0 :::22                   :::*                    LISTEN
udp        0      0 0.0.0.0:68              0.0.0.0:*
udp        0      0 0.0.0.0:40123           0.0.0.0:*"""


def test_ss_and_netstat_tell_the_same_ports(play: Play) -> None:
    with_ss = play("listening", {}, {"ss": f"cat <<'E'\n{SS}\nE"})
    with_netstat = play("listening", {}, {"ss": "exit 127", "netstat": f"cat <<'E'\n{NETSTAT}\nE"})

    assert with_ss.stdout == with_netstat.stdout
    assert with_ss.stdout.splitlines() == [
        "tcp port 22 on anywhere",
        "tcp port 443 on anywhere",
        "tcp port 5432 on loopback",
        "tcp port 80 on an address",
        "udp port 68 on anywhere",
    ]


LINKS = r"""
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN \    link/loopback 00:00
2: eth0@if9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP \    link/ether 02
3: eth1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 9001 qdisc mq state DOWN \    link/ether 02
7: veth1a2b@if6: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP \    link/ether 02"""


def test_links_are_told_without_what_is_the_hosts_own(play: Play) -> None:
    given = play("links", {}, {"ip": f"cat <<'E'\n{LINKS.strip()}\nE"})

    assert given.stdout.splitlines() == [
        "eth0 up carrier mtu 1500",
        "eth1 up no-carrier mtu 9001",
        "lo up carrier mtu 65536",
    ]


def test_a_host_without_a_default_route_says_so(play: Play) -> None:
    one = play("routes", {}, {"ip": "[ $1 = -6 ] || echo '10.0.0.0/24 dev eth0 scope link '"})
    two = play(
        "routes", {}, {"ip": "[ $1 = -6 ] || echo 'default via 10.0.0.1 dev eth0 metric 100'"}
    )

    assert one.stdout == "10.0.0.0/24 dev eth0 scope link\nno default route\n"
    assert two.stdout == "default via 10.0.0.1 dev eth0\n"


@pytest.mark.parametrize(
    ("chronyc", "said", "flagged"),
    [
        ("echo 'Leap status     : Normal'", "synchronised by chrony", False),
        ("echo 'Leap status     : Not synchronised'", "chrony runs, the clock is not", True),
    ],
)
def test_a_clock_that_is_not_kept_is_flagged(
    play: Play, chronyc: str, said: str, flagged: bool
) -> None:
    files = {"/run/systemd/timesync/synchronized": ""}
    given = play("clock", {}, {"chronyc": chronyc})

    assert given.stdout.startswith(said)
    assert bool(raised("clock", given.stdout)) is flagged
    assert play("clock", files, {}).stdout.startswith("synchronised by systemd-timesyncd")


def test_arguments_of_processes_are_not_shown(play: Play) -> None:
    top = "  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND\\n"
    top += "   99     1 root     S <  4456   0%   7% backup --password=s3cret 50% 60% x\\n"

    given = play("top", {}, {"ps": "exit 1", "top": f"printf '{top.replace('%', '%%')}'"})

    assert given.stdout.splitlines()[1].endswith("7% backup")
    assert "s3cret" not in given.stdout


def test_a_full_connection_table_is_critical(play: Play) -> None:
    files = {
        "/proc/sys/fs/file-nr": "1000 0 100000\n",
        "/proc/loadavg": "0 0 0 1/100 7\n",
        "/proc/sys/kernel/pid_max": "32768\n",
    }
    given = play("tables", files, {})

    assert given.stdout.startswith("open files 1 % of 100000\n")
    assert not raised("tables", "tracked connections 89 % of 262144")
    assert raised("tables", "tracked connections 99 % of 262144")
    assert raised("tables", "open files 100 % of 1024")
