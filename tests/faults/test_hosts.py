"""Hosts that have run out of something: one run, a host or an account for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.matrix import CONNECT_S, Matrix, Told, told_once
from tests.fleet import Fleet, User

pytestmark = pytest.mark.fleet

BOOK = """\
steps:
  - before: echo before
  - pipe: echo 3 1 2 | tr ' ' '\\n' | sort | head -n 1
  - {name: memory, run: dd if=/dev/zero of=/dev/null bs=64M count=1 status=none}
  - {name: written, run: head -c 200000 /dev/zero >/tmp/new.$$}
  - {name: frozen, run: 'case $(hostname) in stopped) kill -STOP $$ ;; esac; echo on', timeout: 1s}
  - after: echo after
"""
WELL = {"web-01", "no-shm"}
AS_EXPECTED = {
    "web-01": {},
    "no-shm": {},
    "full": {"written": ("failed", "No space left on device")},
    "read-only": {"written": ("failed", "Read-only file system")},
    "stopped": {"frozen": ("timed-out", "not done within 1 s")},
    "little-memory": {"memory": ("failed", "memory exhausted")},
}
"""Host -> step -> outcome and a part of the reason; all other steps are ok."""
NO_RESULT = {
    "no-processes": (
        "lost",
        "logged in, but the server starts no command: it has no process left, or allows us none",
    ),
    "frozen": ("timed-out", f"connected, but the server said nothing within {CONNECT_S} s"),
}
MEMORY_BYTES = 24 << 20
FIRST_PORT = 2200


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told_once(tmp_path_factory, "hosts", run_all)


def run_all(home: Path) -> Told:
    """A host for each fault, and one with limits on what its servers may use."""
    names = ("web-01", "no-shm", "full", "read-only", "stopped", "frozen", "short")
    users = [User("many"), User("crowded")]
    with Fleet(names=",".join(names), kind="bare", users=users) as fleet:
        matrix = Matrix(home, fleet)
        for host in names[:-1]:
            matrix.add(host, host)
        fleet.fault("full", "full-disk", path="/")
        fleet.fault("read-only", "read-only", path="/")
        fleet.fault("frozen", "freeze")
        fleet.exec("no-shm", ["sh", "-c", "umount /dev/shm && rmdir /dev/shm"])
        limited = {
            "little-memory": ("root", f"--as={MEMORY_BYTES}"),
            # Of root no limit of processes counts. With so many the script runs, a pipe does not;
            # with one sshd itself cannot start it.
            "few-processes": ("many", "--nproc=8"),
            "no-processes": ("crowded", "--nproc=1"),
        }
        for port, (name, (user, limit)) in enumerate(limited.items(), FIRST_PORT):
            matrix.add_sshd(name, "short", port, user=user, under=["prlimit", limit])
        done = matrix.run(BOOK)
        fleet.heal("frozen")
        left = matrix.left({"sh", "sleep", "dd", "sort"}, names, within_s=5)
        return matrix.told(done, left)


@pytest.mark.parametrize("name", AS_EXPECTED)
def test_only_the_steps_that_need_what_is_missing_fail_and_say_so(told: Told, name: str) -> None:
    assert told.of(name) == ("ok", "")
    for step in told.results[name].steps:
        outcome, reason = AS_EXPECTED[name].get(step.name, ("ok", ""))
        assert step.outcome == outcome, step
        assert reason in step.reason


def test_where_commands_cannot_start_the_shells_own_still_do(told: Told) -> None:
    assert told.of("few-processes") == ("ok", "")
    before, *middle, after = told.results["few-processes"].steps
    assert (before.stdout, after.stdout) == (b"before\n", b"after\n")
    # How many there are at a moment is chance; three at once are always too many.
    assert middle[0].outcome == "failed"
    failed = [step for step in middle if step.outcome != "ok"]
    assert all("Cannot fork" in step.reason for step in failed), failed


@pytest.mark.parametrize("name", NO_RESULT)
def test_a_host_that_can_run_nothing_says_why(told: Told, name: str) -> None:
    assert told.of(name) == NO_RESULT[name]


def test_no_host_waits_for_another(told: Told) -> None:
    healthy = dict.fromkeys(WELL, told.said("web-01"))
    assert healthy["web-01"][:2] == [b"before\n", b"1\n"]
    told.must_leave_unharmed(healthy, {"frozen"})


def test_nothing_is_left_on_a_host(told: Told) -> None:
    assert told.left == []
