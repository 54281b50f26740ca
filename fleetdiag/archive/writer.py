"""Writes a run's file while the run goes on."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fleetdiag.archive import change_rows, cloud_rows, rows, schema
from fleetdiag.archive.blobs import Blobs
from fleetdiag.errors import ArchiveError
from fleetdiag.model import StoredOutput, read_output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from fleetdiag.model import (
        CloudFacts,
        HostAct,
        HostResult,
        Output,
        Plan,
        Rollout,
        StepResult,
    )

_LOCKED_S = 20.0
"""How long another program may hold the file (a report of it is being made, a backup) before this
run is no longer stored."""
LARGE_BYTES = 1 << 16
"""Outputs of this size are stored before their host has finished: a transaction costs less than to
pack them does."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


class Writer:
    """The open file of one run: `create`, `add` each host as it finishes, `finish`.

    For one thread (the executor gives its events in the calling thread); SQLite refuses others.
    A run left without `finish` loads as an interrupted one. Other processes may read meanwhile.

    How it survives kill -9: each host is a transaction with a rollback journal on disk. Writes
    are not synced, as what was written is the kernel's and outlives the process; `finish` syncs
    once, so only a crash of this machine itself can cost a run in progress. Measured, 8 KiB a
    host: 0.18 ms unsynced, 1.2 ms synced (fast virtual disk; a slow one takes 10 ms and more).
    Not WAL: a killed run's hosts would be in a second file, which nobody attaches.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, positions: dict[str, int]):
        self.path = path
        self._connection = connection
        self._positions = positions
        self._blobs = Blobs(path)
        self._kept: dict[str, Output] = {}
        """Digest -> what is held of an output that is in the file."""

    @classmethod
    def create(
        cls, directory: Path, run_id: str, plan: Plan, *, version: str, started_at: float
    ) -> Writer:
        """A new file in the directory, for this user alone; the directory is made if missing.

        Raises ArchiveError where that cannot be, or a run of that id is there.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise ArchiveError(f"{run_id!r} is no run id: letters, digits, `-` and `.` only")
        path = Path(directory) / f"{run_id}{schema.SUFFIX}"
        _make_private(path)
        try:
            connection = sqlite3.connect(path, timeout=_LOCKED_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = OFF")
        except sqlite3.Error as error:
            raise _not_stored(path, error) from error
        positions = {each.host.name: number for number, each in enumerate(plan.hosts)}
        writer = cls(path, connection, positions)
        try:
            writer._begin(run_id, plan, version, started_at)
        except ArchiveError:
            writer.close()
            path.unlink(missing_ok=True)
            raise
        return writer

    @classmethod
    def reopen(cls, path: Path) -> Writer:
        """The file of a stored run, to add results to in place of those that are there.

        It must be one (`load` has read it). Raises ArchiveError where it cannot be written.
        """
        try:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", timeout=_LOCKED_S, uri=True
            )
            connection.isolation_level = None
            connection.execute("PRAGMA synchronous = OFF")
            planned = connection.execute("SELECT position, body FROM host")
            names = {rows.planned_of(schema.from_body(body)).name: at for at, body in planned}
            writer = cls(path, connection, names)
        except sqlite3.Error as error:
            raise _not_stored(path, error) from error
        with writer._transaction():
            for table in schema.SINCE:  # a run from before it was there
                connection.execute(table.replace("TABLE", "TABLE IF NOT EXISTS", 1))
            connection.execute(f"PRAGMA user_version = {schema.FORMAT}")
        return writer

    def _begin(self, run_id: str, plan: Plan, version: str, started_at: float) -> None:
        about = {
            "id": run_id,
            "version": version,
            "started_at": started_at,
            "note": plan.note,
            "peers": plan.peers,
            "playbook": rows.playbook_row(plan.playbook),
        }
        hosts = [(n, schema.to_body(rows.planned_row(each))) for n, each in enumerate(plan.hosts)]
        with self._transaction():
            for statement in schema.TABLES:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO run VALUES (?)", (schema.to_body(about),))
            self._connection.executemany("INSERT INTO host VALUES (?, ?)", hosts)
            self._connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {schema.FORMAT}")

    def keep(self, step: StepResult) -> StepResult:
        """Stores the outputs of a step whose host goes on, if they are large.

        What comes back is equal, its outputs are not in memory. Raises ArchiveError.
        """
        if len(step.stdout) + len(step.stderr) < LARGE_BYTES:
            return step
        with self._transaction():
            return self._stored(step)

    def add(self, result: HostResult) -> HostResult:
        """Stores a host's result, in place of an earlier one of that host. In the file on return.

        What comes back is equal; its outputs are read from the file when they are asked for.
        Raises ArchiveError where it cannot be stored (disk full); what is there stays whole, and
        further hosts may be added. ValueError for a host that is not in the plan.
        """
        position = self._positions.get(result.name)
        if position is None:
            raise ValueError(f"{result.name!r} is not a host of this run's plan")
        with self._transaction():
            stored = replace(result, steps=tuple(map(self._stored, result.steps)))
            body = schema.to_body(rows.result_row(stored, _name_of))
            self._connection.execute(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)",
                (position, result.status.value, result.started_at + result.duration_s, body),
            )
        return stored

    def add_cloud(self, cloud: CloudFacts) -> None:
        """Stores what the provider said, in place of an earlier saying; raises ArchiveError."""
        with self._transaction():
            body = schema.to_body(cloud_rows.cloud_row(cloud, self._keep))
            self._connection.execute("DELETE FROM cloud")
            self._connection.execute("INSERT INTO cloud VALUES (?)", (body,))

    def _stored(self, step: StepResult) -> StepResult:
        if not step.stdout and not step.stderr:
            return step
        return replace(step, stdout=self._held(step.stdout), stderr=self._held(step.stderr))

    def _held(self, output: Output) -> Output:
        """Store an output, unless it is there or empty; what is held of it."""
        if not output:
            return output
        if isinstance(output, StoredOutput) and output.sha256 in self._kept:
            return self._kept[output.sha256]
        data = read_output(output)
        name = self._keep(data)
        return self._kept.setdefault(name, self._blobs.held(name, data))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While entered, no other process may go on with this run; it ends with this one, however.

        Raises ArchiveError where another is at it. Entered around the writer itself: SQLite's own
        locks would go with the first descriptor of the file that is closed.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            self.close()
            raise ArchiveError(f"{self.path}: somebody is going on with this run now") from None
        finally:
            self.close()
            os.close(descriptor)

    def add_rollout(self, rollout: Rollout) -> None:
        """Stores what is decided of a change, in place of what was; its acts stay as they are.

        From here on all that is written is synced: the record of what is about to be done to hosts
        is to outlive this machine, too. Raises ArchiveError.
        """
        with self._transaction():
            self._connection.execute("DELETE FROM rollout")
            body = schema.to_body(change_rows.rollout_row(rollout))
            self._connection.execute("INSERT INTO rollout VALUES (?)", (body,))
        self._connection.execute("PRAGMA synchronous = FULL")

    def add_act(self, act: HostAct) -> None:
        """Stores what is about to be done to a host, or what became of it; raises ArchiveError."""
        body = schema.to_body(change_rows.act_row(act))
        with self._transaction():
            self._connection.execute("INSERT INTO act (body) VALUES (?)", (body,))

    def _keep(self, output: bytes) -> str:
        """Store an output, unless it is there; the name it has."""
        name = schema.digest(output)
        if name in self._kept:
            return name
        known = self._connection.execute("SELECT 1 FROM blob WHERE sha256 = ?", (name,))
        if known.fetchone() is None:
            blob = schema.pack(name, output)
            self._connection.execute("INSERT INTO blob VALUES (?, ?, ?, ?)", blob)
        return name

    def finish(self, duration_s: float, interrupted: bool) -> None:
        """Marks the run as ended, syncs the file to the disk and closes it; raises ArchiveError."""
        body = schema.to_body({"duration_s": duration_s, "interrupted": interrupted})
        try:
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                self._connection.execute("DELETE FROM finished")
                self._connection.execute("INSERT INTO finished VALUES (?)", (body,))
        finally:
            self.close()

    def close(self) -> None:
        """Closes the file, finished or not; any number of times."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the statements or none."""
        try:
            # At once: a reader then makes us wait here, not fail midway.
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._kept.clear()
            if isinstance(error, sqlite3.Error):
                raise _not_stored(self.path, error) from error
            raise
        finally:
            # SQLite has rolled back by itself where the disk was full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _name_of(output: Output) -> str:
    return output.sha256 if isinstance(output, StoredOutput) else schema.digest(output)


def _make_private(path: Path) -> None:
    """An empty file that was not there before, mode 0600; SQLite gives its journal the same."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise ArchiveError(f"{path}: there already") from error
    except OSError as error:
        raise _not_stored(path, error) from error


def _not_stored(path: Path, error: Exception) -> ArchiveError:
    words = error.strerror if isinstance(error, OSError) else str(error)
    return ArchiveError(f"{path}: the run cannot be stored: {words}")
