from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag.cli.options import Login
from fleetdiag.cli.passwords import ask_become_password, ask_secrets
from fleetdiag.errors import SettingsError
from tests.cli.plans import local_host, plan_of
from tests.cli.program import environment
from tests.cli.test_progress import read_to_end

ASKED = """
import sys
from fleetdiag.cli.options import Login
from fleetdiag.cli.passwords import ask_become_password
given = ask_become_password(Login(ask_pass=False, ask_become_pass=True, accept_new=False))
open(sys.argv[1], "w").write(given)
"""


def login(**asked: bool) -> Login:
    return Login(**({"ask_pass": False, "ask_become_pass": False, "accept_new": False} | asked))


def test_password_is_asked_on_the_terminal_and_not_shown(tmp_path: Path) -> None:
    given = tmp_path / "given"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ASKED, str(given)],
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # getpass opens /dev/tty
    )
    os.close(theirs)
    prompt = os.read(ours, 100)
    os.write(ours, b"s3cret\n")
    shown = prompt.decode() + read_to_end(ours)
    assert process.wait(20) == 0
    assert shown.startswith("sudo password: ")
    assert "s3cret" not in shown
    assert given.read_text() == "s3cret"


def test_nothing_is_asked_that_was_not_wanted() -> None:
    assert ask_become_password(login()) is None
    secrets = ask_secrets(plan_of([local_host("here")]), login())
    assert (secrets.password, dict(secrets.passphrases)) == (None, {})


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


@pytest.mark.usefixtures("no_terminal")
def test_without_a_terminal_it_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"-k/--ask-pass asks .* not a terminal"):
        ask_secrets(plan_of([local_host("here")]), login(ask_pass=True))
    with pytest.raises(SettingsError, match=r"-K/--ask-become-pass asks .* not a terminal"):
        ask_become_password(login(ask_become_pass=True))
