"""Naming, listing and finding stored runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag import archive
from fleetdiag.errors import ArchiveError
from tests.archive.runs import PLAYBOOK, ok_result, plan_of

# Run id -> (playbook, when it began, finished), oldest first.
RUNS = {
    "20261101T000000-triage-aaaa": ("triage", 1000.0, True),
    "20261102T000000-disk-bbbb": ("disk", 2000.0, True),
    "20261103T000000-triage-ffff": ("triage", 3000.1, True),
    "20261103T000000-triage-1111": ("triage", 3000.9, True),
    "20261104T000000-triage-cccc": ("triage", 4000.0, False),
}
OLDEST, DISK, EARLIER, LATER, KILLED = RUNS


def store(
    directory: Path, run_id: str, began: float, *hosts: str, playbook: str = "triage"
) -> Path:
    """A finished run of these hosts."""
    plan = plan_of(*hosts, playbook=replace(PLAYBOOK, name=playbook))
    writer = archive.Writer.create(directory, run_id, plan, version="1", started_at=began)
    for host in hosts:
        writer.add(ok_result(host))
    writer.finish(1.0, False)
    return writer.path


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """RUNS, of two hosts each."""
    for run_id, (playbook, began, finished) in RUNS.items():
        if finished:
            store(tmp_path, run_id, began, "a", "b", playbook=playbook)
        else:
            plan = plan_of("a", "b")
            archive.Writer.create(tmp_path, run_id, plan, version="1", started_at=began).close()
    return tmp_path


def id_of(path: Path | None) -> str | None:
    return path.name.removesuffix(".fleetdiag") if path else None


# ------------------------------------------------------------------------------------ naming


def test_a_run_id_has_time_playbook_and_a_random_end() -> None:
    ids = {archive.new_run_id("triage", 1_795_316_645.9) for _ in range(20)}
    assert all(re.fullmatch(r"20261122T030405-triage-[0-9a-f]{4}", each) for each in ids)
    assert len(ids) > 10


@given(st.text(), st.floats(0, 4e9))
def test_any_playbook_name_gives_a_safe_run_id(name: str, began: float) -> None:
    assert re.fullmatch(
        r"\d{8}T\d{6}-[A-Za-z0-9.-]{1,40}-[0-9a-f]{4}", archive.new_run_id(name, began)
    )


def test_runs_are_kept_in_the_users_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert archive.default_directory() == Path("/home/ada/.local/state/fleetdiag/runs")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert archive.default_directory() == Path("/home/ada/.local/state/fleetdiag/runs")
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert archive.default_directory() == Path("/var/state/fleetdiag/runs")


# ----------------------------------------------------------------------------------- listing


def test_runs_are_listed_newest_first_within_a_second_too(shelf: Path) -> None:
    listed = archive.list_runs(shelf)
    assert [run.id for run in listed] == [KILLED, LATER, EARLIER, DISK, OLDEST]
    assert [run.playbook for run in listed] == ["triage"] * 3 + ["disk", "triage"]
    assert [run.interrupted for run in listed] == [True, False, False, False, False]


def test_what_cannot_be_read_is_left_out_and_named(shelf: Path) -> None:
    (shelf / "20261105T000000-triage-dddd.fleetdiag").write_bytes(b"rubbish" * 999)
    (shelf / "notes.txt").write_text("not a run by its name")
    told: list[str] = []
    assert len(archive.list_runs(shelf, lambda error: told.append(str(error)))) == len(RUNS)
    assert len(told) == 1
    assert "20261105T000000-triage-dddd.fleetdiag: not a stored run" in told[0]


def test_a_missing_directory_holds_no_runs(tmp_path: Path) -> None:
    assert archive.list_runs(tmp_path / "none") == ()
    assert archive.peers_last(tmp_path / "none", "triage") is None


# ----------------------------------------------------------------------------------- finding


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("last", KILLED),
        (OLDEST, OLDEST),
        ("20261102", DISK),
        ("20261103T000000-triage-1", LATER),
        (f"{DISK}.fleetdiag", DISK),
    ],
)
def test_a_run_is_found_by(ref: str, found: str, shelf: Path) -> None:
    assert archive.find(shelf, ref) == shelf / f"{found}.fleetdiag"


def test_a_run_is_found_by_its_path(
    shelf: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = (shelf / f"{DISK}.fleetdiag").rename(elsewhere / "incident")
    assert archive.find(shelf, str(path)) == path
    monkeypatch.chdir(elsewhere)
    assert archive.find(shelf, "incident") == Path("incident")
    assert archive.find(shelf, "./incident") == Path("incident")


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("20261103", f"'20261103' begins 2 run ids: {EARLIER}, {LATER}"),
        ("disk", f"no stored run 'disk' in .*; near it: {DISK}"),
        ("20261102T000000-disk-bbbc", f"near it: {DISK}"),
        ("zzz", f"the newest: {KILLED}, "),
        ("", "no stored run '' in "),
        ("./none", "none: no such stored run"),
        ("../../etc/passwd.fleetdiag", "no such stored run"),
    ],
)
def test_a_ref_that_means_no_run_lists_what_is_near(ref: str, words: str, shelf: Path) -> None:
    with pytest.raises(ArchiveError, match=words):
        archive.find(shelf, ref)


def test_last_skips_what_cannot_be_read(shelf: Path) -> None:
    (shelf / "20261105T000000-triage-dddd.fleetdiag").write_bytes(b"")
    (shelf / "zebra.fleetdiag").write_bytes(b"")
    assert id_of(archive.find(shelf, "last")) == KILLED


def test_last_is_no_renamed_old_run(shelf: Path) -> None:
    (shelf / f"{OLDEST}.fleetdiag").rename(shelf / "zebra.fleetdiag")
    assert id_of(archive.find(shelf, "last")) == KILLED


@pytest.mark.parametrize("ref", ["last", "x"])
def test_an_empty_shelf_is_said_to_be_empty(ref: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"no stored runs in|which holds none"):
        archive.find(tmp_path, ref)


def test_peers_are_of_the_playbook_ended_and_more_than_one_host(shelf: Path) -> None:
    store(shelf, "20261105T000000-triage-eeee", 5000.0, "lone")
    assert id_of(archive.peers_last(shelf, "triage")) == LATER
    assert id_of(archive.peers_last(shelf, "disk")) == DISK
    assert archive.peers_last(shelf, "network") is None
