"""The paramiko transport against a real sshd on loopback: needs neither root nor namespaces."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleetdiag.cli.descriptors import A_HOST
from fleetdiag.model import Endpoint, Host, HostStatus, Outcome, Step, TransportKind
from fleetdiag.transport import Secrets, encrypted_keys
from fleetdiag.transport.keyfiles import is_plainly_unencrypted
from tests.fleet.loopback import LoopbackSshd
from tests.transport.logins import loopback_host, run_on

BOTH = [TransportKind.SSH, TransportKind.OPENSSH]


def endpoint(host: Host) -> Endpoint:
    assert host.endpoint is not None
    return host.endpoint


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An ssh-agent of the test's own; the path of its socket, which is in SSH_AUTH_SOCK."""
    path = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    try:
        for _ in range(200):
            if subprocess.run(["ssh-add", "-l"], capture_output=True, check=False).returncode < 2:
                break
        yield path
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("kind", BOTH)
def test_steps_run_over_one_login(loopback_sshd: LoopbackSshd, kind: TransportKind) -> None:
    result = run_on(
        [loopback_host(loopback_sshd, kind)],
        Step("a", ("echo a; echo e >&2",)),
        Step("flood", ("yes",), output_cap_bytes=100_000),
        Step("slow", ("sleep 30",), timeout_s=0.3),
        Step("binary", (r"printf '\000\377\n\r'",)),
        Step("b", ("cat; echo b; exit 4",)),
    )["loopback"]
    assert result.status == "ok", result.reason
    a, flood, slow, binary, b = result.steps
    assert (a.stdout, a.stderr) == (b"a\n", b"e\n")
    assert (flood.outcome, len(flood.stdout)) == (Outcome.TRUNCATED, 100_000)
    assert slow.outcome is Outcome.TIMED_OUT
    assert binary.stdout == b"\x00\xff\n\r"
    assert (b.outcome, b.stdout, b.exit_code) == (Outcome.FAILED, b"b\n", 4)


@pytest.mark.parametrize("kind", BOTH)
def test_a_session_lost_midway_keeps_finished_steps_and_runs_the_rest(
    loopback_sshd: LoopbackSshd, kind: TransportKind, tmp_path: Path
) -> None:
    once = f"[ -e {tmp_path}/cut ] || {{ touch {tmp_path}/cut; kill -9 $PPID; }}; echo survived"
    result = run_on(
        [loopback_host(loopback_sshd, kind)],
        Step("before", (f"echo before; echo x >>{tmp_path}/count",)),
        Step("cut", (once,)),
        Step("after", ("echo after",)),
    )["loopback"]
    assert result.status == "ok", result.reason
    assert [s.stdout for s in result.steps] == [b"before\n", b"survived\n", b"after\n"]
    assert (tmp_path / "count").read_text() == "x\n", "a finished step is not run again"


@pytest.mark.parametrize("kind", BOTH)
def test_an_unknown_key_is_refused_and_recorded_only_when_asked(
    loopback_sshd: LoopbackSshd, kind: TransportKind, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded"
    host = loopback_host(loopback_sshd, kind, known_hosts_files=(str(recorded),))
    refused = run_on([host])["loopback"]
    assert refused.status is HostStatus.KEY_UNKNOWN
    assert not recorded.exists() or not recorded.read_text()
    assert run_on([host], accept_new=True)["loopback"].status is HostStatus.OK
    assert run_on([host])["loopback"].status is HostStatus.OK


def test_the_line_to_add_is_in_the_reason_and_works(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded"
    host = loopback_host(loopback_sshd, known_hosts_files=(str(recorded),))
    reason = run_on([host])["loopback"].reason
    assert "--accept-new" in reason
    recorded.write_text(reason.partition("the line: ")[2] + "\n")
    assert run_on([host])["loopback"].status is HostStatus.OK


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("accept_new", [False, True])
def test_a_changed_key_is_refused_always(
    loopback_sshd: LoopbackSshd, kind: TransportKind, accept_new: bool, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    key = other.with_suffix(".pub").read_text().split()[:2]
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{loopback_sshd.port} {' '.join(key)}\n")
    host = loopback_host(loopback_sshd, kind, known_hosts_files=(str(known),))
    result = run_on([host], accept_new=accept_new)["loopback"]
    assert result.status is HostStatus.KEY_CHANGED
    assert known.read_text().count("\n") == 1


def test_a_host_known_by_another_key_type_is_asked_for_that_type(tmp_path: Path) -> None:
    rsa = tmp_path / "rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa], check=True)
    with LoopbackSshd(tmp_path / "sshd", options=f"HostKey {rsa}") as server:
        key = rsa.with_suffix(".pub").read_text().split()[:2]
        for name, known in {
            "plain": f"[127.0.0.1]:{server.port} {' '.join(key)}\n",
            "hashed": f"[127.0.0.1]:{server.port} {' '.join(key)}\n",
        }.items():
            path = tmp_path / name
            path.write_text(known)
            if name == "hashed":
                subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True)
            host = loopback_host(server, known_hosts_files=(str(path),))
            result = run_on([host])["loopback"]
            assert result.status is HostStatus.OK, f"{name}: {result.reason}"


def test_a_key_with_a_passphrase_needs_it_and_takes_it(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    shutil.copy(loopback_sshd.key_path, locked)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "horse", "-f", locked], check=True)
    host = loopback_host(loopback_sshd, identity_files=(str(locked),))
    without = run_on([host])["loopback"]
    assert without.status is HostStatus.AUTH_FAILED
    assert f"{locked}: needs a passphrase" in without.reason
    wrong = run_on([host], secrets=Secrets(passphrases={str(locked): "cow"}))["loopback"]
    assert f"{locked}: wrong passphrase" in wrong.reason
    right = run_on([host], secrets=Secrets(passphrases={str(locked): "horse"}))["loopback"]
    assert right.status is HostStatus.OK, right.reason


@pytest.mark.parametrize("form", ["OpenSSH", "PEM", "PKCS8"])
@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_a_key_file_tells_whether_it_is_encrypted(
    tmp_path: Path, form: str, passphrase: str
) -> None:
    path = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", passphrase, "-f", str(path)]
    command += [] if form == "OpenSSH" else ["-m", form]
    subprocess.run(command, check=True)
    assert is_plainly_unencrypted(str(path)) == (not passphrase)


def test_what_is_no_key_file_is_not_called_unencrypted(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Host *\n")
    (tmp_path / "none").write_bytes(b"")
    assert not any(
        is_plainly_unencrypted(str(tmp_path / name)) for name in ("text", "none", "missing", ".")
    )


def test_only_keys_that_need_a_passphrase_are_asked_for(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    from fleetdiag.model import Playbook
    from fleetdiag.plan import make_plan

    locked = tmp_path / "locked"
    shutil.copy(loopback_sshd.key_path, locked)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "horse", "-f", locked], check=True)
    files = (str(loopback_sshd.key_path), str(locked), str(tmp_path / "missing"))
    host = loopback_host(loopback_sshd, identity_files=files)
    plan = make_plan([host, replace(host, name="other")], Playbook("p", (Step("a", ("true",)),)))
    assert encrypted_keys(plan) == (str(locked),)


def test_the_agents_key_logs_in_many_hosts_at_once(loopback_sshd: LoopbackSshd, agent: str) -> None:
    subprocess.run(["ssh-add", "-q", loopback_sshd.key_path], check=True)
    host = loopback_host(loopback_sshd, identity_files=(), identities_only=False)
    hosts = [replace(host, name=f"h{i}") for i in range(16)]
    results = run_on(hosts)
    assert {r.status for r in results.values()} == {HostStatus.OK}


def test_with_identities_only_the_agents_other_keys_are_not_offered(
    loopback_sshd: LoopbackSshd, agent: str, tmp_path: Path
) -> None:
    for number in range(8):  # more than MaxAuthTries
        key = tmp_path / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        subprocess.run(["ssh-add", "-q", key], check=True)
    named = run_on([loopback_host(loopback_sshd, identities_only=True)])["loopback"]
    assert named.status is HostStatus.OK
    unnamed = loopback_host(loopback_sshd, identity_files=(), identities_only=False)
    refused = run_on([unnamed])["loopback"]
    assert refused.status is HostStatus.AUTH_FAILED


@pytest.mark.parametrize("key_type", ["rsa", "ecdsa"])
def test_keys_of_other_types_log_in(
    loopback_sshd: LoopbackSshd, key_type: str, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", "", "-f", key], check=True)
    with (loopback_sshd.directory / "authorized_keys").open("a") as accepted:
        accepted.write(key.with_suffix(".pub").read_text())
    result = run_on([loopback_host(loopback_sshd, identity_files=(str(key),))])["loopback"]
    assert result.status is HostStatus.OK, result.reason


def test_the_right_key_behind_wrong_ones_logs_in(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    wrong = [tmp_path / f"wrong{number}" for number in range(3)]
    for key in wrong:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    files = (*map(str, wrong), str(loopback_sshd.key_path))
    result = run_on([loopback_host(loopback_sshd, identity_files=files)])["loopback"]
    assert result.status is HostStatus.OK, result.reason


def test_a_wrong_key_says_what_was_tried_and_what_the_server_takes(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    result = run_on([loopback_host(loopback_sshd, identity_files=(str(key),))])["loopback"]
    assert result.status is HostStatus.AUTH_FAILED
    assert result.reason.startswith(f"user {loopback_sshd.user} refused; tried {key}")


def carrier(server: LoopbackSshd) -> str:
    """A proxy command that carries bytes to the server and back."""
    dial = (
        "import socket,os,sys,threading\n"
        f"s=socket.create_connection(('127.0.0.1',{server.port}))\n"
        "def up():\n"
        "  while d:=os.read(0,65536): s.sendall(d)\n"
        "threading.Thread(target=up,daemon=True).start()\n"
        "while d:=s.recv(65536): os.write(1,d)\n"
    )
    return f"{sys.executable} -c {shlex.quote(dial)}"


def test_a_proxy_command_carries_a_session(loopback_sshd: LoopbackSshd) -> None:
    host = loopback_host(loopback_sshd, proxy_command=carrier(loopback_sshd))
    result = run_on([host])["loopback"]
    assert result.status is HostStatus.OK, result.reason


@pytest.mark.parametrize("kind", BOTH)
def test_a_proxy_command_that_fails_is_no_silent_server(
    loopback_sshd: LoopbackSshd, kind: TransportKind
) -> None:
    host = loopback_host(loopback_sshd, kind, proxy_command="exit 1")
    assert run_on([host])["loopback"].status is HostStatus.UNREACHABLE


def test_hosts_behind_a_bastion_share_one_login_there(tmp_path: Path) -> None:
    with (
        LoopbackSshd(tmp_path / "inner") as inner,
        LoopbackSshd(tmp_path / "bastion", options="LogLevel VERBOSE") as bastion,
    ):
        hop = replace(endpoint(loopback_host(bastion)), name="bastion")
        target = loopback_host(inner, via=(hop,))
        hosts = [replace(target, name=f"h{i}") for i in range(6)]
        results = run_on(hosts)
        log = (tmp_path / "bastion" / "log").read_text()
    assert {r.status for r in results.values()} == {HostStatus.OK}
    assert log.count("Accepted publickey") == 1


def test_a_dead_bastion_is_named_for_every_host_behind_it(
    loopback_sshd: LoopbackSshd, closed_port: int
) -> None:
    hop = replace(endpoint(loopback_host(loopback_sshd)), name="gate", port=closed_port)
    target = loopback_host(loopback_sshd, via=(hop,))
    results = run_on([replace(target, name="a"), replace(target, name="b")])
    assert {(r.status, r.reason) for r in results.values()} == {
        (
            HostStatus.REFUSED,
            f"bastion gate: 127.0.0.1 port {closed_port}: connection refused",
        )
    }


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_something_that_is_no_ssh_server_is_shown(loopback_sshd: LoopbackSshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        host = loopback_host(loopback_sshd, port=listener.getsockname()[1])
        result = run_on([host])["loopback"]
        thread.join()
    assert result.status is HostStatus.UNREACHABLE
    assert "not as an SSH server: 'HTTP/1.1 400" in result.reason


def test_no_descriptor_is_left_open_by_failed_logins(
    loopback_sshd: LoopbackSshd, closed_port: int
) -> None:
    bad = [loopback_host(loopback_sshd, port=closed_port)]
    bad += [replace(loopback_host(loopback_sshd, user="nobody-here"), name="other")]
    run_on(bad)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        run_on(bad)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize("way", ["agent", "proxy", "openssh"])
def test_a_host_in_flight_has_no_more_files_open_than_the_program_counts_on(
    loopback_sshd: LoopbackSshd, agent: str, way: str
) -> None:
    subprocess.run(["ssh-add", "-q", loopback_sshd.key_path], check=True)
    host = {
        "agent": loopback_host(loopback_sshd, identity_files=(), identities_only=False),
        "proxy": loopback_host(loopback_sshd, proxy_command=carrier(loopback_sshd)),
        "openssh": loopback_host(loopback_sshd, TransportKind.OPENSSH),
    }[way]
    hosts = [replace(host, name=f"h{number}") for number in range(8)]
    open_files = Path("/proc/self/fd")
    before, over, seen = len(list(open_files.iterdir())), threading.Event(), [0]

    def look() -> None:
        while not over.wait(0.002):
            seen.append(len(list(open_files.iterdir())))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        results = run_on(hosts, Step("wait", ("sleep 1",)))
    finally:
        over.set()
        looking.join()

    assert {result.status for result in results.values()} == {HostStatus.OK}
    assert before + 8 <= max(seen) <= before + 8 * A_HOST + 2


EXHAUSTED = """
import resource
import sys
from fleetdiag.errors import HostError
from fleetdiag.transport.dial import connect, run_proxy
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
while True:
    try:
        taken.append(open("/dev/null"))
    except OSError:
        break
for attempt in (lambda: connect("127.0.0.1", 22, 5.0), lambda: run_proxy("true")):
    try:
        attempt()
    except HostError as error:
        print(error.status, error.reason)
"""


def test_where_this_machine_is_out_of_descriptors_no_host_is_blamed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXHAUSTED], capture_output=True, text=True, check=True
    )
    told = "not-run this machine: too many open files; ask fewer at once (--fanout)"
    assert done.stdout.splitlines() == [told, told]


def test_an_interactive_shell_needs_no_ssh_program(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(
        f"hosts:\n  box:\n    address: 127.0.0.1\n    port: {loopback_sshd.port}\n"
        f"    user: {loopback_sshd.user}\n    identity_file: {loopback_sshd.key_path}\n"
        f"    known_hosts: {loopback_sshd.known_hosts_path}\n"
    )
    ours = [sys.executable, "-m", "fleetdiag", "ssh", "-i", str(inventory), "box"]
    # script(1) gives it a terminal of its own.
    inside = f"env PATH=/nonexistent HOME={tmp_path} TERM=dumb {shlex.join(ours)}"
    with subprocess.Popen(
        ["script", "--quiet", "--return", "--command", inside, "/dev/null"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "SHELL": "/bin/sh"},
    ) as terminal:
        assert terminal.stdin is not None
        assert terminal.stdout is not None
        said = b""
        while not re.search(rb"[$#%>] ", said):  # the prompt: what is typed before it is lost
            said += os.read(terminal.stdout.fileno(), 4096) or pytest.fail(str(said))
        terminal.stdin.write(b"echo sum $((40 + 2)); exit 7\r")
        terminal.stdin.flush()
        said += terminal.stdout.read()
        code = terminal.wait(20)
    assert b"sum 42" in said, said
    assert code == 7
