"""What a benchmark prints: a line on what was measured where and when, and a table."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date

from tabulate import tabulate


def machine() -> str:
    """The day and the machine, in words."""
    python = platform.python_version()
    return f"{date.today()}, Python {python}, Linux {platform.release()}, {os.cpu_count()} cores"


def print_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """To stdout, as Markdown: what docs/performance.md takes over."""
    print(f"{title}\n")
    print(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True))
    print(flush=True)
