"""One host with ten steps, over and over in one process: a session without the program's start."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from fleetdiag import inventory, playbook
from fleetdiag.executor import run_hosts
from fleetdiag.model import Plan
from fleetdiag.plan import make_plan
from fleetdiag.transport import open_transport
from tests.bench.contenders import Task
from tests.bench.tables import machine, print_table
from tests.fleet import Fleet


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench session")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=1, rtt_ms=options.rtt, label="bench session") as fleet,
    ):
        (host,) = fleet.hosts
        task = Task(fleet, Path(directory), {host.name: host.address}, options.steps)
        task.write()
        hosts = inventory.load([str(task.files["inventory.yaml"])]).hosts
        plan = make_plan(hosts, playbook.load(str(task.files["playbook.yaml"])))
        took = [_one(plan) for _ in range(options.rounds + 1)][1:]
    print_table(
        f"1 host x {options.steps} commands, {options.rtt:g} ms round trip, everything imported; "
        f"{machine(options.rounds)}",
        ["from the connection to the last result, ms", "min-max"],
        [[f"{statistics.median(took):.0f}", f"{min(took):.0f}-{max(took):.0f}"]],
    )
    return 0


def _one(plan: Plan) -> float:
    transport = open_transport(plan)
    try:
        ((result,), _) = run_hosts(plan, transport, lambda _: None)
    finally:
        transport.close()
    if result.status != "ok":
        raise SystemExit(f"the host failed: {result.reason}")
    return result.duration_s * 1000
