from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import environment, fleetdiag_argv, run_program

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """
groups:
  web:
    hosts: [web-01, web-02]
  db:
    hosts: [db-01]
"""


def completed(home: Path, line: str) -> list[str]:
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    shell = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        fleetdiag_argv(),
        cwd=home,
        env=environment(home) | {"_FLEETDIAG_COMPLETE": "bash_complete"} | shell,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return [item.partition(",")[2] for item in done.stdout.splitlines() if item]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    return tmp_path


def test_playbooks_are_completed(home: Path) -> None:
    assert completed(home, "fleetdiag run tri") == ["triage"]


@pytest.mark.parametrize("verb", ["check", "exec", "hosts", "ssh", "run triage -l"])
def test_hosts_and_groups_are_completed(home: Path, verb: str) -> None:
    assert completed(home, f"fleetdiag {verb} web") == ["web-01", "web-02", "web"]


def test_last_member_of_a_list_is_completed(home: Path) -> None:
    assert completed(home, "fleetdiag hosts web,db") == ["web,db-01", "web,db"]


def test_hosts_come_from_the_inventory_on_the_line(home: Path) -> None:
    (home / "inventory.yaml").rename(home / "fleet.yaml")
    assert completed(home, "fleetdiag hosts -i fleet.yaml db") == ["db-01", "db"]


def test_commands_and_their_commands_are_completed(home: Path) -> None:
    assert completed(home, "fleetdiag ru") == ["run", "runs"]
    assert completed(home, "fleetdiag playbook li") == ["lint", "list"]


def test_last_run_is_offered_where_none_is_stored(home: Path) -> None:
    assert completed(home, "fleetdiag show la") == ["last"]


def test_completion_that_cannot_be_made_is_empty_and_silent(tmp_path: Path) -> None:
    assert completed(tmp_path, "fleetdiag hosts w") == []
    (tmp_path / "inventory.yaml").write_text("nonsense: [")
    assert completed(tmp_path, "fleetdiag hosts w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_each_shell(home: Path, shell: str) -> None:
    done = run_program("completion", shell, home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_FLEETDIAG_COMPLETE" in done.stdout
    assert f"{shell}_complete" in done.stdout
