"""What a host is asked to do of a change, and what its answers mean. Pure.

`host.sh` does it; here are the commands for it, each one step that may be repeated (a lost session
is), and the table of what became of a host by what it answers.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from fleetdiag.model import HostState, Outcome, Step, read_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Act, Change, StepResult

WAITS_S = 60
"""So long a host waits for the word to begin; then it never does."""
_CALL_S = 15.0
_SOON_S = 4.0
"""Of what is asked again and again: a connection that went dead must not be listened to long."""
_SAID = "said="
_MAX_SAID_CHARS = 2000

_LIBRARY = "\n".join(
    line
    for line in resources.files("fleetdiag.change").joinpath("host.sh").read_text().splitlines()
    if line and not line.lstrip().startswith("#")
)
_HEAD = "LC_ALL=C PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin\nexport LC_ALL PATH"


# ------------------------------------------------------------------------------------ asking


def lock(run: str, who: str, *, take: bool = False, root: str = "") -> Step:
    """Take the lock of the host for the run; `take` it also from another."""
    return _call("lock", run, who, "yes" if take else "", root=root)


def unlock(run: str, *, root: str = "") -> Step:
    """Give the lock back, and clear away the run's jobs."""
    return _call("unlock", run, root=root)


def launch(job: str, change: Change, *, root: str = "") -> Step:
    """Put the change in place, waiting for `go`."""
    return _call("launch", job, script(job, change, root=root), root=root)


def go(job: str, wait_s: int, *, root: str = "") -> Step:
    """Begin; answers when it is settled, or after `wait_s`."""
    return _call("go", job, str(wait_s), root=root, more_s=wait_s + _SOON_S - _CALL_S)


def state(job: str, wait_s: int = 0, *, root: str = "") -> Step:
    """Where it stands; answers when it is settled, or after `wait_s`."""
    return _call("state", job, str(wait_s), root=root, more_s=wait_s + _SOON_S - _CALL_S)


def cancel(job: str, *, root: str = "") -> Step:
    """Never begin, if it has not begun."""
    return _call("cancel", job, root=root)


def confirm(job: str, *, root: str = "") -> Step:
    """All is well: the undo is not wanted any more, unless it has begun."""
    return _call("confirm", job, root=root)


def revert(job: str, *, root: str = "") -> Step:
    """Undo it now."""
    return _call("revert", job, root=root, more_s=3)


def verify(job: str, command: str, wait_s: int, *, root: str = "") -> Step:
    """Ends with 0 once the command does; with 1 after `wait_s`."""
    return _call("verify", job, command, str(wait_s), root=root, more_s=wait_s)


def _call(function: str, *arguments: str, root: str, more_s: float = 0.0) -> Step:
    call = shlex.join([function, *arguments])
    return Step(
        name=function,
        commands=(f"R={shlex.quote(root)}\n{_LIBRARY}\n{call}",),
        timeout_s=_CALL_S + more_s,
        become=True,
    )


def script(job: str, change: Change, *, root: str = "") -> str:
    """What the host runs detached: `run`, `undo WHY` or `later`."""
    acts = [
        f"ACT{number}={shlex.quote(act.command)} LIMIT{number}={_seconds(act.timeout_s)}"
        for number, act in enumerate(change.acts, start=1)
    ]
    undo = change.undo
    settings = [
        f"R={shlex.quote(root)} ID={shlex.quote(job)} WAITS={WAITS_S}",
        f"ACTS={len(acts)} REBOOTS={_position(change.acts)}",
        f"UNDO={shlex.quote(undo.command if undo else '')}",
        f"UNDO_AFTER={_seconds(undo.after_s) if undo else 0}",
        f"UNDO_LIMIT={_seconds(undo.timeout_s) if undo else 0}",
        *acts,
    ]
    begin = 'cd / && find_job "$ID" && "$@"\n# end'
    return "\n".join([_HEAD, *settings, _LIBRARY, begin])


def _position(acts: Sequence[Act]) -> int:
    """Which of them reboots, from 1; 0 for none."""
    return next((n for n, act in enumerate(acts, start=1) if act.reboots), 0)


def _seconds(duration_s: float) -> int:
    """In whole seconds, as every shell and `sleep` count; at least one."""
    return max(1, round(duration_s))


# ----------------------------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a lock is."""

    run: str
    since: float
    """Unix time, the host's clock."""
    who: str


@dataclass(frozen=True, slots=True)
class Word:
    """What a host said of a job."""

    boot: str = ""
    """Its boot id now."""
    job: str = ""
    """The job's directory; empty where the host keeps none of it."""
    start: str = ""
    """`begun BOOT TIME`, `cancelled`, `expired`, `refused`; empty: it waits for the word."""
    end: str = ""
    """Of the acts: `ok`, or `failed NUMBER CODE`; empty: they are running, or were cut off."""
    fate: str = ""
    """`confirmed`, or `undo WHY`."""
    undone: str = ""
    """The exit code of the undo, once it has ended."""
    undoes: bool = False
    """An undo is armed."""
    alive: bool = False
    """The acts, or the wait for the word, go on."""
    go: bool = False
    """The word to begin was given."""
    error: str = ""
    """Why it cannot be begun here."""
    said: str = ""
    """What the acts and the undo wrote."""


def word_of(result: StepResult) -> Word | None:
    """The answer in a step's output; None where it did not come to give one."""
    if result.outcome not in {Outcome.OK, Outcome.TRUNCATED}:
        return None
    text = read_output(result.stdout).decode(errors="replace")
    head, marked, said = f"\n{text}".partition(f"\n{_SAID}")
    values = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    if not values:
        return None
    told = re.sub(rf"^(?:act|undo)$|^{_SAID}(?:act|undo)$", "", said, flags=re.MULTILINE)
    job = values.get("job", "")
    return Word(
        boot=values.get("boot", ""),
        job="" if job == "none" else job,
        start=values.get("start", ""),
        end=values.get("end", ""),
        fate=values.get("fate", ""),
        undone=values.get("undone", ""),
        undoes=values.get("undoes") == "yes",
        alive=values.get("runner") == "alive",
        go=values.get("go") == "yes",
        error=values.get("error", ""),
        said=told.strip()[-_MAX_SAID_CHARS:] if marked else "",
    )


def holder_of(result: StepResult) -> Holder | str:
    """Whose the lock is now; or why it cannot be taken, in words."""
    text = read_output(result.stdout).decode(errors="replace").strip()
    if found := re.fullmatch(r"lock=(\S+) (\d+) (.*)", text):
        return Holder(found[1], float(found[2]), found[3])
    return text.removeprefix("error=") or result.reason or "it cannot be locked"


# ------------------------------------------------------------------------------- what became


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a host, as far as it is settled."""

    state: HostState
    """`ABOUT` while it is not settled."""
    reason: str = ""
    """In words."""

    @property
    def pending(self) -> bool:
        """Whether it is still on its way."""
        return self.state is HostState.ABOUT


def standing(word: Word, change: Change, boot_before: str) -> Standing:
    """What became of a host of which an act was announced, by what it says now.

    Args:
        word: its answer.
        change: what was to be done.
        boot_before: its boot id when the act was announced.
    """
    about, untouched = HostState.ABOUT, HostState.UNTOUCHED
    rebooted = bool(boot_before) and word.boot != boot_before
    if not word.job:
        if rebooted and change.reboots:
            return Standing(HostState.DONE)
        if rebooted:
            return Standing(HostState.UNKNOWN, "it has rebooted, and keeps no record of the change")
        return Standing(untouched, word.error or "it was never begun")
    if not word.start:
        gone = rebooted or not word.alive
        waits = "is about to begin" if word.go else "waits for the word"
        return Standing(untouched if gone else about, "it was never begun" if gone else waits)
    if not word.start.startswith("begun "):
        return Standing(untouched, _NOT_BEGUN.get(word.start, word.start))
    if word.undone or word.fate.startswith("undo"):
        return _put_back(word, rebooted=rebooted)
    if change.reboots and rebooted:
        return Standing(HostState.DONE)
    if word.end == "ok":
        return Standing(HostState.DONE)
    if word.end:
        words = _failed(word.end, change)
        return Standing(about if word.undoes and not rebooted else HostState.FAILED, words)
    if change.reboots:  # its steps end with everything else there
        return Standing(about, "it is going down")
    if word.alive and not rebooted:
        return Standing(about, "its steps are running")
    words = "it rebooted in the midst of it" if rebooted else "its steps were cut off"
    # An armed undo comes yet, unless the reboot has swept it away.
    return Standing(about if word.undoes and not rebooted else HostState.FAILED, words)


_NOT_BEGUN = {
    "cancelled": "it was called off before it began",
    "expired": "the word to begin did not come in time",
    "refused": "its undo could not be armed",
}


def _put_back(word: Word, *, rebooted: bool) -> Standing:
    """Of a host whose undo has begun."""
    why = word.fate.removeprefix("undo ").strip()
    if word.undone == "0":
        return Standing(HostState.UNDONE, f"put back by the host: {why}")
    if word.undone:
        return Standing(HostState.FAILED, f"its undo ended with exit {word.undone} ({why})")
    if rebooted:
        return Standing(HostState.FAILED, "it rebooted while it was being put back")
    return Standing(HostState.ABOUT, f"is being put back: {why}")


_CODES = {"122": "was called off", "123": "did not take the host down", "124": "passed its limit"}


def _failed(end: str, change: Change) -> str:
    """`failed 2 1` in words."""
    _, number, code = (*end.split(), "", "")[:3]
    at = int(number) - 1 if number.isdecimal() else -1
    name = change.acts[at].name if 0 <= at < len(change.acts) else "a step"
    return f"step {name} {_CODES.get(code, f'ended with exit {code}')}"
