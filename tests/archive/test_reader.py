"""Only whole runs are read; anything else is refused in words."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fleetdiag import archive
from fleetdiag.archive import schema
from fleetdiag.errors import ArchiveError
from fleetdiag.model import (
    Act,
    Change,
    CloudConsole,
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    Compare,
    Condition,
    EventState,
    FindingKind,
    Flag,
    HostAct,
    HostState,
    Mend,
    Mode,
    Rollout,
    RolloutRules,
    Size,
    Undo,
    read_output,
)
from tests.archive.runs import FLAGS, PLAYBOOK, STARTED_AT, lost_result, ok_result, plan_of

if TYPE_CHECKING:
    from pathlib import Path


def stored(directory: Path, run_id: str = "run-1", *, finished: bool = True) -> Path:
    """A run of three hosts: one ok, one lost, one without a result."""
    with archive.Writer.create(
        directory, run_id, plan_of("a", "b", "c"), version="1", started_at=STARTED_AT
    ) as writer:
        writer.add(ok_result("a", b"kernel log\n" * 500, after_s=2.0))
        writer.add(lost_result("b"))
        if finished:
            writer.finish(2.5, False)
    return writer.path


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def read_whole(path: Path) -> None:
    """Load the run, and read each of its outputs."""
    for host in archive.load(path).hosts:
        for step in host.steps:
            read_output(step.stdout)
            read_output(step.stderr)


NOT_RUNS = {
    "text": (b"just some text\n" * 100, "not a stored run"),
    "empty": (b"", "empty, its run was killed before it began"),
    "zeros": (bytes(8192), "not a stored run"),
    "half a header": (b"SQLite format 3\0", "not a stored run"),
}


@pytest.mark.parametrize("case", NOT_RUNS)
def test_a_file_that_is_no_run_is_refused(case: str, tmp_path: Path) -> None:
    content, words = NOT_RUNS[case]
    path = tmp_path / "x.fleetdiag"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=words):
        archive.load(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["missing", ""])
def test_a_missing_file_or_a_directory_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such stored run"):
        archive.load(tmp_path / name)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("PRAGMA application_id = 7", "not a stored run"),
        ("PRAGMA user_version = 4", r"newer fleetdiag \(archive format 4, this one reads up to 3"),
        ("DROP TABLE blob", "other tables"),
        ("CREATE VIEW extra AS SELECT 1", "other tables"),
        ("DELETE FROM run", "damaged"),
        ("DELETE FROM blob", "damaged"),
        ("UPDATE blob SET data = zeroblob(9)", "damaged"),
        ("UPDATE blob SET size = 10", "damaged"),
        ("UPDATE run SET body = '{}'", "damaged"),
        ("UPDATE run SET body = CAST('{}' AS BLOB)", "damaged"),
        ("UPDATE run SET body = CAST('[' AS BLOB)", "damaged"),
        ("UPDATE result SET body = CAST('{\"name\": 1}' AS BLOB)", "damaged"),
        ("UPDATE host SET body = CAST('7' AS BLOB)", "damaged"),
        ("UPDATE finished SET body = CAST('{\"interrupted\": true}' AS BLOB)", "damaged"),
    ],
)
def test_a_changed_file_is_refused(statement: str, words: str, tmp_path: Path) -> None:
    path = stored(tmp_path)
    change(path, statement)
    with pytest.raises(ArchiveError, match=words):
        read_whole(path)


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    path = stored(tmp_path)
    whole, content = archive.load(path), path.read_bytes()
    noise = random.Random(1)
    refused = 0
    for _ in range(200):
        flipped = bytearray(content)
        for _ in range(3):
            flipped[noise.randrange(len(flipped))] ^= 1 << noise.randrange(8)
        path.write_bytes(flipped)
        try:
            read_whole(path)
        except ArchiveError:
            refused += 1
    assert refused > 20
    path.write_bytes(content)
    assert archive.load(path) == whole


def test_a_packed_output_never_unpacks_to_more_than_was_stored() -> None:
    bomb = schema.pack(schema.digest(b"\0" * (64 << 20)), b"\0" * (64 << 20))
    assert len(bomb.data) < 1 << 20
    with pytest.raises(ValueError, match="not what was stored"):
        schema.unpack(bomb._replace(size=10))


def test_some_steps_of_a_run_are_loaded_without_the_others_outputs(tmp_path: Path) -> None:
    path = stored(tmp_path)
    whole, part = archive.load(path), archive.load(path, only=lambda step: bool(step.sets))
    assert [step.name for step in part.playbook.steps] == ["disk"]
    for all_of_it, some in zip(whole.hosts, part.hosts, strict=True):
        assert some.steps == tuple(step for step in all_of_it.steps if step.name == "disk")
        assert (some.name, some.status, some.facts) == (
            *(all_of_it.name, all_of_it.status),
            all_of_it.facts,
        )
    change(path, "DELETE FROM blob WHERE size > 4096")  # the kernel log of host a
    assert archive.load(path, only=lambda step: step.name == "disk") == part
    with pytest.raises(ArchiveError):
        archive.load(path)


def test_a_killed_run_is_interrupted_and_lasts_until_its_last_host(tmp_path: Path) -> None:
    path = stored(tmp_path, finished=False)
    run, summary = archive.load(path), archive.summarize(path)
    assert (run.interrupted, run.duration_s) == (True, 2.0)
    assert (summary.interrupted, summary.duration_s) == (True, 2.0)


def test_a_summary_counts_hosts_and_those_that_are_ok(tmp_path: Path) -> None:
    path = stored(tmp_path)
    assert archive.summarize(path) == archive.RunSummary(
        id="run-1",
        playbook="triage",
        started_at=STARTED_AT,
        duration_s=2.5,
        hosts=3,
        ok=1,
        interrupted=False,
        size_bytes=path.stat().st_size,
        path=path,
    )


def test_a_path_with_odd_characters_is_read(tmp_path: Path) -> None:
    path = stored(tmp_path).rename(tmp_path / "what?mode=memory#100%.fleetdiag")
    assert archive.load(path).id == "run-1"


NEW_KEYS = {
    "compare": ("parse", "key", "only", "fields"),
    "flag": ("feature", "above", "below", "equals", "name", "explains"),
}


def test_a_file_from_before_modes_and_peers_is_read_with_the_defaults(tmp_path: Path) -> None:
    path = stored(tmp_path)
    connection = sqlite3.connect(path)
    [(body,)] = connection.execute("SELECT body FROM run").fetchall()
    connection.close()
    about = schema.from_body(body)
    del about["peers"]
    for step in about["playbook"]["steps"]:
        for key in NEW_KEYS["compare"]:
            del step["compare"][key]
        step["compare"]["mode"] = "lines"
        for flag in step["flags"]:
            for key in NEW_KEYS["flag"]:
                del flag[key]
    change(path, "UPDATE run SET body = ?", schema.to_body(about))

    run = archive.load(path)

    assert run.peers is None
    disk = run.playbook.steps[1]
    assert disk.compare == Compare(mode=Mode.LINES, mask=(r"\d+%",), unmask=("pid",))
    assert disk.flags[0] == FLAGS[0]
    assert disk.flags[1] == Flag(say="Nearly.", matches="9")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"percent"', '"per cent"'),
        ('"samples"', "7"),
        ('"high"', '"up"'),
        ('"floor": 0.1', '"floor": "0.1"'),
        ('"above": 90.0', '"above": []'),
        ('"explains": ["full", "slow"]', '"explains": [1]'),
        ('"only": [', '"only": [1, '),
    ],
)
def test_a_field_or_flag_that_is_none_is_refused(old: str, new: str, tmp_path: Path) -> None:
    path = stored(tmp_path)
    connection = sqlite3.connect(path)
    [(body,)] = connection.execute("SELECT body FROM run").fetchall()
    connection.close()
    assert old.encode() in body
    change(path, "UPDATE run SET body = ?", body.replace(old.encode(), new.encode()))

    with pytest.raises(ArchiveError, match="damaged"):
        archive.load(path)


def test_what_the_provider_said_comes_back_as_it_was(tmp_path: Path) -> None:
    cloud = CloudFacts(
        STARTED_AT,
        1.5,
        instances={
            "a": CloudInstance(
                *("i-1", "running", "us-east-1", "us-east-1a", "use1-az4"),
                system=CloudStatus.IMPAIRED,
                system_since=STARTED_AT - 60,
                events=(CloudEvent("system-maintenance", EventState.OPEN, "soon", 1.0, None),),
            )
        },
        zones=(CloudZone("us-east-1a", "use1-az4", "us-east-1", "impaired", ("power",)),),
        notices=(CloudNotice("AWS", "Power \x1b[31m", places=("use1-az4",), started_at=2.0),),
        consoles={"b": CloudConsole(b"panic\0\xff\n" * 99, STARTED_AT)},
        problems=("not permitted: GetConsoleOutput",),
    )
    with archive.Writer.create(
        tmp_path, "run-2", plan_of("a", "b"), version="1", started_at=STARTED_AT
    ) as writer:
        writer.add_cloud(replace(cloud, problems=()))
        writer.add_cloud(cloud)
        writer.finish(2.5, False)

    assert archive.load(writer.path).cloud == cloud
    assert archive.load(stored(tmp_path)).cloud is None
    change(writer.path, "DROP TABLE rollout")
    change(writer.path, "DROP TABLE act")
    change(writer.path, "PRAGMA user_version = 2")  # as files were before there were changes
    assert archive.load(writer.path).cloud == cloud
    change(writer.path, "DROP TABLE cloud")
    change(writer.path, "PRAGMA user_version = 1")  # and before anybody asked the provider
    assert archive.load(writer.path).cloud is None


def test_what_was_done_to_hosts_comes_back_as_it_was(tmp_path: Path) -> None:
    act = HostAct("a", HostState.ABOUT, STARTED_AT, 2, "b00t", "why \udc80", "said \x1b")
    rules = RolloutRules(
        (Size(1), Size(12.5, percent=True)), Size(2), "zone", Size(3), "role", 1.5, ask=True
    )
    rollout = Rollout(rules, (("a",), ("b",)), "me@here")
    acts = (act, replace(act, state=HostState.UNDONE), HostAct("b", HostState.DONE, STARTED_AT))
    plan = plan_of("a", "b", playbook=CHANGING)
    with archive.Writer.create(tmp_path, "x", plan, version="1", started_at=STARTED_AT) as writer:
        writer.add_rollout(rollout)
        for each in acts:
            writer.add_act(each)
        writer.add_rollout(replace(rollout, stopped="enough"))

    run = archive.load(writer.path)
    assert run.playbook == CHANGING
    assert run.rollout == replace(rollout, acts=acts, stopped="enough")
    assert run.rollout.states()["a"].state is HostState.UNDONE
    assert archive.load(stored(tmp_path)).rollout is None


def test_one_program_at_a_time_goes_on_with_a_run(tmp_path: Path) -> None:
    path = stored(tmp_path)
    first, second = archive.Writer.reopen(path), archive.Writer.reopen(path)
    with first.alone():
        with pytest.raises(ArchiveError, match="somebody is going on"), second.alone():
            pass
        first.add(ok_result("c"))
    with archive.Writer.reopen(path).alone():
        pass
    assert [host.status for host in archive.load(path).hosts] == ["ok", "lost", "ok"]


CHANGING = replace(
    PLAYBOOK,
    change=Change(
        acts=(Act("one", "x \0", 1.5), Act("two", "reboot", 5, reboots=True)),
        before=1,
        verify=Condition("true", 2.5),
        undo=Undo("back", 30, 4.5),
        mends=(Mend("links*", FindingKind.RULE, "eth0"), Mend()),
        away_s=99.5,
    ),
)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rollout SET body = CAST('{}' AS BLOB)",
        "UPDATE act SET body = CAST('{}' AS BLOB)",
        "UPDATE act SET body = replace(body, 'done', 'gone')",
        "UPDATE act SET body = CAST(replace(body, '\"attempt\": 1', '\"attempt\": []') AS BLOB)",
    ],
)
def test_a_record_of_changes_that_is_none_is_damage(tmp_path: Path, damage: str) -> None:
    plan = plan_of("a", playbook=CHANGING)
    with archive.Writer.create(tmp_path, "x", plan, version="1", started_at=STARTED_AT) as writer:
        writer.add_rollout(Rollout(RolloutRules(), (("a",),), "me@here"))
        writer.add_act(HostAct("a", HostState.DONE, STARTED_AT))
    change(writer.path, damage)
    with pytest.raises(ArchiveError, match="damaged"):
        archive.load(writer.path)


@pytest.mark.parametrize(
    "damage",
    [
        {"asked_at": 1e300},
        {"asked_at": "now"},
        {"instances": {"a": []}},
        {"instances": {"a": {"id": 7}}},
        {"zones": [{"name": ["x"]}]},
        {"notices": [{"state": "open"}]},
        {"notices": "none"},
        {"consoles": {"b": {"output": "no such", "at": None}}},
        {"problems": [1]},
    ],
)
def test_hostile_words_of_a_provider_in_a_file_are_damage(
    tmp_path: Path, damage: dict[str, object]
) -> None:
    with archive.Writer.create(
        tmp_path, "run-2", plan_of("a", "b"), version="1", started_at=STARTED_AT
    ) as writer:
        writer.add_cloud(CloudFacts(STARTED_AT))
        writer.finish(2.5, False)
    connection = sqlite3.connect(writer.path)
    [(body,)] = connection.execute("SELECT body FROM cloud").fetchall()
    connection.close()
    row = {**schema.from_body(body), **damage}
    change(writer.path, "UPDATE cloud SET body = ?", schema.to_body(row))

    with pytest.raises(ArchiveError, match="damaged"):
        archive.load(writer.path)
