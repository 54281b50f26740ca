"""Threads against processes of threads, on many logins to a few real hosts: wall time and CPU.

Each contender is the whole program, started in turn, round after round. The hosts of the inventory
are names for a few real ones (`bare`, on this machine): their servers use the same cores, and on a
machine with two of them most of the wall time. CPU is that of the program and its processes
(user and system, wait4(2)), not of the servers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.tables import machine, pipe_table
from tests.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of the program."""

    whole_s: float
    run_s: float
    """From the first login to the last result, as the program says."""
    cpu_s: float


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench processes")
    parser.add_argument("--logins", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=0.0, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fanout", type=int, default=64)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(
            hosts=options.hosts, rtt_ms=options.rtt, kind="bare", label="bench processes"
        ) as fleet,
    ):
        inventory = many_names(fleet, Path(directory), options.logins)
        book = playbook(Path(directory), options.steps)
        rounds = []
        for number in range(options.rounds + 1):
            costs = {
                count: run(inventory, book, Path(directory), count, options.fanout)
                for count in options.processes
            }
            if number:  # the first is a warm-up
                rounds.append(costs)
    print(f"{options.logins} logins to {options.hosts} hosts, {options.steps} steps each, ", end="")
    print(f"{options.rtt:g} ms round trip, fanout {options.fanout}; ", end="")
    print(f"{machine(options.rounds)}\n")
    print(table(rounds, options.logins))
    return 0


def many_names(fleet: Fleet, directory: Path, logins: int) -> Path:
    """An inventory of `logins` hosts, each a name for one of the fleet's, in turn."""
    addresses = [host.address for host in fleet.hosts]
    hosts = {f"h{n:05}": {"address": addresses[n % len(addresses)]} for n in range(logins)}
    path = directory / "inventory.yaml"
    defaults = {
        "user": "root",
        "identity_file": str(fleet.key_path),
        "known_hosts": str(fleet.known_hosts_path),
    }
    path.write_text(json.dumps({"hosts": hosts, "defaults": defaults}))
    return path


def playbook(directory: Path, steps: int) -> Path:
    """Steps that cost the host next to nothing."""
    path = directory / "bench.yaml"
    lines = "".join(f"  - s{number}: cat /proc/loadavg\n" for number in range(steps))
    path.write_text(f"name: bench\nsteps:\n{lines}")
    return path


def run(inventory: Path, book: Path, directory: Path, processes: int, fanout: int) -> Cost:
    """One run of the whole program."""
    argv = [sys.executable, "-m", "fleetdiag", "run", str(book), "-i", str(inventory)]
    argv += ["--processes", str(processes), "--fanout", str(fanout), "--no-cloud"]
    argv += ["--save", str(directory / "runs"), "--format", "json"]
    began = time.perf_counter()
    with (directory / "out").open("wb") as out:
        child = subprocess.Popen(argv, stdout=out)
        _, _, used = os.wait4(child.pid, 0)
    whole_s = time.perf_counter() - began
    child.returncode = 0
    told = json.loads((directory / "out").read_bytes())
    failed = [host for host in told["hosts"] if host["status"] != "ok"]
    if failed:
        raise SystemExit(f"{len(failed)} hosts failed, the first: {failed[0]}")
    return Cost(whole_s, told["run"]["duration_s"], used.ru_utime + used.ru_stime)


def table(rounds: list[dict[int, Cost]], logins: int) -> str:
    """Medians, and each contender's share of the first's, paired by round."""
    first = next(iter(rounds[0]))
    rows = []
    for count in rounds[0]:
        costs = [each[count] for each in rounds]
        share = statistics.median(each[count].run_s / each[first].run_s for each in rounds)
        cpu = statistics.median(each[count].cpu_s / each[first].cpu_s for each in rounds)
        rows.append(
            [
                "threads" if count == 1 else f"{count} processes",
                f"{statistics.median(c.whole_s for c in costs):.2f}",
                f"{statistics.median(c.run_s for c in costs):.2f}",
                f"{min(c.run_s for c in costs):.2f}-{max(c.run_s for c in costs):.2f}",
                f"{share:.2f}",
                f"{statistics.median(c.cpu_s for c in costs):.2f}",
                f"{statistics.median(c.cpu_s for c in costs) / logins * 1000:.2f}",
                f"{cpu:.2f}",
            ]
        )
    headers = ["engine", "process s", "run s", "min-max", "run/first"]
    headers += ["CPU s", "CPU ms a host", "CPU/first"]
    return pipe_table(headers, rows)
