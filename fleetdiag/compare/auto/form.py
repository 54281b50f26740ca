"""One form that a command's output takes, and how it is compared: the entries of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fleetdiag.model import Compare, Field, Mode, Rate, Side, Unit

if TYPE_CHECKING:
    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.features import Lines

HEADER_LINES = 3
"""A header with what may stand before it."""
SEEN_LINES = 60
DAY_S = 86_400.0
SEEN_CHARS = 500


@dataclass(frozen=True, slots=True)
class Form:
    """How an output of this form is compared."""

    name: str
    """What it is known as."""
    compare: Compare
    looks: str = ""
    """Searched in each of the first lines; empty: any output will do."""
    rules: tuple[str, ...] = ()
    within: int = SEEN_LINES
    """Among so many first lines."""

    def fits(self, sample: Lines) -> bool:
        """Whether `sample` looks like this form."""
        if not self.looks:
            return True
        pattern = _compiled(self.looks)
        return any(pattern.search(line[:SEEN_CHARS]) for line in sample[: self.within])


Forms = tuple[Form, ...]
"""The forms of one command's output, the first that fits counts."""
Entry = Forms | Callable[["Call"], Forms]
"""The forms of a program's output, or what knows them by its options."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def log(name: str, *rules: str) -> Form:
    """Events of a log."""
    return Form(name, Compare(mode=Mode.LOG), rules=rules)


def text(name: str, *, mask: tuple[str, ...] = (), unmask: tuple[str, ...] = ()) -> Form:
    """The whole output."""
    return Form(name, Compare(mode=Mode.TEXT, mask=mask, unmask=unmask))


def lines(
    name: str, *mask: str, unmask: tuple[str, ...] = (), looks: str = "", within: int = SEEN_LINES
) -> Form:
    """The set of lines. A mask that takes a whole line takes it out of the comparison."""
    return Form(name, Compare(mode=Mode.LINES, mask=mask, unmask=unmask), looks, (), within)


def keys(name: str, *only: str, fields: tuple[Field, ...] = (), looks: str = "") -> Form:
    """The named keys, `fields` as numbers."""
    return Form(name, Compare(mode=Mode.KEYS, only=only, fields=fields), looks)


def table(
    name: str,
    key: str,
    only: tuple[str, ...],
    *,
    looks: str,
    fields: tuple[Field, ...] = (),
    mask: tuple[str, ...] = (),
    within: int = HEADER_LINES,
) -> Form:
    """Rows by `key`; the columns of `only` are compared, of `key` alone: which rows there are."""
    compare = Compare(mode=Mode.TABLE, key=key, only=only, fields=fields, mask=mask)
    return Form(name, compare, looks, (), within)


def json_rows(name: str, key: str, *only: str) -> Form:
    """A JSON array of objects."""
    compare = Compare(mode=Mode.TABLE, parse="json", key=key, only=only)
    return Form(name, compare, r"^\s*\[", (), 1)


def numbers(name: str, *fields: Field, looks: str = "", within: int = SEEN_LINES) -> Form:
    """Numbers picked out by pattern."""
    return Form(name, Compare(mode=Mode.NUMBERS, fields=fields), looks, (), within)


def ignored(name: str, *, looks: str = "") -> Form:
    """What differs on every healthy host and tells nothing."""
    return Form(name, Compare(mode=Mode.IGNORE), looks)


def high(name: str, pattern: str | None = None, floor: float | None = None) -> Field:
    """A plain number of which only too much is odd."""
    return Field(name, pattern=pattern, unit=Unit.NONE, floor=floor, side=Side.HIGH)


def low(name: str, pattern: str | None = None, floor: float | None = None) -> Field:
    """A plain number of which only too little is odd."""
    return replace(high(name, pattern, floor), side=Side.LOW)


def percent(name: str, pattern: str | None = None, floor: float | None = None) -> Field:
    """Per cent of which only too much is odd."""
    return Field(name, pattern=pattern, unit=Unit.PERCENT, floor=floor, side=Side.HIGH)


def since_boot(
    name: str, pattern: str | None = None, a_day: float = 1.0, *, at: str | None = None
) -> Field:
    """A counter of what hardly happens on a healthy host; more than `a_day` than the others."""
    return Field(name, pattern, at, rate=Rate.UPTIME, floor=a_day / DAY_S, side=Side.HIGH)
