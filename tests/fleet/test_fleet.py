"""The fleet itself: that hosts are real and apart, and that each fault is what it says."""

from __future__ import annotations

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.fleet import PASSWORD, Fleet, FleetError, User
from tests.fleet.claims import STATE_ROOT
from tests.fleet.faults import FAULTS
from tests.fleet.fleet import RunningFleet
from tests.fleet.loopback import LoopbackSshd
from tests.fleet.spec import Kind

pytestmark = pytest.mark.fleet

REPOSITORY = Path(__file__).parents[2]

Done = subprocess.CompletedProcess[str]


def ssh(fleet: RunningFleet, host: str, command: str, *options: str, limit_s: int = 2) -> Done:
    """The plain client, with the fleet's configuration."""
    quick = ("-o", f"ConnectTimeout={limit_s}", "-o", "KexAlgorithms=curve25519-sha256")
    argv = ["ssh", "-F", str(fleet.ssh_config_path), *quick, *options]
    return subprocess.run(
        [*argv, host, command], capture_output=True, text=True, timeout=20, check=False
    )


def out(fleet: RunningFleet, host: str, command: str, *options: str) -> str:
    done = ssh(fleet, host, command, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def eventually(condition: Callable[[], bool], limit_s: float = 5.0) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def healed(fleet: Fleet) -> Iterator[Fleet]:
    yield fleet
    fleet.heal()


def test_hosts_are_apart(fleet: Fleet) -> None:
    ask = "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; cut -d. -f1 /proc/uptime"
    answers = [out(fleet, host.name, ask).split() for host in fleet.hosts]
    for fact in zip(*answers, strict=True):
        assert len(set(fact)) == len(fleet.hosts)
    assert [answer[0] for answer in answers] == [host.name for host in fleet.hosts]


def test_a_host_shows_nothing_of_this_machine(fleet: Fleet) -> None:
    assert str(os.getpid()) not in out(fleet, "web-01", "ps -eo pid --no-headers").split()
    assert out(fleet, "web-01", "ls -A /home /root") == "/home:\nops\n\n/root:\n.ssh"
    assert out(fleet, "web-01", "ip -br link | cut -c1-4").split() == ["lo", "eth0"]
    refused = ssh(fleet, "web-01", "echo 1 > /proc/sys/kernel/sysrq || mknod /tmp/disk b 8 0")
    assert refused.returncode != 0


def test_healthy_hosts_look_the_same(fleet: Fleet) -> None:
    ask = "df -h; ip -br link | sed 's/ 02:.*//'; mount; ps -eo args; dmesg | cut -c16-60 | wc -l"
    assert len({out(fleet, host.name, ask) for host in fleet.hosts}) == 1


def test_hosts_reach_each_other_by_name(fleet: Fleet) -> None:
    # bash's /dev/tcp: no client is needed on the host
    greeting = out(fleet, "web-01", "read -r line </dev/tcp/web-03/22; echo $line")
    assert greeting.startswith("SSH-2.0-OpenSSH")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blackhole", "Connection timed out"),
        ("private", "Connection timed out"),
        ("iface-down", "Connection timed out"),
        ("reject", "Connection refused"),
        ("no-route", "No route to host"),
        ("silent", "timed out during banner exchange"),
        ("freeze", "timed out during banner exchange"),
        ("kill-sshd", "Connection refused"),
        ("changed-key", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("deny-key", "Permission denied (publickey)"),
    ],
)
def test_a_fault_keeps_the_client_out_until_healed(healed: Fleet, name: str, said: str) -> None:
    healed.fault("web-02", name)
    broken = ssh(healed, "web-02", "true", limit_s=1)
    assert broken.returncode == 255
    assert said in broken.stderr
    assert out(healed, "web-03", "echo well") == "well"
    healed.heal("web-02")
    assert out(healed, "web-02", "echo well") == "well"


def test_private_host_is_reached_through_another(healed: Fleet) -> None:
    healed.fault("web-04", "private")
    config = healed.ssh_config_path
    hop = f"ProxyCommand=ssh -F {config} -W %h:%p web-01"
    assert out(healed, "web-04", "hostname", "-o", hop) == "web-04"


def test_max_sessions_refuses_a_second_channel(healed: Fleet, tmp_path: Path) -> None:
    healed.fault("web-01", "max-sessions", count=1)
    shared = ("-S", str(tmp_path / "mux"))
    master = ["ssh", "-F", str(healed.ssh_config_path), "-M", *shared, "web-01", "cat"]
    with subprocess.Popen(master, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"in\n")
        first.stdin.flush()
        assert first.stdout.readline() == b"in\n"
        second = ssh(healed, "web-01", "true", *shared)
        first.stdin.close()
    assert "Session open refused by peer" in second.stderr


def test_max_startups_drops_the_next_login(healed: Fleet) -> None:
    healed.fault("web-01", "max-startups")
    with socket.create_connection((healed.host("web-01").address, 22), timeout=5) as unfinished:
        assert unfinished.recv(4) == b"SSH-"
        dropped = ssh(healed, "web-01", "true")
    assert dropped.returncode == 255
    assert "kex_exchange_identification" in dropped.stderr


@pytest.mark.parametrize("path", ["/srv/data", "/tmp"])
def test_full_disk_takes_no_more_bytes(healed: Fleet, path: str) -> None:
    healed.fault("web-01", "full-disk", path=path)
    assert out(healed, "web-01", f"df --output=pcent {path} | tail -1") == "100%"
    write = f"head -c 100000 /dev/zero > {path}/more"
    assert "No space left on device" in ssh(healed, "web-01", write).stderr
    healed.heal("web-01")
    assert out(healed, "web-01", f"{write} && rm {path}/more && echo well") == "well"


def test_read_only_root(healed: Fleet) -> None:
    healed.fault("web-01", "read-only")
    assert "Read-only file system" in ssh(healed, "web-01", "touch /etc/new").stderr
    healed.heal("web-01")
    assert out(healed, "web-01", "touch /etc/new && rm /etc/new && echo well") == "well"


@pytest.mark.parametrize("key", ["net.ipv4.tcp_keepalive_time", "vm.swappiness"])
def test_sysctl_differs_on_one_host_only(healed: Fleet, key: str) -> None:
    path = "/proc/sys/" + key.replace(".", "/")
    usual = Path(path).read_text().strip()
    healed.fault("web-03", "sysctl", key=key, value=77)
    values = [out(healed, host.name, f"cat {path}") for host in healed.hosts]
    assert values == [usual, usual, "77", usual]
    healed.heal("web-03")
    assert out(healed, "web-03", f"cat {path}") == usual


def test_file_is_written_and_put_back(healed: Fleet) -> None:
    before = out(healed, "web-01", "cat /etc/hosts")
    healed.fault("web-01", "file", path="/etc/hosts", content="127.0.0.1 elsewhere\n")
    assert out(healed, "web-01", "cat /etc/hosts") == "127.0.0.1 elsewhere"
    healed.heal("web-01")
    assert out(healed, "web-01", "cat /etc/hosts") == before


def test_stuck_command_outlives_sigkill_until_healed(healed: Fleet) -> None:
    healed.fault("web-01", "stuck", command="df")

    def states() -> list[str]:
        return [one.state for one in healed.processes("web-01") if "df" in one.argv[-1]]

    out(healed, "web-01", "setsid df </dev/null >/dev/null 2>&1 &")
    assert eventually(lambda: len(states()) == 1)
    healed.exec("web-01", ["pkill", "-KILL", "-f", "bin/df"])
    time.sleep(0.2)
    assert states() == ["D"]
    healed.heal("web-01")
    assert eventually(lambda: states() == [])
    assert "overlay" in out(healed, "web-01", "df /")


def test_a_unit_is_stopped_or_failed_on_one_host(healed: Fleet) -> None:
    assert out(healed, "web-01", "systemctl is-system-running") == "running"
    healed.fault("web-01", "stop-unit")
    healed.fault("web-02", "fail-unit")
    active = [ssh(healed, f"web-0{n}", "systemctl is-active app").stdout.strip() for n in (1, 2, 3)]
    assert active == ["inactive", "failed", "active"]
    failed = "systemctl list-units --state=failed --plain --no-legend"
    assert out(healed, "web-02", failed, "-l", "ops").startswith("app.service")
    healed.heal()
    assert out(healed, "web-02", f"systemctl is-active app; {failed}") == "active"


def test_drop_sessions_cuts_a_running_command(healed: Fleet) -> None:
    command = ["ssh", "-F", str(healed.ssh_config_path), "web-01", "echo begun; sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"begun\n"
        healed.fault("web-01", "drop-sessions")
        assert session.wait(timeout=5) == 255
    assert out(healed, "web-01", "echo well") == "well"


def test_a_run_command_lives_until_healed(healed: Fleet) -> None:
    healed.fault("web-01", "run", command="exec sleep 12345")
    assert out(healed, "web-01", "pgrep -fx 'sleep 12345'")
    healed.heal("web-01")
    assert ssh(healed, "web-01", "pgrep -fx 'sleep 12345'").returncode == 1


@pytest.mark.parametrize(
    ("name", "line"), [("kernel-panic", "Kernel panic - not syncing"), ("oom", "Out of memory")]
)
def test_kernel_fault_is_in_one_hosts_log(healed: Fleet, name: str, line: str) -> None:
    healed.fault("web-02", name)
    assert line in out(healed, "web-02", "dmesg --level emerg,alert,crit,err")
    assert line not in out(healed, "web-01", "dmesg")
    healed.heal("web-02")
    assert line not in out(healed, "web-02", "dmesg")


def test_reboot_keeps_the_disk_and_nothing_else(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(hosts=2)
    ask = "cat /proc/sys/kernel/random/boot_id"
    before = out(fleet, "web-01", f"touch /root/kept /run/lost; {ask}")
    fleet.fault("web-01", "blackhole")
    fleet.fault("web-01", "reboot", down_s=0)
    after = out(fleet, "web-01", f"ls -d /root/kept /run/lost 2>/dev/null; {ask}").split()
    assert after[0] == "/root/kept"
    assert after[1:] != [before]
    assert float(out(fleet, "web-01", "cat /proc/uptime").split()[0]) < 60
    assert fleet.faults() == {"web-01": [], "web-02": []}


@pytest.mark.parametrize("kind", ["openssh", "bare"])
def test_reboot_typed_on_the_host_works(make_fleet: MakeFleet, kind: Kind) -> None:
    fleet = make_fleet(hosts=1, kind=kind)
    ask = "cat /proc/sys/kernel/random/boot_id"
    before = out(fleet, "web-01", ask)
    ssh(fleet, "web-01", "reboot")

    def is_back() -> bool:
        done = ssh(fleet, "web-01", ask)
        return done.returncode == 0 and done.stdout.strip() != before

    assert eventually(is_back, limit_s=15)


def test_dropbear_host_has_busybox_and_nothing_else(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(names="web-01,box-[1-2]", kinds={"box-[1-2]": "dropbear"})
    assert [host.kind for host in fleet.hosts] == ["dropbear", "dropbear", "openssh"]
    assert "BusyBox" in out(fleet, "box-1", "sh --help 2>&1")
    assert out(fleet, "box-1", "id -un; echo ~", "-l", "ops") == "ops\n/home/ops"
    assert ssh(fleet, "box-1", "bash").returncode == 127
    assert "link becomes ready" in out(fleet, "box-1", "dmesg | tail -1")
    fleet.fault("box-2", "changed-key")
    assert "IDENTIFICATION HAS CHANGED" in ssh(fleet, "box-2", "true").stderr
    fleet.heal("box-2")
    fleet.fault("box-2", "stuck", command="df")
    fleet.fault("box-2", "silent")
    assert "banner exchange" in ssh(fleet, "box-2", "true", limit_s=1).stderr
    fleet.heal("box-2")
    assert out(fleet, "box-2", "hostname; df / | wc -l") == "box-2\n2"
    with pytest.raises(FleetError, match="box-1 runs dropbear: MaxSessions is OpenSSH's"):
        fleet.fault("box-1", "max-sessions")


def test_users_have_their_shells_and_sudo(make_fleet: MakeFleet) -> None:
    users = (
        User("zoe", login_shell="zsh"),
        User("finn", login_shell="fish", sudo="nopasswd"),
        User("carl", login_shell="csh", sudo="password"),
        User("rob", login_shell="rbash"),
    )
    fleet = make_fleet(hosts=1, users=users)
    assert fleet.hosts[0].users == ("root", "zoe", "finn", "carl", "rob")
    for user, shell in (("zoe", "zsh"), ("finn", "fish"), ("carl", "csh"), ("rob", "rbash")):
        # sshd gives the command to the login shell, which then is the parent of sh
        seen = out(fleet, "web-01", "sh -c 'ps -o comm= -p $PPID'; true", "-l", user)
        assert seen == shell
    assert "restricted" in ssh(fleet, "web-01", "/bin/ls", "-l", "rob").stderr
    assert out(fleet, "web-01", "sudo -n id -u", "-l", "finn") == "0"
    assert "password" in ssh(fleet, "web-01", "sudo -n id -u", "-l", "carl").stderr
    assert out(fleet, "web-01", f"echo {PASSWORD} | sudo -S id -u", "-l", "carl") == "0"
    assert ssh(fleet, "web-01", "sudo -n id", "-l", "zoe").returncode == 1


def test_password_and_sshd_options_are_as_asked(make_fleet: MakeFleet, tmp_path: Path) -> None:
    only = {"KexAlgorithms": "curve25519-sha256", "MaxStartups": "7"}
    fleet = make_fleet(hosts=1, password_login=True, sshd_options=only)
    effective = fleet.exec("web-01", ["sshd", "-T"]).stdout
    assert "\nkexalgorithms curve25519-sha256\n" in effective
    assert "\nmaxstartups 7:" in effective
    says_password = tmp_path / "askpass"
    says_password.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    says_password.chmod(0o700)
    argv = ["ssh", "-F", str(fleet.ssh_config_path), "-o", "BatchMode=no"]
    done = subprocess.run(
        [*argv, "-o", "PubkeyAuthentication=no", "-l", "ops", "web-01", "id -un"],
        env={**os.environ, "SSH_ASKPASS": str(says_password), "SSH_ASKPASS_REQUIRE": "force"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "ops\n", done.stderr


def connect_s(address: str) -> float:
    """A TCP handshake: one round trip."""
    begun = time.perf_counter()
    with socket.create_connection((address, 22), timeout=5):
        return time.perf_counter() - begun


def test_round_trip_is_what_was_asked_for(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(hosts=1, rtt_ms=100)
    measured_ms = [1000 * connect_s(fleet.hosts[0].address) for _ in range(15)]
    assert 100 <= min(measured_ms) < 101
    assert statistics.median(measured_ms) < 103


def test_loss_takes_its_share(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(hosts=1, loss=0.3)
    answered = 0
    for _ in range(100):
        with socket.socket() as probe:  # a closed port answers with a reset, unless one is lost
            probe.settimeout(0.02)
            try:
                probe.connect((fleet.hosts[0].address, 9))
            except ConnectionRefusedError:
                answered += 1
            except TimeoutError:
                pass
    assert 30 < answered < 70  # 0.7 * 0.7 of them


def test_two_fleets_do_not_know_each_other(make_fleet: MakeFleet) -> None:
    one, two = make_fleet(hosts=1), make_fleet(hosts=1)
    assert one.hosts[0].address != two.hosts[0].address
    wrong_key = ("-o", f"IdentityFile={one.key_path}", "-o", "StrictHostKeyChecking=no")
    refused = subprocess.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", *wrong_key,
         "-o", "UserKnownHostsFile=/dev/null", f"root@{two.hosts[0].address}", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Permission denied" in refused.stderr
    crossing = f"echo | timeout 1 cat </dev/tcp/{two.hosts[0].address}/22"
    assert ssh(one, "web-01", crossing).returncode != 0


def test_twenty_hosts_start_within_seconds(make_fleet: MakeFleet) -> None:
    begun = time.monotonic()
    fleet = make_fleet(hosts=20)
    assert time.monotonic() - begun < 8
    assert out(fleet, "web-20", "hostname") == "web-20"


_OWNER = """
import sys, time
from tests.fleet import Fleet
fleet = Fleet(hosts=2).start()
fleet.fault("web-01", "stuck", command="df")
fleet.fault("web-01", "run", command="df")
print(fleet.directory, flush=True)
time.sleep(600)
"""


def start_owner() -> tuple[subprocess.Popen[str], RunningFleet]:
    """Another process with a fleet of its own, one process of it stuck."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert owner.stdout is not None
    with owner.stdout:
        return owner, RunningFleet(Path(owner.stdout.readline().strip()))


def left_of(fleet: RunningFleet, pids: list[int]) -> list[str]:
    """What of a fleet is still there."""
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    alive = [f"process {pid}" for pid in pids if Path(f"/proc/{pid}").exists()]
    route = [line for line in routes.splitlines() if f"dev fleet{fleet.number} " in line + " "]
    directory = [str(fleet.directory)] if fleet.directory.exists() else []
    return alive + route + directory


def pids_of(fleet: RunningFleet) -> list[int]:
    return [one.pid for host in fleet.hosts for one in fleet.processes(host.name)]


def test_kill_9_of_the_owner_leaves_nothing() -> None:
    owner, fleet = start_owner()
    pids = pids_of(fleet)
    assert len(pids) >= 5
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert eventually(lambda: left_of(fleet, pids) == []), left_of(fleet, pids)


def test_kill_9_of_the_supervisor_too_is_cleared_by_the_next_fleet(make_fleet: MakeFleet) -> None:
    owner, fleet = start_owner()
    pids = pids_of(fleet)
    supervisor = re.search(r'"supervisor": (\d+)', (fleet.directory / "state.json").read_text())
    assert supervisor is not None
    os.kill(int(supervisor[1]), signal.SIGKILL)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert eventually(lambda: len(left_of(fleet, pids)) <= 4)
    make_fleet(hosts=1)
    assert eventually(lambda: not [one for one in left_of(fleet, pids) if "process" in one])


def test_command_line_starts_breaks_heals_and_ends(tmp_path: Path) -> None:
    def command(*argv: str, ok: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fleet", *argv],
            capture_output=True, text=True, cwd=REPOSITORY, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is ok, done.stderr
        return done.stdout if ok else done.stderr

    begun = command("up", "--names", "db-[1-2]", "--rtt", "20ms", "--background")
    number = re.findall(r"^fleet (\d+): 2 hosts", begun)[0]
    mine = ("--fleet", number)
    try:
        assert f"fleetdiag run triage -i {STATE_ROOT}/{number}/inventory.yaml" in begun
        command("fault", *mine, "db-2", "sysctl", "key=net.ipv4.ip_forward", "value=1")
        assert re.search(r"db-2 .* sysctl key=net.ipv4.ip_forward value=1\n", command("status"))
        cat = command("exec", *mine, "db-2", "--", "cat", "/proc/sys/net/ipv4/ip_forward")
        assert cat == "1\n"
        command("heal", *mine, "db-2")
        assert not re.search(r"db-2 .* sysctl", command("status"))
        said = command("fault", *mine, "db-2", "balckhole", ok=False)
        assert "fault 'balckhole': expected one of blackhole, reject" in said
    finally:
        command("down", *mine)
    assert not (STATE_ROOT / number).exists()


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("sysctl", {"key": "vm.swappiness"}, "missing a required argument: 'value'; expected"),
        ("max-sessions", {"count": "few"}, "invalid literal for int"),
        ("blackhole", {"port": 22}, "unexpected keyword argument 'port'"),
    ],
)
def test_wrong_values_are_refused(
    healed: Fleet, name: str, values: dict[str, str | int | float], said: str
) -> None:
    with pytest.raises(FleetError, match=re.escape(said)):
        healed.fault("web-01", name, **values)


def test_unknown_host_is_refused_with_the_known_ones(fleet: Fleet) -> None:
    with pytest.raises(FleetError, match="host 'web-99': this fleet has web-01, web-02"):
        fleet.fault("web-99", "blackhole")


def test_the_inventory_is_one_fleetdiag_reads(fleet: Fleet) -> None:
    text = fleet.inventory_path.read_text()
    first = fleet.hosts[0]
    assert f"  known_hosts: {fleet.known_hosts_path}\n" in text
    assert f"  web-01: {{address: {first.address}, port: 22, user: root, identity_file: " in text
    assert "attributes: {zone: zone-a}}" in text


def test_loopback_sshd_lets_this_user_in(loopback_sshd: LoopbackSshd) -> None:
    done = subprocess.run(
        ["ssh", "-F", str(loopback_sshd.ssh_config_path), "loopback", "echo well"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "well\n", done.stderr


def test_the_document_names_every_fault() -> None:
    document = (REPOSITORY / "docs" / "test-fleet.md").read_text()
    assert [name for name in [*FAULTS, "reboot"] if f"| `{name}" not in document] == []


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
def test_without_the_programs_fleet_tests_skip_unless_required(required: str, outcome: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::{_ANY}"],
        env={"PATH": "/nowhere", "FLEETDIAG_REQUIRE_FLEET": required},
        capture_output=True, text=True, cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert outcome in done.stdout
    assert "the test fleet needs ssh (package openssh-client)" in done.stdout


_ANY = test_hosts_are_apart.__name__
