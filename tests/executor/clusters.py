"""Dask clusters on loopback: a scheduler and workers, each a real process of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]
_WITHIN_S = 120.0


class Cluster:
    """`with Cluster({"a": "region:eu", "b": ""}) as cluster`: workers with a resource each.

    A worker's steps find its name in `$WORKER`.
    """

    def __init__(
        self,
        resources: Mapping[str, str],
        *,
        flags: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`flags` are of scheduler and workers, `variables` of the workers' environment."""
        self._resources = resources
        self._flags = flags
        self._variables = variables or {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self.scheduler = self._start("scheduler", "--port", "0")
            self.address = _said(self.scheduler, rb"Scheduler at: +(\S+)")
            self.workers = {
                name: self._start_worker(name, resource)
                for name, resource in self._resources.items()
            }
            for worker in self.workers.values():
                _said(worker, rb"Registered to: +(\S+)")
        except BaseException:
            self._end()
            raise
        return self

    @property
    def on(self) -> str:
        """For `--on`."""
        return self.address.replace("tcp://", "dask://").replace("tls://", "dask+tls://")

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _start_worker(self, name: str, resource: str) -> subprocess.Popen[bytes]:
        marks = ["--resources", f"{resource}=1"] if resource else []
        flags = ["--no-nanny", "--nthreads", "1", "--memory-limit", "0", *marks]
        return self._start("worker", self.address, *flags, **self._variables, WORKER=name)

    def _start(self, verb: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "distributed.cli.dask_" + verb, *arguments),
                *("--host", "127.0.0.1", "--no-dashboard", *self._flags),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/tmp",
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        )
        self._processes.append(process)
        return process

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _said(process: subprocess.Popen[bytes], pattern: bytes) -> str:
    """What a process says of itself on stderr, which is read on until it ends."""
    assert process.stderr is not None
    late_at = time.monotonic() + _WITHIN_S
    seen = b""
    for line in process.stderr:
        seen += line
        if found := re.search(pattern, line):
            threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
            return found[1].decode()
        assert time.monotonic() < late_at
    raise AssertionError(seen.decode())


def _drain(stream: IO[bytes]) -> None:
    try:
        while stream.read(1 << 16):
            pass
    except ValueError:  # closed meanwhile
        pass
