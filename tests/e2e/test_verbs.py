"""The other verbs and ways to say which hosts, on real hosts."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.e2e.program import Program
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


def test_limit_by_attribute_takes_that_zone_and_no_other(program: Program) -> None:
    told = program.told("run", "uptime", "-l", "zone=zone-a,!web-02")
    assert [host["name"] for host in told["hosts"]] == ["web-01", "web-03", "web-04", "web-05"]
    assert {host["attributes"]["zone"] for host in told["hosts"]} == {"zone-a"}


def test_hosts_by_address_need_no_inventory(program: Program, ten: Fleet) -> None:
    ssh = program.home / ".ssh"
    ssh.mkdir(mode=0o700)
    shutil.copy(ten.known_hosts_path, ssh / "known_hosts")
    addresses = ",".join(ten.host(name).address for name in ("web-01", "web-02"))
    login = ["-u", "ops", "--identity", str(ten.key_path)]
    done = program.call("exec", "all", "-w", addresses, *login, "--", "id", "-un")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "ops"


def test_exec_groups_the_hosts_by_answer(program: Program, ten: Fleet) -> None:
    kernel = ten.exec("web-01", ["uname", "-r"]).stdout.strip()
    done = program.run("exec", "web-*", "--", "uname", "-r")
    assert (done.code, done.err) == (0, "")
    head, answer = [line for line in done.out.splitlines() if line.strip("-")]
    assert (head.split()[0], answer) == ("web-[01-10]", kernel)


def test_exec_shows_the_odd_host_in_a_group_of_its_own(program: Program, ten: Fleet) -> None:
    for host in ten.hosts:
        content = "old\n" if host.name == "web-03" else "new\n"
        ten.fault(host.name, "file", path="/etc/app.version", content=content)
    done = program.run("exec", "web-*", "--", "cat", "/etc/app.version")
    assert done.code == 1
    said = [line.split()[0] for line in done.out.splitlines() if line.strip("-")]
    assert said == ["web-[01-02,04-10]", "new", "web-03", "old"]


def test_what_a_host_answered_is_kept_word_for_word(program: Program) -> None:
    book = program.playbook("words", "steps:\n  - name: words\n    run: hostname; echo oh >&2\n")
    program.run("run", book, "-l", "web-[03-05]")
    done = program.call("show", "--host", "web-04", "--step", "words")
    head, *answer = done.out.splitlines()
    assert head.startswith("== web-04: words: ok (exit 0, ")
    assert answer == ["$ hostname; echo oh >&2", "web-04", "-- stderr", "oh"]
    (stored,) = json.loads(program.call("runs", "--format", "json").out)
    assert (stored["playbook"], stored["hosts"], stored["ok"]) == ("words", 3, 3)
    listed = program.call("runs").out
    assert stored["id"] in listed
    assert "3/3" in listed


def test_hosts_tells_each_value_and_its_origin(program: Program, ten: Fleet) -> None:
    done = program.run("hosts", "web-06", "-u", "ops", "-v")
    rows = {tuple(line.split()[1:]) for line in done.out.splitlines()}
    line = f"{ten.inventory_path}:9"
    assert {
        ("address", ten.host("web-06").address, line),
        ("user", "ops", "--user"),
        ("attributes.zone", "zone-b", line),
        ("transport", "ssh", "default"),
    } <= rows
    told = program.told("hosts", "zone=zone-b")
    assert [host["name"] for host in told["hosts"]] == [f"web-{n:02}" for n in range(6, 11)]
    assert told["hosts"][0]["address"] == ten.host("web-06").address
