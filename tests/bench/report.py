"""Makes docs/performance.md's tables anew: `python -m tests.bench report [--peers DIR] [NAME…]`.

The page says itself what to run: a comment `<!-- bench NAME OPTIONS -->` opens a table and
`<!-- end -->` closes it. Only the benchmarks named are run; all, if none is. What one printed
replaces its table when it ended well; the words around the tables are a person's.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
_TABLE = re.compile(r"<!-- bench (?P<command>[^\n]+?) -->\n.*?<!-- end -->", re.DOTALL)
_WITH_PEERS = {"latency", "cpu", "flood"}


def main(argv: list[str]) -> int:
    """Run and write; 0 where every benchmark ended well."""
    peers: list[str] = []
    if argv[:1] == ["--peers"]:
        peers, argv = argv[:2], argv[2:]
    failed = 0
    commands = [found["command"] for found in _TABLE.finditer(PAGE.read_text())]
    for command in commands:
        name = command.split()[0]
        if argv and name not in argv:
            continue
        words = [*shlex.split(command), *(peers if name in _WITH_PEERS else [])]
        print(f"python -m tests.bench {command}", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench", *words],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        failed |= done.returncode
        if not done.returncode:
            _replace(command, done.stdout)
    return failed


def _replace(command: str, table: str) -> None:
    def renewed(found: re.Match[str]) -> str:
        if found["command"] != command:
            return found[0]
        return f"<!-- bench {command} -->\n\n{table.strip()}\n\n<!-- end -->"

    PAGE.write_text(_TABLE.sub(renewed, PAGE.read_text()))
