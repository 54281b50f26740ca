"""docs/writing-a-playbook.md, run as it is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import ROOT, Program

pytestmark = pytest.mark.fleet

GUIDE = ROOT / "docs" / "writing-a-playbook.md"
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"\d{8}T\d{6}-backups-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"\d+\.\d+ s"), "TIME"),
)
AGES_H = {"db-1": 2, "db-2": 3, "db-3": 4, "db-4": 31, "db-5": 6, "db-6": 7}


@dataclass(frozen=True)
class Typed:
    """A command of the page and what stands under it."""

    command: str
    printed: str


def parts(text: str) -> Iterator[Typed | tuple[str, str]]:
    """The page's commands, and its files as (name, content), in its order."""
    for kind, block in _BLOCK.findall(text):
        if kind == "yaml":
            first, _, content = block.partition("\n")
            yield first.removeprefix("# "), content
            continue
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = typed.partition("\n")
            yield Typed(command, printed)


def steady(text: str) -> list[str]:
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_page_prints_what_it_says(make_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = make_fleet(names="db-[1-6]", kind="bare")
    for number, (host, age_h) in enumerate(AGES_H.items(), start=1):
        size = 400_000 + 1000 * number
        made = f"head -c {size} /dev/zero >day.dump; touch -d '-{age_h} hours' day.dump"
        fleet.exec(host, ["sh", "-c", f"mkdir -p /var/backups/db; cd /var/backups/db; {made}"])
    (tmp_path / "inventory.yaml").write_text(fleet.inventory_path.read_text())
    program = Program(tmp_path, fleet.inventory_path)
    ran = 0
    for part in parts(GUIDE.read_text("utf-8")):
        if isinstance(part, tuple):
            (tmp_path / part[0]).write_text(part[1])
            continue
        name, *arguments = shlex.split(part.command)
        assert name == "fleetdiag"
        done = program.call(*arguments)
        assert steady(done.out + done.err) == steady(part.printed), part.command
        ran += 1
    assert ran == 5
