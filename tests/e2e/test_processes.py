"""A run in several processes, as a user sees it: nothing is different but the time it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.program import Program, environment, finished, heed_interrupts, until
from tests.e2e.test_interrupt import SLOW
from tests.e2e.test_logins import behind_a_bastion, connections
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

IN_THREE = ("--processes", "3")


def started(program: Program, *arguments: str) -> subprocess.Popen[bytes]:
    """A command line in a process group of its own, as a shell at a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "fleetdiag", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(program.home),
        cwd=program.home,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


def group(leader: int) -> Sequence[int]:
    """The processes of a process group that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == leader and state != "Z":
            found.append(int(entry.name))
    return found


def sleeping(fleet: Fleet, *hosts: str) -> int:
    return sum("4321" in process.argv for host in hosts for process in fleet.processes(host))


def test_ctrl_c_reaches_every_process_and_only_the_first_heeds_it(
    program: Program, ten: Fleet
) -> None:
    book = program.playbook("slow", SLOW)
    with started(program, "run", book, "-i", str(program.inventory), *IN_THREE) as process:
        program.wait_for_answers(9)
        until(lambda: sleeping(ten, "web-08") > 0, "the long step runs")
        assert len(group(process.pid)) == 1 + 3 + 1, "the program, its shards, one in reserve"
        os.killpg(process.pid, signal.SIGINT)
        done = finished(process)
    assert done.code == 130
    assert "still running: web-08 at slow" in done.err
    assert "9 of 10 hosts ok" in done.out
    assert "web-08  during step slow" in done.out
    half = program.stored().hosts[7]
    assert [step.outcome for step in half.steps] == ["ok", "not-run", "not-run"]
    assert group(process.pid) == []
    until(lambda: not sleeping(ten, "web-08"), "nothing of the step was left on web-08")


def test_the_program_s_death_ends_its_processes_and_what_they_run(
    program: Program, ten: Fleet
) -> None:
    book = program.playbook("long", "defaults: {timeout: 9m}\nsteps: [sleep 4321]\n")
    three = ("web-01", "web-02", "web-03")
    limit = ("-l", ",".join(three), *IN_THREE)
    with started(program, "run", book, "-i", str(program.inventory), *limit) as process:
        until(lambda: sleeping(ten, *three) >= 3, "the step ran on all hosts")
        process.kill()
        process.wait()
        until(lambda: not group(process.pid), "its processes ended", within_s=5)
    until(lambda: not sleeping(ten, *three), "the step was ended on all hosts", within_s=10)


def test_a_bastion_still_has_one_login(program: Program, ten: Fleet) -> None:
    for host in ten.hosts[5:]:
        ten.fault(host.name, "private")
    inventory = program.home / "bastion.yaml"
    inventory.write_text(behind_a_bastion(ten))
    through = Program(program.home, inventory)
    before = connections(ten, "web-01")
    told = through.told("run", "uptime", *IN_THREE)
    assert {host["status"] for host in told["hosts"]} == {"ok"}
    assert connections(ten, "web-01") - before == 1 + 1, "its own, and one as the bastion"


def test_new_keys_accepted_by_several_processes_are_whole_lines(
    program: Program, ten: Fleet
) -> None:
    known = program.home / "known_hosts"
    inventory = program.home / "stranger.yaml"
    hosts = "".join(f"  {host.name}: {{address: {host.address}}}\n" for host in ten.hosts)
    inventory.write_text(
        f"defaults: {{identity_file: {ten.key_path}, user: root, known_hosts: {known}}}\n"
        f"hosts:\n{hosts}"
    )
    strange = Program(program.home, inventory)
    told = strange.told("run", "uptime", "--accept-new", *IN_THREE)
    assert {host["status"] for host in told["hosts"]} == {"ok"}
    lines = [line.split() for line in known.read_text().splitlines()]
    assert sorted(line[0] for line in lines) == sorted(host.address for host in ten.hosts)
    assert {len(line) for line in lines} == {3}


def test_ctrl_c_ends_a_run_on_a_local_dask_cluster_as_any_other(program: Program) -> None:
    mine = f"4326.{os.getpid()}"
    steps = f"steps: [echo one, long: sleep {mine}]\n"
    book = program.playbook("long", f"defaults: {{timeout: 9m}}\n{steps}")
    with started(program, "run", book, "-i", "local", "--on", "dask") as process:
        until(lambda: _runs(mine), "the long step runs", within_s=60)
        os.killpg(process.pid, signal.SIGINT)
        done = finished(process)
    done.must_be_harmless()
    assert done.code == 130
    assert "still running" in done.err
    assert "during step long" in done.out
    until(lambda: not group(process.pid), "its cluster ended", within_s=10)
    assert not _runs(mine)


def _runs(argument: str) -> bool:
    """Whether this machine itself runs something with that argument."""
    found = subprocess.run(["pgrep", "-fx", f"sleep {argument}"], capture_output=True, check=False)
    return found.returncode == 0


def test_a_password_is_not_sent_where_it_could_be_read(program: Program) -> None:
    done = program.run("exec", "all", "-k", "--on", "dask://scheduler:8786", "--", "true")
    assert done.code == 2
    assert done.err == (
        "Error: -k/--ask-pass would send a password unencrypted to --on dask://scheduler:8786:"
        " use dask+tls://, or keys and a sudo without password on the hosts\n"
    )


def test_a_worker_elsewhere_is_not_asked_about_this_machine(program: Program) -> None:
    done = program.call("exec", "all", "-i", "local", "--on", "dask://scheduler:8786", "--", "true")
    assert done.code == 2
    assert "`local` is this machine" in done.err
