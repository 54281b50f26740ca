"""Outputs too large to be held are read again, and come to the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleetdiag import pipeline
from fleetdiag.compare import compare, linetable
from fleetdiag.compare import pool as pools
from fleetdiag.compare.changes import changes
from fleetdiag.compare.features import WHOLE, LongText
from fleetdiag.compare.reading import Reading
from fleetdiag.model import Mode, Run
from tests.bench import fleets

CASES = ["console-panic", "dmesg-hung-task", "certificate-expired", "conf-debug-left"]


def as_mode(run: Run, mode: Mode) -> Run:
    steps = (replace(s, compare=replace(s.compare, mode=mode)) for s in run.playbook.steps)
    return replace(run, playbook=replace(run.playbook, steps=tuple(steps)))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.LOG, Mode.LINES, Mode.TEXT])
def test_outputs_that_are_not_held_compare_to_the_same(
    case: str, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode is Mode.TEXT:  # of texts that are not held there is no second look
        monkeypatch.setattr(Reading, "settle", None)
    fleets.expand(fleets.CASES / case, tmp_path)
    run = as_mode(pipeline.outputs_of_directory(tmp_path), mode)
    held = compare(run)
    monkeypatch.setattr(linetable, "MOST_HELD_BYTES", 0)
    monkeypatch.setattr(linetable, "LONG_BYTES", 0)
    monkeypatch.setattr(linetable, "SHORT_CHARS", 200)
    monkeypatch.setattr(pools, "PACKED_LINES", 4)
    monkeypatch.setattr(pools.LinePool.__init__, "__defaults__", (10,))
    assert compare(run) == held


def test_a_long_text_is_equal_to_the_same_text_held() -> None:
    text = "a line\n" * 99
    long = LongText(LongText.digest(text), lambda: text)
    assert long == text == str(long)
    assert long != text + "x"
    assert long == LongText(LongText.digest(text), str)
    assert changes(Mode.TEXT, {WHOLE: long}, {WHOLE: text}) == ()
