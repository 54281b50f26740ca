"""A name server that never answers: whoever needs it has a limit, nobody else is delayed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag import archive
from tests.e2e.program import environment
from tests.fleet.loopback import LoopbackSshd

pytestmark = pytest.mark.fleet  # for root: the mount is the program's own

LIMIT_S = 2
OWN_RESOLV_CONF = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
MANY = 10


@pytest.fixture
def silent_name_server(tmp_path: Path) -> Iterator[Path]:
    """The resolv.conf of a machine whose name server takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.53.0.1", 53))
        path = tmp_path / "resolv.conf"
        path.write_text("nameserver 127.53.0.1\n")
        yield path


def test_a_silent_name_server_costs_its_hosts_the_connect_limit_and_others_nothing(
    silent_name_server: Path, loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    names = "\n".join(f"  web-{number}: {{address: web-{number}.test}}" for number in range(MANY))
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(
        f"hosts:\n{names}\n  box:\n    address: 127.0.0.1\n    port: {loopback_sshd.port}\n"
        f"    user: {loopback_sshd.user}\n    identity_file: {loopback_sshd.key_path}\n"
        f"    known_hosts: {loopback_sshd.known_hosts_path}\n"
    )
    flags = ["-i", str(inventory), "--connect-timeout", str(LIMIT_S), "--save", str(tmp_path)]
    program = [sys.executable, "-m", "fleetdiag", "run", "uptime", "--no-cloud", *flags]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", OWN_RESOLV_CONF, str(silent_name_server), *program],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done
    run = archive.load(archive.find(tmp_path, "last"))
    *lost, box = run.hosts
    assert {(host.status, host.reason) for host in lost} == {
        ("dns", f"web-{number}.test: no answer from the name servers within {LIMIT_S} s")
        for number in range(MANY)
    }
    assert max(host.duration_s for host in lost) < 9, "the C library waits five seconds, twice"
    assert box.status == "ok"
