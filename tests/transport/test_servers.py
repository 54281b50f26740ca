"""Logins to servers of all makes, and how many answers they are made to wait for."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import closing
from pathlib import Path

import pytest

from fleetdiag.model import Host, HostResult, HostStatus, Outcome, Step
from tests.conftest import MakeFleet
from tests.fleet.keys import make_key
from tests.fleet.loopback import LoopbackSshd
from tests.transport.logins import fleet_host, loopback_host, run_on
from tests.transport.releases import openssh_of
from tests.transport.servers import Withholding, serving

SCRIPT_BYTES = 4000
"""Less than the script of one step."""


@pytest.fixture(params=["asyncssh", "paramiko"])
def make(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def check_steps(host: Host) -> None:
    result = run_on(
        [host],
        Step("both", ("echo a; echo e >&2",)),
        Step("slow", ("sleep 30",), timeout_s=0.3),
        Step("large", ("head -c 400000 /dev/zero",)),
        Step("last", ("cat; echo b; exit 4",)),
    )[host.name]
    assert result.status is HostStatus.OK, result.reason
    both, slow, large, last = result.steps
    assert (both.stdout, both.stderr) == (b"a\n", b"e\n")
    assert slow.outcome is Outcome.TIMED_OUT
    assert len(large.stdout) == 400_000
    assert (last.stdout, last.exit_code) == (b"b\n", 4)


def test_other_servers_run_steps(make: str, tmp_path: Path) -> None:
    with serving(make, tmp_path) as server:
        check_steps(server.host())


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("apt-get"), reason="root and apt-get")
@pytest.mark.parametrize(("release", "version"), [("bullseye", "8.4"), ("trixie", "10.0")])
def test_older_and_newer_openssh_take_the_script_with_the_login(
    release: str, version: str, tmp_path: Path
) -> None:
    with openssh_of(release, tmp_path) as server:
        check_steps(loopback_host(server))
        _known_as(server.known_hosts_path, "loopback")
        with closing(Withholding(server.address, server.port)) as relay:
            host = loopback_host(server, port=relay.port, host_key_alias="loopback")
            sent, result = sent_unanswered(host, relay)
    assert result.status is HostStatus.OK, result.reason
    assert sent > SCRIPT_BYTES
    assert relay.identified.startswith(f"SSH-2.0-OpenSSH_{version}")


@pytest.mark.parametrize("claims", ["OpenSSH_9.2p1", "dropbear_2022.83"])
def test_a_server_that_takes_no_session_early_is_logged_in_to_plainly(
    make: str, claims: str, tmp_path: Path
) -> None:
    counted = tmp_path / "counted"
    with serving(make, tmp_path, claims) as server:
        check_steps(server.host())
        run_on([server.host()], Step("count", (f"echo x >>{counted}",)))
    assert counted.read_text() == "x\n"


def sent_unanswered(host: Host, relay: Withholding) -> tuple[int, HostResult]:
    """What went out before the server's answer to the login was let through, and the result."""
    results: dict[str, HostResult] = {}
    runner = threading.Thread(target=lambda: results.update(run_on([host])), daemon=True)
    runner.start()
    sent = relay.wait_until_quiet()
    relay.release()
    runner.join(20)
    return sent, results[host.name]


def test_the_script_goes_out_together_with_the_login(loopback_sshd: LoopbackSshd) -> None:
    with closing(Withholding(loopback_sshd.address, loopback_sshd.port)) as relay:
        host = loopback_host(loopback_sshd, port=relay.port, host_key_alias="loopback")
        _known_as(loopback_sshd.known_hosts_path, "loopback")
        sent, result = sent_unanswered(host, relay)
    assert result.status is HostStatus.OK, result.reason
    assert sent > SCRIPT_BYTES


def test_dropbear_too_is_sent_the_script_with_the_login(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(hosts=1, kind="dropbear")
    (box,) = fleet.hosts
    with closing(Withholding(box.address, 22)) as relay:
        host = fleet_host(
            fleet, box.name, address="127.0.0.1", port=relay.port, host_key_alias=box.name
        )
        sent, result = sent_unanswered(host, relay)
    assert result.status is HostStatus.OK, result.reason
    assert sent > SCRIPT_BYTES


def test_a_server_that_was_never_tried_is_sent_nothing_early(make: str, tmp_path: Path) -> None:
    with serving(make, tmp_path) as server, closing(Withholding("127.0.0.1", server.port)) as relay:
        sent, result = sent_unanswered(server.host(relay.port), relay)
    assert result.status is HostStatus.OK, result.reason
    assert sent < SCRIPT_BYTES


def test_with_several_keys_nothing_goes_early_until_one_of_them_was_taken(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(make_key().private)
    other.chmod(0o600)
    keys = (str(loopback_sshd.key_path), str(other))
    _known_as(loopback_sshd.known_hosts_path, "loopback")
    with closing(Withholding(loopback_sshd.address, loopback_sshd.port)) as relay:
        host = loopback_host(
            loopback_sshd, port=relay.port, host_key_alias="loopback", identity_files=keys
        )
        sent, result = sent_unanswered(host, relay)
    assert result.status is HostStatus.OK, result.reason
    assert sent < SCRIPT_BYTES


def test_a_refused_key_runs_nothing_of_what_went_with_it(
    loopback_sshd: LoopbackSshd, tmp_path: Path
) -> None:
    stranger, counted = tmp_path / "stranger", tmp_path / "counted"
    stranger.write_bytes(make_key().private)
    stranger.chmod(0o600)
    refused = loopback_host(loopback_sshd, identity_files=(str(stranger),))
    result = run_on([refused], Step("count", (f"echo x >>{counted}",)))["loopback"]
    assert result.status is HostStatus.AUTH_FAILED
    assert "it takes" in result.reason or "refused" in result.reason
    assert not counted.exists()


def test_a_server_that_opens_no_session_is_named(tmp_path: Path) -> None:
    with LoopbackSshd(tmp_path / "sshd", options="MaxSessions 0") as server:
        result = run_on([loopback_host(server)])["loopback"]
    assert result.status is HostStatus.AUTH_FAILED
    assert result.reason.startswith("logged in, but the server opens no session")


@pytest.mark.parametrize("kilobytes", [30, 70, 120])
def test_a_script_of_any_length_arrives(loopback_sshd: LoopbackSshd, kilobytes: int) -> None:
    text = "x" * (kilobytes << 10)
    result = run_on([loopback_host(loopback_sshd)], Step("long", (f": {text}; echo done",)))
    (step,) = result["loopback"].steps
    assert step.stdout == b"done\n", result["loopback"].reason


def test_a_server_may_exchange_keys_again_midway(tmp_path: Path) -> None:
    with LoopbackSshd(tmp_path / "sshd", options="RekeyLimit 64K") as server:
        check_steps(loopback_host(server))


def _known_as(known_hosts: Path, name: str) -> None:
    _, _, key = known_hosts.read_text().partition(" ")
    with known_hosts.open("a") as file:
        file.write(f"{name} {key}")
