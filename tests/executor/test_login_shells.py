"""The script behind the login shells people have, with rc files that talk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetdiag.model import Outcome, Step
from tests.executor.shells import installed, run_steps

# Each reads the files named here from HOME when sshd runs it as `SHELL -c 'sh -s'`; bash does so
# only where it believes that sshd started it (SSH_CLIENT is set and stdin is a socket), so here
# BASH_ENV stands in for that.
RC_FILES = {
    "bash": ".bashrc",
    "zsh": ".zshenv",
    "fish": ".config/fish/config.fish",
    "csh": ".cshrc",
    "tcsh": ".tcshrc",
    "dash": ".profile",
}


@pytest.mark.parametrize("login_shell", RC_FILES)
def test_noise_of_rc_files_is_dropped(
    login_shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed([login_shell]):
        pytest.skip(f"{login_shell} is not installed")
    rc = tmp_path / RC_FILES[login_shell]
    rc.parent.mkdir(parents=True, exist_ok=True)
    rc.write_text("echo Welcome to this host\necho 'last login: never'\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BASH_ENV", str(rc))
    result = run_steps(
        [login_shell, "-c", "sh -s"],
        Step("a", ("echo a; echo e >&2",)),
        Step("slow", ("sleep 30",), timeout_s=0.3),
        Step("b", ("echo b",)),
    )
    assert result.status == "ok", result.reason
    a, slow, b = result.steps
    assert (a.stdout, a.stderr, b.stdout) == (b"a\n", b"e\n", b"b\n")
    assert slow.outcome is Outcome.TIMED_OUT


def test_a_restricted_shell_runs_the_script(tmp_path: Path) -> None:
    if not installed(["bash"]):
        pytest.skip("bash is not installed")
    result = run_steps(["bash", "--restricted", "-c", "sh -s"], Step("a", ("echo a",)))
    assert result.steps[0].stdout == b"a\n"


def test_a_login_shell_that_refuses_says_so() -> None:
    command = "echo 'This account is currently not available.'; exit 1"
    result = run_steps(["sh", "-c", command], Step("a", ("echo a",)))
    assert result.status == "auth-failed"
    assert result.reason == (
        "logged in, but the login shell ran no script: This account is currently not available."
    )
    assert [s.outcome for s in result.steps] == [Outcome.NOT_RUN]


def test_a_host_out_of_processes_is_in_trouble_itself() -> None:
    command = "echo 'sh: 1: Cannot fork' >&2; exit 2"
    assert run_steps(["sh", "-c", command], Step("a", ("echo a",))).status == "lost"


def test_what_a_forced_command_sends_back_does_not_give_the_password_away() -> None:
    step = Step("a", ("echo a",), become=True)
    result = run_steps(["sh", "-c", "head -n 2"], step, become_password="hunter2")
    assert "hunter2" not in result.reason
    assert "<secret>" in result.reason


def test_a_plain_user_is_told_apart_from_root(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to become somebody else")
    result = run_steps(
        ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-s"],
        Step("secret", ("cat /etc/shadow",)),
        Step("or", ("cat /etc/shadow", "echo fallback")),
    )
    secret, fallback = result.steps
    assert result.facts.user == "65534"
    assert (secret.outcome, secret.stdout) == (Outcome.DENIED, b"")
    assert "Permission denied" in secret.reason
    assert (fallback.outcome, fallback.stdout, fallback.command) == (Outcome.OK, b"fallback\n", 1)
