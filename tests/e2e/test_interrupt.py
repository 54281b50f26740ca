"""A run that is cut short, by Ctrl-C or by its deadline: what was there is kept and shown."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.program import Program, finished, until
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

SLOW = """\
defaults: {timeout: 90s}
steps:
  - quick: echo quick
  - slow: 'case $(hostname) in web-08) sleep 4321 ;; *) echo done ;; esac'
  - after: echo after
"""


@pytest.fixture
def book(program: Program, ten: Fleet) -> Iterator[str]:
    """A playbook that ends on all hosts but two: web-08 sleeps, web-09 is frozen."""
    ten.fault("web-09", "freeze")
    yield program.playbook("slow", SLOW)
    until(lambda: not sleeping(ten), "nothing of the step was left on web-08")


def answered(program: Program) -> int:
    return sum(host.status == "ok" for host in program.stored().hosts)


def sleeping(fleet: Fleet) -> bool:
    return any("4321" in process.argv for process in fleet.processes("web-08"))


def test_ctrl_c_prints_what_is_there_and_names_who_hung_at_what(
    program: Program, book: str
) -> None:
    with program.start("run", book, "-i", str(program.inventory)) as process:
        program.wait_for_answers(8)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        done = finished(process)
    assert done.code == 130
    assert time.monotonic() - began < 4
    assert "still running: web-08 at slow, web-09 at login" in done.err
    assert "8 of 10 hosts ok" in done.out
    assert "web-08  during step slow" in done.out
    assert "web-09  during login" in done.out

    assert answered(program) == 8
    assert (program.call("show").code, program.call("show").out) == (130, done.out)
    assert "interrupted" in program.call("runs").out
    half = program.stored().hosts[7]
    assert [step.outcome for step in half.steps] == ["ok", "not-run", "not-run"]


def test_a_second_ctrl_c_leaves_at_once_and_the_archive_still_opens(
    program: Program, book: str
) -> None:
    with program.start("run", book, "-i", str(program.inventory)) as process:
        program.wait_for_answers(8)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"once more leaves at once" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        done = finished(process)
    assert (done.code, done.out) == (130, "")
    assert time.monotonic() - began < 0.9
    assert answered(program) == 8


def test_the_deadline_ends_the_run_and_names_who_was_late_at_what(
    program: Program, book: str
) -> None:
    told = program.told("run", book, "--deadline", "4", exits=3)
    assert 4 <= told["run"]["duration_s"] < 8
    late = {host["name"]: host for host in told["hosts"] if host["status"] != "ok"}
    assert {host["status"] for host in late.values()} == {"timed-out"}
    assert late["web-08"]["reason"] == "the run's deadline of 4 s passed during step slow"
    assert late["web-09"]["reason"] == "the run's deadline of 4 s passed during login"
    assert len(late) == 2
