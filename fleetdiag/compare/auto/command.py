"""A shell command -> the program whose output it prints. Pure; runs nothing, expands nothing.

Wrappers (`sudo -n`, `timeout 5`, `LC_ALL=C`, …) are passed over. Of a pipeline the first program
counts as long as what follows only picks or orders lines. Anything else (a script, a list, `awk`)
is no program's own output: None.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

MAX_COMMAND_CHARS = 4096
PUNCTUATION = "();<>|&"

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?")
_CLUSTER = re.compile(r"-[A-Za-z]{1,5}")
"""`-k`, `-tulpn`; longer ones are an option with its value: `-oshort-iso`."""
_COUNTED = re.compile(r"-\d+")

# Wrapper -> its options that take a word of their own.
_WRAPPERS: dict[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g", "-p", "-C", "-D", "-h", "-r", "-t", "-U", "--user", "--group"}),
    "doas": frozenset({"-u", "-C"}),
    "env": frozenset({"-u", "-C", "--unset", "--chdir"}),
    "timeout": frozenset({"-s", "-k", "--signal", "--kill-after"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "ionice": frozenset({"-c", "-n", "--class", "--classdata"}),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "nohup": frozenset(),
    "setsid": frozenset(),
    "command": frozenset(),
    "exec": frozenset({"-a"}),
    "busybox": frozenset(),
    "toybox": frozenset(),
}
# Filter -> the short options that make its output something other than lines it was given.
_PICKERS: dict[str, str] = {
    "head": "c",
    "tail": "cfF",
    "grep": "cloqnbHLT",
    "egrep": "cloqnbHLT",
    "fgrep": "cloqnbHLT",
    "zgrep": "cloqnbHLT",
    "sort": "o",
    "uniq": "c",
    "cat": "nbAeEtTv",
    "tac": "",
    "less": "",
    "more": "",
}
_LONG_CHANGES = ("--count", "--only", "--files", "--quiet", "--line-number", "--bytes", "--number")
READERS = frozenset({*_PICKERS, "zcat", "gzcat", "bzcat", "xzcat", "zstdcat"}) - {"sort", "uniq"}
"""Programs that print lines of the files they are given."""
_GREPS = frozenset({"grep", "egrep", "fgrep", "zgrep"})
# Options of readers that take a word of their own.
_TAKING = frozenset({"-n", "-c", "-m", "-A", "-B", "-C", "-e", "-f", "--lines", "--regexp"})


@dataclass(frozen=True, slots=True)
class Call:
    """A program and its words; or, where it reads files, these alone."""

    program: str
    """Without its directory; empty where `files` are what is printed."""
    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    named: bool = False
    """Made from a step's name (`ss-tulpn`): options have lost their dashes."""

    def has(self, *options: str) -> bool:
        """One of `options` is given: `-k`, also in `-kx`; `--dmesg`, also as `--dmesg=…`."""
        return any(self._has(option) for option in options)

    def _has(self, option: str) -> bool:
        if option.startswith("--"):
            given = {word.partition("=")[0] for word in self.words}
            return option in given or (self.named and option[2:] in given)
        letter = option[1:]
        if self.named:
            return letter in self.words
        short = (word[1:] for word in self.words if _CLUSTER.fullmatch(word))
        return any(letter in cluster for cluster in short)

    def value(self, *options: str) -> str:
        """The word after one of `options`, or after its `=`; empty where there is none."""
        for number, word in enumerate(self.words):
            name, equals, rest = word.partition("=")
            if name in options:
                return rest if equals else next(iter(self.words[number + 1 :]), "")
            for option in options:
                if len(option) == 2 and word.startswith(option):
                    return word[2:]
        return ""

    @property
    def plain(self) -> tuple[str, ...]:
        """The words that are no options."""
        return tuple(word for word in self.words if word[:1] != "-")


def parse_command(command: str) -> Call | None:
    """The program whose lines `command` prints; None where it is no single program's."""
    stages = _stages(command.strip())
    if not stages:
        return None
    call = _call(_unwrapped(stages[0]))
    return call if call and all(_picks_lines(stage) for stage in stages[1:]) else None


def _stages(command: str) -> list[list[str]]:
    """The words of each part of a pipeline, without redirected errors; empty for anything else."""
    if len(command) > MAX_COMMAND_CHARS or "\n" in command or "`" in command or "$(" in command:
        return []
    lexer = shlex.shlex(command, posix=True, punctuation_chars=PUNCTUATION)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that is not closed
        return []
    words = _without_harmless_end(words)
    stages: list[list[str]] = [[]]
    place = 0
    while place < len(words):
        piece = words[place]
        if piece == "|":
            stages.append([])
        elif piece in {">", ">>", ">&", "<"}:
            stage, place = stages[-1], place + 1
            target = words[place] if place < len(words) else ""
            if not _keeps_output(piece, stage, target):
                return []
        elif piece and all(character in PUNCTUATION for character in piece):
            return []
        else:
            stages[-1].append(piece)
        place += 1
    return stages if all(stages) else []


def _without_harmless_end(words: list[str]) -> list[str]:
    """Without a last `;`, `|| true` or `|| :`."""
    if words[-1:] == [";"]:
        words = words[:-1]
    return words[:-2] if words[-2:] in (["||", "true"], ["||", ":"]) else words


def _keeps_output(piece: str, stage: list[str], target: str) -> bool:
    """The redirection leaves stdout as it is; its number is taken off `stage`."""
    if piece == "<":
        return target == "/dev/null"
    if stage[-1:] == ["2"]:
        stage.pop()
        return True
    return False


def _unwrapped(words: list[str]) -> list[str]:
    """`words` from the program on."""
    left = words
    while left:
        word = left[0]
        if _ASSIGNMENT.match(word):
            left = left[1:]
            continue
        name = word.rpartition("/")[2]
        if name not in _WRAPPERS:
            return left
        if name == "command" and left[1:2] in (["-v"], ["-V"]):
            return []  # It only says where a program is.
        left = _after_options(left[1:], _WRAPPERS[name])
        if name == "timeout" and left and _DURATION.fullmatch(left[0]):
            left = left[1:]
        if name == "env" and not left:
            return ["env"]  # Alone, it prints.
    return left


def _after_options(words: list[str], taking: frozenset[str]) -> list[str]:
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in taking else 1
        if words[place - 1] == "--":
            break
    return words[place:]


def _call(words: list[str]) -> Call | None:
    if not words:
        return None
    program, rest = words[0].rpartition("/")[2], tuple(words[1:])
    if program not in READERS:
        return Call(program, rest)
    files = _files_read(program, rest)
    return Call("", rest, files) if files and _picks_lines(words) else None


def _files_read(program: str, words: tuple[str, ...]) -> tuple[str, ...]:
    plain: list[str] = []
    skip = pattern_given = False
    for word in words:
        if skip:
            skip = False
        elif word in _TAKING:
            skip = True
            pattern_given = pattern_given or word in {"-e", "-f", "--regexp"}
        elif not word.startswith("-"):
            plain.append(word)
    return tuple(plain[1:] if program in _GREPS and not pattern_given else plain)


def _picks_lines(words: list[str]) -> bool:
    """The filter prints lines as it got them, maybe fewer or in another order."""
    words = _unwrapped(words)
    program = words[0].rpartition("/")[2] if words else ""
    changing = _PICKERS.get(program)
    if changing is None:
        return program in READERS
    for word in words[1:]:
        if word.startswith(_LONG_CHANGES):
            return False
        short = word[:1] == "-" and word[:2] != "--" and not _COUNTED.match(word)
        if short and not set(changing).isdisjoint(word[1:]):
            return False
    return True
