"""Kill -9 of the program at any moment: what had finished is in the archive, and it opens."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag import archive
from tests.e2e.program import Program, environment, until
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

HOSTS = 8
KILLS = 25
"""In each of two tests: fifty together."""

STAGGERED = """\
steps:
  - first: uname -n
  - wait: sleep 0.0$(( $(hostname | tail -c 2) * 6 / 5 ))
  - data: head -c 20000 /dev/urandom
"""
"""A host ends up to 0.09 s later than the one before it; two at a time they spread over the run."""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Program]:
    """The program on eight hosts that log in fast."""
    with Fleet(hosts=HOSTS, kind="dropbear") as running:
        yield Program(tmp_path, running.inventory_path)


def killed_run(
    program: Program, book: str, directory: Path, wait_s: float, *, begun: bool
) -> set[str]:
    """The hosts that had finished when a run was killed: `wait_s` after it began or was started."""
    reading, writing = os.pipe()
    flags = ["-i", str(program.inventory), "--save", str(directory), "--fanout", "3"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.tapped", "run", book, *flags],
        stdout=subprocess.DEVNULL,
        env={**environment(program.home), "TELL": str(writing)},
        cwd=program.home,
        pass_fds=[writing],
    ) as process:
        os.close(writing)
        with os.fdopen(reading) as told:
            if begun:
                assert told.readline() == "begun\n"
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
            return set(told.read().split()) - {"begun"}


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_random_moments_lose_no_host_that_had_finished(quick: Program, seed: int) -> None:
    chance = random.Random(seed)
    book = quick.playbook("staggered", STAGGERED)
    midway = []
    for number in range(KILLS):
        directory = quick.home / str(number)
        begun = number % 5 > 0
        wait_s = chance.uniform(0, 0.6) if begun else chance.uniform(0.1, 1.0)
        finished = killed_run(quick, book, directory, wait_s, begun=begun)
        stored = list(directory.glob("*.fleetdiag"))
        if not stored:
            assert not finished, "a host finished before the archive was begun"
            assert not begun
            continue
        run = archive.load(stored[0])
        assert len(run.hosts) == HOSTS
        held = {host.name for host in run.hosts if host.status == "ok"}
        assert finished <= held, f"kill {number} lost {finished - held}"
        assert all(len(host.steps[2].stdout) == 20000 for host in run.hosts if host.name in held)
        if 0 < len(held) < HOSTS:
            midway.append(directory)
    assert len(midway) >= KILLS // 4, "most kills fell outside the run: they show little"
    shown = quick.call("show", "--save", str(midway[-1]))
    assert shown.code == 130
    assert "NO RESULT" in shown.out


def test_a_killed_run_leaves_no_step_running_on_the_hosts(program: Program, ten: Fleet) -> None:
    book = program.playbook("long", "defaults: {timeout: 9m}\nsteps: [sleep 4322]\n")

    def sleeping() -> int:
        hosts = ("web-01", "web-02", "web-03")
        return sum("4322" in process.argv for name in hosts for process in ten.processes(name))

    limit = ["-l", "web-[01-03]"]
    with program.start("run", book, "-i", str(program.inventory), *limit) as process:
        until(lambda: sleeping() >= 3, "the step ran on all hosts")
        process.kill()
    until(lambda: not sleeping(), "the step was ended on all hosts", within_s=10)
