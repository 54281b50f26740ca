"""A hundred hosts of which ten write without end: time of the others, bytes received, memory.

Each round is a pair for each contender: none floods, ten flood. fleetdiag ends a step whose output
has reached its cap (1 MiB). The peers have no such thing, so for them the flood is `timeout 5 yes`:
what they take in five seconds. The hosts share fewer real SSH servers.

    fleetdiag      `fleetdiag run`, one step
    asyncssh       a connection a host, one `run()`, all at once
    ssh loop       `ssh host command` for each host, in the background of one shell, to /dev/null

`others`: from the first connection to the last host that does not flood. Bytes are those that
came through the network device, floods and all. Memory is the peak of one process: of the shell
loop, its largest `ssh`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleetdiag import archive
from tests.bench.tables import machine, pipe_table
from tests.fleet import Fleet

COMMAND = "cat /proc/loadavg"
KEX = "curve25519-sha256"
FLOODING = "flood"
FLOOD_S = 5
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one start."""

    others_s: float
    whole_s: float
    received_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Ran:
    """A contender that ended well."""

    out: str
    began: float
    whole_s: float
    peak_mb: float


Contender = Callable[[bool], Cost]


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says: a benchmark tells, it does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench flood")
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--flooding", type=int, default=10)
    parser.add_argument("--servers", type=int, default=10, help="real SSH servers of the others")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    names = f"web-[01-{options.servers:02}],{FLOODING}-[1-2]"
    with (
        TemporaryDirectory(prefix="fleetdiag-bench-") as directory,
        Fleet(names=names, kind="bare", label="bench flood") as fleet,
    ):
        bench = Bench(fleet, Path(directory), options.hosts, options.flooding)
        contenders: dict[str, Contender] = {
            "fleetdiag": bench.ours,
            "asyncssh": bench.asyncssh,
            "ssh loop": bench.shell_loop,
        }
        for contender in contenders.values():
            contender(False)
        rounds = [
            {
                (name, flood): run(flood)
                for name, run in contenders.items()
                for flood in (False, True)
            }
            for _ in range(options.rounds)
        ]
    print(f"{options.hosts} hosts, {options.flooding} of them flooding or none; ", end="")
    print(f"{machine(options.rounds)}\n")
    print(table(rounds))
    return 0


def table(rounds: list[dict[tuple[str, bool], Cost]]) -> str:
    """Medians; what the floods add to the others' time is that of the pairs' differences."""
    rows = []
    for name, flood in rounds[0]:
        costs = [each[name, flood] for each in rounds]
        later = [each[name, flood].others_s - each[name, False].others_s for each in rounds]
        rows.append(
            [
                name,
                "ten flood" if flood else "none",
                f"{statistics.median(cost.others_s for cost in costs):.2f}",
                f"{statistics.median(later):+.2f}" if flood else "",
                f"{statistics.median(cost.whole_s for cost in costs):.2f}",
                f"{statistics.median(cost.received_mb for cost in costs):.1f}",
                f"{statistics.median(cost.peak_mb for cost in costs):.0f}",
            ]
        )
    headers = ["contender", "floods", "others s", "later s", "process s", "received MB", "peak MB"]
    return pipe_table(headers, rows)


class Bench:
    """Inventory, and each contender on it."""

    def __init__(self, fleet: Fleet, directory: Path, hosts: int, flooding: int) -> None:
        self._fleet, self._directory = fleet, directory
        servers = [host for host in fleet.hosts if not host.name.startswith(FLOODING)]
        floods = [host for host in fleet.hosts if host.name.startswith(FLOODING)]
        names = {f"{FLOODING}-{n:02}": floods[n % len(floods)] for n in range(flooding)}
        names |= {f"web-{n:03}": servers[n % len(servers)] for n in range(hosts - flooding)}
        self._addresses = {name: host.address for name, host in names.items()}
        self._device = Path(f"/sys/class/net/fleet{fleet.number}/statistics/rx_bytes")

    def ours(self, flood: bool) -> Cost:
        """`fleetdiag run`."""
        playbook = self._directory / f"flood-{flood}.yaml"
        step = {"name": "load", "run": self._command(flood, "yes")}
        playbook.write_text(json.dumps({"name": "flood", "steps": [step]}))
        inventory = self._directory / "inventory.yaml"
        key, known = str(self._fleet.key_path), str(self._fleet.known_hosts_path)
        defaults = {"user": "root", "identity_file": key, "known_hosts": known}
        hosts = {name: {"address": address} for name, address in self._addresses.items()}
        inventory.write_text(json.dumps({"defaults": defaults, "hosts": hosts}))
        runs = self._directory / "runs"
        argv = [sys.executable, "-m", "fleetdiag", "run", str(playbook), "-i", str(inventory)]
        argv += ["--no-cloud", "--save", str(runs), "--format", "json"]
        before = self._received_mb()
        ran = _ran(argv)
        received = self._received_mb() - before
        run = archive.load(archive.find(runs, "last"))
        if any(host.status != "ok" for host in run.hosts):
            raise SystemExit(f"fleetdiag: {[h.reason for h in run.hosts if h.reason][:3]}")
        others = [host for host in run.hosts if not host.name.startswith(FLOODING)]
        ended = max(host.started_at + host.duration_s for host in others)
        return Cost(ended - run.started_at, ran.whole_s, received, ran.peak_mb)

    def asyncssh(self, flood: bool) -> Cost:
        """All at once, one task a host; it says when the last of the others had ended."""
        targets = self._directory / "targets.json"
        plan = {
            "hosts": self._addresses,
            "key": str(self._fleet.key_path),
            "known_hosts": str(self._fleet.known_hosts_path),
            "command": self._command(flood, f"timeout {FLOOD_S} yes"),
            "apart": FLOODING,
        }
        targets.write_text(json.dumps(plan))
        before = self._received_mb()
        ran = _ran([sys.executable, str(PEERS / "asyncssh_flood.py"), str(targets)])
        return Cost(float(ran.out), ran.whole_s, self._received_mb() - before, ran.peak_mb)

    def shell_loop(self, flood: bool) -> Cost:
        """`ssh` in the background of one shell; each says when it had ended."""
        command = shlex.quote(self._command(flood, f"timeout {FLOOD_S} yes"))
        config = shlex.quote(str(self._fleet.ssh_config_path))
        ended = self._directory / "ended"
        ended.mkdir(exist_ok=True)
        lines = [
            f"{{ ssh -F {config} -l root -o HostKeyAlias={address} -i {self._fleet.key_path}"
            f" -o UserKnownHostsFile={self._fleet.known_hosts_path} -o BatchMode=yes"
            f" -o KexAlgorithms={KEX}"
            f" {address} {command} >/dev/null 2>&1; date +%s.%N >{ended}/{name}; }} &"
            for name, address in self._addresses.items()
        ]
        before = self._received_mb()
        ran = _ran(["sh", "-c", "\n".join([*lines, "wait"])])
        others = [name for name in self._addresses if not name.startswith(FLOODING)]
        last = max(float((ended / name).read_text()) for name in others)
        return Cost(last - ran.began, ran.whole_s, self._received_mb() - before, ran.peak_mb)

    def _command(self, flood: bool, flooding: str) -> str:
        other = flooding if flood else COMMAND
        return f"case $(hostname) in {FLOODING}*) {other} ;; *) {COMMAND} ;; esac"

    def _received_mb(self) -> float:
        return int(self._device.read_text()) / 1e6


def _ran(argv: list[str]) -> Ran:
    """Run it; raises SystemExit where it fails."""
    began, at = time.time(), time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    whole_s = time.perf_counter() - at
    if process.returncode not in (0, 1):  # 1: fleetdiag has found something
        raise SystemExit(f"{argv[0]}: exit {process.returncode}: {out[-500:]}")
    return Ran(out, began, whole_s, usage.ru_maxrss * 1024 / 1e6)
