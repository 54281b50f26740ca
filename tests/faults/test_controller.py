"""The machine that fleetdiag runs on fails: no disk, no descriptors, no terminal, no archive."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag import archive
from tests.e2e.program import Done, Program, environment, until
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

SLEEP_S = "71.4321"
"""Nobody else sleeps so long: finds the step among a host's processes."""
HANGS = f"""\
defaults: {{timeout: 90s}}
steps:
  - quick: echo quick
  - slow: 'case $(hostname) in web-03) sleep {SLEEP_S} ;; *) echo done ;; esac'
"""
NOISE = "steps: [{name: noise, run: head -c 200000 /dev/urandom, compare: ignore}]\n"
SMALL_DISK = """
mount -t tmpfs -o size=300k small "$0" || exit 99
"$@"
code=$?
cp "$0"/* "$0.kept" && exit $code
"""


@pytest.fixture(scope="module")
def three() -> Iterator[Fleet]:
    with Fleet(hosts=3, kind="bare") as running:
        yield running


@pytest.fixture
def program(three: Fleet, tmp_path: Path) -> Program:
    return Program(tmp_path, three.inventory_path)


def under(program: Program, command: list[str], *arguments: str) -> Done:
    """A run of the program under another command, which prepares its surroundings."""
    flags = ["-i", str(program.inventory), "--no-cloud"]
    ran = subprocess.run(
        [*command, sys.executable, "-m", "fleetdiag", "run", *arguments, *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(program.home),
        cwd=program.home,
        timeout=60,
        check=False,
    )
    done = Done(ran.returncode, ran.stdout, ran.stderr)
    done.must_be_harmless()
    return done


def sleeping(fleet: Fleet) -> bool:
    return any(SLEEP_S in process.argv for process in fleet.processes("web-03"))


def hanging(program: Program, fleet: Fleet) -> list[str]:
    """The arguments of a run that ends on two hosts and hangs on the third."""
    until(lambda: not sleeping(fleet), "nothing was left of an earlier test")
    return ["run", program.playbook("hangs", HANGS), "-i", str(program.inventory), "--no-cloud"]


def must_be_stopped_and_kept(program: Program, fleet: Fleet) -> None:
    run = program.stored()
    assert run.interrupted
    first, second, third = run.hosts
    assert (first.status, second.status, third.status) == ("ok", "ok", "cancelled")
    assert third.reason == "during step slow"
    assert third.steps[0].stdout == b"quick\n", "what had finished on it is kept"
    until(lambda: not sleeping(fleet), "the step was ended on the host", within_s=10)


def test_a_disk_that_fills_up_costs_the_archive_and_not_the_run(program: Program) -> None:
    disk = program.home / "runs"
    disk.mkdir()
    kept = program.home / "runs.kept"
    in_own_mounts = ["unshare", "--mount", "sh", "-c", SMALL_DISK, str(disk)]
    book = program.playbook("noise", NOISE)
    done = under(program, in_own_mounts, book, "--save", str(disk), "--fanout", "1")
    assert done.code == 0, done
    assert "3 of 3 hosts ok" in done.out
    assert done.err.count("Warning: this run is no longer stored: ") == 1
    assert "disk is full" in done.err
    run = archive.load(kept)
    assert [host.status for host in run.hosts] == ["ok", "not-run", "not-run"]
    assert len(run.hosts[0].steps[0].stdout) == 200_000


def test_a_report_that_cannot_be_written_is_an_error_in_words(program: Program) -> None:
    to_full = ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
    done = under(program, to_full, program.playbook("noise", NOISE))
    assert (done.code, done.err) == (
        2,
        "Error: the report cannot be written: No space left on device\n",
    )
    assert [host.status for host in program.stored().hosts] == ["ok"] * 3


def test_with_few_descriptors_fewer_hosts_go_at_once_and_all_answer(program: Program) -> None:
    limit = ["prlimit", "--nofile=140:140"]
    done = under(program, limit, program.playbook("noise", NOISE))
    assert done.code == 0
    assert "3 hosts at once need" in done.err
    assert "3 of 3 hosts ok" in done.out


def test_an_archive_that_another_program_holds_for_a_while_loses_nothing(
    program: Program, three: Fleet
) -> None:
    slow = "steps: [{name: slow, run: sleep 1}]\n"
    arguments = ["run", program.playbook("slow", slow), "-i", str(program.inventory), "--no-cloud"]
    with program.start(*arguments) as process:
        runs = program.runs_directory
        until(lambda: any(runs.glob("*.fleetdiag")), "the archive was begun")
        time.sleep(0.3)
        reader = sqlite3.connect(next(runs.glob("*.fleetdiag")), isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM host").fetchone() == (3,)
        time.sleep(7)  # SQLite's own patience is five seconds
        reader.execute("ROLLBACK")
        reader.close()
        _out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    run = program.stored()
    assert not run.interrupted
    assert [host.status for host in run.hosts] == ["ok"] * 3


def test_sigterm_stops_keeps_and_prints(program: Program, three: Fleet) -> None:
    with program.start(*hanging(program, three)) as process:
        program.wait_for_answers(2)
        until(lambda: sleeping(three), "the step ran")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"2 of 3 hosts ok" in out
    assert b"still running: web-03 at slow" in err
    must_be_stopped_and_kept(program, three)


def test_a_closed_terminal_stops_and_keeps(program: Program, three: Fleet) -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "fleetdiag", *hanging(program, three)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**environment(program.home), "TERM": "xterm"},
        cwd=program.home,
    )
    os.close(inside)
    program.wait_for_answers(2)
    until(lambda: sleeping(three), "the step ran")
    os.close(terminal)
    assert process.wait(20) == 130
    must_be_stopped_and_kept(program, three)
