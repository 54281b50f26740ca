"""What is doubtful about a playbook that can be run: `fleetdiag playbook lint`. Runs nothing.

A problem makes a file unusable; a doubt is about what its commands would do on a host, or about a
comparison that could never see anything. Doubts come from tables of commands: they name what an
experienced reviewer would, and prove nothing. A line that ends in `# lint: allow writes` keeps that
doubt to itself.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import Problem
from fleetdiag.model import DEFAULT_ACT_TIMEOUT_S, DEFAULT_STEP_TIMEOUT_S
from fleetdiag.playbook.change_schema import ChangeFile
from fleetdiag.playbook.doubtful import asks, bashisms, lasting, output, writes
from fleetdiag.playbook.doubtful.commands import OPAQUE, Command, Shell, parsed
from fleetdiag.playbook.doubtful.places import Scalar
from fleetdiag.playbook.doubtful.reading import reading_doubts
from fleetdiag.playbook.schema import PlaybookFile, StepFile, full_step
from fleetdiag.yamlmarks import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.yamlmarks import Marked, YamlPath


class Kind(StrEnum):
    """What a doubt is about."""

    WRITES = "writes"
    """The command can change the host."""
    PROMPTS = "prompts"
    """It can wait for somebody."""
    PAGES = "pages"
    """It can open a pager."""
    FOREVER = "forever"
    """It can go on without end, or past the step's limit."""
    UNBOUNDED = "unbounded"
    """Its output has no bound."""
    BASHISM = "bashism"
    """It is no POSIX shell."""
    SYNTAX = "syntax"
    """It is no shell at all."""
    READS_NOTHING = "reads-nothing"
    """Nothing is compared or flagged, whatever the hosts say."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubtful thing, at its place."""

    kind: Kind
    problem: Problem

    def __str__(self) -> str:
        """`file:line:column: message [kind]`."""
        return f"{self.problem} [{self.kind}]"


_SAYS_SO = " (a playbook that is to change hosts says so: `kind: change`)"
_ON_PURPOSE = ("acts on", "with `", "changes the", "changes packages")
"""What nobody writes by accident (a stray file is one), as the words of a doubt begin."""
_ALLOWED = re.compile(r"#\s*lint:\s*allow\s+([a-z-]+(?:[,\s]+[a-z-]+)*)")


def doubts(
    marked: Marked, file: PlaybookFile | ChangeFile, lines: Sequence[str]
) -> tuple[Doubt, ...]:
    """Everything doubtful in a file that has no problem, in its order.

    Args:
        marked: the file with the places of its values.
        file: the same, checked.
        lines: its text.
    """
    found: dict[tuple[int, int, Kind], Doubt] = {}
    if isinstance(file, ChangeFile):
        said = _of_change(marked, file, lines)
    else:
        said = _all(marked, file, lines)
    for kind, line, column, message in said:
        if kind not in _allowed(lines, line):
            problem = Problem(marked.file, line, column, message)
            found.setdefault((line, column, kind), Doubt(kind, problem))
    return tuple(found[key] for key in sorted(found))


def _allowed(lines: Sequence[str], line: int) -> set[str]:
    match = _ALLOWED.search(lines[line - 1]) if line <= len(lines) else None
    return set(re.split(r"[,\s]+", match[1])) if match else set()


_CHANGING = frozenset({Kind.WRITES, Kind.READS_NOTHING, Kind.UNBOUNDED})
"""What is no doubt about a command that is there to change something."""


def _of_change(
    marked: Marked, file: ChangeFile, lines: Sequence[str]
) -> Iterator[tuple[Kind, int, int, str]]:
    """Its checks like those of a diagnosis; of what changes the host, all but that it does."""
    for section, entries in (("before", file.before), ("after", file.after)):
        if entries is not None:
            own = PlaybookFile.model_construct(defaults=file.defaults, steps=entries)
            yield from _all(marked.renamed(section, "steps"), own, lines)
    data: Any = marked.data
    acts = [(("steps", n, "run"), act.run, act.timeout) for n, act in enumerate(file.steps)]
    own_commands: list[tuple[YamlPath, str, float | None]] = [*acts]
    if file.undo is not None:
        own_commands.append((("undo", "run"), file.undo.run, file.undo.timeout))
    if file.verify is not None:
        short = isinstance(data["verify"], str)
        path: YamlPath = ("verify",) if short else ("verify", "run")
        own_commands.append((path, file.verify.run, None))
    for where, command, limit_s in own_commands:
        scalar = Scalar(lines, *marked.place(where), text=command)
        changes = where[0] != "verify"
        for kind, offset, message in _of_command(parsed(command), limit_s or DEFAULT_ACT_TIMEOUT_S):
            if not (changes and kind in _CHANGING):
                yield (kind, *scalar.place(offset), message)


def _all(
    marked: Marked, file: PlaybookFile, lines: Sequence[str]
) -> Iterator[tuple[Kind, int, int, str]]:
    data: Any = marked.data
    for position, (entry, raw) in enumerate(zip(file.steps, data["steps"], strict=True)):
        if not isinstance(entry, StepFile):
            continue  # an include: its own file's matter
        path: YamlPath = ("steps", position)
        limit_s = entry.timeout or file.defaults.timeout or DEFAULT_STEP_TIMEOUT_S
        shells = []
        for where, command in _commands(path, raw, entry):
            scalar = Scalar(lines, *marked.place(where), text=command)
            try:
                shell = parsed(command)
                found = list(_of_command(shell, limit_s))
            except RecursionError:
                words = "nested too deeply to be looked at"
                yield (Kind.SYNTAX, *scalar.place(0), words)
                continue
            shells.append(shell)
            for kind, offset, message in found:
                yield (kind, *scalar.place(offset), message)
        compare = entry.compare or file.defaults.compare
        first = Scalar(lines, *marked.place(_commands(path, raw, entry)[0][0]), text=entry.run)
        for at, message in reading_doubts(entry, compare, shells) if shells else ():
            place = first.place(at) if isinstance(at, int) else marked.place((*path, *at))
            yield (Kind.READS_NOTHING, *place, message)


def _commands(path: YamlPath, raw: object, entry: StepFile) -> list[tuple[YamlPath, str]]:
    """The commands of a step with their paths, in whatever form it is written."""
    if isinstance(raw, str):
        return [(path, entry.run)]
    full = full_step(raw)
    if full is not raw and isinstance(raw, dict):
        return [((*path, next(iter(raw))), entry.run)]
    given = raw.get("or") if isinstance(raw, dict) else None
    single = isinstance(given, str)
    others = [
        ((*path, "or") if single else (*path, "or", number), command)
        for number, command in enumerate(entry.or_)
    ]
    return [((*path, "run"), entry.run), *others]


def _of_command(shell: Shell, limit_s: float) -> Iterator[tuple[Kind, int, str]]:
    other_shell = list(bashisms.bashisms(shell))
    for node, message in other_shell:
        yield Kind.BASHISM, _offset(shell, node.start_byte), message
    if not other_shell:
        yield from _syntax(shell)
    for node, message in lasting.endless_loops(shell):
        yield Kind.FOREVER, _offset(shell, node.start_byte), message
    for command in shell.commands:
        for redirect in command.redirects:
            if target := writes.written(redirect):
                yield Kind.WRITES, redirect.offset, f"`{redirect.sign}` writes {_flat(target)}"
        named = f"{quoted(_shown(command), 40)} "
        if words := writes.change(command):
            says_so = _SAYS_SO if words.startswith(_ON_PURPOSE) else ""
            yield Kind.WRITES, command.offset, f"{named}{words}{says_so}"
        if words := asks.asks(command):
            yield Kind.PROMPTS, command.offset, named + words
        if words := asks.pages(command):
            yield Kind.PAGES, command.offset, named + words
        if words := lasting.forever(command, limit_s):
            yield Kind.FOREVER, command.offset, named + words
        if words := output.unbounded(command):
            yield Kind.UNBOUNDED, command.offset, named + words
        if words := bashisms.of_command(command):
            yield Kind.BASHISM, command.offset, words


def _shown(command: Command) -> str:
    """Its first words; what only the host knows, and placeholders, as `…`."""
    text = " ".join(command.words[:3]).replace(OPAQUE, "…")
    return re.sub(r"_{4,}", "…", text)


def _flat(text: str) -> str:
    return quoted(text, 40)[1:-1]


def _offset(shell: Shell, byte: int) -> int:
    return len(shell.text.encode()[:byte].decode("utf-8", "ignore"))


def _syntax(shell: Shell) -> Iterator[tuple[Kind, int, str]]:
    """What this machine's own `sh` says of the text, which it only reads (`sh -n`)."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-n"],
            input=shell.text + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode == 0:
        return
    said = done.stderr.strip().splitlines()[:1]
    match = re.search(r"(?:line )?(\d+):\s*(.*)", said[0]) if said else None
    line = int(match[1]) if match else 1
    offset = sum(len(each) + 1 for each in shell.text.split("\n")[: line - 1])
    words = match[2].removeprefix("Syntax error: ") if match else "syntax error"
    yield Kind.SYNTAX, min(offset, max(0, len(shell.text) - 1)), f"no shell: {words}"
