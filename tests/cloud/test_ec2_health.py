"""AWS Health: notices where the account has it, silence where it has not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fleetdiag.cloud.ec2 import health_notices
from fleetdiag.cloud.ec2_health import home_region, last_update
from fleetdiag.model import EventState
from tests.cloud.account import account, clean_environment
from tests.cloud.health_answers import Notice

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 20.0
OPEN = Notice(
    text="[03:10 AM PDT] Looking.\n\n[03:40 AM PDT] Power is\x1b[31m lost in use1-az6.",
    zone="us-east-1a",
    started=1748746800.0,
    updated=1748748600.0,
)
CLOSED = Notice("AWS_EBS_OPERATIONAL_ISSUE", "Resolved.", "EBS", status="closed", updated=1.0)


def test_open_and_lately_closed_events_are_told_newest_first(tmp_path: Path) -> None:
    with account(tmp_path, health=[CLOSED, OPEN]):
        (first, second), problems = health_notices(["us-east-1"], DEADLINE_S)
    assert problems == ()
    assert (first.source, first.title) == ("AWS Health", "EC2: operational issue")
    assert first.text == "[03:40 AM PDT] Power is [31m lost in use1-az6."
    assert first.places == ("us-east-1", "us-east-1a")
    assert (first.started_at, first.updated_at) == (1748746800.0, 1748748600.0)
    assert first.state is EventState.OPEN
    assert (second.title, second.state) == ("EBS: operational issue", EventState.COMPLETED)


def test_an_account_without_a_support_plan_has_silently_none(tmp_path: Path) -> None:
    with account(tmp_path, health=None) as server:
        assert health_notices(["us-east-1"], DEADLINE_S) == ((), ())
        assert server.count("health:DescribeEvents", "us-east-1") == 2


def test_without_the_second_permission_the_texts_are_missing_and_it_is_said(
    tmp_path: Path,
) -> None:
    with account(tmp_path, health=[OPEN]) as server:
        server.fail("unauthorized", action="health:DescribeEventDetails")
        (notice,), problems = health_notices(["us-east-1"], DEADLINE_S)
    assert (notice.title, notice.text) == ("EC2: operational issue", "")
    assert problems == (
        "AWS Health: no permission for health:DescribeEventDetails (UnauthorizedOperation)",
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("unauthorized", "no permission for health:DescribeEvents (UnauthorizedOperation)"),
        ("bare", "the answer cannot be understood: there is no events in it"),
    ],
)
def test_each_trouble_is_one_line(kind: str, line: str, tmp_path: Path) -> None:
    with account(tmp_path, health=[OPEN]) as server:
        server.fail(kind)
        notices, problems = health_notices(["us-east-1"], DEADLINE_S)
    assert (notices, problems) == ((), (f"AWS Health: {line}",))


def test_a_call_that_hangs_holds_nobody(tmp_path: Path) -> None:
    with account(tmp_path, health=[OPEN]) as server:
        server.fail("hang")
        began = time.monotonic()
        notices, problems = health_notices(["us-east-1"], 1.0)
        assert time.monotonic() - began < 2.5
    assert (notices, len(problems)) == ((), 1)


def test_what_ec2_says_of_the_credentials_is_not_said_again(tmp_path: Path) -> None:
    with account(tmp_path, health=[OPEN]) as server:
        server.fail("expired-token")
        assert health_notices(["us-east-1"], DEADLINE_S) == ((), ())
        with clean_environment(tmp_path) as patch:
            patch.setenv("AWS_ENDPOINT_URL", server.url)
            assert health_notices(["us-east-1"], DEADLINE_S) == ((), ())


def test_each_partition_is_asked_at_home() -> None:
    assert home_region(["eu-west-1"]) == "us-east-1"
    assert home_region(["cn-north-1"]) == "cn-northwest-1"
    assert home_region(["us-gov-east-1"]) == "us-gov-west-1"
    assert home_region([]) == "us-east-1"


def test_a_text_without_times_is_its_own_last_update() -> None:
    assert last_update("We are\n looking.") == "We are looking."
    assert len(last_update("x" * 10_000)) == 400
