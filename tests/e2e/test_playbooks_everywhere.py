"""Every shipped playbook on Debian, busybox and restricted hosts, as root and as plain users.

Each step ends ok or says why not, and nothing is left behind: the hosts' files are the same after
all of the playbooks as after logins that did nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleetdiag.playbook import available
from fleetdiag.playbook.find import shipped_directory
from tests.e2e.program import Program, finished
from tests.fleet import Fleet, User
from tests.fleet.spec import Kind

pytestmark = pytest.mark.fleet

Json = dict[str, Any]

PLAYBOOKS = [each.name for each in available([shipped_directory()]) if not each.changes]
PARAMS = {"service": ("-p", "name=ssh")}
LOGINS = {
    "root": ("all", ("-u", "root")),
    "plain": ("all", ("-u", "ops")),
    "sudo": ("all&!bb-01", ("-u", "admin", "-b")),  # busybox has no sudo
    "restricted": ("all", ("-u", "caged")),
}
"""How it is logged in, and to which hosts."""
USERS = (
    User("ops"),
    User("admin", sudo="nopasswd"),
    User("caged", login_shell="rbash"),
)
STATED = {"ok", "absent", "denied", "skipped"}
"""What a step may end with."""
KEPT_BY_THE_HOST = ("/var/log/journal/", "/run/log/journal/", "/run/systemd/", "/proc/", "/sys/")
"""Where the host itself writes meanwhile."""
_SNAPSHOT = (
    "find / /run /tmp /var/tmp /dev/shm /srv/data -xdev ! -type d "
    "-exec stat -c '%n|%s|%Y|%Z|%a|%u:%g|%F' {} +"
)


@pytest.fixture(scope="module")
def mixed() -> Iterator[Fleet]:
    """Two Debian hosts with systemd, one without, one of busybox."""
    with Fleet(names="bb-01,deb-[01-03]", kinds=KINDS, users=USERS) as running:
        yield running


KINDS: dict[str, Kind] = {"bb-01": "dropbear", "deb-03": "bare"}


def files(fleet: Fleet) -> dict[str, set[str]]:
    """Host -> a line for each file with its size, times, mode and owner."""
    found = {}
    for host in fleet.hosts:
        said = fleet.exec(host.name, ["sh", "-c", _SNAPSHOT]).stdout
        lines = {line for line in said.splitlines() if not line.startswith(KEPT_BY_THE_HOST)}
        assert len(lines) > 100, said
        found[host.name] = lines
    return found


def changed(before: dict[str, set[str]], after: dict[str, set[str]]) -> set[tuple[str, str]]:
    return {
        (host, line.partition("|")[0]) for host in before for line in before[host] ^ after[host]
    }


def test_each_step_ends_with_an_answer_or_a_reason_and_leaves_nothing(
    mixed: Fleet, tmp_path: Path
) -> None:
    program = Program(tmp_path, mixed.inventory_path)
    untouched = files(mixed)
    for pattern, login in LOGINS.values():
        assert program.run("exec", pattern, *login, "--", "true").code == 0
    after_logins = files(mixed)
    by_logins = changed(untouched, after_logins)

    for playbook in PLAYBOOKS:
        for name, told in answers(program, playbook).items():
            for host in told["hosts"]:
                assert host["status"] == "ok", (playbook, name, host)
                assert bad_steps(host) == [], (playbook, name, host["name"])
            assert unstated(told) == [], (playbook, name)

    assert changed(after_logins, files(mixed)) - by_logins == set()


def answers(program: Program, playbook: str) -> dict[str, Json]:
    """Login -> what the run told; all logins at once, as much of it is waiting."""
    source = ("-i", str(program.inventory), "--format", "json")
    started = {
        name: program.start(
            *("run", playbook, *source, "-l", pattern, *login, *PARAMS.get(playbook, ()))
        )
        for name, (pattern, login) in LOGINS.items()
    }
    done = {name: finished(process) for name, process in started.items()}
    assert {each.code for each in done.values()} <= {0, 1}, done
    return {name: json.loads(each.out) for name, each in done.items()}


def bad_steps(host: Json) -> list[Json]:
    """Steps without an answer and without a reason."""
    return [
        step
        for step in host["steps"]
        if step["outcome"] not in STATED or (step["outcome"] != "ok" and not step["reason"])
    ]


def unstated(told: Json) -> list[tuple[str, str]]:
    """Steps with an output that the comparison could not read (`unparsed`), or did not end."""
    return [
        (step["name"], group["outcome"])
        for step in told["steps"]
        for group in step["groups"]
        if group["outcome"] not in STATED
    ]
