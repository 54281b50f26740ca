"""The program as a user starts it: a process of its own, in an empty home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetdiag import archive
from fleetdiag.errors import ArchiveError
from fleetdiag.model import Run

ROOT = Path(__file__).resolve().parents[2]
_STARTS = ("FLEETDIAG_", "XDG_", "SSH_")
_NAMES = ("NO_COLOR", "TERM", "LINES")
_TIMEOUT_S = 90.0
_BIDI_AND_ZERO_WIDTH = frozenset(
    map(
        chr,
        (0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF),
    )
)


def environment(home: Path) -> Mapping[str, str]:
    """Ours without anything that changes what the program says or reads."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_STARTS) and name not in _NAMES
    }
    own = {"HOME": home, "XDG_CONFIG_HOME": home / "config", "XDG_STATE_HOME": home / "state"}
    return {
        **kept,
        **{name: str(path) for name, path in own.items()},
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }


def heed_interrupts() -> None:
    """For a new process: Ctrl-C counts, also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Done:
    """How one command line ended."""

    code: int
    out: str
    err: str

    def must_be_harmless(self) -> None:
        """Fails where a terminal would be told to do something, or a person sees a traceback."""
        both = self.out + self.err
        assert not dangers(both), self
        assert "Traceback" not in both, self


def dangers(text: str) -> set[str]:
    """The characters of a text that act on a terminal or reorder what stands there.

    Controls but the newline; broken UTF-8; line and paragraph separators; bidi and zero-width
    characters.
    """
    acting = {c for c in set(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\n"}
    return acting | (set(text) & _BIDI_AND_ZERO_WIDTH)


@dataclass(frozen=True)
class Program:
    """Command lines in one home; those of `run` on the fleet of one inventory."""

    home: Path
    inventory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables."""

    @property
    def runs_directory(self) -> Path:
        """Where runs are stored unless a flag says otherwise."""
        return self.home / "state" / "fleetdiag" / "runs"

    def run(self, verb: str, *arguments: str) -> Done:
        """A verb on the fleet."""
        return self.call(verb, "-i", str(self.inventory), *arguments)

    def call(self, *arguments: str) -> Done:
        """A whole command line; whatever it is, what it prints is safe to look at."""
        with self.start(*arguments) as process:
            return finished(process)

    def told(self, verb: str, *arguments: str, exits: int = 0) -> dict[str, Any]:
        """The JSON of a verb on the fleet, which ends with this exit code."""
        done = self.run(verb, *arguments, "--format", "json")
        assert done.code == exits, done
        parsed: dict[str, Any] = json.loads(done.out)
        return parsed

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command line that runs on."""
        return subprocess.Popen(
            [sys.executable, "-m", "fleetdiag", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment(self.home), **self.variables},
            cwd=self.home,
            preexec_fn=heed_interrupts,
        )

    def playbook(self, name: str, text: str) -> str:
        """The path of a playbook of the test's own."""
        path = self.home / f"{name}.yaml"
        path.write_text(text)
        return str(path)

    def stored(self) -> Run:
        """The last run of this home."""
        return archive.load(archive.find(self.runs_directory, "last"))

    def wait_for_answers(self, hosts: int) -> None:
        """Return once so many hosts of the run that goes on are stored with a result."""
        until(lambda: self._answered() >= hosts, f"{hosts} hosts had finished")

    def _answered(self) -> int:
        try:
            return archive.summarize(archive.find(self.runs_directory, "last")).ok
        except ArchiveError:  # not begun, or just being written
            return 0


def finished(process: subprocess.Popen[bytes]) -> Done:
    """What the process gave, once it has ended."""
    try:
        out, err = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    code = process.returncode
    done = Done(code, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape"))
    done.must_be_harmless()
    return done


def until(is_so: Callable[[], bool], claim: str, *, within_s: float = 30.0) -> None:
    """Return once it is so; fails, saying that it never was, after `within_s`."""
    late_at = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < late_at, f"never within {within_s:g} s: {claim}"
        time.sleep(0.02)
