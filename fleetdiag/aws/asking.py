"""Calls side by side within a deadline, and the pages of one call."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from fleetdiag.aws.trouble import Call, Trouble, TroubleKind, trouble
from fleetdiag.aws.values import required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

AT_ONCE = 10
"""Calls at the same time."""
MAX_PAGES = 200


def ask(calls: Sequence[Call[T]], deadline: float, *, at_once: int = AT_ONCE) -> list[T | Trouble]:
    """What each call gave, in their order; Trouble for one that failed or has not ended in time.

    `deadline` is of `time.monotonic()`. The threads are daemons: one that hangs holds nobody, and
    none begins after the deadline.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, T | Exception]] = queue.SimpleQueue()
    for number in range(len(calls)):
        waiting.put(number)
    started_at = time.monotonic()
    for _ in range(min(at_once, len(calls))):
        threading.Thread(target=_work, args=(calls, waiting, ended, deadline), daemon=True).start()
    results: dict[int, T | Trouble] = {}
    while len(results) < len(calls):
        try:
            number, given = ended.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        call = calls[number]
        results[number] = trouble(given, call) if isinstance(given, Exception) else given
    late_s = deadline - started_at
    return [
        results[number] if number in results else _late(call, late_s)
        for number, call in enumerate(calls)
    ]


def _work(
    calls: Sequence[Call[T]],
    waiting: queue.SimpleQueue[int],
    ended: queue.SimpleQueue[tuple[int, T | Exception]],
    deadline: float,
) -> None:
    while time.monotonic() < deadline:
        try:
            number = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            given: T | Exception = calls[number].run()
        except Exception as error:  # noqa: BLE001 - goes to the thread that asks
            given = error
        ended.put((number, given))


def _late(call: Call[Any], after_s: float) -> Trouble:
    text = f"no answer to {call.action} within {after_s:.0f} s"
    return Trouble(TroubleKind.NO_ANSWER, call.service, call.region, text)


def pages(
    ask_page: Callable[..., Mapping[str, Any]], key: str, arguments: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The entries below `key` over all pages of a call.

    Raises ValueError where they never end, and where a page has no such key: AWS gives an empty
    list where there is nothing.
    """
    token: str | None = None
    for _ in range(MAX_PAGES):
        answer = ask_page(**arguments, **({"NextToken": token} if token else {}))
        yield from required(answer, key)
        following = answer.get("NextToken")
        if not following:
            return
        if following == token:
            break
        token = following
    raise ValueError("the pages of the answer do not end")
