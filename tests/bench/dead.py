"""Two hundred hosts of which twenty are dead: how much later do the others answer?

Each round is a pair: the healthy hosts alone, and the same hosts with the dead ones among them, by
the same command line. Dead means that their packets are dropped. The healthy names share fewer
real SSH servers, as two hundred on one machine would measure that machine. The dead stand first in
the inventory, the unluckiest order, or evenly among the others.

Printed for each: the time until the last healthy result (`inside`: from the run's beginning, by
the times in the archive), what the dead add to it, and the whole run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleetdiag import archive
from tests.bench.tables import machine, pipe_table
from tests.fleet import Fleet

COMMAND = "cat /proc/loadavg"
CONNECT_S = 5
TARGET_LATER_S = 0.5
TARGET_WHOLE_S = 6.0
DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the run's beginning."""

    healthy_s: float
    """Until the last healthy host had finished."""
    whole_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """One inventory a variant, and the command that runs it."""

    directory: Path
    playbook: Path
    healthy: int
    fanout: int | None

    def run(self, variant: str) -> Times:
        """One run; raises SystemExit where the hosts did not fare as they should have."""
        runs = self.directory / f"runs-{variant}"
        argv = [sys.executable, "-m", "fleetdiag", "run", str(self.playbook), "--no-cloud"]
        argv += ["-i", str(self.directory / f"{variant}.yaml"), "--save", str(runs)]
        argv += ["--connect-timeout", str(CONNECT_S), "--format", "json"]
        argv += [] if self.fanout is None else ["--fanout", str(self.fanout)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        hosts = json.loads(done.stdout)["hosts"]
        ok = {host["name"] for host in hosts if host["status"] == "ok"}
        rest = {host["status"] for host in hosts if host["name"] not in ok}
        if len(ok) != self.healthy or not rest <= {"unreachable"}:
            raise SystemExit(f"{variant}: {len(ok)} ok, others {rest}: {done.stderr[-500:]}")
        run = archive.load(archive.find(runs, "last"))
        ended = (h.started_at + h.duration_s - run.started_at for h in run.hosts if h.name in ok)
        return Times(max(ended), run.duration_s)


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says: a benchmark tells, it does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench dead")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--dead", type=int, default=20)
    parser.add_argument("--servers", type=int, default=12, help="real SSH servers of the healthy")
    parser.add_argument("--sleep", type=float, default=0.0, help="seconds that a step takes")
    parser.add_argument("--fanout", type=int, help="default: the program's")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=options.servers + 1, kind="bare", label="bench dead") as fleet,
    ):
        bench = prepare(fleet, Path(directory), options)
        variants = ["alone", "dead first", "dead among"]
        bench.run("alone")
        rounds = [{name: bench.run(name) for name in variants} for _ in range(options.rounds)]
    print(
        f"{options.hosts - options.dead} healthy hosts, {options.dead} dead; one step of ", end=""
    )
    print(f"{options.sleep:g} s; connect limit {CONNECT_S} s, ", end="")
    print(f"fanout {options.fanout or 'by default'}; {machine(options.rounds)}\n")
    print(table(rounds))
    return 0


def prepare(fleet: Fleet, directory: Path, options: argparse.Namespace) -> Bench:
    """Write playbook and inventories, and make the last host dead."""
    *servers, dead = fleet.hosts
    fleet.fault(dead.name, "blackhole")
    healthy = options.hosts - options.dead
    addresses = {f"web-{n:03}": servers[n % len(servers)].address for n in range(healthy)}
    dead_ones = {f"{DEAD}-{n:03}": dead.address for n in range(options.dead)}
    every = max(1, healthy // max(1, options.dead))
    among = list(addresses)
    for at, name in enumerate(dead_ones):
        among.insert(at * (every + 1), name)
    orders = {"alone": list(addresses), "dead first": [*dead_ones, *addresses], "dead among": among}
    everyone = addresses | dead_ones
    head = f"user: root, identity_file: {fleet.key_path}, known_hosts: {fleet.known_hosts_path}"
    for variant, names in orders.items():
        lines = [f"  {name}: {{address: {everyone[name]}}}" for name in names]
        text = "\n".join([f"defaults: {{{head}}}", "hosts:", *lines, ""])
        (directory / f"{variant}.yaml").write_text(text)
    playbook = directory / "dead.yaml"
    command = f"sleep {options.sleep:g}; {COMMAND}" if options.sleep else COMMAND
    playbook.write_text(f"name: dead\nsteps:\n  - {{name: load, run: {command}}}\n")
    return Bench(directory, playbook, healthy, options.fanout)


def table(rounds: list[dict[str, Times]]) -> str:
    """Medians; what the dead add is the median of the pairs' differences."""
    rows = []
    for variant in rounds[0]:
        healthy = [each[variant].healthy_s for each in rounds]
        later = [each[variant].healthy_s - each["alone"].healthy_s for each in rounds]
        whole = [each[variant].whole_s for each in rounds]
        rows.append(
            [
                variant,
                f"{statistics.median(healthy):.2f}",
                f"{min(healthy):.2f}-{max(healthy):.2f}",
                "" if variant == "alone" else f"{statistics.median(later):+.2f}",
                "" if variant == "alone" else f"{TARGET_LATER_S:g}",
                f"{statistics.median(whole):.2f}",
                "" if variant == "alone" else f"{TARGET_WHOLE_S:g}",
            ]
        )
    headers = [
        *("dead hosts", "last healthy s", "min-max", "later s", "target", "whole run s", "target")
    ]
    return pipe_table(headers, rows)
