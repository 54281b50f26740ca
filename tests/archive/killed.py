"""Kills writers of runs at random moments: `python killed.py DIRECTORY TIMES`.

Prints a JSON object: how many were killed, how many of them midway through a commit, how many
hosts they had stored, and in words everything that was then wrong. A program of its own, because
it forks.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from fleetdiag import archive
from tests.archive.runs import STARTED_AT, numbered_result, plan_of

HOSTS = 400


def write(directory: Path, run_id: str, acknowledgements: int) -> None:
    """Store host after host, and say so after each."""
    plan = plan_of(*(f"h{number}" for number in range(HOSTS)))
    with archive.Writer.create(
        directory, run_id, plan, version="1", started_at=STARTED_AT
    ) as writer:
        for number in range(HOSTS):
            writer.add(numbered_result(number))
            os.write(acknowledgements, number.to_bytes(4, "big"))


def killed_run(directory: Path, run_id: str, after_s: float) -> list[int]:
    """The numbers of the hosts that were stored when the writer was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write(directory, run_id, writing)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stored:
        first = stored.read(4)
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        rest = first + stored.read()
    return [int.from_bytes(rest[at : at + 4], "big") for at in range(0, len(rest), 4)]


def wrongs(path: Path, stored: list[int]) -> list[str]:
    """What the file lacks of the hosts that were stored."""
    run = archive.load(path)
    found = [
        f"{path.name}: host {number} is not as it was stored"
        for number in stored
        if run.hosts[number] != numbered_result(number)
    ]
    if not run.interrupted or len(run.hosts) != HOSTS:
        found.append(f"{path.name}: does not read as an interrupted run of {HOSTS} hosts")
    return found


def main(directory: Path, times: int) -> None:
    problems: list[str] = []
    midway = hosts = 0
    for number in range(times):
        after_s = random.uniform(0, 0.02)
        stored = killed_run(directory, f"run-{number}", after_s)
        path = directory / f"run-{number}.fleetdiag"
        midway += path.with_name(f"{path.name}-journal").exists()
        hosts += len(stored)
        problems += wrongs(path, stored)
        path.unlink()
    told = {"killed": times, "midway": midway, "hosts": hosts, "wrong": problems}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
