from __future__ import annotations

import json
import time
from pathlib import Path

from fleetdiag.model import Host, HostResult, Outcome, Step, TransportKind
from tests.transport.logins import run_on


def replay(directory: Path, *steps: Step, **recorded: str) -> HostResult:
    (directory / "h").mkdir()
    (directory / "hosts.json").write_text(json.dumps({"note": "", "hosts": {"h": {}}}))
    for name, content in recorded.items():
        (directory / "h" / name.replace("_", ".")).write_text(content)
    host = Host("h", TransportKind.REPLAY, recording=str(directory))
    began = time.monotonic()
    result = run_on([host], *steps)["h"]
    assert time.monotonic() - began < 5
    return result


def test_recorded_outputs_come_back(tmp_path: Path) -> None:
    result = replay(tmp_path, Step("a", ("x",)), a_out="out\n", a_err="err\n", a_rc="3")
    (step,) = result.steps
    assert (step.outcome, step.exit_code) == (Outcome.FAILED, 3)
    assert (step.stdout, step.stderr) == (b"out\n", b"err\n")


def test_a_step_with_fallbacks_ends_though_it_is_not_recorded(tmp_path: Path) -> None:
    result = replay(tmp_path, Step("a", ("x", "y", "z")), Step("b", ("x", "y")), b_out="b\n")
    assert [s.outcome for s in result.steps] == [Outcome.ABSENT, Outcome.OK]
