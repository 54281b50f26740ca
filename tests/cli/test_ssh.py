from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from fleetdiag.cli.ssh import shell_argv
from fleetdiag.errors import InventoryError
from fleetdiag.model import Endpoint
from tests.cli.plans import local_host, ssh_host
from tests.cli.program import run_program

if TYPE_CHECKING:
    from pathlib import Path


def test_shell_is_opened_with_what_the_inventory_settled() -> None:
    bastion = Endpoint(name="gate", address="gate.example", port=2222, user="jump")
    host = ssh_host("web", port=2200, identity_files=("/keys/a",), via=(bastion,))
    argv = shell_argv(host, "/etc/my ssh", become=False)
    assert argv[:3] == ["ssh", "-F", "/etc/my ssh"]
    assert argv[-2:] == ["--", "web"]
    pairs = set(itertools.pairwise(argv))
    assert {("-l", "ada"), ("-p", "2200"), ("-i", "/keys/a")} <= pairs
    (proxy,) = (value for _, value in pairs if value.startswith("ProxyCommand="))
    assert proxy == (
        "ProxyCommand=ssh -W '[%h]:%p' -F '/etc/my ssh' -p 2222 -l jump"
        " -o HostName=gate.example -- gate"
    )
    assert ("-o", "HostName=192.0.2.7") in pairs


def test_become_opens_a_root_shell_on_a_terminal() -> None:
    argv = shell_argv(ssh_host("web"), None, become=True)
    assert "-t" in argv
    assert argv[-2:] == ["sudo", "-i"]


def test_host_without_ssh_is_refused() -> None:
    with pytest.raises(InventoryError, match=r"here is not reached by SSH \(it is local\)"):
        shell_argv(local_host("here"), None, become=False)


def test_program_becomes_the_systems_ssh(tmp_path: Path) -> None:
    told = tmp_path / "bin" / "ssh"
    told.parent.mkdir()
    told.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    told.chmod(0o755)
    path = f"{told.parent}:{os.environ['PATH']}"
    done = run_program("ssh", "web-1", "-w", "web-1", "-u", "ada", home=tmp_path, PATH=path)
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines()[-2:] == ["--", "web-1"]
    assert "ada" in done.stdout.splitlines()


def test_without_an_ssh_program_our_own_login_says_why_it_failed(tmp_path: Path) -> None:
    done = run_program("ssh", "no-such-host.invalid", home=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    done = run_program(
        "ssh",
        "web-1",
        "-w",
        "no-such.invalid,web-1",
        "--port",
        "1",
        home=tmp_path,
        PATH=str(tmp_path),
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: web-1: dns: web-1")
