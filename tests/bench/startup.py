"""How long the whole program takes where it has little to do, beside the interpreter alone.

    python -m tests.bench startup [--rounds 15]

Every command is a process of its own, started in turn, round after round, so that a slow moment of
the machine meets them all; the files are in the page cache, and compiled. `exec` asks this machine,
`run` plays, compares and reports the recorded incident of `-i demo`, `show` compares and reports
what that run stored. "More than Python" is the median of the differences within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

from tests.bench.tables import machine, pipe_table

PYTHON = "python -c pass"
HEADERS = ("command", "ms", "min-max", "more than Python, ms", "CPU ms", "peak MB")


def main(argv: list[str]) -> int:
    """Print the table; 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench startup")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(argv)
    with TemporaryDirectory(prefix="fleetdiag-startup-") as runs:
        commands = {PYTHON: ["-c", "pass"]} | {
            f"fleetdiag {' '.join(words)}": ["-m", "fleetdiag", *words, *more]
            for words, more in asked(runs).items()
        }
        for warm_up in commands.values():
            started(warm_up, runs)
        rounds = [
            {name: started(words, runs) for name, words in commands.items()}
            for _ in range(options.rounds)
        ]
    print(f"{machine(options.rounds)}, after a warm-up\n")
    print(pipe_table(HEADERS, [row(name, rounds) for name in commands]))
    return 0


def asked(runs: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """What is asked, as it is shown -> what else is on the command line."""
    save = ("--save", runs)
    return {
        ("--version",): (),
        ("--help",): (),
        ("playbook", "list"): (),
        ("exec", "-i", "local", "all", "--", "true"): (),
        ("run", "triage", "-i", "demo"): save,
        ("show", "last"): save,
    }


def started(words: list[str], runs: str) -> tuple[float, float, float]:
    """Wall and CPU time in ms, and the peak of resident memory in MB, of one start."""
    home = {"PATH": os.environ["PATH"], "HOME": runs, "XDG_STATE_HOME": runs}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=home,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    # 1: findings; 3: hosts without a result, as in the recorded incident.
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{words} ended with {process.returncode}")
    return wall_s * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1e3


def row(name: str, rounds: list[dict[str, tuple[float, float, float]]]) -> tuple[str, ...]:
    """Medians over the rounds."""
    wall = [each[name][0] for each in rounds]
    cpu, peak = (statistics.median(each[name][place] for each in rounds) for place in (1, 2))
    more = statistics.median(each[name][0] - each[PYTHON][0] for each in rounds)
    spread = f"{min(wall):.0f}-{max(wall):.0f}"
    return (
        name,
        f"{statistics.median(wall):.0f}",
        spread,
        f"{more:.0f}",
        f"{cpu:.0f}",
        f"{peak:.0f}",
    )
