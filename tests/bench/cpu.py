"""The client's CPU time for a login and ten commands, a host: fleetdiag beside its peers.

So many host names stand for a few servers, whose own CPU time is not counted; what the client
spends before the first host (interpreter, imports) is: it is divided by the hosts like the rest.
The servers share the machine, so only CPU time is compared, not how long it took.
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
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench cpu")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", metavar="DIR", help="environment with the peers; else this one")
    parser.add_argument("--only", action="append", help="part of a peer's name")
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=options.servers, kind="bare", label="bench cpu") as fleet,
    ):
        addresses = [host.address for host in fleet.hosts]
        names = {f"host-{n:05}": addresses[n % len(addresses)] for n in range(options.hosts)}
        task = Task(fleet, Path(directory), names, options.steps, fanout=64)
        found = contenders(task, options.peers, options.only)
        rounds = [{name: run() for name, run in found.items()} for _ in range(options.rounds)]
    print_table(
        f"{options.hosts} hosts x {options.steps} commands ({COMMAND}), {options.servers} servers, "
        f"64 at once; {machine(options.rounds)}",
        ["contender", "CPU a host, ms", "min-max", "peak of a process, MB", "fleetdiag/it"],
        [_row(name, rounds, options.hosts) for name in rounds[0]],
    )
    return 0


def _row(name: str, rounds: list[dict[str, Cost]], hosts: int) -> list[str]:
    each = [r[name].cpu_s / hosts * 1000 for r in rounds]
    share = statistics.median(r["fleetdiag"].cpu_s / r[name].cpu_s for r in rounds)
    peak_mb = max(r[name].peak_mb for r in rounds)
    return [
        name,
        f"{statistics.median(each):.2f}",
        f"{min(each):.2f}-{max(each):.2f}",
        f"{peak_mb:.0f}",
        f"{share:.2f}",
    ]
