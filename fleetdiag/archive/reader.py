"""Reads a run's file back."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleetdiag.archive import rows, schema
from fleetdiag.archive.blobs import HELD_BYTES, Blobs
from fleetdiag.archive.change_rows import rollout_of
from fleetdiag.archive.cloud_rows import cloud_of, console_names
from fleetdiag.errors import ArchiveError
from fleetdiag.model import HostResult, HostStatus, Outcome, Run, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from fleetdiag.model import CloudFacts, Output, Rollout, Step


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of a list of runs."""

    id: str
    playbook: str
    started_at: float
    """Unix time."""
    duration_s: float
    """Of a killed run: until its last stored host."""
    hosts: int
    ok: int
    """Hosts that answered."""
    interrupted: bool
    """Stopped, or killed."""
    size_bytes: int
    """Of the file."""
    path: Path


def load(path: Path, only: Callable[[Step], bool] | None = None) -> Run:
    """The run, equal to what the live execution gave; with `only`, those of its steps alone.

    Outputs stay in the file until they are read, but for small ones: reading raises ArchiveError
    where the file is gone by then, or damaged there.
    Of a run that was killed: interrupted, lasting until its last stored host, and the hosts
    without a result are not-run, with a not-run result for each planned step.
    Raises ArchiveError where there is no such file, or it is not a whole stored run.
    """
    with _opened(path) as connection:
        about = _body(connection, "run")
        ending = _ending(connection, about)
        playbook = rows.playbook_of(about["playbook"])
        steps = None
        if only is not None:
            playbook = replace(playbook, steps=tuple(filter(only, playbook.steps)))
            steps = {step.name for step in playbook.steps}
        return Run(
            id=str(about["id"]),
            playbook=playbook,
            hosts=tuple(_hosts(connection, Blobs(path), steps)),
            started_at=about["started_at"],
            duration_s=ending["duration_s"],
            version=str(about["version"]),
            interrupted=bool(ending["interrupted"]),
            note=None if about["note"] is None else str(about["note"]),
            peers=None if about.get("peers") is None else str(about["peers"]),
            cloud=None if only is not None else _cloud(connection),
            rollout=_rollout(connection),
        )


def is_change(path: Path) -> bool:
    """Whether the run changed hosts, or was about to; raises ArchiveError."""
    with _opened(path) as connection:
        return _rollout(connection) is not None


def summarize(path: Path) -> RunSummary:
    """What a list of runs says of this one, without reading its results; raises ArchiveError."""
    with _opened(path) as connection:
        about = _body(connection, "run")
        ending = _ending(connection, about)
        hosts = connection.execute("SELECT count(*) FROM host").fetchone()[0]
        ok = connection.execute(
            "SELECT count(*) FROM result WHERE status = ?", (HostStatus.OK.value,)
        ).fetchone()[0]
        return RunSummary(
            id=str(about["id"]),
            playbook=str(about["playbook"]["name"]),
            started_at=about["started_at"],
            duration_s=ending["duration_s"],
            hosts=hosts,
            ok=ok,
            interrupted=bool(ending["interrupted"]),
            size_bytes=path.stat().st_size,
            path=path,
        )


def _body(connection: sqlite3.Connection, table: str) -> rows.Row:
    """The one row of `run`; of `finished`, or nothing where the run was killed."""
    found = connection.execute(f"SELECT body FROM {table}").fetchone()  # noqa: S608 (our names)
    body = schema.from_body(found[0]) if found else {}
    if not isinstance(body.get("started_at", 0.0), (int, float)):
        raise TypeError(f"a row of {table} is no {table}")
    return body


def _ending(connection: sqlite3.Connection, about: rows.Row) -> rows.Row:
    """`duration_s` and `interrupted`, as stored or as concluded for a killed run."""
    if ending := _body(connection, "finished"):
        return ending
    last = connection.execute("SELECT max(ended_at) FROM result").fetchone()[0]
    duration_s = 0.0 if last is None else max(0.0, last - about["started_at"])
    return {"duration_s": duration_s, "interrupted": True}


def _cloud(connection: sqlite3.Connection) -> CloudFacts | None:
    """What the provider said; None where nobody asked, and in files from before anybody could."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cloud'").fetchone()
    row = _body(connection, "cloud") if there else {}
    if not row:
        return None
    outputs = {blob.sha256: schema.unpack(blob) for blob in _blobs(connection, console_names(row))}
    return cloud_of(row, outputs)


def _rollout(connection: sqlite3.Connection) -> Rollout | None:
    """What was done to the hosts; None for a diagnosis."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rollout'").fetchone()
    found = connection.execute("SELECT body FROM rollout").fetchone() if there else None
    if found is None:
        return None
    row = schema.from_body(found[0])
    acts = connection.execute("SELECT body FROM act ORDER BY number")
    return rollout_of(row, [schema.from_body(body) for (body,) in acts])


def _hosts(
    connection: sqlite3.Connection, blobs: Blobs, steps: Collection[str] | None
) -> Iterator[HostResult]:
    """Every planned host in the plan's order, with its result or as not-run; None: all steps."""
    outputs = _outputs(connection, blobs)
    found = connection.execute(
        "SELECT host.body, result.body FROM host LEFT JOIN result USING (position)"
        " ORDER BY host.position"
    )
    for planned, result in found:
        if result is None:
            yield _not_run(schema.from_body(planned), steps)
        else:
            yield rows.result_of(rows.only_steps(schema.from_body(result), steps), outputs)


def _outputs(connection: sqlite3.Connection, blobs: Blobs) -> dict[str, Output]:
    """What is held of each stored output, by its name."""
    outputs: dict[str, Output] = {
        name: blobs.output(name, size)
        for name, size in connection.execute("SELECT sha256, size FROM blob")
    }
    small = connection.execute("SELECT * FROM blob WHERE size <= ?", (HELD_BYTES,))
    outputs.update((blob.sha256, schema.unpack(blob)) for blob in map(schema.Blob._make, small))
    return outputs


def _blobs(connection: sqlite3.Connection, names: Collection[str]) -> Iterator[schema.Blob]:
    """The stored outputs of these names."""
    for name in names:
        found = connection.execute("SELECT * FROM blob WHERE sha256 = ?", (name,))
        yield from map(schema.Blob._make, found)


def _not_run(row: rows.Row, steps: Collection[str] | None) -> HostResult:
    host = rows.planned_of(row)
    return HostResult(
        name=host.name,
        status=HostStatus.NOT_RUN,
        reason="the run ended before this host did",
        steps=tuple(
            StepResult(step, Outcome.NOT_RUN)
            for step in host.steps
            if steps is None or step in steps
        ),
        attributes=host.attributes,
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as it is at one moment; every way in which it is not a run is an ArchiveError."""
    if not path.is_file():
        raise ArchiveError(f"{path}: no such stored run")
    try:
        # Writable, where the file system lets us: what a killed writer left half done is rolled
        # back first.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            _refuse_others(connection, path)
            yield connection
    except (sqlite3.Error, zlib.error, LookupError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path}: {_what_is_wrong(error)}") from error


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ArchiveError unless this is a run's file, of a format that is read here."""
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    if application_id != schema.APPLICATION_ID:
        empty = path.stat().st_size == 0
        words = "empty, its run was killed before it began" if empty else "not a stored run"
        raise ArchiveError(f"{path}: {words}")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.FORMAT:
        raise ArchiveError(
            f"{path}: written by a newer fleetdiag (archive format {version}, this one reads "
            f"up to {schema.FORMAT})"
        )
    # Exactly our tables: a view in their place could run anything, for ever.
    found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
    expected = {sql for sql in schema.TABLES if schema.SINCE.get(sql, 1) <= version}
    if {sql for (sql,) in found} != expected:
        raise ArchiveError(f"{path}: not a stored run (other tables)")


def _what_is_wrong(error: Exception) -> str:
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        return "not a stored run"
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "busy: its run is being written"
    return f"damaged, cannot be read ({error})"
