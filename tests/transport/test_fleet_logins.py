"""Logins that go wrong in the ways real ones do, on real hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fleetdiag.model import HostStatus, Limits, Outcome, Step, TransportKind, read_output
from fleetdiag.transport import Secrets
from tests.conftest import MakeFleet
from tests.fleet import Fleet, User
from tests.fleet.spec import PASSWORD
from tests.transport.logins import fleet_host, run_on

BOTH = [TransportKind.SSH, TransportKind.OPENSSH]


@pytest.fixture(autouse=True)
def healed(fleet: Fleet) -> Iterator[None]:
    yield
    fleet.heal()


@pytest.mark.parametrize("kind", BOTH)
def test_seven_failures_are_seven_statuses_and_delay_no_healthy_host(
    make_fleet: MakeFleet, kind: TransportKind
) -> None:
    running = make_fleet(hosts=8)
    running.fault("web-01", "changed-key")
    running.fault("web-02", "silent")
    running.fault("web-03", "blackhole")
    running.fault("web-04", "reject")
    hosts = [fleet_host(running, host.name, kind) for host in running.hosts]
    hosts += [
        fleet_host(running, "web-05", kind, alias="stranger", known_hosts_files=("/dev/null",)),
        fleet_host(running, "web-05", kind, alias="wrong-user", user="mallory"),
        fleet_host(running, "web-05", kind, alias="bad-name", address="no-such-host.invalid"),
    ]
    limits = Limits(connect_s=3, banner_s=3, auth_s=8)
    results = run_on(hosts, Step("a", ("echo a",)), limits=limits)
    assert {name: r.status for name, r in results.items()} == {
        "web-01": HostStatus.KEY_CHANGED,
        "web-02": HostStatus.TIMED_OUT,
        "web-03": HostStatus.UNREACHABLE,
        "web-04": HostStatus.REFUSED,
        **{f"web-{n:02}": HostStatus.OK for n in range(5, 9)},
        "stranger": HostStatus.KEY_UNKNOWN,
        "wrong-user": HostStatus.AUTH_FAILED,
        "bad-name": HostStatus.DNS,
    }
    reasons = [r.reason for r in results.values() if r.status is not HostStatus.OK]
    assert all(reasons)
    assert len(set(reasons)) == 7
    healthy = [r for r in results.values() if r.status is HostStatus.OK]
    assert max(r.duration_s for r in healthy) < 2.5


def test_the_systems_ssh_says_what_a_server_and_it_do_not_have_in_common(fleet: Fleet) -> None:
    fleet.fault("web-01", "sshd-option", line="KexAlgorithms diffie-hellman-group1-sha1")
    result = run_on([fleet_host(fleet, "web-01", TransportKind.OPENSSH)])["web-01"]
    assert result.status is HostStatus.AUTH_FAILED
    assert "no matching key exchange method found" in result.reason


def test_a_dropped_login_is_tried_again_and_then_called_throttled(fleet: Fleet) -> None:
    fleet.fault("web-01", "max-startups", limit="1:100:1")
    hosts = [fleet_host(fleet, "web-01", alias=f"h{i}") for i in range(6)]
    limits = Limits(connect_s=3, banner_s=3, throttle_retries=8)
    statuses = {r.status for r in run_on(hosts, limits=limits).values()}
    assert statuses == {HostStatus.OK}


def test_an_interface_that_goes_down_midway_ends_in_lost_with_the_step_named(fleet: Fleet) -> None:
    began = time.monotonic()
    result = run_on(
        [fleet_host(fleet, "web-02")],
        Step("before", ("echo before",)),
        # A little later: the end of the step before must be through.
        Step("cut", ("sleep 0.5; ip link set eth0 down; sleep 60",), timeout_s=1),
    )["web-02"]
    assert time.monotonic() - began < 20
    assert result.status is HostStatus.LOST
    assert "during step cut" in result.reason
    assert result.steps[0].stdout == b"before\n"


@pytest.mark.parametrize("kind", BOTH)
def test_one_command_that_cannot_be_killed_is_stuck_and_the_next_step_runs(
    fleet: Fleet, kind: TransportKind
) -> None:
    fleet.fault("web-03", "stuck", command="df")
    before, stuck, after = run_on(
        [fleet_host(fleet, "web-03", kind)],
        Step("before", ("echo before",)),
        Step("df", ("df",), timeout_s=1),
        Step("after", ("echo after",)),
    )["web-03"].steps
    assert (before.outcome, before.stdout) == (Outcome.OK, b"before\n")
    assert (stuck.outcome, stuck.reason) == (Outcome.STUCK, "not even KILL ends it")
    assert (after.outcome, after.stdout) == (Outcome.OK, b"after\n")


def test_a_full_disk_hinders_no_step(fleet: Fleet) -> None:
    fleet.fault("web-04", "full-disk", path="/tmp")
    result = run_on([fleet_host(fleet, "web-04")], Step("a", ("echo a",)))["web-04"]
    assert (result.status, result.steps[0].stdout) == (HostStatus.OK, b"a\n")


def test_busybox_and_dropbear_hosts_are_hosts(make_fleet: MakeFleet) -> None:
    running = make_fleet(hosts=2, kind="dropbear")
    hosts = [fleet_host(running, host.name) for host in running.hosts]
    for result in run_on(
        hosts,
        Step("a", ("echo a",)),
        Step("slow", ("sleep 100 & sleep 100",), timeout_s=0.5),
        Step("flood", ("yes",), output_cap_bytes=50_000),
        Step("b", ("echo b; exit 3",)),
    ).values():
        assert result.status is HostStatus.OK, result.reason
        a, slow, flood, b = result.steps
        assert (a.stdout, b.stdout, b.exit_code) == (b"a\n", b"b\n", 3)
        assert slow.outcome is Outcome.TIMED_OUT
        assert (flood.outcome, len(flood.stdout)) == (Outcome.TRUNCATED, 50_000)
    for host in running.hosts:
        assert not [p for p in running.processes(host.name) if "100" in p.argv and p.state != "Z"]


def test_no_host_keeps_a_process_of_ours(make_fleet: MakeFleet) -> None:
    running = make_fleet(hosts=8, kind="dropbear")
    hosts = [fleet_host(running, host.name) for host in running.hosts]
    for _ in range(15):
        run_on(hosts, Step("a", ("true",)))
    time.sleep(0.5)
    left = [p for h in running.hosts for p in running.processes(h.name) if p.name == "sleep"]
    assert not [p for p in left if p.state != "Z" and "infinity" not in p.argv]


@pytest.fixture
def people(make_fleet: MakeFleet) -> Fleet:
    return make_fleet(
        hosts=1,
        users=(
            User("none", sudo="none"),
            User("free", sudo="nopasswd"),
            User("asked", sudo="password"),
        ),
        password_login=True,
    )


ROOT = (
    Step("who", ("id -u",), become=True),
    Step("stdin", ("cat; echo nothing to read",), become=True),
    Step("plain", ("id -u",), become=False),
)


@pytest.mark.parametrize("user", ["free", "asked"])
def test_sudo_with_a_password_that_is_never_run_nor_seen(people: Fleet, user: str) -> None:
    seen = "for f in /proc/[0-9]*; do tr '\\0' '\\n' <$f/cmdline; tr '\\0' '\\n' <$f/environ; done"
    host = fleet_host(people, "web-01", user=user)
    result = run_on([host], *ROOT, Step("spy", (seen,), become=True), become_password=PASSWORD)[
        "web-01"
    ]
    assert result.status is HostStatus.OK, result.reason
    who, stdin, plain, spy = result.steps
    assert (who.stdout, stdin.stdout) == (b"0\n", b"nothing to read\n"), who
    assert plain.stdout not in (b"0\n", b"")
    assert spy.outcome is Outcome.OK
    everything = b"".join(read_output(o) for s in result.steps for o in (s.stdout, s.stderr))
    assert PASSWORD.encode() not in everything
    assert b"<secret>" not in everything, "it did not stand in an argument or the environment"


def test_sudo_without_a_password(people: Fleet) -> None:
    result = run_on([fleet_host(people, "web-01", user="free")], *ROOT)["web-01"]
    assert result.steps[0].stdout == b"0\n"


@pytest.mark.parametrize(
    ("user", "password"), [("none", PASSWORD), ("asked", None), ("asked", "wrong")]
)
def test_refused_sudo_is_denied_in_words_and_other_steps_run(
    people: Fleet, user: str, password: str | None
) -> None:
    host = fleet_host(people, "web-01", user=user)
    who, stdin, plain = run_on([host], *ROOT, become_password=password)["web-01"].steps
    assert (who.outcome, stdin.outcome) == (Outcome.DENIED, Outcome.DENIED)
    assert who.reason
    assert plain.outcome is Outcome.OK


def test_a_step_run_as_root_is_ended_at_its_limit(people: Fleet) -> None:
    host = fleet_host(people, "web-01", user="asked")
    slow, after = run_on(
        [host],
        Step("slow", ("sleep 100 & sleep 100",), become=True, timeout_s=1),
        Step("after", ("echo after",), become=True),
        become_password=PASSWORD,
    )["web-01"].steps
    assert (slow.outcome, after.stdout) == (Outcome.TIMED_OUT, b"after\n")
    assert not [p for p in people.processes("web-01") if "100" in p.argv and p.state != "Z"]


def test_a_password_logs_in_where_keys_do_not(people: Fleet) -> None:
    host = fleet_host(people, "web-01", user="asked", identity_files=("/nonexistent",))
    assert run_on([host])["web-01"].status is HostStatus.AUTH_FAILED
    logged_in = run_on([host], secrets=Secrets(password=PASSWORD))["web-01"]
    assert logged_in.status is HostStatus.OK, logged_in.reason
