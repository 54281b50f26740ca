"""Look-ups: origins, what never matches, and speed. `test_ssh_config_like_ssh` has the rules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fleetdiag.errors import InventoryFileError
from fleetdiag.inventory.ssh_config import SshConfig, read_ssh_config
from tests.inventory.fleet import ssh_file

if TYPE_CHECKING:
    from pathlib import Path


def parsed(tmp_path: Path, text: str) -> SshConfig:
    return read_ssh_config(ssh_file(tmp_path, text), home=tmp_path)


def test_a_value_knows_its_file_and_line(tmp_path: Path) -> None:
    answer = parsed(tmp_path, "Host a\n\n  Port 7\n").lookup("a")
    assert answer.values["port"].origin == f"{tmp_path}/ssh_config:3"


@pytest.mark.parametrize(
    "criterion", ['exec "touch {}"', '!exec "touch {}"', "tagged x", "!tagged x"]
)
def test_what_only_ssh_can_know_never_matches_and_nothing_is_run(
    tmp_path: Path, criterion: str
) -> None:
    ran = tmp_path / "ran"
    config = parsed(tmp_path, f"Match {criterion.format(ran)}\n  Port 7\n")
    assert "port" not in config.lookup("a").values
    assert not ran.exists()


def test_all_problems_of_the_files_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(InventoryFileError) as caught:
        parsed(tmp_path, 'Port x\nHost a\n  User "b\nMatch\n')
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


def test_an_include_of_itself_ends(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    loop = tmp_path / ".ssh" / "loop"
    loop.write_text("Include loop\n")
    loop.chmod(0o600)
    with pytest.raises(InventoryFileError, match="included more than 16 levels deep"):
        parsed(tmp_path, "Include loop\n")


def test_a_thousand_hosts_take_less_than_0_3_s(tmp_path: Path) -> None:
    entries = [f"Host h{n}\n  HostName 10.0.0.{n % 250}\n  User u\n" for n in range(1000)]
    text = "".join(entries) + "Host h*\n  Port 2222\n"
    started = time.process_time()
    config = parsed(tmp_path, text)
    assert all(config.lookup(f"h{n}").values["port"].value == 2222 for n in range(1000))
    assert time.process_time() - started < 0.3
