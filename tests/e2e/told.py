"""What tests of playbooks on a fleet ask of a run's JSON."""

from __future__ import annotations

from typing import Any

from tests.e2e.program import Program

Json = dict[str, Any]


def notable(told: Json) -> list[Json]:
    """Findings above info."""
    return [finding for finding in told["findings"] if finding["severity"] != "info"]


def must_be_first(told: Json, step: str | None, severity: str, said: str) -> None:
    """The first finding is of web-07 alone of ten, and says this among its evidence."""
    first = told["findings"][0]
    assert (first["hosts"], first["step"], first["severity"]) == (["web-07"], step, severity), first
    assert first["of"] == 10
    assert said in " ".join(first["evidence"]), first


def must_be_silent_twice(program: Program, *arguments: str, hosts: int = 10) -> None:
    """A run, and the next one, which has it for a baseline, show nothing above info."""
    for _ in range(2):
        told = program.told("run", *arguments)
        assert [host["status"] for host in told["hosts"]] == ["ok"] * hosts
        assert notable(told) == [], notable(told)
