"""The kernel's red flags, on lines that kernels write."""

import re
from pathlib import Path

import pytest

from fleetdiag.model import Flag
from fleetdiag.playbook import load

HERE = Path(__file__).parent / "kernel"
STEPS = {step.name: step for step in load("triage").steps}
FLAGS = STEPS["kernel-log"].flags


def lines(name: str) -> list[str]:
    text = (HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def raised(line: str) -> list[Flag]:
    return [flag for flag in FLAGS if re.search(flag.matches, line)]


@pytest.mark.parametrize("case", lines("red.txt"))
def test_a_red_line_raises_its_flag_and_no_other(case: str) -> None:
    severity, say, line = case.split("|", 2)

    assert [(flag.severity.value, flag.say) for flag in raised(line)] == [(severity, say)]


@pytest.mark.parametrize("line", lines("healthy.txt"))
def test_a_line_of_a_healthy_boot_raises_none(line: str) -> None:
    assert raised(line) == []


def test_every_flag_has_a_line_that_raises_it() -> None:
    assert {case.split("|")[1] for case in lines("red.txt")} == {flag.say for flag in FLAGS}


def test_dmesg_and_the_previous_boot_have_the_same_flags() -> None:
    (dmesg,) = load("dmesg").steps

    assert dmesg.flags == FLAGS == STEPS["previous-boot"].flags
    assert dmesg.commands == STEPS["kernel-log"].commands
