"""Running a step's commands here as a host would run them, under each shell a host may have."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BUSYBOX = shutil.which("busybox")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell, and whether the host has nothing but busybox."""

    name: str
    program: tuple[str, ...]
    busybox_only: bool = False


SHELLS = tuple(
    shell
    for shell in (
        Shell("dash", ("dash",)),
        Shell("bash", ("bash", "--posix")),
        Shell("busybox", ("busybox", "sh")),
        Shell("busybox-only", ("busybox", "sh"), busybox_only=True),
    )
    if shutil.which(shell.program[0])
)
USERS = ("root", "nobody") if os.geteuid() == 0 else (pwd.getpwuid(os.geteuid()).pw_name,)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the command that counts gave."""

    kind: str
    """ok, failed, absent or denied, told apart as crudely as the contract of a step has it."""
    stdout: str
    stderr: str


def applets(directory: Path) -> Path:
    """A directory that holds busybox under all its names, open to every user."""
    assert BUSYBOX is not None
    directory.mkdir(mode=0o755)
    (directory / "busybox").symlink_to(BUSYBOX)
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (directory / name).symlink_to(BUSYBOX)
    return directory


def run(
    command: str,
    shell: Shell,
    *,
    user: str | None = None,
    path: str = SYSTEM_PATH,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`command` as `sh -c` runs it on a host, at `/`, with the environment a host gives it."""
    program = shutil.which(shell.program[0])
    assert program is not None
    return subprocess.run(
        [program, *shell.program[1:], "-c", command],
        cwd="/",
        user=user if user != USERS[0] else None,
        extra_groups=[] if user != USERS[0] and user is not None else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30,
        env={"PATH": path, "LC_ALL": "C", "TERM": "dumb", "PAGER": "cat", **(env or {})},
        check=False,
    )


def answer(commands: tuple[str, ...], shell: Shell, user: str | None, path: str) -> Answer:
    """The first of `commands` that exists and is permitted; the last where none is."""
    result = Answer("absent", "", "")
    for command in commands:
        done = run(command, shell, user=user, path=path)
        result = Answer(_kind(done), done.stdout, done.stderr)
        if result.kind in {"ok", "failed"}:
            break
    return result


def _kind(done: subprocess.CompletedProcess[str]) -> str:
    said = done.stderr.lower()
    if done.stdout.strip() or (done.returncode == 0 and not said.strip()):
        return "ok" if done.returncode == 0 else "failed"
    if "not permitted" in said or "permi" in said:
        return "denied"
    absent = ("not found", "no such file", "can't open", "cannot open", "has not been booted")
    if done.returncode == 127 or any(words in said for words in absent):
        return "absent"
    return "failed"
