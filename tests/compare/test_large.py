"""Outputs too large to be held are read again, and come to the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleetdiag import pipeline
from fleetdiag.compare import compare, linetable
from fleetdiag.compare import pool as pools
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
    fleets.expand(fleets.CASES / case, tmp_path)
    run = as_mode(pipeline.outputs_of_directory(tmp_path), mode)
    held = compare(run)
    monkeypatch.setattr(linetable, "MOST_HELD_BYTES", 0)
    monkeypatch.setattr(pools, "PACKED_LINES", 4)
    monkeypatch.setattr(pools.LinePool.__init__, "__defaults__", (10,))
    assert compare(run) == held
