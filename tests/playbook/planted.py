"""Steps of a shipped playbook as other hosts would run them: planted files, planted commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetdiag.compare import compare
from fleetdiag.model import FindingKind, Severity, Step
from fleetdiag.playbook import load
from tests.factory import make_run
from tests.playbook.shells import SYSTEM_PATH, Answer, Shell, answer

RECORDED = Path(__file__).parent / "recorded"
"""Outputs of other systems, by playbook; SOURCES.md in each says where from."""


@dataclass(frozen=True)
class Planted:
    """Runs steps of one playbook under one shell, with paths of the host replaced."""

    playbook: str
    shell: Shell
    directory: Path
    """Where files and commands are planted."""

    def run(
        self,
        step: str,
        files: Mapping[str, str] | None = None,
        commands: Mapping[str, str] | None = None,
        *,
        below: Sequence[str] = (),
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """What the step says.

        `files` are planted by their path on the host, `commands` are shell scripts by name. A
        directory in `below` (`/sys/block`) holds what is planted there and nothing else.
        """
        root, programs = self.directory / "root", self.directory / "bin"
        for path, text in (files or {}).items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        programs.mkdir(exist_ok=True)
        for name, script in (commands or {}).items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        single = [path for path in files or {} if not path.startswith(tuple(below) or "\0")]
        texts = []
        for text in _step(self.playbook, step, params).commands:
            for path in sorted([*below, *single], key=len, reverse=True):
                text = text.replace(path, f"\0{path[1:]}")
            texts.append(text.replace("\0", f"{root}/"))
        return answer(tuple(texts), self.shell, None, f"{programs}:{SYSTEM_PATH}")


def raised(playbook: str, step: str, output: str) -> set[tuple[Severity, str]]:
    """Severity and headline of the rules that the output breaks."""
    comparison = compare(make_run({"h": {step: output}}, [_step(playbook, step, None)]))
    rules = [one for one in comparison.findings if one.kind is FindingKind.RULE]
    return {(finding.severity, finding.summary) for finding in rules}


def recorded(playbook: str, name: str) -> str:
    """A file of recorded output."""
    return (RECORDED / playbook / name).read_text()


def _step(playbook: str, name: str, params: Mapping[str, str] | None) -> Step:
    return next(step for step in load(playbook, params or {}).steps if step.name == name)
