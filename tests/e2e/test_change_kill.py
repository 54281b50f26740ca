"""Kill -9 of the program at any moment of a rollout: each host is untouched, done or undone.

`fleetdiag show` and the run that goes on know which, and nothing is done twice. `FLEETDIAG_KILLS=9`
in the environment tries more moments than the continuous integration does.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag.errors import ArchiveError
from tests.e2e.program import Program, finished, until
from tests.fleet import Fleet
from tests.fleet.spec import Kind

pytestmark = pytest.mark.fleet

KILLS = int(os.environ.get("FLEETDIAG_KILLS", "2"))
HOSTS = ["web-01", "web-02", "web-03", "web-04"]
ACTS = "/var/log/acts"

UNDOES = f"""\
kind: change
before: [uname -n]
steps:
  - name: one
    run: echo one >>{ACTS}; sleep 0.3
  - name: two
    run: echo two >>{ACTS}
undo:
  run: echo undo >>{ACTS}
  after: 3s
away: 30s
verify: 'true'
"""
REBOOTS = f"""\
kind: change
before: [uname -n]
steps:
  - name: reboot
    run: echo reboot >>{ACTS}; if [ -d /run/systemd/system ]; then systemctl reboot; else reboot; fi
    reboots: true
away: 60s
"""
GO = ("--allow-changes", "--yes", "--batch", "1,3")


@pytest.fixture(scope="module")
def all_four() -> Iterator[Fleet]:
    kinds: dict[str, Kind] = {"web-03": "bare", "web-04": "dropbear"}
    with Fleet(names="web-[01-04]", kinds=kinds) as running:
        yield running


@pytest.fixture
def four(all_four: Fleet) -> Iterator[Fleet]:
    """Two hosts with systemd, one without, one of busybox; nothing is left for the next test."""
    yield all_four
    for host in HOSTS:
        all_four.exec(host, ["sh", "-c", f"rm -rf {ACTS} /run/fleetdiag/* /var/lib/fleetdiag"])


def killed(program: Program, book: str, wait_s: float) -> None:
    """A rollout that is killed so long after its canary's turn began; before it, where negative."""
    flags = ("-i", str(program.inventory), *GO)
    with program.start("run", book, *flags) as process:
        assert process.stderr is not None
        if wait_s < 0:
            time.sleep(0.5 - wait_s)
        else:
            while process.stderr.readline() not in {b"Batch 1 of 2 (the canary): web-01\n", b""}:
                pass
            time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        finished(process)


def acts(fleet: Fleet, host: str) -> list[str]:
    return fleet.exec(host, ["cat", ACTS]).stdout.split()


def forget(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.exec(host, ["rm", "-f", ACTS])


def jobs(fleet: Fleet, host: str) -> str:
    return fleet.exec(
        host, ["sh", "-c", "cd /var/lib/fleetdiag && grep . */start */end */fate */undone"]
    ).stdout


def settled(fleet: Fleet, host: str) -> bool:
    """Whether nothing goes on there but, perhaps, the wait for a word that never comes."""
    begun, said = acts(fleet, host), jobs(fleet, host)
    if "begun" not in said:  # not begun, or all is over and cleared away
        about_to = fleet.exec(host, ["sh", "-c", "ls /var/lib/fleetdiag/*/go"]).stdout
        return begun in ([], ["one", "two"]) and not about_to
    return "undone:" in said or "fate:confirmed" in said


def told(program: Program) -> dict[str, str]:
    """Host -> its state, as `show` has it once it has asked."""
    out = program.call("show", "last", "-i", str(program.inventory)).out
    run = program.stored()
    assert run.rollout is not None
    states = {name: act.state.value for name, act in run.rollout.states().items()}
    _, _, asked = out.partition("Asked now:\n")
    for line in asked.splitlines():
        host, verb, state = line.replace(":", " ").split()[:3]
        states[host] = state if verb == "is" and state != "at" else line
    return states


def decided(program: Program) -> bool:
    try:
        return program.stored().rollout is not None
    except ArchiveError:
        return False


MEANS = {
    (): "untouched",
    ("one", "two"): "done",
    ("one", "undo"): "undone",
    ("one", "two", "undo"): "undone",
}


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_rollout_leaves_no_host_half_changed_and_is_gone_on_with(
    four: Fleet, tmp_path: Path, seed: int
) -> None:
    program = Program(tmp_path, four.inventory_path)
    wait_s = random.Random(seed).uniform(-0.3, 4)
    killed(program, program.playbook("undoes", UNDOES), wait_s)
    if not decided(program):
        assert {tuple(acts(four, host)) for host in HOSTS} == {()}
        return

    until(lambda: all(settled(four, host) for host in HOSTS), "the hosts settled", within_s=20)
    truth = {host: MEANS[tuple(acts(four, host))] for host in HOSTS}
    assert told(program) == truth

    on = program.run("run", "--retry", "last", *GO)
    assert on.code == 0, f"{on.out}\n{on.err}"
    for host in HOSTS:
        again = [] if truth[host] == "done" else ["one", "two"]
        before = {"untouched": [], "done": ["one", "two"]}.get(truth[host])
        if before is None:
            assert acts(four, host)[-3:] == ["undo", "one", "two"]
        else:
            assert acts(four, host) == [*before, *again]
    assert set(told(program).values()) == {"done"}
    for host in HOSTS:
        assert jobs(four, host) == ""
        assert four.exec(host, ["ls", "/run/fleetdiag"]).stdout == ""


def boot_ids(fleet: Fleet) -> dict[str, str]:
    path = "/proc/sys/kernel/random/boot_id"
    return {host: fleet.exec(host, ["cat", path]).stdout for host in HOSTS}


def up_again(fleet: Fleet, host: str) -> bool:
    """Whether it is up, and was not told to go down since."""
    started = fleet.exec(host, ["sh", "-c", "cat /var/lib/fleetdiag/*/start"]).stdout.split()
    boot = boot_ids(fleet)[host].strip()
    listens = fleet.exec(host, ["sh", "-c", "grep -q ':0016 ' /proc/net/tcp"]).returncode == 0
    return listens and boot not in started


@pytest.mark.parametrize("seed", range(max(1, KILLS // 3)))
def test_a_killed_rolling_reboot_reboots_every_host_once(
    four: Fleet, tmp_path: Path, seed: int
) -> None:
    program = Program(tmp_path, four.inventory_path)
    before = boot_ids(four)
    killed(program, program.playbook("reboots", REBOOTS), random.Random(seed).uniform(0.5, 5))
    until(lambda: all(up_again(four, host) for host in HOSTS), "the hosts are up", within_s=30)
    if not decided(program):
        return
    rebooted = {host for host, boot in boot_ids(four).items() if boot != before[host]}
    assert told(program) == {host: "done" if host in rebooted else "untouched" for host in HOSTS}

    on = program.run("run", "--retry", "last", *GO)
    assert on.code == 0, f"{on.out}\n{on.err}"
    assert [acts(four, host) for host in HOSTS] == [["reboot"]] * 4
    assert all(boot != before[host] for host, boot in boot_ids(four).items())
