"""Rules on lines: which of them a host's lines match, each distinct line looked at once.

A rule sees cleaned but unmasked lines. Most lines are ruled out by a literal text that the rule's
pattern cannot match without (`segfault at`), searched in all new lines at once: sixty patterns on
each line would cost more than all the rest. Knows nothing of hosts or findings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fleetdiag.model import Flag

SEARCHED_CHARS = 4096
"""A line is searched so far: a playbook's pattern may be quadratic, a host's line endless."""
SHORTEST_LITERAL = 4
MOST_KNOWN = 50_000
"""So many lines are remembered; then it begins anew: hosts that share their lines have fewer."""
_NO_DIGITS = {ord(digit): None for digit in "0123456789"}


class LineRules:
    """The line rules among a step's flags, and what is known of the lines seen so far."""

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._searches = {
            number: re.compile(flag.matches).search
            for number, flag in enumerate(flags)
            if flag.feature is None and flag.matches is not None
        }
        self._literals: dict[int, tuple[str, ...]] = {}
        self._always: list[int] = []
        self._own = [n for n in self._searches if not flags[n].name]
        """Of a playbook itself: they may look at what stands before a log's messages."""
        for number in self._searches:
            literals = required_literals(flags[number].matches or "")
            if literals:
                self._literals[number] = literals
            else:
                self._always.append(number)
        self._seen: set[str] = set()
        self._known: dict[str, tuple[int, ...]] = {}
        self._may: dict[str, tuple[int, ...]] = {}

    def first_matches(self, forms: Sequence[str], lines: Sequence[str]) -> Mapping[int, str]:
        """Position of each flag that matches -> the first line that it matches.

        Args:
            forms: of each line what it has in common with other hosts' lines (no time, no process
                id): lines of a form that cannot match are passed over.
            lines: as the host gave them, as many.
        """
        if not self._searches:
            return {}
        self._learn(forms)
        found: dict[int, str] = {}
        if not self._may.keys().isdisjoint(forms):
            for form, line in zip(forms, lines, strict=True):
                for number in self._may.get(form, ()):
                    if number not in found and self._searches[number](line[:SEARCHED_CHARS]):
                        found[number] = line
        if forms is not lines:
            self._search_heads(lines, found)
        for number in self._always:
            search = self._searches[number]
            first = next((line for line in lines if search(line[:SEARCHED_CHARS])), None)
            if first is not None:
                found[number] = first
        return dict(sorted(found.items()))

    def _search_heads(self, lines: Sequence[str], found: dict[int, str]) -> None:
        """Rules that may match what the forms leave out: time, host, level."""
        text = ""
        for number in self._own:
            literals = self._literals.get(number)
            if literals is None or number in found:
                continue
            text = text or "\n".join(lines)
            if any(literal in text for literal in literals):
                search = self._searches[number]
                first = next((line for line in lines if search(line[:SEARCHED_CHARS])), None)
                if first is not None:
                    found[number] = first

    def _learn(self, forms: Sequence[str]) -> None:
        """Which rules the new ones of `forms` may match."""
        if len(self._seen) > MOST_KNOWN:
            self._seen.clear()
            self._known.clear()
            self._may.clear()
        new = set(forms).difference(self._seen)
        if not new:
            return
        self._seen |= new
        # No literal holds a digit: lines that differ by numbers only are one.
        plain = {form: form.translate(_NO_DIGITS) for form in new}
        unknown = set(plain.values()).difference(self._known)
        self._known.update(dict.fromkeys(unknown, ()))
        text = "\n".join(unknown)
        for number, literals in self._literals.items():
            if any(literal in text for literal in literals):
                for line in unknown:
                    if any(literal in line for literal in literals):
                        self._known[line] = (*self._known[line], number)
        self._may.update((form, may) for form, line in plain.items() if (may := self._known[line]))


def required_literals(pattern: str) -> tuple[str, ...]:
    """Texts one of which is in whatever `pattern` matches; none where that is not known.

    Without digits and brackets, as these may be part of a time or a process id.
    """
    try:
        # The parser of `re` itself: the only one that never disagrees with it. It has no public
        # name.
        from re import _parser  # type: ignore[attr-defined]

        parsed = _parser.parse(pattern)
    except (ImportError, AttributeError):  # pragma: no cover - another Python
        return ()
    if parsed.state.flags & re.IGNORECASE:
        return ()
    return max(_literals(parsed), key=_shortest, default=())


def _literals(parsed: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, ...]]:
    """Sets of texts; whatever matches has one of each set."""
    run = ""
    for op, argument in parsed:
        name = str(op)
        if name == "LITERAL" and _is_telling(chr(argument)):
            run += chr(argument)
            continue
        if len(run) >= SHORTEST_LITERAL:
            yield (run,)
        run = ""
        if name == "SUBPATTERN" and not argument[1] & re.IGNORECASE:
            yield from _literals(argument[3])
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and argument[0] > 0:
            yield from _literals(argument[2])
        elif name == "BRANCH":
            best = [max(_literals(one), key=_shortest, default=()) for one in argument[1]]
            if all(best):
                yield tuple(dict.fromkeys(text for texts in best for text in texts))
    if len(run) >= SHORTEST_LITERAL:
        yield (run,)


def _is_telling(char: str) -> bool:
    return not char.isdigit() and char not in "[]<>\n"


def _shortest(texts: tuple[str, ...]) -> int:
    return min(map(len, texts), default=0)
