"""Ten commands on each host of a fleet 100 ms away: fleetdiag beside its peers, in one run.

Every contender is a process of its own, started in turn, round after round, so that a slow
moment of the machine meets them all. Two times are printed for each: of the whole process, as a
user waits for it, and (for the Python ones) from the first connection to the last result, which
leaves out the interpreter and the imports. All use the same key, the same known_hosts and the
key exchange curve25519-sha256, but for the row that says otherwise.

The contenders:

    fleetdiag      `fleetdiag run`, ten steps, table on a pipe
    asyncssh       one connection a host, ten channels one after another
    paramiko       the same by `SSHClient.exec_command`
    ssh loop       `ssh host 'c1; c2; …'` for each host, in the background of one shell
    ssh, default   the same with OpenSSH's default key exchange
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from tabulate import tabulate

from tests.fleet import Fleet

COMMAND = "cat /proc/loadavg"
PEERS = Path(__file__).parent / "peers"
KEX = "curve25519-sha256"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one start."""

    whole_s: float
    inside_s: float | None
    """As the contender itself measured, from the first connection to the last result."""


Contender = Callable[[], Times]


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says: a benchmark tells, it does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench latency")
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(hosts=options.hosts, rtt_ms=options.rtt, label="bench latency") as fleet,
    ):
        contenders = make_contenders(fleet, Path(directory), options.steps)
        for run in contenders.values():
            run()
        rounds = [{name: run() for name, run in contenders.items()} for _ in range(options.rounds)]
    print(f"{options.hosts} hosts x {options.steps} commands ({COMMAND}), ", end="")
    print(f"{options.rtt:g} ms round trip")
    print(f"{date.today()}, Python {platform.python_version()}, {os.cpu_count()} cores, ", end="")
    print(f"{options.rounds} rounds after a warm-up\n")
    print(table(rounds))
    return 0


def table(rounds: list[dict[str, Times]]) -> str:
    """Medians, and fleetdiag's time as a share of each peer's, paired by round."""
    rows = []
    for name in rounds[0]:
        whole = [r[name].whole_s for r in rounds]
        inside = [t for r in rounds if (t := r[name].inside_s) is not None]
        share = statistics.median(r["fleetdiag"].whole_s / r[name].whole_s for r in rounds)
        inner = statistics.median(
            (r["fleetdiag"].inside_s or 0) / (r[name].inside_s or r[name].whole_s) for r in rounds
        )
        rows.append(
            [
                name,
                f"{statistics.median(whole):.2f}",
                f"{min(whole):.2f}-{max(whole):.2f}",
                f"{statistics.median(inside):.2f}" if inside else "",
                f"{share:.2f}",
                f"{inner:.2f}",
            ]
        )
    headers = [
        "contender",
        "process s",
        "min-max",
        "inside s",
        "fleetdiag/it, process",
        "fleetdiag/it, inside",
    ]
    return tabulate(rows, headers, disable_numparse=True)


def make_contenders(fleet: Fleet, directory: Path, steps: int) -> dict[str, Contender]:
    """Name -> what runs it once."""
    playbook = directory / "bench.yaml"
    lines = [f"  - s{number}: {COMMAND}" for number in range(steps)]
    playbook.write_text("name: bench\nsteps:\n" + "\n".join(lines) + "\n")
    targets = directory / "targets.json"
    plan = {
        "hosts": {host.name: host.address for host in fleet.hosts},
        "key": str(fleet.key_path),
        "known_hosts": str(fleet.known_hosts_path),
        "commands": [COMMAND] * steps,
        "kex": KEX,
    }
    targets.write_text(json.dumps(plan))
    ours = [
        sys.executable,
        "-m",
        "fleetdiag",
        "run",
        str(playbook),
        "-i",
        str(fleet.inventory_path),
    ]
    ours += ["--save", str(directory / "runs"), "--format", "json"]
    return {
        "fleetdiag": lambda: _ours(ours),
        "asyncssh": lambda: _peer("asyncssh_channels", targets),
        "paramiko": lambda: _peer("paramiko_channels", targets),
        "ssh loop": lambda: _shell_loop(fleet, steps, ["-o", f"KexAlgorithms={KEX}"]),
        "ssh, default kex": lambda: _shell_loop(fleet, steps, []),
    }


def _ours(argv: list[str]) -> Times:
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    whole_s = time.perf_counter() - began
    result = json.loads(done.stdout)
    _expect(all(host["status"] == "ok" for host in result["hosts"]), done.stdout[-500:])
    return Times(whole_s, result["run"]["duration_s"])


def _peer(name: str, targets: Path) -> Times:
    argv = [sys.executable, str(PEERS / f"{name}.py"), str(targets)]
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    whole_s = time.perf_counter() - began
    _expect(done.returncode == 0, done.stderr[-500:])
    return Times(whole_s, float(done.stdout))


def _shell_loop(fleet: Fleet, steps: int, options: list[str]) -> Times:
    """`ssh` for every host in the background of one shell, all commands on one line."""
    ssh = ["ssh", "-F", str(fleet.ssh_config_path), *options]
    line = "; ".join([COMMAND] * steps)
    loops = [f"{shlex.join([*ssh, host.name, line])} >/dev/null & p$n=$!" for host in fleet.hosts]
    starts = "\n".join(loop.replace("p$n", f"p{n}") for n, loop in enumerate(loops))
    waits = "\n".join(f"wait $p{n} || exit 1" for n in range(len(loops)))
    began = time.perf_counter()
    done = subprocess.run(
        ["sh", "-c", f"{starts}\n{waits}"], capture_output=True, text=True, check=False
    )
    whole_s = time.perf_counter() - began
    _expect(done.returncode == 0, done.stderr[-500:])
    return Times(whole_s, None)


def _expect(holds: bool, said: str) -> None:
    if not holds:
        raise SystemExit(f"a contender failed: {said}")
