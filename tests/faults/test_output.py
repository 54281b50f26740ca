"""Hosts that say too much, too slowly or for ever: one run, a host for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import DEFAULT_OUTPUT_CAP_BYTES as CAP
from tests.faults.matrix import Matrix, Told, told_once
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

BOOK = """\
steps:
  - before: echo before
  - name: says
    run: |
      case $(hostname) in
        endless) yes ;;
        gigabyte) head -c 1073741824 /dev/zero ;;
        errors) yes >&2 ;;
        drip) while :; do printf x; sleep 1; done ;;
        ignores) trap '' TERM; yes ;;
        *) echo little ;;
      esac
    timeout: 3s
  - after: echo after
"""
TOO_MUCH = f"more than {CAP} bytes"
EXPECTED = {
    "endless": ("truncated", TOO_MUCH, CAP, 0),
    "gigabyte": ("truncated", TOO_MUCH, CAP, 0),
    "errors": ("truncated", TOO_MUCH, 0, CAP),
    "ignores": ("truncated", TOO_MUCH, CAP, 0),
}
"""Outcome, reason, bytes kept of stdout and of stderr."""
DRIP = "drip"
HEALTHY = ("web-01", "web-02")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told_once(tmp_path_factory, "output", run_all)


def run_all(home: Path) -> Told:
    """A host for each kind of output."""
    names = (*HEALTHY, *EXPECTED, DRIP)
    with Fleet(names=",".join(names), kind="bare") as fleet:
        matrix = Matrix(home, fleet)
        for host in names:
            matrix.add(host, host)
        done = matrix.run(BOOK)
        return matrix.told(done, matrix.left({"yes", "head", "sh", "sleep"}, names, within_s=5))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_step_that_will_not_stop_is_ended_and_what_it_said_first_kept(
    told: Told, name: str
) -> None:
    assert told.of(name) == ("ok", "")
    before, says, after = told.results[name].steps
    assert (before.stdout, after.stdout) == (b"before\n", b"after\n")
    said = (says.outcome, says.reason, len(says.stdout), len(says.stderr))
    assert said == EXPECTED[name]


def test_a_byte_a_second_is_kept_until_the_steps_limit(told: Told) -> None:
    before, says, after = told.results[DRIP].steps
    assert (before.stdout, after.stdout) == (b"before\n", b"after\n")
    assert (says.outcome, says.reason) == ("timed-out", "not done within 3 s")
    assert says.stdout in {b"xxx", b"xxxx"}


def test_no_host_waits_for_another(told: Told) -> None:
    said = [b"before\n", b"little\n", b"after\n"]
    told.must_leave_unharmed(dict.fromkeys(HEALTHY, said), {DRIP})


def test_nothing_goes_on_writing_on_a_host(told: Told) -> None:
    assert told.left == []
