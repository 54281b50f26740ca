"""What an exit code and an error text mean: the outcome of a step. Pure.

The hosts run with `LC_ALL=C`, so the texts are the C locale's, of GNU, busybox and the kernel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.model import HostStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.script import CommandEnded

# https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_SEARCHED_BYTES = 4096
_REASON_MAX_CHARS = 200

_DENIED = re.compile(
    rb"permission denied|operation not permitted|not permitted|access denied"
    rb"|must be (?:run as )?root|are you root|need to be root|superuser|a password is required"
    rb"|insufficient permissions",
    re.IGNORECASE,
)
_EXHAUSTED = re.compile(
    r"fork|resource temporarily unavailable|cannot allocate memory|out of memory|no space left"
    r"|too many open files|input/output error",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    rb"no such file or directory|not found|applet not found|no such device"
    rb"|has not been booted with systemd|unknown (?:command|unit)|can't open|cannot open",
    re.IGNORECASE,
)


def classify(ended: CommandEnded) -> tuple[Outcome, str]:
    """The outcome of a command that ended by itself, and the reason in words (empty for ok).

    A command that printed something has worked as far as it goes: its error text then explains
    a failure, but does not make it absent or denied. A pipeline hides its first command's exit
    code (`dmesg | tail`), so silence together with an error text counts as well.
    """
    said = last_line(ended.stderr)
    silent = not ended.stdout.strip()
    errors = ended.stderr[-_SEARCHED_BYTES:]
    if silent and (ended.exit_code != 0 or errors.strip()):
        if ended.exit_code == _NOT_EXECUTABLE or _DENIED.search(errors):
            return Outcome.DENIED, said or "the host does not permit it"
        if ended.exit_code == _NOT_FOUND or _ABSENT.search(errors):
            return Outcome.ABSENT, said or "there is no such command"
    if ended.exit_code != 0:
        return Outcome.FAILED, f"exit {ended.exit_code}" + (f": {said}" if said else "")
    if ended.truncated:
        return Outcome.TRUNCATED, f"more than {max(len(ended.stdout), len(ended.stderr))} bytes"
    return Outcome.OK, ""


def choose(attempts: Sequence[CommandEnded]) -> tuple[CommandEnded, Outcome, str]:
    """The first command that exists and is permitted; where none is, the first of all."""
    judged = [(ended, *classify(ended)) for ended in attempts]
    for ended, outcome, reason in judged:
        if outcome not in (Outcome.ABSENT, Outcome.DENIED):
            return ended, outcome, reason
    # Permission can be given, a command not so easily: denied says more than absent.
    return next((found for found in judged if found[1] is Outcome.DENIED), judged[0])


def status_without_script(said: str) -> HostStatus:
    """What it is where a login ends without having run our script, by its last words.

    An account that may not run commands (nologin, a forced command, an expired password) says
    so, and the host is well; one without processes or memory is in trouble itself.
    """
    return HostStatus.LOST if not said or _EXHAUSTED.search(said) else HostStatus.AUTH_FAILED


def last_line(text: bytes) -> str:
    """The last line with something in it, for a reason in words; at most 200 characters."""
    lines = text[-_SEARCHED_BYTES:].decode(errors="replace").strip().splitlines()
    return (
        "".join(c if c.isprintable() else "?" for c in lines[-1])[:_REASON_MAX_CHARS]
        if lines
        else ""
    )
