"""Programs run within a time and a size."""

from __future__ import annotations

import os
import sys
import time

import pytest

from fleetdiag.inventory import program
from fleetdiag.inventory.program import NoAnswerError, run_program


def test_both_streams_and_the_end_are_told() -> None:
    answer = run_program(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=10)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (3, b"out\n", b"err\n")


def test_there_is_nothing_to_read_and_no_terminal_to_ask_at() -> None:
    ask = "import sys; print(repr(sys.stdin.read())); open('/dev/tty')"
    answer = run_program([sys.executable, "-c", ask], timeout_s=10)
    assert (answer.exit_code, answer.stdout) == (1, b"''\n")


def test_large_streams_do_not_block_each_other() -> None:
    body = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end"
    answer = run_program(["sh", "-c", body], timeout_s=30)
    assert len(answer.stdout) == 3_000_004
    assert len(answer.stderr) < 400_000


def test_a_flood_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MAX_OUTPUT_BYTES", 1 << 20)
    with pytest.raises(NoAnswerError, match="printed more than 1 MiB"):
        run_program(["cat", "/dev/zero"], timeout_s=30)


@pytest.mark.parametrize("body", ["sleep 60", "exec >&- 2>&-; sleep 60", "trap '' TERM; sleep 60"])
def test_a_program_that_does_not_end_is_ended(body: str) -> None:
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match="gave no answer within 1 s"):
        run_program(["sh", "-c", body], timeout_s=1)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no/such", "No such file or directory"),
        (os.devnull, "Permission denied"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_program_that_cannot_start_says_why(path: str, reason: str) -> None:
    with pytest.raises(NoAnswerError, match=f"cannot be started: {reason}"):
        run_program([path], timeout_s=1)


def test_a_whole_environment_can_be_given() -> None:
    answer = run_program(["/usr/bin/env"], timeout_s=10, environ={"ONLY": "this"})
    assert answer.stdout == b"ONLY=this\n"
