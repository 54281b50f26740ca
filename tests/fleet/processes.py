"""A host's processes seen from the controller, and the way in without SSH."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def enter_command(first_pid: int, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as root on the host whose first process is `first_pid`."""
    spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--time")
    return [
        "nsenter", "--target", str(first_pid), *spaces, "--wdns=/", "--",
        "env", "-i", f"PATH={PATH}", "HOME=/root", "USER=root", *argv,
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a host."""

    pid: int
    """On the controller."""
    host_pid: int
    """On the host."""
    name: str
    """As `ps -o comm` has it."""
    argv: tuple[str, ...]
    state: str
    """`R`, `S`, `D`, `Z`, …"""


def processes_of(first_pid: int) -> list[Process]:
    """All processes in the PID namespace of `first_pid`, by host pid; empty once it is gone."""
    try:
        namespace = Path(f"/proc/{first_pid}/ns/pid").readlink()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "ns/pid").readlink() == namespace:
                    found.append(_read(entry))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended meanwhile, or is not even root's to look at
    return sorted(found, key=lambda process: process.host_pid)


def _read(entry: Path) -> Process:
    status = dict(
        line.split(":\t", 1)
        for line in (entry / "status").read_text().splitlines()
        if ":\t" in line
    )
    arguments = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return Process(
        pid=int(entry.name),
        host_pid=int(status["NSpid"].split()[-1]),
        name=status["Name"],
        argv=tuple(os.fsdecode(one) for one in arguments),
        state=status["State"][0],
    )
