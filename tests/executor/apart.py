"""The process engine in a program of its own: it is to be started while there is one thread.

`run_apart(job)` starts `python -m tests.executor.apart`, which reads the job from its standard
input and writes what came of it to its standard output.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleetdiag.errors import HostError
from fleetdiag.executor import run_hosts
from fleetdiag.executor.engine import Open
from fleetdiag.executor.processes import Processes
from fleetdiag.model import (
    Event,
    Host,
    HostResult,
    HostStatus,
    Limits,
    Plan,
    Session,
    StepFinished,
    Transport,
)
from fleetdiag.transport import open_transport
from fleetdiag.transport.process import ProcessSession


@dataclass(frozen=True)
class Job:
    """What is run, and what befalls it meanwhile."""

    plan: Plan
    processes: int = 2
    open: Open = open_transport
    kill_at: tuple[str, ...] = ()
    """Steps `HOST/STEP`: when one has finished, the process that runs that host is killed."""
    stop_at: str = ""
    """A step `HOST/STEP`: when it has finished, the run is stopped."""
    become_password: str | None = None
    times: int = 1
    """The plan is run so often by one engine; what is told is of the last time."""


@dataclass(frozen=True)
class Told:
    """What came of a job."""

    results: tuple[HostResult, ...]
    interrupted: bool
    events: Sequence[Event]
    threads: set[str] = field(default_factory=set)
    """Names of the threads that events came in."""
    killed: int = 0
    took_s: float = 0.0

    def named(self, name: str) -> HostResult:
        return next(result for result in self.results if result.name == name)


def run_apart(job: Job) -> Told:
    """What comes of it; fails where the program does, or says anything on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.executor.apart"],
        input=pickle.dumps(job),
        capture_output=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    told = pickle.loads(done.stdout)  # noqa: S301 - ours
    assert isinstance(told, Told)
    return told


def _carry_out(job: Job) -> Told:
    engine = Processes(job.plan, job.open, job.processes)
    stop = threading.Event()
    events: list[Event] = []
    threads: set[str] = set()
    killed: list[str] = []

    def on_event(event: Event) -> None:
        events.append(event)
        threads.add(threading.current_thread().name)
        if not isinstance(event, StepFinished):
            return
        at = f"{event.host}/{event.step.name}"
        if at == job.stop_at:
            stop.set()
        if at in job.kill_at:
            killed.append(at)
            os.kill(_shard_of(engine, event.host), signal.SIGKILL)

    try:
        for _ in range(job.times):
            events.clear()
            began = time.monotonic()
            results, interrupted = run_hosts(
                job.plan, engine, on_event, become_password=job.become_password, stop=stop
            )
            took_s = time.monotonic() - began
    finally:
        engine.close()
    return Told(results, interrupted, events, threads, len(killed), took_s)


def _shard_of(engine: Processes, host: str) -> int:
    """The pid of the process that runs this host now."""
    for shard in engine._shards:
        names = [each.host.name for each in shard.part.hosts] if shard.part else []
        if host in names and not shard.ended:
            return shard.pid
    raise AssertionError(host)


class Poison:
    """Shells of this machine; a host called `poison…` kills the process that takes it up."""

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        if host.name.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        if host.name.startswith("down"):
            raise HostError(HostStatus.UNREACHABLE, "no route to host")
        if host.name.startswith("hangs"):
            time.sleep(30)
        return ProcessSession(["sh", "-s"], first)

    def close(self) -> None:
        pass


def open_poison(_plan: Plan) -> Transport:
    return Poison()


def main() -> None:
    # Under another name: pickled as of `__main__` nobody else could read it.
    from tests.executor import apart

    job = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - ours
    told = apart._carry_out(job)
    sys.stdout.buffer.write(pickle.dumps(told))


if __name__ == "__main__":
    main()
