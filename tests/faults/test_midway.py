"""Hosts that fail while a step runs on them: one run, and something done to each host in it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.e2e.program import Done, until
from tests.faults.matrix import CONNECT_S, Matrix, Told, told_once
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

SECONDS = "3.4321"
"""Nobody else sleeps so long: finds the step among a host's processes."""
BOOK = f"""\
steps:
  - before: echo before
  - {{name: slow, run: sleep {SECONDS}; echo slept, timeout: 5s}}
  - after: echo after
"""
HOSTS = ("web-01", "dropped", "back", "killed", "rebooted", "half-open", "frozen", "cut", "deaf")
HEARD_AGAIN = ("web-01", "dropped", "back", "killed", "rebooted", "half-open")
ALL_OK = ("ok", "ok", "ok")
ONE_OK = ("ok", "not-run", "not-run")
ENDED = "the connection ended: during step slow; then "
SILENT = "no answer any more: during step slow; then "
EXPECTED = {
    "dropped": ("ok", "", ALL_OK),
    "half-open": ("ok", "", ALL_OK),
    "deaf": ("ok", "", ALL_OK),
    "back": ("ok", "", ("ok", "timed-out", "ok")),
    "killed": ("lost", f"{ENDED}ADDRESS port 22: connection refused", ONE_OK),
    "rebooted": ("lost", f"{ENDED}ADDRESS port 22: ", ONE_OK),
    "frozen": (
        "lost",
        f"{SILENT}connected, but the server said nothing within {CONNECT_S} s",
        ONE_OK,
    ),
    "cut": ("lost", f"{SILENT}ADDRESS port 22: no ", ONE_OK),
}
"""Status, how the reason begins, outcomes of the steps."""


@dataclass
class Running:
    """The run in a thread of its own."""

    matrix: Matrix
    done: list[Done] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: self.done.append(self.matrix.run(BOOK)))
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._thread.join()


def break_host(fleet: Fleet, host: str) -> None:
    match host:
        case "frozen":
            fleet.fault(host, "freeze")
        case "cut" | "back":
            fleet.fault(host, "iface-down")
        case "deaf":
            # It hears nothing any more; what it says still comes through.
            fleet.fault(host, "blackhole")
        case "half-open":
            # The host forgets the connection while nobody can hear of it.
            fleet.fault(host, "iface-down")
            fleet.fault(host, "drop-sessions")
            fleet.heal(host)
        case "dropped":
            fleet.fault(host, "drop-sessions")
        case "killed":
            fleet.fault(host, "kill-sshd")


def break_all(fleet: Fleet) -> None:
    """Each host as soon as its step runs: logins take their time on a busy machine."""

    def sleeps(host: str) -> bool:
        return any(SECONDS in process.argv for process in fleet.processes(host))

    waiting = [host for host in HOSTS if host not in {"web-01", "rebooted"}]

    def all_broken() -> bool:
        for host in list(filter(sleeps, waiting)):
            break_host(fleet, host)
            waiting.remove(host)
        return not waiting

    until(all_broken, "the step ran on all hosts")
    # Last: the fleet waits until it is up again, longer than the step's limit.
    fleet.fault("rebooted", "reboot", down_s=5)
    fleet.heal("back")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told_once(tmp_path_factory, "midway", run_all)


def run_all(home: Path) -> Told:
    with Fleet(names=",".join(HOSTS), kind="bare") as fleet:
        matrix = Matrix(home, fleet)
        for host in HOSTS:
            matrix.add(host, host)
        with Running(matrix) as running:
            break_all(fleet)
        left = matrix.left({"sh", "sleep"}, HEARD_AGAIN, within_s=5)
        return matrix.told(running.done[0], left)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_host_that_fails_midway_keeps_what_it_gave_and_says_where_it_was(
    told: Told, name: str
) -> None:
    status, begins, outcomes = EXPECTED[name]
    result = told.results[name]
    assert (result.status, tuple(step.outcome for step in result.steps)) == (status, outcomes)
    assert result.reason.startswith(begins.replace("ADDRESS", told.seen[name]))
    assert bool(result.reason) == bool(begins)
    assert result.steps[0].stdout == b"before\n"


def test_no_host_waits_for_another(told: Told) -> None:
    said = [b"before\n", b"slept\n", b"after\n"]
    told.must_leave_unharmed({"web-01": said}, {"frozen", "cut", "back"})


def test_hosts_that_can_be_heard_again_run_nothing_of_ours(told: Told) -> None:
    assert told.left == []
