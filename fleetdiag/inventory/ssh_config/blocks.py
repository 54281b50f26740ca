"""ssh_config files as a flat list of blocks, each with the conditions it stands under.

Reads each file once, includes in their place; nothing is evaluated here. Keywords that do not say
where and how to log in are left out, unknown ones too: `ssh` itself complains about those.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryFileError, Problem
from fleetdiag.inventory.records import Given, tilde
from fleetdiag.inventory.ssh_config.syntax import next_word, split_arguments, split_keyword

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_DEPTH = 16
"""OpenSSH's limit of includes within includes."""
_MAX_FILE_BYTES = 4 << 20

_WHOLE_LINE = frozenset({"proxycommand", "proxyjump"})
_SEVERAL = frozenset({"userknownhostsfile", "globalknownhostsfile"})
_SINGLE = frozenset(
    {"hostname", "port", "user", "identityfile", "identitiesonly", "hostkeyalias"}
    | {"canonicalizehostname"}
)
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class HostCondition:
    """`Host` with its patterns."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One test of a `Match` line; `attribute` in lower case, `argument` empty where it has none."""

    attribute: str
    argument: str
    negated: bool


@dataclass(frozen=True, slots=True)
class MatchCondition:
    """`Match` with its criteria."""

    criteria: tuple[Criterion, ...]


Condition = HostCondition | MatchCondition


@dataclass(frozen=True, slots=True)
class Block:
    """Settings that count where every condition (numbers into `Blocks.conditions`) is met."""

    conditions: tuple[int, ...]
    settings: tuple[tuple[str, Given], ...]
    """(keyword in lower case, value). Values: str; int for port, bool for identitiesonly,
    tuple[str, ...] for the known_hosts files."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """All that some ssh_config files say, in the order `ssh` reads them."""

    blocks: tuple[Block, ...] = ()
    conditions: tuple[Condition, ...] = ()
    origins: tuple[str, ...] = ()
    """Where each condition stands."""
    user_conditions: int = 0
    """How many of the conditions come from the first file and its includes."""


def read_blocks(files: Sequence[Path], home: Path, *, explicit: bool = False) -> Blocks:
    """What `files` say, in order.

    As in `ssh`, missing files are passed over and files that others may write are refused; the
    other way round for files named on the command line (`explicit`), though not their includes.

    Raises InventoryFileError with every problem of them.
    """
    reader = _Reader(home, explicit=explicit)
    user_conditions = 0
    for number, path in enumerate(files):
        reader.read(path, (), 0)
        if number == 0:
            user_conditions = len(reader.conditions)
    if reader.problems:
        raise InventoryFileError(reader.problems)
    return Blocks(
        tuple(reader.blocks), tuple(reader.conditions), tuple(reader.origins), user_conditions
    )


class _Reader:
    """Collects blocks, conditions and problems over files."""

    def __init__(self, home: Path, *, explicit: bool) -> None:
        self.home = home
        self.explicit = explicit
        self.blocks: list[Block] = []
        self.conditions: list[Condition] = []
        self.origins: list[str] = []
        self.problems: list[Problem] = []

    def read(self, path: Path, outer: tuple[int, ...], depth: int) -> None:
        """Add what the file says, all of it under the conditions `outer`."""
        text = self._text(path, depth)
        if text is None:
            return
        shown = tilde(path)
        active, settings = outer, list[tuple[str, Given]]()

        def close_block() -> None:
            if settings:
                self.blocks.append(Block(active, tuple(settings)))
                settings.clear()

        for number, line in enumerate(text.split("\n"), start=1):
            origin = f"{shown}:{number}"
            try:
                keyword, rest = split_keyword(line)
                if keyword in {"host", "match"}:
                    close_block()
                    active = (*outer, self._add(_condition(keyword, rest), origin))
                elif keyword == "include":
                    close_block()
                    for included in self._included(split_arguments(rest), path):
                        self.read(included, active, depth + 1)
                elif keyword:
                    settings += [(k, Given(v, origin)) for k, v in _setting(keyword, rest)]
            except ValueError as error:
                self.problems.append(Problem(shown, number, None, str(error)))
        close_block()

    def _add(self, condition: Condition, origin: str) -> int:
        self.conditions.append(condition)
        self.origins.append(origin)
        return len(self.conditions) - 1

    def _text(self, path: Path, depth: int) -> str | None:
        """The file's text; None where there is none to read, or (noted) where it may not count."""
        problem: str
        try:
            with path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                data = stream.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            if missing and not (self.explicit and depth == 0):
                return None
            problem = f"cannot be read: {error.strerror}"
        else:
            # Whoever can write it can have us run commands (ProxyCommand); ssh refuses it too.
            foreign = status.st_uid not in {0, os.geteuid()} or bool(status.st_mode & 0o022)
            if foreign and not (self.explicit and depth == 0):
                problem = "others may write it, expected a file that only you (or root) can write"
            elif len(data) > _MAX_FILE_BYTES:
                problem = f"larger than {_MAX_FILE_BYTES >> 20} MiB"
            elif depth > _MAX_DEPTH:
                problem = f"included more than {_MAX_DEPTH} levels deep"
            else:
                return data.decode("utf-8", "replace")
        self.problems.append(Problem(tilde(path), None, None, problem))
        return None

    def _included(self, patterns: Sequence[str], within: Path) -> Iterator[Path]:
        """The files an `Include` names: from ~/.ssh, or /etc/ssh in the system's file."""
        if not patterns:
            raise ValueError("`include` without a file")
        system = within.is_relative_to("/etc/ssh")
        start = Path("/etc/ssh") if system else self.home / ".ssh"
        for pattern in patterns:
            in_home = pattern == "~" or pattern.startswith("~/")
            anchored = f"{self.home}{pattern[1:]}" if in_home else str(start / pattern)
            # Path.glob takes no absolute pattern, and finds hidden files, which ssh does not.
            yield from map(Path, sorted(glob.glob(anchored)))  # noqa: PTH207


def _condition(keyword: str, rest: str) -> Condition:
    """The condition of a `host` or `match` line; raises ValueError."""
    if keyword == "host":
        patterns = split_arguments(rest)
        if not patterns:
            raise ValueError("`Host` without a pattern")
        return HostCondition(tuple(patterns))
    criteria: list[Criterion] = []
    while True:
        attribute, rest = next_word(rest)
        if not attribute or attribute.startswith("#"):
            break
        name = attribute.removeprefix("!").lower()
        argument = ""
        if name not in {"all", "canonical", "final"}:
            argument, rest = next_word(rest)
            if not argument or argument.startswith("#"):
                raise ValueError(f"`Match {name}` without what to match")
        criteria.append(Criterion(name, argument, attribute.startswith("!")))
    if not criteria:
        raise ValueError("`Match` without a criterion, expected such as host, user or all")
    return MatchCondition(tuple(criteria))


def _setting(keyword: str, rest: str) -> Iterator[tuple[str, object]]:
    """The setting on a line; none for keywords without a meaning here. Raises ValueError."""
    if keyword not in _SINGLE | _SEVERAL | _WHOLE_LINE:
        return
    arguments = split_arguments(rest)
    if not arguments or not arguments[0]:
        raise ValueError(f"`{keyword}` without a value")
    if keyword == "proxyjump":
        yield keyword, rest.lstrip(" \t=").partition("#")[0].rstrip()
    elif keyword == "proxycommand":
        yield keyword, rest.lstrip(" \t=")
    elif keyword in _SEVERAL:
        yield keyword, tuple(arguments)
    elif keyword == "port":
        yield keyword, _port(arguments[0])
    elif keyword == "identitiesonly":
        if arguments[0].lower() not in _YES_NO:
            raise ValueError(f"`identitiesonly` is {arguments[0]!r}, expected yes or no")
        yield keyword, _YES_NO[arguments[0].lower()]
    else:
        yield keyword, arguments[0]


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16):
        raise ValueError(f"`port` is {text!r}, expected a number from 1 to 65535")
    return int(text)
