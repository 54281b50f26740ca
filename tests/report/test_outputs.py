"""Grouped output for `exec`: hosts folded over what they really printed."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare import compare
from fleetdiag.model import HostStatus, Outcome
from fleetdiag.report import ReportOptions, render_groups
from tests.factory import Said, make_host, make_result, make_run, names


def grouped(values: dict[str, Said], *, color: bool = False) -> str:
    run = make_run({host: {"exec": said} for host, said in values.items()}, source="")
    return render_groups(compare(run), ReportOptions(color=color))


def test_the_largest_group_comes_first_under_its_folded_hosts() -> None:
    values: dict[str, Said] = dict.fromkeys(names("web-", 3), "b\n")
    assert grouped({"db-01": "a\n"} | values) == (
        "--------------\nweb-[01-03] (3)\n--------------\nb\n".replace("-" * 14, "-" * 15)
        + "---------\ndb-01 (1)\n---------\na\n"
    )


def test_a_group_that_is_equal_only_after_masking_shows_one_hosts_real_output() -> None:
    text = grouped({"web-01": "I am web-01\n", "web-02": "I am web-02\n"})
    assert "web-[01-02] (2), as web-01 printed it" in text
    assert "I am web-01" in text
    assert "<self>" not in text


def test_failures_say_so_and_stderr_is_shown() -> None:
    failed = make_result("exec", Outcome.FAILED, exit_code=2, stdout="out\n", stderr="err\n")
    absent = make_result("exec", Outcome.ABSENT, reason="not found")
    text = grouped({"web-01": "x", "web-02": "x", "web-03": failed, "web-04": absent})
    assert "web-03 (1): exit code 2" in text
    assert "out\nerr\n" in text
    assert "web-04 (1): absent, not found" in text


def test_hosts_without_result_are_listed_with_their_reason() -> None:
    hosts = [
        make_host("web-01", {"exec": "x"}),
        make_host("web-02", status=HostStatus.REFUSED, reason="no"),
    ]
    assert "web-02 (1): no result, refused: no" in render_groups(compare(make_run(hosts)))


def test_a_run_without_hosts_says_so() -> None:
    assert render_groups(compare(make_run({}))) == "No host gave a result.\n"


@given(st.binary(max_size=100))
def test_no_control_character_reaches_the_screen(output: bytes) -> None:
    text = grouped({"web-01": output, "web-02": "x"})
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
