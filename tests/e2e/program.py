"""The program as a user starts it, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    kept.pop("SSH_AUTH_SOCK", None)
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@dataclass(frozen=True)
class Program:
    """Runs command lines in one home, on one inventory."""

    home: Path
    inventory: Path

    def argv(self, *arguments: str) -> list[str]:
        verb, *rest = arguments
        return [sys.executable, "-m", "fleetdiag", verb, "-i", str(self.inventory), *rest]

    def run(self, *arguments: str, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.argv(*arguments),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            env=environment(self.home),
            cwd=self.home,
            timeout=timeout_s,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.run(*arguments, "--format", "json")
        assert done.stdout, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told
