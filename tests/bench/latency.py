"""Ten commands on each host of a fleet 100 ms away: fleetdiag beside its peers, in one run.

Contenders are started in turn, round after round, so that a slow moment of the machine meets them
all. Two times are printed for each: of the whole process, as a user waits for it, and, for those
that tell it, from the first connection to the last result, without interpreter and imports.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.contenders import COMMAND, Cost, Task, contenders
from tests.bench.tables import machine, print_table
from tests.fleet import Fleet


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says: a benchmark tells, it does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench latency")
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", metavar="DIR", help="environment with the peers; else this one")
    parser.add_argument("--only", action="append", help="part of a peer's name")
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=options.hosts, kind="bare", rtt_ms=options.rtt, label="bench latency") as fleet,
    ):
        names = {host.name: host.address for host in fleet.hosts}
        task = Task(fleet, Path(directory), names, options.steps)
        found = contenders(task, options.peers, options.only)
        for run in found.values():
            run()
        rounds = [{name: run() for name, run in found.items()} for _ in range(options.rounds)]
    title = f"{options.hosts} hosts x {options.steps} commands ({COMMAND})"
    print_table(
        f"{title}, {options.rtt:g} ms round trip; {machine(options.rounds)}",
        ["contender", "process, s", "min-max", "inside, s", "fleetdiag/it, process", "inside"],
        [_row(name, rounds) for name in rounds[0]],
    )
    return 0


def _row(name: str, rounds: list[dict[str, Cost]]) -> list[str]:
    """Medians, and fleetdiag's time as a share of the peer's, paired by round."""
    whole = [r[name].whole_s for r in rounds]
    inside = [t for r in rounds if (t := r[name].inside_s) is not None]
    share = statistics.median(r["fleetdiag"].whole_s / r[name].whole_s for r in rounds)
    inner = statistics.median(
        (r["fleetdiag"].inside_s or 0) / (r[name].inside_s or r[name].whole_s) for r in rounds
    )
    return [
        name,
        f"{statistics.median(whole):.2f}",
        f"{min(whole):.2f}-{max(whole):.2f}",
        f"{statistics.median(inside):.2f}" if inside else "",
        f"{share:.2f}",
        f"{inner:.2f}",
    ]
