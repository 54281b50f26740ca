"""`-l/--limit`: which hosts of an inventory a pattern means.

Terms with commas between them: `all`, a group, a host, a glob over both (`web*`), a range
(`web[01-10]`), `attribute=value` and `attribute!=value` (globs in the value), `@file` (a pattern a
line, `#` begins a comment). Terms add up; `&term` keeps what is also in it, `!term` takes it away,
wherever in the pattern they stand; a pattern of only those begins with all hosts.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import SelectionError
from fleetdiag.inventory.ranges import expand, split_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetdiag.model import Host, Inventory

_ATTRIBUTE = re.compile(r"(?P<name>[^=!]+)(?P<sign>!?=)(?P<value>.*)")
_JOINED = re.compile(r"\[[^\]]*\]|&\s*!|&|!(?!=)")
"""Brackets, which stay as they are; then what begins a term without a comma (`web&!web-03`)."""
_MAX_FILE_BYTES = 4 << 20
_MAX_NEAR = 5
_MAX_SEARCHED = 2000
"""Names to look for near ones among: more would take longer than the answer is worth."""


def select(inventory: Inventory, pattern: str | Sequence[str]) -> tuple[Host, ...]:
    """The hosts `pattern` means (several patterns: as if with commas), in the inventory's order.

    Raises SelectionError for a term that means nothing here, with near names, and for a pattern
    that leaves no host.
    """
    text = pattern if isinstance(pattern, str) else ",".join(pattern)
    names = _Selection(inventory).names(text)
    chosen = tuple(host for host in inventory.hosts if host.name in names)
    if not chosen:
        raise SelectionError(f"{text!r} leaves no host of {len(inventory.hosts)}")
    return chosen


def attributes_named(pattern: str) -> dict[str, bool]:
    """The attributes that the terms of a pattern ask for, and whether a term excludes by it.

    Those in files (`@file`) are left out.
    """
    found: dict[str, bool] = {}
    for _, term in split_terms(_JOINED.sub(_with_comma, pattern)):
        match = _ATTRIBUTE.fullmatch(term.lstrip("&!").strip())
        if match:
            excludes = term.startswith("!") != (match["sign"] == "!=")
            name = match["name"].strip()
            found[name] = found.get(name, False) or excludes
    return found


class _Selection:
    """An inventory with what terms are looked up in."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.hosts = {host.name for host in inventory.hosts}
        self.attributes = {name for host in inventory.hosts for name in host.attributes}

    def names(self, text: str, *, in_file: bool = False) -> set[str]:
        """The names of the hosts a whole pattern means."""
        added: set[str] | None = None
        kept: list[set[str]] = []
        removed = set[str]()
        for _, term in split_terms(_JOINED.sub(_with_comma, text)):
            bare = term[1:].strip() if term[0] in "&!" else term
            if not bare:
                raise SelectionError(f"{term!r} in {text!r}: expected a term after it")
            found = self._term(bare, in_file=in_file)
            if term[0] == "&":
                kept.append(found)
            elif term[0] == "!":
                removed |= found
            else:
                added = (added or set()) | found
        if added is None and not kept and not removed:
            raise SelectionError("an empty pattern, expected hosts or groups; `all` for every host")
        start = set(self.hosts) if added is None else added
        return start.intersection(*kept) - removed

    def _term(self, term: str, *, in_file: bool) -> set[str]:
        if term == "all":
            return set(self.hosts)
        if term.startswith("@"):
            if in_file:
                raise SelectionError(f"{term!r}: a pattern file cannot name another")
            return self._file(term[1:])
        if match := _ATTRIBUTE.fullmatch(term):
            return self._attribute(term, match["name"].strip(), match["sign"], match["value"])
        try:
            patterns = expand(term)
        except ValueError as error:
            raise SelectionError(str(error)) from error
        found = set[str]().union(*(self._named(pattern) for pattern in patterns))
        if not found:
            raise SelectionError(f"{term!r} is no host and no group{self._near(term)}")
        return found

    def _named(self, pattern: str) -> set[str]:
        """Hosts of that name, and the hosts of groups of that name; `*` and `?` count."""
        groups = self.inventory.groups
        if not set(pattern) & set("*?"):
            found = {pattern} & self.hosts
            return found.union(groups.get(pattern, ()))
        matches = re.compile(translate(pattern)).fullmatch
        found = {name for name in self.hosts if matches(name)}
        return found.union(*(members for name, members in groups.items() if matches(name)))

    def _attribute(self, term: str, name: str, sign: str, value: str) -> set[str]:
        if name not in self.attributes:
            raise SelectionError(f"{term!r}: no host has an attribute {name!r}{self._near(name)}")
        matches = re.compile(translate(value.strip())).fullmatch
        having = {h.name: h.attributes[name] for h in self.inventory.hosts if name in h.attributes}
        found = {host for host, its in having.items() if matches(its)}
        if not found:
            values = sorted(set(having.values()))
            shown = ", ".join(values[:_MAX_NEAR]) + (", …" if len(values) > _MAX_NEAR else "")
            raise SelectionError(f"{term!r}: no host has that {name}; there are {shown}")
        return found if sign == "=" else self.hosts - found

    def _file(self, path: str) -> set[str]:
        """What the lines of a file mean, together."""
        try:
            with Path(path).expanduser().open("rb") as stream:
                data = stream.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise SelectionError(f"@{path}: cannot be read: {error.strerror}") from error
        if len(data) > _MAX_FILE_BYTES:
            raise SelectionError(f"@{path}: larger than {_MAX_FILE_BYTES >> 20} MiB")
        lines = data.decode("utf-8-sig", "replace").splitlines()
        patterns = []
        for number, line in enumerate(lines, start=1):
            pattern = re.sub(r"(^|\s)#.*", "", line).strip()
            if not pattern:
                continue
            try:
                self.names(pattern, in_file=True)
            except SelectionError as error:
                raise SelectionError(f"{path}:{number}: {error}") from error
            patterns.append(pattern)
        if not patterns:
            raise SelectionError(f"@{path}: names no host, expected a pattern a line")
        return self.names(",".join(patterns), in_file=True)

    def _near(self, term: str) -> str:
        """Near names of hosts, groups and attributes, to end a message with."""
        words = [*self.inventory.groups, *(f"{name}=" for name in sorted(self.attributes))]
        words += [host.name for host in self.inventory.hosts]
        near = _near_words(term, words[:_MAX_SEARCHED])
        if near:
            return f"; did you mean {', '.join(near)}?"
        groups = ", ".join([*self.inventory.groups][:_MAX_NEAR])
        return f"; groups are {groups}" if groups else f"; there are {len(self.hosts)} hosts"


def _with_comma(found: re.Match[str]) -> str:
    """`&!` -> `,!`: what is also not in it is what is left without it."""
    return found[0] if found[0].startswith("[") else f",{found[0][-1]}"


def _near_words(term: str, words: Iterable[str]) -> list[str]:
    return get_close_matches(term, list(dict.fromkeys(words)), n=_MAX_NEAR, cutoff=0.6)
