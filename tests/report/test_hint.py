"""A command to copy is never cut."""

from __future__ import annotations

import shlex

import pytest

from fleetdiag.report.hint import command_lines

COMMAND = (
    "fleetdiag show 20261122T030405-triage-7f3a --save /a/long/way/off --host web-07 --step sysctl"
)


@pytest.mark.parametrize("columns", [36, 50, 60, 77, 78, 79, 200])
def test_a_long_command_is_continued_and_still_the_same_command(columns: int) -> None:
    lines = command_lines(COMMAND, columns)
    # The shell takes a backslash before a newline for nothing.
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(COMMAND)
    assert all(len(line) <= columns for line in lines) or columns < 47


def test_quoted_words_are_not_broken() -> None:
    command = "fleetdiag show last --host 'a --b' --step disk"
    assert command_lines(command, 20) == [command]


def test_a_short_command_is_one_line() -> None:
    assert command_lines("fleetdiag show last -v", 40) == ["fleetdiag show last -v"]
