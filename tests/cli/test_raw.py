from __future__ import annotations

from fleetdiag.cli.raw import raw_text
from fleetdiag.model import HostResult, HostStatus, Outcome, Playbook, Run
from tests.cli.plans import STEPS, host_result, step_result


def run_of(*hosts: HostResult) -> Run:
    return Run(
        id="20261122T030405-look-7f3a",
        playbook=Playbook(name="look", steps=STEPS),
        hosts=hosts,
        started_at=0.0,
        duration_s=1.0,
        version="0",
    )


WEB = host_result(
    "web-1",
    steps=(
        step_result("load", exit_code=0, duration_s=0.02, stdout=b" up 1 day\n", command=1),
        step_result(
            "disk",
            Outcome.FAILED,
            exit_code=1,
            stdout=b"half\n",
            stderr=b"df: no\n",
            reason="exit 1",
        ),
    ),
)
DOWN = host_result(
    "web-2",
    HostStatus.LOST,
    reason="the connection was reset",
    steps=(step_result("load", Outcome.NOT_RUN), step_result("disk", Outcome.NOT_RUN)),
)


def test_answers_stand_under_what_became_of_the_step() -> None:
    assert raw_text(run_of(WEB, DOWN), ["web-1"], []).splitlines() == [
        "== web-1: load: ok (exit 0, 0.02 s)",
        "$ uptime",
        " up 1 day",
        "",
        "== web-1: disk: failed (exit 1): exit 1",
        "$ df -P",
        "df -iP",
        "half",
        "-- stderr",
        "df: no",
    ]


def test_step_alone_shows_every_host_and_why_one_gave_nothing() -> None:
    assert raw_text(run_of(WEB, DOWN), [], ["load"]).splitlines() == [
        "== web-1: load: ok (exit 0, 0.02 s)",
        "$ uptime",
        " up 1 day",
        "",
        "== web-2: lost: the connection was reset",
        "",
        "== web-2: load: not-run",
    ]


def test_cut_output_is_said() -> None:
    cut = host_result("web-1", steps=(step_result("load", Outcome.TRUNCATED, truncated=True),))
    assert "truncated (cut at the output cap)" in raw_text(run_of(cut), [], [])


def test_nothing_a_host_says_reaches_the_terminal_as_control() -> None:
    evil = b"\x1b]0;title\x07\x1b[2J\x00\xff\r\xc2\x9b31m"
    host = host_result(
        "web-1",
        HostStatus.LOST,
        reason="bad\x1b[31m",
        steps=(step_result("load", stdout=evil, stderr=evil, reason="\x1b[2Jgone"),),
    )
    assert raw_text(run_of(host), [], []).replace("\n", "").isprintable()
