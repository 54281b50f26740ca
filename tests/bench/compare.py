"""How long a fleet's kernel logs take to compare, beside `clubak -b` and `agree`'s masks.

    python -m tests.bench compare [--hosts 100,1000] [--lines 1000] [--rounds 3]

Each contender is a process of its own over the same files, on one core: with the time of the whole
process, the time inside (the comparison alone), the peak of memory (VmHWM) and what it made of the
logs. They do not do the same: `clubak -b` groups equal bytes, `agree` equal bytes after its masks;
fleetdiag also masks, searches the kernel's rules, contrasts every event and writes findings. The
logs are like real ones: of a host's lines 80 % are those of the others but for the time, 12 % hold
numbers or addresses of its own, 8 % are there on some hosts. One host in fifty has an I/O error.
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
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tabulate import tabulate

PEERS = Path(__file__).with_name("peers")
WORDS = (
    *("ACPI", "PCI", "usb", "eth0", "nvme0", "cpu", "memory", "bridge", "window", "device", "bus"),
    *("interrupt", "controller", "enabled", "driver", "registered", "version", "link", "ready"),
    *("clock", "source", "timer", "region", "mapped", "reserved", "host", "port"),
)
HEADERS = ("hosts", "MB", "contender", "process s", "inside s", "peak MB", "µs a line", "says")


class Took(NamedTuple):
    """One contender, once."""

    process_s: float
    inside_s: float
    peak_mb: float
    said: str


def main(argv: list[str]) -> int:
    """Print the table, every contender in turn, round by round."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench compare")
    parser.add_argument("--hosts", default="100,1000", help="numbers of hosts, by commas")
    parser.add_argument("--lines", type=int, default=1000, help="of each log")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    rows = []
    for count in map(int, options.hosts.split(",")):
        with TemporaryDirectory(prefix="fleetdiag-compare-") as name:
            size = write_fleet(Path(name), count, options.lines)
            rounds = [one_round(Path(name)) for _ in range(options.rounds)]
        for contender in rounds[0]:
            took = [each[contender] for each in rounds]
            inside_s = median(each.inside_s for each in took)
            rows.append(
                (
                    count,
                    round(size / 1e6),
                    contender,
                    f"{median(each.process_s for each in took):.2f}",
                    f"{inside_s:.2f}",
                    round(median(each.peak_mb for each in took)),
                    f"{inside_s / count / options.lines * 1e6:.2f}",
                    took[0].said,
                )
            )
    print(tabulate(rows, HEADERS, disable_numparse=True))
    return 0


# --------------------------------------------------------------------------------- the fleet


def write_fleet(directory: Path, hosts: int, lines: int) -> int:
    """`outputs/HOST/dmesg.out` and `stream` with the same lines as `HOST: line`; the bytes."""
    draws = random.Random(lines)
    templates = log_templates(draws, lines)
    size = 0
    with (directory / "stream").open("wb") as stream:
        for number in range(hosts):
            host = f"node{number:05d}"
            text = log_of(templates, random.Random(number))
            place = directory / "outputs" / host
            place.mkdir(parents=True)
            (place / "dmesg.out").write_bytes(text)
            stream.writelines(
                f"{host}: ".encode() + line for line in text.splitlines(keepends=True)
            )
            size += len(text)
    return size


def log_templates(draws: random.Random, lines: int) -> list[tuple[str, str]]:
    """So many lines, each with the sort it is of."""
    return [_template(draws, number) for number in range(lines)]


def _template(draws: random.Random, number: int) -> tuple[str, str]:
    """A line, and which sort it is of."""
    words = " ".join(draws.choice(WORDS) for _ in range(draws.randint(7, 13)))
    sort = draws.random()
    if sort < 0.80:
        return f"{words} {number:x}", "same"
    if sort < 0.84:
        return f"{words} at 0x{{0:012x}} irq {{1}}", "own"
    if sort < 0.88:
        return f"{words}: {{0}}K/{{1}}K available", "own"
    if sort < 0.92:
        return f"{words} {{1}}.{{0}} MHz", "own"
    return f"{words} {number:x}", "some"


def log_of(templates: list[tuple[str, str]], draws: random.Random) -> bytes:
    """One host's log."""
    at = 0.0
    told = []
    for text, sort in templates:
        if sort == "some" and draws.random() < 0.4:
            continue
        at += draws.expovariate(20)
        said = text.format(draws.getrandbits(44), draws.randrange(9999)) if sort == "own" else text
        told.append(f"[{at:12.6f}] {said}\n")
    if draws.random() < 0.02:
        told.append(f"[{at + 1:12.6f}] blk_update_request: I/O error, dev sda, sector {int(at)}\n")
    return "".join(told).encode()


# ------------------------------------------------------------------------------- contenders


def one_round(directory: Path) -> dict[str, Took]:
    """Every contender once; all pinned to one core."""
    outputs, stream = directory / "outputs", directory / "stream"
    python = [sys.executable]
    return {
        "fleetdiag": _run([*python, str(PEERS / "compare_ours.py"), "log", str(outputs)]),
        "fleetdiag --exact": _run([*python, str(PEERS / "compare_ours.py"), "exact", str(stream)]),
        "clubak -b": _run([*python, str(PEERS / "compare_clubak.py"), str(stream)]),
        "agree, loose": _run([*python, str(PEERS / "compare_agree.py"), str(outputs)]),
    }


def _run(argv: list[str]) -> Took:
    """`argv`, which prints seconds inside, peak of memory in MB, and what it found, as JSON."""
    core = {min(os.sched_getaffinity(0))}
    began = time.perf_counter()
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    process_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"a contender failed: {done.stderr[-500:]}")
    inside_s, peak_mb, said = json.loads(done.stdout.splitlines()[-1])
    return Took(process_s, inside_s, peak_mb, said)
