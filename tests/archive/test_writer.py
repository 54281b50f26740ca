"""What is stored comes back, whatever happens to the writer."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fleetdiag import archive
from fleetdiag.archive.writer import LARGE_BYTES
from fleetdiag.errors import ArchiveError
from fleetdiag.model import HostStatus, Outcome, Plan, StoredOutput, read_output
from tests.archive.runs import (
    HOSTILE_NAMES,
    STARTED_AT,
    lost_result,
    ok_result,
    plan_of,
    run_of,
)

ROOT = Path(__file__).parents[2]


def create(directory: Path, plan: Plan, run_id: str = "run-1") -> archive.Writer:
    return archive.Writer.create(directory, run_id, plan, version="1.2.3", started_at=STARTED_AT)


def test_a_finished_run_comes_back_equal(tmp_path: Path) -> None:
    plan = plan_of("web-2", "web-1", "db", note="recorded", peers="role")
    results = (ok_result("web-2", b"\xff\0out"), lost_result("web-1"), ok_result("db"))
    with create(tmp_path, plan) as writer:
        for result in reversed(results):
            writer.add(result)
        writer.finish(3.25, False)
    assert archive.load(writer.path) == run_of(plan, results, "run-1")


def test_hostile_names_and_outputs_come_back_equal(tmp_path: Path) -> None:
    plan = plan_of(*HOSTILE_NAMES)
    outputs = (b"\0" * (10 << 20), os.urandom(1 << 20), b"\x1b[2J" * 9, b"\xff\xfe", b"\r\n", b"")
    results = tuple(
        ok_result(name, output) for name, output in zip(HOSTILE_NAMES, outputs, strict=True)
    )
    with create(tmp_path, plan) as writer:
        for result in results:
            writer.add(result)
        writer.finish(3.25, False)
    assert archive.load(writer.path) == run_of(plan, results, "run-1")
    assert [path.name for path in tmp_path.iterdir()] == ["run-1.fleetdiag"]


def test_the_file_is_alone_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "runs"
    with create(directory, plan_of("a")) as writer:
        writer.add(ok_result("a"))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (writer.path, directory)]
        assert modes == [0o600, 0o700]
        assert list(directory.iterdir()) == [directory / "run-1.fleetdiag"]


def test_equal_outputs_are_stored_once(tmp_path: Path) -> None:
    same = os.urandom(1 << 20)
    names = [f"web-{number}" for number in range(20)]
    with create(tmp_path, plan_of(*names)) as writer:
        for name in names:
            writer.add(ok_result(name, same, same))
        writer.finish(1.0, False)
    assert writer.path.stat().st_size < 1.2 * len(same)


def test_what_was_stored_is_held_by_its_digest_and_read_from_the_file(tmp_path: Path) -> None:
    long, short = os.urandom(5000), b"short\n"
    with create(tmp_path, plan_of("a", "b")) as writer:
        held = [writer.add(ok_result(name, long, short)) for name in ("a", "b")]
        assert held == [ok_result("a", long, short), ok_result("b", long, short)]
        assert all(isinstance(host.steps[0].stdout, StoredOutput) for host in held)
        assert held[0].steps[0].stdout is held[1].steps[0].stdout
        assert held[0].steps[1].stdout == short
        assert read_output(held[1].steps[0].stdout) == long
        writer.finish(1.0, False)
    (loaded, _) = archive.load(writer.path).hosts
    assert isinstance(loaded.steps[0].stdout, StoredOutput)
    assert len(loaded.steps[0].stdout) == 5000
    assert read_output(loaded.steps[0].stdout) == long
    assert loaded.steps[0].stdout != short
    (again, _) = archive.load(writer.path).hosts
    writer.path.unlink()
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_output(again.steps[0].stdout)


def test_a_large_output_is_stored_before_its_host_has_finished(tmp_path: Path) -> None:
    large, small = os.urandom(LARGE_BYTES), b"x" * 1000
    with create(tmp_path, plan_of("a")) as writer:
        first, second = ok_result("a", large, small).steps
        kept = writer.keep(first)
        assert kept == first
        assert isinstance(kept.stdout, StoredOutput)
        assert writer.keep(second) is second
        whole = writer.add(replace(ok_result("a"), steps=(kept, second)))
        writer.finish(3.25, False)
    assert whole == ok_result("a", large, small)
    assert archive.load(writer.path).hosts == (whole,)


def test_outputs_are_compressed_where_it_pays(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a")) as writer:
        writer.add(ok_result("a", b"the same line again\n" * 50_000))
    assert writer.path.stat().st_size < 100_000


def test_each_host_can_be_read_once_it_is_added(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a", "b")) as writer:
        assert [host.status for host in archive.load(writer.path).hosts] == [HostStatus.NOT_RUN] * 2
        writer.add(ok_result("b", after_s=4.0))
        run = archive.load(writer.path)
    assert run.hosts[1] == ok_result("b", after_s=4.0)
    assert run.interrupted
    assert run.duration_s == 4.0


def test_a_host_without_a_result_is_not_run_and_so_is_each_of_its_steps(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a", "b")) as writer:
        writer.add(ok_result("a"))
        writer.finish(2.0, True)
    run = archive.load(writer.path)
    assert (run.interrupted, run.duration_s) == (True, 2.0)
    missing = run.hosts[1]
    assert (missing.name, missing.status) == ("b", HostStatus.NOT_RUN)
    assert missing.attributes == {"zone": "z1"}
    assert [(step.name, step.outcome) for step in missing.steps] == [
        ("kernel", Outcome.NOT_RUN),
        ("disk", Outcome.NOT_RUN),
    ]


def test_a_host_added_again_replaces_its_result(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a")) as writer:
        writer.add(lost_result("a"))
        writer.add(ok_result("a"))
        writer.finish(3.25, False)
    assert archive.load(writer.path) == run_of(plan_of("a"), (ok_result("a"),), "run-1")


def test_a_host_outside_the_plan_is_refused(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a")) as writer, pytest.raises(ValueError, match="'b' is not"):
        writer.add(ok_result("b"))


def test_a_run_never_overwrites_another(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a")) as writer:
        writer.add(ok_result("a"))
    with pytest.raises(ArchiveError, match=r"run-1\.fleetdiag: there already"):
        create(tmp_path, plan_of("a"))
    assert archive.load(writer.path).hosts[0].status is HostStatus.OK


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", "-rf", ".hidden", "a\0", "a b"])
def test_a_run_id_cannot_be_a_path(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ArchiveError, match="is no run id"):
        create(tmp_path, plan_of("a"), run_id)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="the run cannot be stored: Not a directory"):
        create(tmp_path / "file" / "runs", plan_of("a"))
    with pytest.raises(ArchiveError, match=r"the run cannot be stored: "):
        create(Path("/proc/self/runs"), plan_of("a"))


def test_a_full_disk_is_said_in_words_and_costs_no_other_host(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a", "b", "c")) as writer:
        writer.add(ok_result("a", b"first"))
        # SQLite's own limit on the file gives its own "disk is full".
        [pages] = writer._connection.execute("PRAGMA page_count").fetchone()
        writer._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(ArchiveError, match=r"run-1\.fleetdiag: .* disk is full"):
            writer.add(ok_result("b", os.urandom(1 << 20)))
        writer.add(ok_result("c", b"small"))
        writer.finish(1.0, False)
    hosts = archive.load(writer.path).hosts
    assert [host.status for host in hosts] == [HostStatus.OK, HostStatus.NOT_RUN, HostStatus.OK]


def test_what_a_failed_transaction_did_not_store_is_not_taken_as_stored(tmp_path: Path) -> None:
    output = os.urandom(1 << 20)
    with create(tmp_path, plan_of("a", "b")) as writer:
        [pages] = writer._connection.execute("PRAGMA page_count").fetchone()
        writer._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(ArchiveError, match="disk is full"):
            writer.add(ok_result("a", output))
        writer._connection.execute("PRAGMA max_page_count = 100000")
        writer.add(ok_result("b", output))
    stored = archive.load(writer.path).hosts[1].steps[0].stdout
    assert read_output(stored) == output


def test_a_reader_in_between_does_not_break_the_writer(tmp_path: Path) -> None:
    names = [f"h{number}" for number in range(50)]
    over = threading.Event()
    seen: list[int] = []

    def watch(path: Path) -> None:
        while not over.is_set():
            hosts = archive.load(path).hosts
            seen.append(sum(host.status is HostStatus.OK for host in hosts))

    with create(tmp_path, plan_of(*names)) as writer:
        watcher = threading.Thread(target=watch, args=(writer.path,))
        watcher.start()
        for name in names:
            writer.add(ok_result(name, name.encode()))
        over.set()
        watcher.join()
    assert seen == sorted(seen)


def test_every_stored_host_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.archive.killed", str(tmp_path), "50"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    outcome = json.loads(told)
    assert outcome["killed"] == 50
    assert outcome["hosts"] >= 50
    assert outcome["wrong"] == []


def test_a_file_is_plain_sqlite(tmp_path: Path) -> None:
    with create(tmp_path, plan_of("a")) as writer:
        writer.add(ok_result("a", b"x"))
        writer.finish(1.0, False)
    connection = sqlite3.connect(writer.path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    [(body,)] = connection.execute("SELECT body FROM result").fetchall()
    connection.close()
    assert json.loads(body)["steps"][0]["name"] == "kernel"
