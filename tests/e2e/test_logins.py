"""Hosts that cannot be logged in to, and hosts behind others, by the command line."""

from __future__ import annotations

import pytest

from tests.e2e.program import Done, Program
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

CONNECT_S = 3.0
FAILED = {
    "web-01": "key-changed",
    "web-02": "timed-out",
    "web-03": "unreachable",
    "web-04": "refused",
    "stranger": "key-unknown",
    "wrong-user": "auth-failed",
    "bad-name": "dns",
}
HEALTHY = [f"web-{number:02}" for number in range(5, 11)]


def three_more(fleet: Fleet) -> str:
    """An inventory of hosts that fail by what it says of them, not by what they are."""
    address = fleet.host("web-05").address
    known = fleet.known_hosts_path
    return "\n".join(
        [
            f"defaults: {{identity_file: {fleet.key_path}, user: root}}",
            "hosts:",
            f"  stranger: {{address: {address}, known_hosts: /dev/null}}",
            f"  wrong-user: {{address: {address}, user: mallory, known_hosts: {known}}}",
            "  bad-name: {address: no-such-host.invalid}",
        ]
    )


def under_no_result(done: Done) -> str:
    """The part of the screen that lists the hosts without a result."""
    return done.out.partition("NO RESULT from 7 hosts\n")[2].partition("\n\n")[0]


def test_seven_failures_have_seven_statuses_and_reasons_and_delay_nobody(
    program: Program, ten: Fleet
) -> None:
    ten.fault("web-01", "changed-key")
    ten.fault("web-02", "silent")
    ten.fault("web-03", "blackhole")
    ten.fault("web-04", "reject")
    more = program.home / "more.yaml"
    more.write_text(three_more(ten))
    told = program.told(
        "run", "uptime", "-i", str(more), "--connect-timeout", f"{CONNECT_S:g}", exits=3
    )

    failed = {host["name"]: host for host in told["hosts"] if host["status"] != "ok"}
    assert {name: host["status"] for name, host in failed.items()} == FAILED
    assert len({host["reason"] for host in failed.values()} - {""}) == 7

    healthy = [host for host in told["hosts"] if host["status"] == "ok"]
    assert [host["name"] for host in healthy] == HEALTHY
    assert all(host["steps"][0]["outcome"] == "ok" for host in healthy)

    results = {host.name: host for host in program.stored().hosts}
    assert CONNECT_S <= results["web-02"].duration_s < 2 * CONNECT_S
    assert max(results[name].duration_s for name in HEALTHY) < CONNECT_S

    screen = program.call("show")
    assert screen.code == 3
    listed = under_no_result(screen)
    assert set(FAILED) | set(FAILED.values()) <= set(listed.split())
    assert not set(HEALTHY) & set(listed.split())


def behind_a_bastion(fleet: Fleet) -> str:
    """An inventory of web-01 and, through it, web-06 to web-10."""
    key, known = fleet.key_path, fleet.known_hosts_path
    return "\n".join(
        [
            f"defaults: {{identity_file: {key}, user: root, known_hosts: {known}}}",
            "hosts:",
            f"  web-01: {{address: {fleet.host('web-01').address}}}",
            *(f"  {one.name}: {{address: {one.address}, via: web-01}}" for one in fleet.hosts[5:]),
        ]
    )


def connections(fleet: Fleet, host: str) -> int:
    """How many TCP connections a host has accepted since it booted."""
    counters = fleet.exec(host, ["grep", "Tcp:", "/proc/net/snmp"]).stdout.splitlines()
    names, values = (line.split() for line in counters)
    return int(values[names.index("PassiveOpens")])


def test_hosts_behind_another_are_reached_through_it_with_one_login(
    program: Program, ten: Fleet
) -> None:
    for host in ten.hosts[5:]:
        ten.fault(host.name, "private")
    direct = program.told("run", "uptime", "-l", "web-06", "--connect-timeout", "1", exits=3)
    assert direct["hosts"][0]["status"] == "unreachable"

    inventory = program.home / "bastion.yaml"
    inventory.write_text(behind_a_bastion(ten))
    through = Program(program.home, inventory)
    before = connections(ten, "web-01")
    told = through.told("run", "uptime", "-l", "!web-01")
    assert {host["name"]: host["status"] for host in told["hosts"]} == {
        host.name: "ok" for host in ten.hosts[5:]
    }
    assert connections(ten, "web-01") - before == 1


def test_the_systems_ssh_passes_a_bastion_of_the_ssh_config(program: Program, ten: Fleet) -> None:
    ten.fault("web-07", "private")
    config = ["-i", "ssh_config", "-F", str(ten.ssh_config_path), "--via", "web-01"]
    done = program.call(
        "exec", "web-07", *config, "--transport", "openssh", "--", "cat", "/etc/hostname"
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "web-07"


def test_dry_run_touches_no_host_and_stores_nothing(program: Program, ten: Fleet) -> None:
    names = [host.name for host in ten.hosts]
    before = {name: connections(ten, name) for name in names}
    done = program.run("run", "triage", "--dry-run")
    assert done.code == 0
    assert "web-[01-10]" in done.out
    assert all(host.address in done.out for host in ten.hosts)
    assert done.out.index(" os (") < done.out.index(" kernel-settings (")
    assert {name: connections(ten, name) for name in names} == before
    assert not program.runs_directory.exists()

    program.run("run", "uptime", "-l", "web-02")
    assert connections(ten, "web-02") == before["web-02"] + 1, "a real run does show"
