"""Calls side by side within a deadline; pages."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.aws import Call, Trouble, TroubleKind, ask, lines, pages

if TYPE_CHECKING:
    from collections.abc import Callable


def call(run: Callable[[], Any], region: str = "us-east-1") -> Call[Any]:
    return Call("EC2", region, "DescribeInstances", run)


def soon() -> float:
    return time.monotonic() + 10.0


def test_answers_come_in_the_order_of_the_calls_also_those_that_are_nothing() -> None:
    given: list[Any] = [1, 0, [], None, ""]
    assert ask([call(lambda each=each: each) for each in given], soon()) == given  # type: ignore[misc]
    assert ask([], soon()) == []


def test_one_that_fails_is_trouble_and_the_others_are_answers() -> None:
    def fail() -> int:
        raise ValueError("nonsense")

    first, second = ask([call(fail), call(lambda: 2)], soon())
    assert isinstance(first, Trouble)
    assert first.kind is TroubleKind.BROKEN
    assert str(first) == "EC2 us-east-1: the answer cannot be understood: nonsense"
    assert second == 2


def test_an_error_of_our_own_is_not_hidden() -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask([call(fail)], soon())


def test_who_hangs_is_left_behind_at_the_deadline() -> None:
    release = threading.Event()
    began = time.monotonic()
    first, second = ask([call(release.wait), call(lambda: 2)], began + 0.3)
    assert time.monotonic() - began < 1.0
    release.set()
    assert isinstance(first, Trouble)
    assert first.kind is TroubleKind.NO_ANSWER
    assert second == 2


def test_nothing_begins_after_the_deadline() -> None:
    began: list[int] = []

    def slow() -> None:
        began.append(1)
        time.sleep(0.2)

    ask([call(slow)] * 5, time.monotonic() + 0.1, at_once=1)
    time.sleep(0.3)
    assert len(began) == 1


def test_no_more_run_at_once_than_may() -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def run() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1

    ask([call(run)] * 12, soon(), at_once=3)
    assert most[0] <= 3


def test_all_pages_are_read() -> None:
    answers: dict[str | None, dict[str, Any]] = {
        None: {"Things": [{"n": 1}, "odd"], "NextToken": "a"},
        "a": {"Things": [], "NextToken": "b"},
        "b": {"Things": [{"n": 2}]},
    }
    found = pages(lambda NextToken=None, **_: answers[NextToken], "Things", {"MaxResults": 5})  # noqa: N803
    assert list(found) == [{"n": 1}, {"n": 2}]


def test_pages_that_never_end_and_half_pages_are_errors() -> None:
    with pytest.raises(ValueError, match="do not end"):
        list(pages(lambda **_: {"Things": [], "NextToken": "a"}, "Things", {}))
    with pytest.raises(ValueError, match="there is no Things in it"):
        list(pages(lambda **_: {}, "Things", {}))


def test_the_same_trouble_of_several_regions_is_one_line() -> None:
    def trouble(region: str, text: str) -> Trouble:
        return Trouble(TroubleKind.EXPIRED, "EC2", region, text)

    said = [trouble("a", "expired"), trouble("b", "expired"), trouble("a", "expired")]
    assert lines([*said, trouble("", "none")]) == ("EC2 a, b: expired", "EC2: none")
