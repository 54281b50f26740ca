from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag import archive, pipeline
from fleetdiag.compare import compare
from fleetdiag.errors import ArchiveError
from fleetdiag.model import (
    ArchiveFailed,
    Event,
    Flag,
    Host,
    HostFinished,
    HostResult,
    Playbook,
    Severity,
    Step,
    StoredOutput,
    TransportKind,
    read_output,
)
from fleetdiag.plan import make_plan
from fleetdiag.transport import open_transport
from tests.executor.shells import ignore

BROKE = Flag(say="it broke", severity=Severity.CRITICAL, matches="broken")
PLAYBOOK = Playbook(
    "test",
    (
        Step("same", ("echo same",)),
        Step("bytes", (r"printf '\000\377\033[31m'",)),
        Step("bad", ("echo broken",), flags=(BROKE,)),
        Step("absent", ("no-such-command",)),
    ),
)


def test_a_stored_run_compares_to_exactly_what_the_live_one_did(tmp_path: Path) -> None:
    plan = make_plan(
        [Host(f"h{i}", TransportKind.LOCAL, attributes={"role": "web"}) for i in range(3)],
        PLAYBOOK,
        note="a note",
        peers="role",
    )
    live, path = pipeline.run(plan, open_transport(plan), archive_dir=tmp_path, on_event=ignore)
    assert path is not None
    assert archive.load(path) == live.run
    assert live.run.peers == "role"
    assert pipeline.stored(path) == live
    assert compare(live.run) == live


def test_a_host_is_stored_before_anybody_hears_that_it_finished(tmp_path: Path) -> None:
    plan = make_plan([Host(f"h{i}", TransportKind.LOCAL) for i in range(3)], PLAYBOOK)
    checked = []

    def on_event(event: Event) -> None:
        if isinstance(event, HostFinished):
            (path,) = tmp_path.glob("*.fleetdiag")
            stored = {host.name: host for host in archive.load(path).hosts}
            assert stored[event.result.name] == event.result
            checked.append(event.result.name)

    pipeline.run(plan, open_transport(plan), archive_dir=tmp_path, on_event=on_event)
    assert sorted(checked) == ["h0", "h1", "h2"]


def test_an_archive_that_fails_midway_costs_the_archive_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: archive.Writer, result: object) -> None:
        raise ArchiveError("no space left on device")

    monkeypatch.setattr(archive.Writer, "add", fail)
    plan = make_plan([Host(f"h{i}", TransportKind.LOCAL) for i in range(3)], PLAYBOOK)
    events: list[Event] = []
    done, path = pipeline.run(
        plan, open_transport(plan), archive_dir=tmp_path, on_event=events.append
    )
    assert [host.status for host in done.run.hosts] == ["ok", "ok", "ok"]
    assert [e for e in events if isinstance(e, ArchiveFailed)] == [
        ArchiveFailed("no space left on device")
    ]
    assert path is not None
    assert archive.load(path).interrupted


def test_an_archive_that_is_full_midway_loses_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = archive.Writer.add

    def fill(self: archive.Writer, result: HostResult) -> HostResult:
        if result.name == "h1":
            # SQLite's own limit on the file gives its own "disk is full".
            [pages] = self._connection.execute("PRAGMA page_count").fetchone()
            self._connection.execute(f"PRAGMA max_page_count = {pages}")
        return add(self, result)

    monkeypatch.setattr(archive.Writer, "add", fill)
    large = Step("large", ("head -c 100000 /dev/urandom",))
    small = Step("small", ("head -c 20000 /dev/urandom",))
    plan = make_plan(
        [Host(f"h{i}", TransportKind.LOCAL) for i in range(3)],
        Playbook("full", (large, small)),
        fanout=1,
    )
    events: list[Event] = []
    done, _ = pipeline.run(plan, open_transport(plan), archive_dir=tmp_path, on_event=events.append)
    assert [type(e) for e in events].count(ArchiveFailed) == 1
    sizes = [[len(read_output(step.stdout)) for step in host.steps] for host in done.run.hosts]
    assert sizes == [[100_000, 20_000]] * 3
    stored = [isinstance(host.steps[1].stdout, StoredOutput) for host in done.run.hosts]
    assert stored == [True, False, False]


def test_an_archive_that_cannot_be_begun_is_an_error_before_any_host(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    plan = make_plan([Host("h", TransportKind.LOCAL)], PLAYBOOK)
    events: list[Event] = []
    with pytest.raises(ArchiveError):
        pipeline.run(
            plan, open_transport(plan), archive_dir=tmp_path / "file", on_event=events.append
        )
    assert not events


def test_a_check_sets_one_host_among_its_peers_of_the_last_run(tmp_path: Path) -> None:
    hosts = [Host(f"h{i}", TransportKind.LOCAL) for i in range(4)]
    fleet = make_plan(hosts, PLAYBOOK)
    pipeline.run(fleet, open_transport(fleet), archive_dir=tmp_path, on_event=ignore)
    one = make_plan(hosts[:1], PLAYBOOK)
    done, peers = pipeline.check(one, open_transport(one), archive_dir=tmp_path, on_event=ignore)
    assert peers is not None
    assert [host.name for host in done.run.hosts] == ["h0", "h1", "h2", "h3"]
    assert len(list(tmp_path.glob("*.fleetdiag"))) == 1, "a check is not a run of the fleet"


def test_a_check_without_an_earlier_run_stands_alone(tmp_path: Path) -> None:
    one = make_plan([Host("h", TransportKind.LOCAL)], PLAYBOOK)
    done, peers = pipeline.check(one, open_transport(one), archive_dir=tmp_path, on_event=ignore)
    assert peers is None
    assert [host.name for host in done.run.hosts] == ["h"]
