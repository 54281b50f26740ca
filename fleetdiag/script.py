r"""The step protocol: one POSIX `sh` script on one channel, split again by marks. Pure.

`compose` makes the script that a host's `sh -s` reads from its stdin; `Splitter` takes the two
streams that come back, in whatever pieces, and says what each command gave. Knows nothing of
SSH, sockets or time limits in force: whoever drives a session does.

A mark is a line `@NONCE VERB …` of its own, on stdout and on stderr both; the newline before it
belongs to the mark, so output without a final newline comes back as it was. Verbs:

    H               hello: all before it is noise (banners, rc files)
    I               end of what the host says of itself
    E n a rc up ±   command a of step n ended with rc (or `stuck`), `up` seconds after boot;
                    `+` where a fallback follows, `-` where the step is over
    X n             sudo refused: the step was not run
    Z               end of the script

After the script the client may send `K<n>` lines on stdin: put an end to step n (modulo
`STEP_MODULUS`) if it still runs. End of file there ends everything: a lost client leaves nothing
behind. Should neither come (a network that swallows packets), a fuse on the host ends it all.

Tried under dash, bash and busybox ash (`tests/test_script.py`). Needs of the host: `sh`, and
`/proc` to find what a step started; without `/proc` only the step's own shell is ended.
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from fleetdiag.model import HostFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import Step

STEP_MODULUS = 120
"""The host's listener names a step by its exit status: 0 to 119; 125 is end of file, and from
128 on a status is a signal's."""

_HELLO, _FACTS, _ENDED, _REFUSED, _DONE = b"H", b"I", b"E", b"X", b"Z"
_LAST = b"-"
_MARK_LINE_MAX_BYTES = 200
_NOISE_MAX_BYTES = 4096
_FACTS_MAX_BYTES = 1 << 18

_LIBRARY = tuple(
    line
    for line in resources.files("fleetdiag").joinpath("script.sh").read_text().splitlines()
    if line and not line.lstrip().startswith("#")
)


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """One command of one step, whole."""

    step: int
    """Index of the step in the plan."""
    command: int
    """Index into `Step.commands`; fallbacks come one after another."""
    exit_code: int | None
    """None where it could not be ended (stuck)."""
    uptime_s: float | None
    """The host's uptime when it ended."""
    stdout: bytes
    stderr: bytes
    truncated: bool


@dataclass(frozen=True, slots=True)
class SudoRefused:
    """The step was not run: sudo did not let us; `message` is what it said."""

    step: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """The script runs; what the host said of itself."""

    facts: HostFacts
    clock_s: float | None
    """The host's Unix time when it wrote this."""


@dataclass(frozen=True, slots=True)
class CapReached:
    """A stream of the step now running has reached its cap: more is dropped."""

    step: int


@dataclass(frozen=True, slots=True)
class Done:
    """The script has run to its end."""


Record = Hello | CommandEnded | SudoRefused | CapReached | Done


def new_nonce() -> str:
    """What no output can guess: 96 random bits."""
    return secrets.token_hex(12)


def kill_line(step: int) -> bytes:
    """What to send when step `step` has run for too long or written too much."""
    return b"K%d\n" % (step % STEP_MODULUS)


def compose(
    steps: Sequence[tuple[int, Step]], nonce: str, *, fuse_s: int, become_password: str | None
) -> bytes:
    """The script that runs `steps` (index in the plan, step) in order.

    `fuse_s` after its start the host ends it by itself. The password is in the script and so on
    the host's stdin only: not in an argument, not in the environment, not in a file.
    """
    lines = [f"N=@{nonce} A= S={shlex.quote(become_password or '')}"]
    lines += [
        *_LIBRARY,
        "{ know; } 2>/dev/null",
        "mark H",
        "{ facts; } 2>/dev/null",
        "mark I",
        "listen",
        f"fuse {fuse_s}",
    ]
    for index, step in steps:
        commands = " ".join(shlex.quote(command) for command in step.commands)
        lines.append(f"step {index} {int(bool(step.become))} {commands}")
    # All in one pair of braces: read whole before the first line runs, so that stdin is free.
    return ("{\n" + "\n".join([*lines, "mark Z", "finish"]) + "\n}\n").encode()


class Splitter:
    """Turns the two streams of a session, in any pieces, into records. One for each session."""

    def __init__(self, nonce: str, steps: Sequence[tuple[int, Step]]) -> None:
        opening = b"\n@" + nonce.encode() + b" "
        caps = {index: step.output_cap_bytes for index, step in steps}
        self._streams = (_Stream(opening, list(caps), caps), _Stream(opening, list(caps), caps))

    def feed(self, *, stderr: bool, data: bytes) -> list[Record]:
        """What is known now that was not before, in order."""
        records: list[Record] = [*self._streams[stderr].feed(data)]
        stdout, errors = (stream.segments for stream in self._streams)
        while stdout and errors:
            records += _join(stdout.pop(0), errors.pop(0))
        return records

    def partial(self, step: int) -> tuple[bytes, bytes]:
        """What step `step` wrote so far (stdout, stderr) when it did not end."""
        stdout, errors = (stream.unfinished(step) for stream in self._streams)
        return stdout, errors

    @property
    def noise(self) -> bytes:
        """What came before the first mark: why a shell did not start, mostly."""
        return b"".join(stream.noise for stream in self._streams)


@dataclass(frozen=True, slots=True)
class _Segment:
    """What lies between two marks on one stream, and the words of the mark that closed it."""

    words: list[bytes]
    data: bytes
    truncated: bool


@dataclass(slots=True)
class _Stream:
    opening: bytes
    pending: list[int]
    """Steps whose end was not seen yet; what comes now belongs to the first."""
    caps: dict[int, int]
    segments: list[_Segment] = field(default_factory=list)
    noise: bytes = b""
    _tail: bytes = b""
    """Bytes that may be the beginning of a mark."""
    _kept: bytearray = field(default_factory=bytearray)
    _dropped: bool = False
    _begun: bool = False
    _told: bool = False
    """The host has said what it is; from here on come the steps."""

    def feed(self, data: bytes) -> Iterator[CapReached]:
        data = self._tail + data
        at = 0
        while (start := data.find(self.opening, at)) >= 0:
            end = data.find(b"\n", start + 1)
            if end < 0:
                break
            yield from self._keep(data[at:start])
            self._close(data[start + len(self.opening) : end].split())
            at = end + 1
        hold = start if start >= 0 else _possible_mark(data, self.opening, at)
        if len(data) - hold > _MARK_LINE_MAX_BYTES:
            hold = len(data)
        yield from self._keep(data[at:hold])
        self._tail = data[hold:]

    def unfinished(self, step: int) -> bytes:
        if not self._told or self.pending[:1] != [step]:
            return b""
        return bytes(self._kept + self._tail)

    def _keep(self, data: bytes) -> Iterator[CapReached]:
        if not self._begun:
            self.noise = (self.noise + data)[-_NOISE_MAX_BYTES:]
            return
        step = self.pending[0] if self._told and self.pending else None
        room = (_FACTS_MAX_BYTES if step is None else self.caps[step]) - len(self._kept)
        self._kept += data[:room]
        if len(data) > room and not self._dropped:
            self._dropped = True
            if step is not None:
                yield CapReached(step)

    def _close(self, words: list[bytes]) -> None:
        verb = words[:1]
        if verb == [_HELLO]:
            self._begun = True
        elif self._begun:
            self.segments.append(_Segment(words, bytes(self._kept), self._dropped))
            self._told = True
            if verb == [_REFUSED] or (verb == [_ENDED] and words[-1] == _LAST):
                self.pending.remove(int(words[1]))
        self._kept, self._dropped = bytearray(), False


def _possible_mark(data: bytes, opening: bytes, at: int) -> int:
    """Where a mark may begin that the end of `data` cuts off; its length where none does."""
    newline = data.rfind(b"\n", max(at, len(data) - len(opening) + 1))
    while newline >= at >= 0:
        if opening.startswith(data[newline:]):
            return newline
        newline = data.rfind(b"\n", max(at, len(data) - len(opening) + 1), newline)
    return len(data)


def _join(stdout: _Segment, stderr: _Segment) -> Iterator[Record]:
    """The record that a pair of segments makes, one from each stream."""
    verb, *words = stdout.words
    if verb == _FACTS:
        yield _parse_facts(stdout.data.decode(errors="replace"))
    elif verb == _ENDED:
        yield CommandEnded(
            step=int(words[0]),
            command=int(words[1]),
            exit_code=None if words[2] == b"stuck" else int(words[2]),
            uptime_s=_number(words[3].decode()) if len(words) == 5 else None,
            stdout=stdout.data,
            stderr=stderr.data,
            truncated=stdout.truncated or stderr.truncated,
        )
    elif verb == _REFUSED:
        yield SudoRefused(int(words[0]), stderr.data)
    elif verb == _DONE:
        yield Done()


_ADDRESS = re.compile(r"\binet6? (?:addr: ?)?([0-9a-fA-F.:]{2,45})")


def _parse_facts(text: str) -> Hello:
    """What `facts` in the script printed; what is missing there is empty here."""
    said = dict(line.split("=", 1) for line in text.splitlines()[:6] if "=" in line)
    facts = HostFacts(
        hostname=said.get("hostname", ""),
        boot_id=said.get("boot_id", ""),
        machine_id=said.get("machine_id", ""),
        addresses=tuple(dict.fromkeys(_ADDRESS.findall(text))),
        uptime_s=_number(said.get("uptime", "")),
        user=said.get("user", ""),
    )
    return Hello(facts, _number(said.get("clock", "")))


def _number(text: str) -> float | None:
    found = re.match(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else None
