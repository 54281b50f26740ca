"""A clock that is set while a run goes on."""

from __future__ import annotations

import time

import pytest

from fleetdiag.model import Step
from fleetdiag.transport.process import ProcessSession
from tests.executor.shells import run_steps


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_of_ours_that_is_set_meanwhile_is_no_word_about_a_host(
    monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    clock, jumped_s = time.time, 0.0
    send = ProcessSession.send

    def send_and_jump(session: ProcessSession, data: bytes) -> None:
        nonlocal jumped_s
        send(session, data)
        jumped_s = jump_s

    monkeypatch.setattr(time, "time", lambda: clock() + jumped_s)
    monkeypatch.setattr(ProcessSession, "send", send_and_jump)
    began = time.monotonic()
    result = run_steps(["sh", "-s"], Step("a", ("echo a",)), Step("b", ("sleep 30",), 1.0))
    assert time.monotonic() - began < 10
    assert result.facts.clock_offset_s == pytest.approx(0, abs=1)
    assert [step.outcome for step in result.steps] == ["ok", "timed-out"]
    assert 1 <= result.duration_s < 10
