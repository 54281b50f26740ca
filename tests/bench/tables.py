"""What a benchmark prints: a line on what was measured where and when, and a table."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date

from tabulate import tabulate


def machine(rounds: int) -> str:
    """The day, the machine and how busy it was, in words."""
    python, kernel = platform.python_version(), platform.release().split("-")[0]
    return (
        f"{date.today()}, Python {python}, Linux {kernel}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.0f} at the end, medians of {rounds} rounds"
    )


def pipe_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown has it: what docs/performance.md takes over."""
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def print_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Title and table, to stdout."""
    print(f"{title}\n")
    print(pipe_table(headers, rows))
    print(flush=True)
