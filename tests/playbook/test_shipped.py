"""The shipped playbooks, run on this machine under every shell, as root and as a plain user."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from fleetdiag.model import Act, Mode, Step
from fleetdiag.playbook import lint, load
from fleetdiag.playbook.find import shipped_directory
from tests.playbook.shells import BUSYBOX, SHELLS, SYSTEM_PATH, USERS, Shell, answer, applets

PARAMS = {"service": {"name": "ssh"}, "restart-service": {"name": "ssh"}}
"""Values for the playbooks that do not run without."""
FILES = sorted(shipped_directory().glob("*.yaml"))
LOADED = {path.stem: load(str(path), PARAMS.get(path.stem, {})) for path in FILES}
CHANGES = {name: book.change for name, book in LOADED.items() if book.change is not None}
# What a change does is no step, so it cannot be among these; its checks are those of diagnoses.
STEPS = [
    (name, step) for name, book in LOADED.items() if book.change is None for step in book.steps
]
IDS = [f"{name}-{step.name}" for name, step in STEPS]

MOVING = {Mode.IGNORE, Mode.NUMBERS, Mode.LOG}
"""Modes of outputs that may move on a healthy host."""
CHANGERS = "rm|mv|cp|tee|mkdir|touch|chmod|chown|ln|dd|kill|pkill|mount|umount|reboot|swapoff"
WRITES = re.compile(
    rf"(?<![<>&\d])>(?!\s*(?:/dev/null|&))|(?m:^|[;|&({{])\s*(?:{CHANGERS})\s"
    r"|sysctl -w|systemctl (?:start|stop|restart|reload)"
)


@pytest.fixture(scope="session")
def applet_path() -> Iterator[str]:
    """A PATH with busybox's applets only. Not below tmp_path, where a plain user may not look."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield str(applets(Path(directory) / "bin")) if BUSYBOX else SYSTEM_PATH


def masked(output: str) -> list[str]:
    """Lines as a comparison sees them, masks applied crudely, as a set."""
    return sorted(set(re.sub(r"\d+[.:]\d[\d.:]*|\b[0-9a-f]{8,}\b", "#", output).splitlines()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_playbook_is_without_a_problem(path: Path) -> None:
    assert lint(path) == ()
    playbook = load(str(path), PARAMS.get(path.stem, {}))
    assert playbook.about.endswith(".")
    assert path.read_text("utf-8").startswith(
        "# yaml-language-server: $schema=../docs/playbook.schema.json\n"
    )


def test_nothing_here_can_run_what_changes_this_machine() -> None:
    """`answer` takes the commands of a step, and what changes hosts has no such thing."""
    acts = [act for change in CHANGES.values() for act in change.acts]

    assert {"reboot", "restart-network", "restart-service"} <= CHANGES.keys()
    assert not {field.name for field in fields(Act)} & {field.name for field in fields(Step)} - {
        "name",
        "timeout_s",
    }
    assert all(type(step) is Step for book in LOADED.values() for step in book.steps)
    steps = [step for book in LOADED.values() for step in book.steps]
    asked = {command for step in steps for command in step.commands}
    assert not asked & {act.command for act in acts}


def test_the_checks_of_a_change_are_steps_that_only_read(tmp_path: Path) -> None:
    diagnoses = {command for _, step in STEPS for command in step.commands}
    for name in CHANGES:
        for step in LOADED[name].steps:
            assert set(step.commands) <= diagnoses, f"{name}: {step.name} is tried nowhere else"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_a_change_runs_is_shell_everywhere(name: str, shell: str) -> None:
    change = CHANGES[name]
    commands = [act.command for act in change.acts]
    commands += [change.undo.command] if change.undo else []
    commands += [change.verify.command] if change.verify else []
    argv = {"busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}.get(shell, [shell])
    for command in commands:  # read, never run
        done = subprocess.run(
            [*argv, "-n"], input=command, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_the_first_playbooks_are_there() -> None:
    assert {path.stem for path in FILES} >= {"triage", "uptime", "dmesg", "top"}


def test_each_step_of_triage_says_what_it_tells() -> None:
    for step in load("triage").steps:
        assert step.about, step.name


@pytest.mark.parametrize(("name", "step"), STEPS, ids=IDS)
def test_a_step_neither_writes_nor_needs_a_file(name: str, step: Step) -> None:
    for command in step.commands:
        shell = re.sub(r"(?s)'[^']*'|\$\(\(.*?\)\)", "", command)
        assert not WRITES.search(shell), WRITES.search(shell)
        assert "<<" not in command, "a here-document needs a file on a disk that may be full"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
@pytest.mark.parametrize(("name", "step"), STEPS, ids=IDS)
def test_a_step_answers_or_says_why_not(
    name: str, step: Step, shell: Shell, user: str, applet_path: str
) -> None:
    path = applet_path if shell.busybox_only else SYSTEM_PATH
    started = time.monotonic()

    given = answer(step.commands, shell, user, path)

    assert time.monotonic() - started < step.timeout_s
    assert given.kind in {"ok", "absent", "denied"}, given
    if given.kind == "ok":
        assert given.stdout.strip(), "silence says nothing: print `none`"
        assert given.stdout.endswith("\n")
        assert given.stderr == ""
        assert len(given.stdout.encode()) <= step.output_cap_bytes
        assert given.stdout.count("\n") <= 2000
        assert "\x1b" not in given.stdout
    else:
        assert given.stdout == ""
        assert given.stderr.strip(), "a reason is shown to the reader"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("shell", [SHELLS[0], SHELLS[-1]], ids=lambda shell: shell.name)
@pytest.mark.parametrize(
    ("name", "step"),
    [case for case in STEPS if case[1].compare.mode not in MOVING],
    ids=[i for i, case in zip(IDS, STEPS, strict=True) if case[1].compare.mode not in MOVING],
)
def test_a_compared_step_says_the_same_twice(
    name: str, step: Step, shell: Shell, user: str, applet_path: str
) -> None:
    path = applet_path if shell.busybox_only else SYSTEM_PATH
    # Other tests start and stop servers meanwhile: what is listened on may really change.
    for _ in range(4):
        first = masked(answer(step.commands, shell, user, path).stdout)
        second = masked(answer(step.commands, shell, user, path).stdout)
        if first == second:
            return
    assert first == second


def test_triage_runs_through_within_seconds() -> None:
    started = time.monotonic()
    for step in load("triage").steps:
        answer(step.commands, SHELLS[0], USERS[0], SYSTEM_PATH)

    assert time.monotonic() - started < 8
