"""A file a host: what the host and the step are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetdiag.errors import FleetdiagError
from fleetdiag.model import HostStatus, Outcome, read_output
from fleetdiag.outputs import Ended, load_files

if TYPE_CHECKING:
    from pathlib import Path


def judge(ended: Ended) -> tuple[Outcome, str]:
    return Outcome.OK, ""


@pytest.mark.parametrize(
    ("files", "hosts", "step"),
    [
        (["console/web-01.log", "console/web-02.log"], ["web-01", "web-02"], "console"),
        (["c/web-01.dmesg", "c/web-02.dmesg"], ["web-01", "web-02"], "dmesg"),
        (["c/web-01.log", "c/web-02.txt"], ["web-01", "web-02"], "c"),
        (["c/a.example.com", "c/b.example.com"], ["a.example.com", "b.example.com"], "c"),
        (["c/a.example.com.log", "c/b.example.com.log"], ["a.example.com", "b.example.com"], "c"),
        (["c/10.0.0.1", "c/10.0.0.2"], ["10.0.0.1", "10.0.0.2"], "c"),
        (["c/10.0.0.1", "c/10.0.1.1"], ["10.0.0.1", "10.0.1.1"], "c"),
        (["web-01/dmesg.log", "web-02/dmesg.log"], ["web-01", "web-02"], "dmesg"),
        (["c/web-01", "c/web-02"], ["web-01", "web-02"], "c"),
        (["c/web-01.log"], ["web-01"], "c"),
    ],
)
def test_hosts_and_step_are_in_the_files_names(
    tmp_path: Path, files: list[str], hosts: list[str], step: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    run = load_files([tmp_path / name for name in files], judge)
    assert [host.name for host in run.hosts] == hosts
    assert [each.name for each in run.playbook.steps] == [step]
    assert [read_output(host.steps[0].stdout).decode() for host in run.hosts] == files


def test_two_files_of_one_host_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "web.log", tmp_path / "b" / "web.txt", tmp_path / "c" / "x.log"]
    with pytest.raises(FleetdiagError, match="are both of host 'web'"):
        load_files(paths, judge)


def test_a_file_that_cannot_be_read_is_a_host_without_a_result(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("1")
    run = load_files([tmp_path / "a.log", tmp_path / "b.log"], judge)
    assert [host.status for host in run.hosts] == [HostStatus.OK, HostStatus.NOT_RUN]
    assert run.hosts[1].reason == f"{tmp_path}/b.log: no such file or directory"


def test_a_step_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("1")
    assert load_files([tmp_path / "a.log"], judge, "dmesg").playbook.steps[0].name == "dmesg"
