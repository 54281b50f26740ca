"""One host: how it stands among the others, said in a sentence."""

from __future__ import annotations

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import HostStatus, Run
from fleetdiag.report import ReportOptions, render
from tests.factory import make_host, make_run
from tests.report.scenarios import SCENARIOS


def view(run: Run, host: str | None = None) -> str:
    return render(compare(run), "table", options=ReportOptions(host=host))


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("web-07", "web-07 is odd in 1 of 4 compared steps."),
        ("web-02", "web-02 is like most hosts in 4 of 4 compared steps."),
        ("web-99", "web-99 is not in this run."),
    ],
)
def test_the_first_sentence_answers_whether_the_host_is_normal(host: str, sentence: str) -> None:
    assert view(SCENARIOS["one_odd_host"](), host).split("\n")[2] == sentence


def test_other_hosts_findings_are_left_out() -> None:
    assert "FINDINGS" not in view(SCENARIOS["one_odd_host"](), "web-02")


def test_a_host_without_result_says_why() -> None:
    text = view(SCENARIOS["three_unreachable"](), "web-12")
    assert "web-12 gave no result (auth-failed): publickey refused for admin" in text


def test_a_host_alone_is_neither_odd_nor_normal() -> None:
    text = view(make_run({"web-01": {"a": "x"}}))
    assert "web-01 answered 1 step; there is no other host to compare it with, and no" in text
    assert "odd" not in text


def test_a_host_alone_that_gave_no_result_is_no_agreement() -> None:
    text = view(make_run([make_host("web-01", status=HostStatus.REFUSED, reason="port 22")]))
    assert "web-01 gave no result (refused): port 22" in text
