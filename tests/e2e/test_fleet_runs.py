"""What a run on real hosts must show, by the real command line."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program, environment
from tests.fleet import Fleet, missing_parts

pytestmark = pytest.mark.fleet
HOSTS = [f"web-{number:02}" for number in range(1, 11)]


@pytest.fixture(scope="module")
def ten() -> Iterator[Fleet]:
    if missing_parts():
        pytest.skip("no fleet here: the marker's check says why")
    with Fleet(hosts=10) as running:
        yield running


@pytest.fixture
def program(ten: Fleet, tmp_path: Path) -> Iterator[Program]:
    yield Program(tmp_path, ten.inventory_path)
    ten.heal()


def notable(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in told["findings"] if finding["severity"] != "info"]


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    for _ in range(2):
        done = program.run("run", "triage")
        assert done.returncode == 0, done.stdout
        assert "Nothing odd: 10 hosts answered" in done.stdout
        assert not notable(program.json("run", "triage"))


@pytest.mark.parametrize(
    ("fault", "values", "step", "said"),
    [
        ("sysctl", {"key": "net.ipv4.ip_forward", "value": "1"}, "kernel-settings", "ip_forward"),
        ("full-disk", {"path": "/srv/data"}, "disk", "/srv/data"),
        ("stop-unit", {"unit": "app.service"}, "services", "app"),
        ("fail-unit", {"unit": "app.service"}, "failed-units", "app"),
        ("kernel-panic", {}, "kernel-log", "panic"),
    ],
)
def test_a_planted_fault_is_the_first_finding_on_the_right_host(
    program: Program, ten: Fleet, fault: str, values: dict[str, str], step: str, said: str
) -> None:
    ten.fault("web-07", fault, **values)
    told = program.json("run", "triage")
    first = told["findings"][0]
    assert (first["hosts"], first["step"]) == (["web-07"], step), first
    assert said in " ".join(first["evidence"])
    assert {h for finding in notable(told) for h in finding["hosts"]} == {"web-07"}


def test_a_changed_file_in_a_step_of_ones_own_is_named(program: Program, ten: Fleet) -> None:
    book = program.home / "config.yaml"
    book.write_text("steps:\n  - kernel: uname -r\n  - config: cat /etc/app.conf\n")
    for name in HOSTS:
        ten.write(name, "/etc/app.conf", b"workers = 4\nlisten = 8080\n")
    assert program.run("run", str(book)).returncode == 0
    ten.write("web-04", "/etc/app.conf", b"workers = 40\nlisten = 8080\n")
    told = program.json("run", str(book))
    first = told["findings"][0]
    assert (first["kind"], first["hosts"], first["step"]) == ("differs", ["web-04"], "config")
    assert first["evidence"] == ["- workers = 4", "+ workers = 40"]
    for name in HOSTS:
        ten.write(name, "/etc/app.conf", b"workers = 4\nlisten = 8080\n")


def test_seven_failures_have_seven_statuses_and_delay_nobody(program: Program, ten: Fleet) -> None:
    ten.fault("web-01", "changed-key")
    ten.fault("web-02", "silent")
    ten.fault("web-03", "blackhole")
    ten.fault("web-04", "reject")
    extra = program.home / "extra.yaml"
    address = ten.host("web-05").address
    extra.write_text(
        f"defaults: {{identity_file: {ten.key_path}, user: root}}\n"
        "hosts:\n"
        f"  stranger: {{address: {address}, known_hosts: /dev/null}}\n"
        f"  wrong-user: {{address: {address}, user: mallory, "
        f"known_hosts: {ten.known_hosts_path}}}\n"
        "  bad-name: {address: no-such-host.invalid}\n"
    )
    done = program.run("run", "uptime", "-i", str(extra), "--connect-timeout", "3")
    assert done.returncode == 3
    told = program.json("run", "uptime", "-i", str(extra), "--connect-timeout", "3")
    failed = {h["name"]: h["status"] for h in told["hosts"] if h["status"] != "ok"}
    assert failed == {
        "web-01": "key-changed",
        "web-02": "timed-out",
        "web-03": "unreachable",
        "web-04": "refused",
        "stranger": "key-unknown",
        "wrong-user": "auth-failed",
        "bad-name": "dns",
    }
    reasons = {h["reason"] for h in told["hosts"] if h["status"] != "ok"}
    assert len(reasons) == 7
    assert all(name in done.stdout for name in failed)
    assert sum(h["status"] == "ok" for h in told["hosts"]) == 6


def test_busybox_hosts_and_plain_users_run_triage_to_its_end(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    for user in ("root", "ops"):
        told = mixed.json("run", "triage", "-u", user)
        assert {h["status"] for h in told["hosts"]} == {"ok"}
        outcomes = {s["outcome"] for h in told["hosts"] for s in h["steps"]}
        assert outcomes <= {"ok", "absent", "denied"}, outcomes


def test_ctrl_c_prints_what_is_there_and_names_who_hung(program: Program, ten: Fleet) -> None:
    ten.fault("web-09", "freeze")
    book = program.home / "slow.yaml"
    book.write_text(
        "steps:\n  - quick: echo quick\n"
        "  - slow: 'case $(hostname) in web-08) sleep 60 ;; *) echo done ;; esac'\n"
        "defaults: {timeout: 90s}\n"
    )
    with subprocess.Popen(
        program.argv("run", str(book), "--format", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(program.home),
        cwd=program.home,
    ) as process:
        time.sleep(4)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
        took_s = time.monotonic() - began
    assert process.returncode == 130
    assert took_s < 4
    import json

    told = json.loads(stdout)
    assert told["run"]["interrupted"]
    statuses = {h["name"]: h["status"] for h in told["hosts"]}
    assert {n for n, s in statuses.items() if s != "ok"} == {"web-08", "web-09"}
    assert "web-08" in stderr
    assert "slow" in stderr
    assert "web-09" in stderr
    (hung,) = (h for h in told["hosts"] if h["name"] == "web-08")
    assert (hung["status"], hung["reason"]) == ("cancelled", "during step slow")
    assert hung["steps"][0]["outcome"] == "ok"


def test_one_host_is_checked_against_its_peers(program: Program, ten: Fleet) -> None:
    program.run("run", "triage")
    assert program.run("check", "web-05").returncode == 0
    ten.fault("web-05", "sysctl", key="net.ipv4.ip_forward", value="1")
    done = program.run("check", "web-05")
    assert done.returncode == 1
    assert "kernel-settings" in done.stdout


def test_exec_groups_answers_and_selects_by_attribute(program: Program, ten: Fleet) -> None:
    done = program.run("exec", "zone=zone-a", "--", "echo", "hello")
    assert done.returncode == 0
    assert "web-[01-05]" in done.stdout
    assert "web-06" not in done.stdout


def test_a_host_behind_another_is_reached_through_it(program: Program, ten: Fleet) -> None:
    ten.fault("web-06", "private")
    through = program.home / "through.yaml"
    through.write_text("hosts:\n  web-06: {via: web-01}\n")
    told = program.json("run", "uptime", "-i", str(through), "-l", "web-06")
    assert [h["status"] for h in told["hosts"]] == ["ok"], told["hosts"]


def test_hostile_output_brings_no_control_character_to_the_screen(
    program: Program, ten: Fleet
) -> None:
    book = program.home / "hostile.yaml"
    book.write_text(
        "steps:\n"
        "  - name: ansi\n"
        "    run: \"printf '\\\\033[2J\\\\033]0;owned\\\\007\\\\000\\\\377%s\\\\n' $(hostname)\"\n"
        "    compare: {mode: text}\n"
        "  - name: long\n"
        "    run: head -c 1000000 /dev/zero | tr '\\\\0' x; hostname | tail -c 2\n"
    )
    for form in ("table", "markdown", "json"):
        done = program.run("run", str(book), "-v", "--format", form)
        assert not [c for c in done.stdout if ord(c) < 32 and c != "\n"], form
        assert "\x7f" not in done.stdout
        assert "\x9b" not in done.stdout
