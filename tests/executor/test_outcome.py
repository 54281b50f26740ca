from __future__ import annotations

import pytest

from fleetdiag.executor.outcome import choose, classify
from fleetdiag.model import Outcome
from fleetdiag.script import CommandEnded


def ended(
    code: int, stdout: str = "", stderr: str = "", *, command: int = 0, truncated: bool = False
) -> CommandEnded:
    return CommandEnded(0, command, code, None, stdout.encode(), stderr.encode(), truncated)


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "outcome"),
    [
        (0, "fine", "", Outcome.OK),
        (0, "", "", Outcome.OK),
        (0, "fine", "warning: not found in cache", Outcome.OK),
        (1, "", "", Outcome.FAILED),
        (1, "half", "cat: /x: Permission denied", Outcome.FAILED),
        (127, "", "sh: 1: journalctl: not found", Outcome.ABSENT),
        (127, "", "sh: line 1: foo: command not found", Outcome.ABSENT),
        (127, "", "", Outcome.ABSENT),
        (1, "", "cat: can't open '/proc/pressure/cpu': No such file or directory", Outcome.ABSENT),
        (0, "", "sh: 1: dmesg: not found", Outcome.ABSENT),
        (126, "", "sh: 1: /opt/tool: Permission denied", Outcome.DENIED),
        (126, "", "", Outcome.DENIED),
        (1, "", "dmesg: read kernel buffer failed: Operation not permitted", Outcome.DENIED),
        (0, "", "dmesg: klogctl: Operation not permitted", Outcome.DENIED),
        (1, "", "ss: you must be root", Outcome.DENIED),
        (1, "", "System has not been booted with systemd as init system", Outcome.ABSENT),
        (137, "", "Killed", Outcome.FAILED),
    ],
)
def test_exit_code_and_error_text_tell_the_outcome(
    code: int, stdout: str, stderr: str, outcome: Outcome
) -> None:
    assert classify(ended(code, stdout, stderr))[0] is outcome


def test_a_reason_is_the_last_thing_said_on_one_line() -> None:
    outcome, reason = classify(ended(2, "x", "first\nlast \x1b[31mword\n\n"))
    assert (outcome, reason) == (Outcome.FAILED, "exit 2: last ?[31mword")


def test_cut_output_is_truncated_though_it_ended_well() -> None:
    assert classify(ended(0, "x", truncated=True))[0] is Outcome.TRUNCATED


def test_the_first_that_works_is_chosen() -> None:
    absent, denied = ended(127), ended(126, command=1)
    good, later = ended(3, "x", command=2), ended(0, "y", command=3)
    assert choose([absent, denied, good, later])[0] is good


def test_denied_says_more_than_absent() -> None:
    absent, denied = ended(127), ended(126, command=1)
    assert choose([absent, denied])[:2] == (denied, Outcome.DENIED)
    assert choose([absent])[:2] == (absent, Outcome.ABSENT)
