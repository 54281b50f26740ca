"""Whatever hosts say: what is printed is safe, as `Program` sees to at every call, and fits."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tests.e2e.program import Program, dangers
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

WIDTH = 80
HOSTILE = r"""
steps:
  - name: escapes
    run: printf '\033[2J\033]0;owned\007\033[31mred\033[0m\033P1$r\033\\ \233 %s\n' "$(hostname)"
    compare: {unmask: self}
  - name: bytes
    run: printf 'a\000b\377\376c\302\233d\r\nforged\033[1A\b\b\n'; hostname | tail -c 2
  - name: invisible
    run: printf '\342\200\256right \342\200\213 \303\255\314\201 \357\273\277\n'; hostname
  - name: wide
    run: for i in 1 2 3 4 5 6 7 8 9; do printf '深夜三時の障害対応 '; done; hostname | tail -c 2
  - name: line
    run: head -c 1048569 /dev/zero | tr '\0' x; hostname
  - name: bell
    run: tr '\0' '\007' </dev/zero
  - name: error
    run: printf '\033[31m%s\033]0;x\007\200\n' "$(hostname)" >&2; exit 3
  - name: flagged
    run: printf '\033[5mpanic\033[0m at \b\b\302\205 %s\n' "$(hostname)"
    flag: {matches: panic, severity: critical, say: it panics}
"""


@pytest.fixture
def ran(program: Program, ten: Fleet) -> Program:
    """Three hosts were asked for the worst, one of them in its own tongue."""
    done = program.run("run", program.playbook("hostile", HOSTILE), "-l", "web-[01-03]")
    assert done.code == 1
    return program


def columns(line: str) -> int:
    """How many columns of a terminal a line takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in line
    )


@pytest.mark.parametrize("flags", [[], ["-v"]])
def test_the_screen_is_harmless_and_no_wider_than_the_terminal(
    ran: Program, flags: list[str]
) -> None:
    screen = ran.call("show", *flags).out
    assert [line for line in screen.splitlines() if columns(line) > WIDTH] == []
    findings = screen.partition("\nFINDINGS\n")[2]
    assert findings.startswith("CRITICAL  it panics")


def test_markdown_and_json_are_harmless_too(ran: Program) -> None:
    markdown = ran.call("show", "-v", "--format", "markdown").out
    assert "it panics" in markdown
    document = ran.call("show", "--format", "json").out
    assert document.isascii()
    told = json.loads(document)
    assert {host["status"] for host in told["hosts"]} == {"ok"}
    outcomes = {step["name"]: step["outcome"] for step in told["hosts"][0]["steps"]}
    assert (outcomes["bell"], outcomes["error"]) == ("truncated", "failed")
    samples = [group["sample"] for step in told["steps"] for group in step["groups"]]
    texts = [*samples, *(line for finding in told["findings"] for line in finding["evidence"])]
    assert not any(map(dangers, texts))


def test_raw_answers_are_harmless_and_whole(ran: Program) -> None:
    shown = ran.call("show", "--host", "web-02").out
    assert max(map(len, shown.splitlines())) > 1_000_000
    assert "panic" in shown
    assert len(ran.stored().hosts[1].steps[4].stdout) == 1048569 + len("web-02\n")


def test_exec_of_a_hostile_answer_is_harmless(program: Program) -> None:
    done = program.run("exec", "web-01", "--", r"printf '\033[2J\000\377\n'; printf '\033[1A' >&2")
    assert done.code == 0
    assert r"\xff" in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "no-such-playbook"],
        ["run", "triage", "-l", "web-99"],
        ["run", "triage", "--deadline", "soon"],
        ["exec", "web-*"],
        ["check", "web-[01-02]"],
    ],
)
def test_a_wrong_command_line_is_refused_in_words_with_exit_code_2(
    program: Program, arguments: list[str]
) -> None:
    done = program.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "rror: " in done.err
    assert not program.runs_directory.exists()
