"""Modes `keys`, `table` and `numbers`: the lines of one host's output -> its features.

Lines are cleaned, not masked; what texts are found is masked afterwards. What is not there is left
out: hosts are then compared by who lacks it. Knows nothing of other hosts.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fleetdiag.compare.features import PRESENT, Cell, Feature, Number, Unreadable, Value
from fleetdiag.compare.parsed import Row, rows_of
from fleetdiag.compare.units import Quantity, parse_quantity, shown_number
from fleetdiag.model import Mode, Rate, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fleetdiag.compare.features import Features, Lines
    from fleetdiag.model import Compare, Field

STRUCTURED = frozenset({Mode.KEYS, Mode.TABLE, Mode.NUMBERS})
"""Modes that read structure from the output before anything is masked."""
SEARCHED_CHARS = 4096
"""A line is searched so far: a playbook's pattern may be quadratic, a host's line endless."""
NOTHING = "none"
"""What a step says that found nothing: an honest answer, and nothing to be read in it."""
HEADER_LINES = 12
"""A header is among the first lines that are not blank."""
MAX_KEY_CHARS = 200
MOST_DIGITS = 4
"""Of a column's position."""

_SEPARATED = re.compile(rf"\s*+([^=:\s][^=]{{0,{MAX_KEY_CHARS}}}?)\s*(?:=|:(?=\s|$))\s*+(.*)")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?(?: ?%| ?[kKMGTP]i?B?\b|[a-z]{1,3}\b)?")
_TREE = re.compile(r"^[\s│├└─|`-]+(?=\S)")
"""What `lsblk` and others draw before a name."""
_DOTS = "\u25cf\u25cb\u00d7\u21bb* "
"""What `systemctl` puts before the names of units that are not well."""


def read(compare: Compare, lines: Lines, uptime_s: float | None) -> Features:
    """The features of one output.

    Args:
        compare: its mode is `keys`, `table` or `numbers`.
        lines: of its stdout, cleaned.
        uptime_s: how long the host is up, for rates; None where it did not say: then without them.

    Raises:
        Unreadable: there is output, and nothing of what was asked for in it.
    """
    lines = tuple(filter(str.strip, lines))
    if not lines or lines == (NOTHING,):
        return {}
    if compare.mode is Mode.TABLE:
        return _table(compare, lines, uptime_s)
    if compare.mode is Mode.KEYS:
        return _keys(compare, lines, uptime_s)
    return _numbers(compare, lines, uptime_s)


# ------------------------------------------------------------------------------------ keys


def _keys(compare: Compare, lines: Lines, uptime_s: float | None) -> Features:
    texts = _merged(rows_of(compare.parse, lines)) if compare.parse else _pairs(lines)
    wanted = _wanted(compare.only)
    found: dict[Feature, Value] = {name: text for name, text in texts.items() if wanted(name)}
    numbers = _measured(compare.fields, texts, uptime_s)
    for field in compare.fields:
        found.pop(field.at or field.name, None)
        if field.name in numbers:
            found[field.name] = numbers[field.name]
        elif (field.at or field.name) in texts and field.rate is None and field.compare:
            found[field.name] = texts[field.at or field.name]
    if not found and not compare.only:
        raise Unreadable("no key with a value in it")
    return found


def _pairs(lines: Lines) -> dict[str, str]:
    """Key -> value, of `key=value`, `key: value` or `key value`; of a key said twice, both."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if match := _SEPARATED.match(line[:SEARCHED_CHARS]):
            key, value = match[1].rstrip(), match[2] + line[SEARCHED_CHARS:]
        else:
            key, _, value = line.strip().partition(" ")
            value = value.strip() or PRESENT
        said = found.setdefault(key, [])
        if not said or said[-1] != value:
            said.append(value)
    return {key: ", ".join(said) for key, said in found.items()}


def _merged(rows: Sequence[Row]) -> dict[str, str]:
    """The values of all rows by name, each once, joined."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, text in row.items():
            found.setdefault(name, {})[text] = None
    return {name: ", ".join(texts) for name, texts in found.items()}


@lru_cache(maxsize=256)
def _wanted(only: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name is one of `only`, where `*` stands for any text; any name of none."""
    if not only:
        return lambda _: True
    exact = {name for name in only if "*" not in name}
    some = [re.escape(name).replace(r"\*", ".*") for name in only if "*" in name]
    pattern = re.compile("|".join(some)) if some else None
    return lambda name: name in exact or (pattern is not None and bool(pattern.fullmatch(name)))


# ----------------------------------------------------------------------------------- table


def _table(compare: Compare, lines: Lines, uptime_s: float | None) -> Features:
    if compare.parse:
        rows: Iterable[Row] = rows_of(compare.parse, lines)
        key = compare.key or next((name for row in rows for name in row), "")
    else:
        rows, key = _rows(compare, lines)
    parts = key.split("+")
    wanted = _wanted(compare.only)
    measured = {field.at or field.name for field in compare.fields}
    found: dict[Feature, Value] = {}
    texts: dict[Cell, dict[str, None]] = {}
    for row in rows:
        if any(part not in row for part in parts):
            continue
        name = " ".join(_TREE.sub("", row[part]) for part in parts)
        found[name] = PRESENT
        numbers = _measured(compare.fields, row, uptime_s)
        for column, text in row.items():
            if column in parts or column in measured or not wanted(column):
                continue
            texts.setdefault(Cell(name, column), {})[text] = None
        for field in compare.fields:
            unread = None if field.rate or field.per else row.get(field.at or field.name)
            value = numbers.get(field.name) or unread
            if value is not None:
                cell = Cell(name, field.name)
                found[cell] = _added(found.get(cell), value)
    # Where rows of a name say different things, all of them.
    found.update((cell, ", ".join(sorted(several))) for cell, several in texts.items())
    if not found:
        raise Unreadable(f"no row with a column {' and '.join(parts)}")
    return found


def _added(old: Value | None, value: Number | str) -> Value:
    """The sum, where two rows of a name have a number each: the processes of one command."""
    if not isinstance(old, Number) or not isinstance(value, Number):
        return value
    total = old.value + value.value
    if not math.isfinite(total):
        return old
    return Number(
        total, shown_number(total, value.field.unit or Unit.NONE, value.field), value.field
    )


def _rows(compare: Compare, lines: Lines) -> tuple[Iterator[Row], str]:
    """The rows as column -> text, and the key's column; columns by header and by position."""
    every = [*compare.key.split("+"), *compare.only, *(f.at or f.name for f in compare.fields)]
    names = [name for name in every if name]
    asked = [name for name in names if not _is_place(name) and "*" not in name]
    by_position = bool(names) and all(map(_is_place, names))
    keys = {part for part in compare.key.split("+") if part in asked}
    place = None if by_position else _header_at(lines, keys, set(asked) - keys)
    header = [] if place is None else _header(lines, place, asked)
    key = compare.key or (header[0] if header else "1")
    body = lines if place is None else lines[place + 1 :]
    positions = {name for name in (*key.split("+"), *names) if _is_place(name)}
    if place is None and not positions - {key}:
        positions |= {str(number) for number in range(1, 100)} if not asked else set()
    return _split_rows(body, header, positions), key


def _is_place(name: str) -> bool:
    """Whether `name` is a position, not a name."""
    return len(name) <= MOST_DIGITS and name.isascii() and name.isdigit()


def _header_at(lines: Lines, keys: set[str], others: set[str]) -> int | None:
    """Where the header is: the first line with all of the `keys`, or any of the other columns."""
    for place, line in enumerate(lines[:HEADER_LINES]):
        words = f" {' '.join(line.split())} "
        seen = {name for name in keys | others if f" {' '.join(name.split())} " in words}
        if keys <= seen and (keys or others & seen or not others):
            return place
    return None


def _header(lines: Lines, place: int, asked: Iterable[str]) -> list[str]:
    """The columns' names; those `asked` for in two words are kept together.

    A blank first one where the rows have a name that the header lacks.
    """
    line = lines[place]
    for name in asked:
        if " " in name:
            line = line.replace(name, name.replace(" ", "\0"))
    names = [name.replace("\0", " ") for name in line.split()]
    following = lines[place + 1 : place + 2]
    unnamed = line[:1].isspace() and following and not following[0][:1].isspace()
    return ["", *names] if unnamed else names


def _split_rows(body: Lines, header: list[str], positions: set[str]) -> Iterator[Row]:
    numbers = sorted(int(position) for position in positions)
    most = max(len(header) - 1, 0)
    for line in body:
        row: Row = {}
        if header:
            row.update(zip(header, line.lstrip(_DOTS).split(None, most), strict=False))
        if numbers:
            words = line.split()
            row.update((str(n), words[n - 1]) for n in numbers if 0 < n <= len(words))
        yield row


# --------------------------------------------------------------------------------- numbers


def _numbers(compare: Compare, lines: Lines, uptime_s: float | None) -> Features:
    if compare.parse:
        merged = _merged(rows_of(compare.parse, lines))
        texts = {
            f.name: merged[f.at or f.name] for f in compare.fields if (f.at or f.name) in merged
        }
        by_name = [_plain(field) for field in compare.fields]
        found = _measured(by_name, texts, uptime_s)
    else:
        found = _measured(
            [_plain(field) for field in compare.fields],
            {
                field.name: text
                for field in compare.fields
                for text in [_text(field, lines)]
                if text
            },
            uptime_s,
        )
    if not found and lines:
        names = ", ".join(field.name for field in compare.fields)
        raise Unreadable(f"none of its numbers is there: {names}")
    return dict(found.items())


@lru_cache(maxsize=256)
def _plain(field: Field) -> Field:
    """`field` as one whose text is known by its name."""
    return replace(field, at=None, pattern=None)


SAMPLES = "\n"
"""Between the first and the last sample of a counter."""


def _text(field: Field, lines: Lines) -> str:
    """The text of `field` in `lines`; first and last of a counter sampled twice; empty if none."""
    found = _matches(field, lines)
    if field.rate is not Rate.SAMPLES:
        return next(found, "")
    texts = list(found)
    return SAMPLES.join((texts[0], texts[-1])) if len(texts) > 1 else ""


def _matches(field: Field, lines: Lines) -> Iterator[str]:
    if field.pattern is None:
        place = int(field.at) if field.at and _is_place(field.at) else 1
        every = (m[0] for line in lines for m in _NUMBER.finditer(line[:SEARCHED_CHARS]))
        yield from (text for number, text in enumerate(every, 1) if number == place)
        return
    search = _compiled(field.pattern).search
    for line in lines:
        if match := search(line[:SEARCHED_CHARS]):
            text = match[1] if match.re.groups else match[0]
            if text is None:
                continue
            if field.at and _is_place(field.at):
                numbers = _NUMBER.findall(match[0])
                text = numbers[int(field.at) - 1] if int(field.at) <= len(numbers) else ""
            if text:
                yield text


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


# ------------------------------------------------------------------------------- measuring


def _measured(
    fields: Sequence[Field], texts: Mapping[str, str], uptime_s: float | None
) -> dict[str, Number]:
    """The fields that `texts` hold as numbers, after `rate` and `per`."""
    raw: dict[str, tuple[Quantity, str]] = {}
    for field in fields:
        text = _picked(field, texts.get(field.at or field.name, ""))
        if text and (quantity := _quantity(field, text, uptime_s)) is not None:
            raw[field.name] = quantity, text
    found: dict[str, Number] = {}
    for field in fields:
        if field.name not in raw:
            continue
        (value, unit), text = raw[field.name]
        if field.per:
            if field.per not in raw or not raw[field.per][0].value:
                continue
            value /= raw[field.per][0].value
        if not math.isfinite(value):
            continue
        if field.per or field.rate:
            text = shown_number(value, unit, field)
        found[field.name] = Number(value, text.strip(), _with_unit(field, unit))
    return found


def _picked(field: Field, text: str) -> str:
    """What the field's pattern finds in the text of a key or column; all of it without one."""
    if field.pattern is None or field.rate is Rate.SAMPLES:
        return text
    match = _compiled(field.pattern).search(text[:SEARCHED_CHARS])
    return "" if match is None else match[1] if match.re.groups else match[0]


@lru_cache(maxsize=256)
def _with_unit(field: Field, unit: Unit) -> Field:
    """`field` with the unit that its number was printed in."""
    return field if field.unit is not None else replace(field, unit=unit)


def _quantity(field: Field, text: str, uptime_s: float | None) -> Quantity | None:
    if field.rate is Rate.SAMPLES:
        first, _, last = text.partition(SAMPLES)
        ends = parse_quantity(first, field.unit), parse_quantity(last, field.unit)
        if ends[0] is None or ends[1] is None or field.interval_s <= 0.0:
            return None
        return Quantity((ends[1].value - ends[0].value) / field.interval_s, ends[1].unit)
    found = parse_quantity(text, field.unit)
    if found is None or field.rate is None:
        return found
    return Quantity(found.value / uptime_s, found.unit) if uptime_s else None
