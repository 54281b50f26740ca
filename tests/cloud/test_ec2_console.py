"""Consoles of hosts that did not answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fleetdiag.cloud.ec2 import Aws, consoles
from fleetdiag.cloud.ec2_console import MAX_CONSOLE_BYTES
from tests.cloud.account import account, ids
from tests.cloud.ec2_answers import Instance

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 20.0
PANIC = b"[  12.3] Kernel panic - not syncing: \xff\xfe oops\r\n"


def test_the_output_is_given_byte_by_byte_with_its_time(tmp_path: Path) -> None:
    down = [Instance("web", console=PANIC, console_at="2025-06-01T03:05:00.000Z")]
    with account(tmp_path, down):
        found, problems = consoles(ids(down), DEADLINE_S)
    assert problems == ()
    assert (found["web"].output, found["web"].at) == (PANIC, 1748747100.0)


def test_a_type_without_the_latest_output_gives_what_it_has(tmp_path: Path) -> None:
    down = [Instance("xen", console=PANIC, latest=False)]
    with account(tmp_path, down) as server:
        found, problems = consoles(ids(down), DEADLINE_S)
        asked = [each.values.get("Latest") for each in server.asked]
    assert (found["xen"].output, problems) == (PANIC, ())
    assert asked == ["true", None]


def test_only_the_end_of_a_long_one_is_kept_from_the_beginning_of_a_line(tmp_path: Path) -> None:
    long = b"".join(b"line %06d\n" % number for number in range(20_000))
    down = [Instance("web", console=long)]
    with account(tmp_path, down):
        found, _ = consoles(ids(down), DEADLINE_S)
    output = found["web"].output
    assert MAX_CONSOLE_BYTES - 20 < len(output) <= MAX_CONSOLE_BYTES
    assert output.startswith(b"line ")
    assert long.endswith(output)


def test_hosts_without_any_output_are_left_out(tmp_path: Path) -> None:
    down = [Instance("new", console=None), Instance("web", console=PANIC)]
    with account(tmp_path, down):
        found, problems = consoles(ids(down), DEADLINE_S)
    assert (set(found), problems) == ({"web"}, ())


def test_one_trouble_of_many_hosts_is_one_problem(tmp_path: Path) -> None:
    down = [Instance(f"web-{n}", console=PANIC) for n in range(12)]
    with account(tmp_path, down) as server:
        server.fail("unauthorized", action="GetConsoleOutput")
        found, problems = consoles(ids(down), DEADLINE_S)
    assert found == {}
    (problem,) = problems
    assert problem.startswith("EC2 us-east-1: no permission for ec2:GetConsoleOutput (Unauth")
    assert problem.endswith("; no console of 12 hosts")


def test_instances_that_are_gone_are_counted_and_the_others_given(tmp_path: Path) -> None:
    down = [Instance("web", console=PANIC)]
    gone = {f"gone-{n}": ("us-east-1", f"i-{n:017x}") for n in range(2)}
    with account(tmp_path, down):
        found, problems = consoles({**gone, **ids(down)}, DEADLINE_S)
    assert set(found) == {"web"}
    assert problems == ("EC2 us-east-1: no such instance; no console of 2 hosts",)


@pytest.mark.parametrize("kind", ["bare", "odd", "malformed", "truncated"])
def test_half_an_answer_is_a_problem_in_words(kind: str, tmp_path: Path) -> None:
    down = [Instance("web", console=PANIC)]
    with account(tmp_path, down) as server:
        server.fail(kind)
        found, problems = consoles(ids(down), DEADLINE_S)
    assert found == {}
    (problem,) = problems
    assert problem.endswith("; no console of 1 host")
    assert problem.isprintable()


def test_one_that_hangs_does_not_cost_the_others_theirs(tmp_path: Path) -> None:
    down = [Instance(f"web-{n}", console=PANIC) for n in range(5)]
    with account(tmp_path, down) as server:
        aws = Aws()
        consoles(ids(down), DEADLINE_S, aws=aws)
        server.fail("hang", times=1)
        began = time.monotonic()
        found, problems = consoles(ids(down), 1.0, aws=aws)
        assert time.monotonic() - began < 2.0
        aws.close()
    assert len(found) == 4
    assert problems == (
        "EC2 us-east-1: no answer to GetConsoleOutput within 1 s; no console of 1 host",
    )
