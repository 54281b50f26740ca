"""One run of 100, 1,000 and 10,000 hosts: time, CPU and memory, and what of it is each host's.

    python -m tests.bench scale [--hosts 100,1000,10000] [--rounds 3]
    python -m tests.bench scale --output-mib 1 [--hosts 100,1000] [--rounds 1]
    python -m tests.bench scale --ssh 8 [--hosts 100,1000,10000]

Ten steps a host, or with `--output-mib` one step of that size: first the same on every host, then
logs, most lines of which are shared, then numbers, of which no line is. The hosts are recorded ones
(files on this machine; the script, its marks, the threads and the archive are those of a run over
SSH, and no server's CPU is in the figures) or, with `--ssh N`, N real ones, each under many names,
asked by the whole program. A run is a process of its own: CPU is the kernel's account of it (user
and system, no server's), the peak that of its resident memory; of recorded hosts the parts of a run
are told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NamedTuple

import yaml

from tests.bench import fleets
from tests.bench.compare import log_of, log_templates
from tests.bench.tables import machine, pipe_table
from tests.fleet import Fleet

OURS = Path(__file__).with_name("peers") / "run_recorded.py"
STEPS = {
    "uname-a": "uname -a",
    "uptime": "uptime",
    "loadavg": "cat /proc/loadavg",
    "free": "free",
    "df-P": "df -P",
    "meminfo": "cat /proc/meminfo",
    "ss-s": "ss -s",
    "ip-route": "ip route",
    "dmesg": "dmesg",
    "systemctl-failed": "systemctl --failed",
}
LARGE = {"same": "cat /var/lib/app/state", "logs": "dmesg", "numbers": "cat /var/lib/app/values"}
HEADERS = ("hosts", "asked", "s", "CPU s", "peak MB", "ms a host", "CPU ms a host", "KB a host")
PARTS = ("run", "compare", "report")


class Took(NamedTuple):
    """One run."""

    whole_s: float
    cpu_s: float
    peak_mb: float
    parts: dict[str, tuple[float, float]]
    """Part -> seconds and peak of memory in MB; of a recorded run."""


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench scale")
    parser.add_argument("--hosts", default="100,1000,10000", help="numbers of hosts, by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output-mib", type=float, default=0.0, help="one step of this size")
    parser.add_argument("--only", choices=LARGE, help="of the large outputs one kind")
    parser.add_argument("--ssh", type=int, default=0, metavar="N", help="N real hosts")
    options = parser.parse_args(argv)
    counts = [int(count) for count in options.hosts.split(",")]
    rows = []
    with TemporaryDirectory(prefix="fleetdiag-scale-") as name:
        place = Path(name)
        if options.ssh:
            with Fleet(hosts=options.ssh, kind="bare", label="bench scale") as fleet:
                for count in counts:
                    argv = named_often(place, fleet, count)
                    rounds = [took(argv) for _ in range(options.rounds)]
                    rows.append(row(count, f"ssh, {options.ssh} servers", rounds))
        elif options.output_mib:
            for kind in [options.only] if options.only else LARGE:
                directory = write_large(place / kind, max(counts), kind, options.output_mib)
                for count in counts:
                    rounds = [recorded(directory, count) for _ in range(options.rounds)]
                    rows.append(row(count, f"{options.output_mib:g} MiB, {kind}", rounds))
        else:
            directory = write_small(place / "small", max(counts))
            for count in counts:
                rounds = [recorded(directory, count) for _ in range(options.rounds)]
                rows.append(row(count, f"{len(STEPS)} steps", rounds))
    parts = () if options.ssh else [f"{part} s, MB" for part in PARTS]
    print(f"Whole runs, comparison and report included; {machine(options.rounds)}\n")
    print(pipe_table((*HEADERS, *parts), rows))
    return 0


def row(count: int, asked: str, rounds: list[Took]) -> tuple[str, ...]:
    """Medians of the rounds."""
    whole_s, cpu_s, peak_mb = (median(each) for each in zip(*(t[:3] for t in rounds), strict=True))
    parts = [
        f"{median(t.parts[part][0] for t in rounds):.1f}, "
        f"{median(t.parts[part][1] for t in rounds):.0f}"
        for part in PARTS
        if rounds[0].parts
    ]
    each = (f"{total / count * 1e3:.2f}" for total in (whole_s, cpu_s, peak_mb))
    return str(count), asked, f"{whole_s:.1f}", f"{cpu_s:.1f}", f"{peak_mb:.0f}", *each, *parts


def took(argv: list[str]) -> Took:
    """`argv`, a process; its last line of output may tell of its parts, as JSON."""
    with TemporaryFile() as out, TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(argv, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        whole_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        # 1: findings, 3: hosts without a result; both would be seen in the figures.
        if process.returncode not in (0, 1):
            raise SystemExit(f"the run failed: {errors.read().decode()[-500:]}")
        out.seek(0)
        last = out.read().splitlines()[-1:]
    parts = json.loads(last[0]) if last and last[0].startswith(b"{") else {}
    peaks = [usage.ru_maxrss / 1e3, *(peak_mb for _, peak_mb in parts.values())]
    return Took(whole_s, usage.ru_utime + usage.ru_stime, max(peaks), parts)


def recorded(directory: Path, count: int) -> Took:
    """One run of so many of the hosts recorded in `directory`."""
    with TemporaryDirectory(dir=directory.parent) as runs:
        playbook = directory / "playbook.yaml"
        return took([sys.executable, str(OURS), str(directory), str(count), str(playbook), runs])


# ----------------------------------------------------------------------------------- fleets


def write_small(directory: Path, hosts: int) -> Path:
    """Ten answers of each host, every host's its own, as the detection corpus draws them."""
    directory.mkdir()
    steps = {step: f"{step}.txt" for step in STEPS}
    case = {"about": "scale", "hosts": hosts, "steps": steps, "expect": "silent"}
    (directory / "case.yaml").write_text(yaml.safe_dump(case))
    drawn = fleets.expand(directory, directory)
    return _recording(directory, list(drawn.hosts), STEPS)


def write_large(directory: Path, hosts: int, kind: str, mib: float) -> Path:
    """One answer of each host: `same`, `logs` or `numbers`."""
    size = int(mib * (1 << 20))
    names = [f"host-{number:05d}" for number in range(hosts)]
    templates = log_templates(random.Random(size), size // 70)
    for number, name in enumerate(names):
        (directory / name).mkdir(parents=True)
        draws = random.Random(0 if kind == "same" else number)
        text = log_of(templates, draws) if kind == "logs" else _numbers(draws, size // 24)
        (directory / name / "answer.out").write_bytes(text[:size])
    return _recording(directory, names, {"answer": LARGE[kind]})


def _numbers(draws: random.Random, lines: int) -> bytes:
    return "".join([f"value_{n:06d} {draws.random():.8f}\n" for n in range(lines)]).encode()


def _recording(directory: Path, hosts: list[str], steps: dict[str, str]) -> Path:
    about = {"note": "bench scale", "hosts": {host: {} for host in hosts}}
    (directory / "hosts.json").write_text(json.dumps(about))
    asked = {"steps": [{"name": step, "run": command} for step, command in steps.items()]}
    (directory / "playbook.yaml").write_text(yaml.safe_dump(asked))
    return directory


def named_often(place: Path, fleet: Fleet, count: int) -> list[str]:
    """`fleetdiag run` over the hosts of `fleet`, each under as many names as make `count`."""
    playbook, inventory = place / "playbook.yaml", place / f"{count}.yaml"
    _recording(place, [], STEPS)
    hosts = {
        f"host-{number:05d}": {"address": fleet.hosts[number % len(fleet.hosts)].address}
        for number in range(count)
    }
    login = {
        "known_hosts": str(fleet.known_hosts_path),
        "user": "root",
        "identity_file": str(fleet.key_path),
    }
    inventory.write_text(yaml.safe_dump({"defaults": login, "hosts": hosts}))
    run = [sys.executable, "-m", "fleetdiag", "run", str(playbook), "-i", str(inventory)]
    return [*run, "--fanout", "64", "--save", str(place / f"runs-{count}")]
