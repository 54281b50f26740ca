"""Going on with a stored run: only what has no result is asked, into the same file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag import archive, pipeline
from fleetdiag.compare import compare
from fleetdiag.errors import PlanError
from fleetdiag.model import (
    Host,
    HostResult,
    HostStatus,
    Outcome,
    Playbook,
    Step,
    StepResult,
    TransportKind,
    read_output,
)
from fleetdiag.plan import make_plan, remaining
from fleetdiag.transport import open_transport
from tests.executor.shells import ignore

PLAYBOOK = Playbook("test", (Step("one", ("echo first",)), Step("two", ("echo second",))))
HOSTS = [Host(name, TransportKind.LOCAL) for name in ("fine", "lost", "down")]


def said(name: str, status: HostStatus, one: str | None, two: str | None) -> HostResult:
    texts = {"one": one, "two": two}
    steps = tuple(
        StepResult(step, Outcome.NOT_RUN)
        if text is None
        else StepResult(step, Outcome.OK, 0, 0.01, text.encode())
        for step, text in texts.items()
    )
    return HostResult(name, status, "" if status is HostStatus.OK else "gone", steps)


def stored(directory: Path) -> Path:
    """A run that was killed: one host answered, one was lost midway, one never came."""
    plan = make_plan(HOSTS, PLAYBOOK)
    with archive.Writer.create(directory, "run-1", plan, version="1", started_at=1.0) as writer:
        writer.add(said("fine", HostStatus.OK, "before", "before"))
        writer.add(said("lost", HostStatus.LOST, "before", None))
    return writer.path


def test_only_what_has_no_result_is_asked_and_stored_beside_the_rest(tmp_path: Path) -> None:
    path = stored(tmp_path)
    earlier = archive.load(path)
    plan = remaining(make_plan(HOSTS, PLAYBOOK), earlier)
    assert {each.host.name: [s.name for s in each.steps] for each in plan.hosts} == {
        "lost": ["two"],
        "down": ["one", "two"],
    }

    comparison, where = pipeline.retry(
        plan, open_transport(plan), earlier=earlier, path=path, on_event=ignore
    )

    run = archive.load(path)
    assert where == path
    assert [host.status for host in run.hosts] == [HostStatus.OK] * 3
    assert {
        host.name: [read_output(step.stdout).decode().strip() for step in host.steps]
        for host in run.hosts
    } == {
        "fine": ["before", "before"],
        "lost": ["before", "second"],
        "down": ["first", "second"],
    }
    assert not run.interrupted
    assert (run.id, run.started_at) == (earlier.id, earlier.started_at)
    assert compare(run) == comparison


def test_a_whole_run_has_nothing_to_retry(tmp_path: Path) -> None:
    path = stored(tmp_path)
    earlier = archive.load(path)
    plan = remaining(make_plan(HOSTS, PLAYBOOK), earlier)
    pipeline.retry(plan, open_transport(plan), earlier=earlier, path=path, on_event=ignore)

    with pytest.raises(PlanError, match="nothing to retry: every host of run run-1"):
        remaining(make_plan(HOSTS, PLAYBOOK), archive.load(path))
