"""A second look at texts and lines that have no majority, or that nobody has a reader for.

Lines that are the same but for their numbers (`Serial: 81-A3`, `Writing: 9 Waiting: 215`) are
matched up by their shape, and each number becomes a value of its own: one that hosts agree on is
compared as a text, one that they do not is measured (`contrast.py`). Knows nothing of steps or
masks.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.contrast import Contrast, contrast
from fleetdiag.compare.features import PRESENT, WHOLE, Number, Slot
from fleetdiag.compare.units import parse_quantity
from fleetdiag.model import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fleetdiag.compare.features import Feature, Features, Lines, Value

MAX_SHAPED_CHARS = 2048
MOST_ROWS = 200
"""So far above a row is its header looked for."""
MOST_SLOTS = 40
"""A line with more numbers is compared as one."""
FEWEST_OWN = 3
OWN_SHARE = 1 / 3
"""So many different texts at one place, in shares of the hosts, and each has its own."""
AGREED_SHARE = 0.8
"""A number that so many hosts have alike is a setting: any other is odd."""
COUNTED_BELOW = 10.0
"""A smaller one is a count: 0 errors here and 1 there."""
MAX_LABEL_WORDS = 3
MAX_LABEL_CHARS = 60
SHORTEST_LABEL = 3
MAX_HEAD_CHARS = 30
MOST_ALIKE = 20
"""Lines of one shape that nobody shares are matched up by their order, if there are no more."""
_MARK = "#"
_AGAIN = "\x1f"
"""Between a line and which time it is there; cleaned lines have no such character."""

_KEY = re.compile(r"\s*+([^\d:=\s](?:[^:=\s]| (?! )){0,60})\s{0,8}[:=]\s?(?=\S)")
_HEX = r"(?<![A-Za-z0-9])(?=[0-9a-f]{0,64}\d)(?=[0-9a-f]{0,64}[a-f])[0-9a-f]{6,64}+(?![A-Za-z0-9])"
# A version or a date is a name, not a quantity: `6.1.0-18-amd64`, `2026-11-22`.
_VERSION = r"(?<![\w.-])v?\d{1,9}(?:[.+~_:-][A-Za-z0-9]{1,32}){2,8}(?!\w)"
_UNITS = r"(?:weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?)(?!\w)"
_DURATION = rf"\d{{1,6}} ?{_UNITS}(?:,? (?:and )?\d{{1,6}} ?{_UNITS}){{1,4}}"
_NUMBERS = re.compile(rf"{_VERSION}|{_DURATION}|{_HEX}|(?:(?<![^\s:=(,\[])[+-])?\d+(?:\.\d+)?+")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
"""Columns are as wide as what is in them."""
_TOKENS = re.compile(r"[^\s\d]*+\d\S*+")
_COLUMN = re.compile(r"[A-Za-z%_(#][A-Za-z%_()/.:#-]{0,30}\d{0,2}[A-Za-z%_()]{0,9}")
_SUFFIX = re.compile(r" ?(?:%|[kKMGT]i?B?|[µum]?s|min|hours?|days?|bytes)(?![A-Za-z0-9])")
_TRIMMED = " \t:=,;()[]{}<>\"'|%"


class _Form(NamedTuple):
    """A line's shape and what stands in its slots."""

    shape: str
    slots: tuple[str, ...]


def settle_text(features: Mapping[str, Features], found: Contrast) -> Contrast:
    """The contrast of whole texts without a majority (`found`), or of their lines.

    The lines count where most hosts have most of theirs in common and none is left without a
    majority.
    """
    return settle_lines_of(_lines_of(features), found)


def settle_lines_of(lines: Mapping[str, Lines], found: Contrast) -> Contrast:
    """As `settle_text`, of lines in their order."""
    finer = _contrast_alike(refined_lines(lines)) if len(lines) > 2 else None
    if finer is None:
        return found
    # Of one place in a line hosts may each say what they like, and of two groups of numbers is
    # told.
    own = [split for split in finer.splits if isinstance(split.feature, Slot)]
    many = max(FEWEST_OWN, OWN_SHARE * len(lines))
    of_slots = tuple(s.feature for s in own if not s.measured and len(s.values) >= many)
    left = tuple(split for split in finer.splits if split.feature not in of_slots)
    if any(not split.measured for split in left):
        return found
    return replace(finer, splits=left, varying=(*finer.varying, *of_slots))


def settle_lines(features: Mapping[str, Features], found: Contrast) -> Contrast:
    """The contrast of lines some of which have no majority (`found`), by their shapes.

    Where shapes do not settle it either, hosts are compared by the whole set of their lines.
    """
    lines = {host: tuple(map(str, values)) for host, values in features.items()}
    finer = _contrast_alike(refined_lines(lines)) if len(features) > 2 else None
    if finer is not None and all(isinstance(split.feature, Slot) for split in finer.splits):
        return finer
    whole: dict[str, Features] = {
        host: {WHOLE: "\n".join(sorted(some))} for host, some in lines.items()
    }
    by_set = contrast(whole)
    return by_set if by_set.splits else found


def _lines_of(features: Mapping[str, Features]) -> dict[str, Lines]:
    return {
        host: tuple(str(values.get(WHOLE, "")).split("\n")) for host, values in features.items()
    }


def _contrast_alike(features: Mapping[str, Features]) -> Contrast | None:
    """The contrast of `features`; None where hosts have too little in common for one."""
    shown_by = Counter(feature for found in features.values() for feature in found)
    common = {feature for feature, count in shown_by.items() if count * 2 > len(features)}
    alike = sum(len(common.intersection(found)) * 2 >= len(found) for found in features.values())
    return contrast(features) if common and alike * 2 > len(features) else None


# ------------------------------------------------------------------------------- refining


def refined_lines(hosts: Mapping[str, Lines]) -> dict[str, Features]:
    """Each host's lines as features; of shapes that most hosts have, their slots.

    Args:
        hosts: host -> its lines, in order; blank ones are left out.
    """
    hosts = {host: _numbered(lines) for host, lines in hosts.items()}
    shown_by = Counter(line for lines in hosts.values() for line in lines)
    common = {line for line, count in shown_by.items() if count * 2 > len(hosts)}
    refined: dict[str, dict[Feature, Value]] = {host: {} for host in hosts}
    left = {host: dict.fromkeys(lines) for host, lines in hosts.items()}
    slots: dict[tuple[str, str], dict[str, str]] = {}
    names: dict[str, int] = {}
    places = _Places(hosts)
    for shape_of in (_fine, _keyed, _coarse):
        forms = {
            line: form
            for line in shown_by
            if (form := shape_of(line.partition(_AGAIN)[0])) is not None
        }
        varying = {form.shape for line, form in forms.items() if line not in common}
        by_shape = _by_shape(left, forms, varying)
        for shape, having in by_shape.items():
            each = _usual_number(having, common, len(hosts))
            if each:
                header = _header_above(shape, having, places, common)
                _take(shape, each, header, having, left, forms, common, slots, names)
    for (row, column), values in slots.items():
        for host, value in _classified(values, len(hosts)).items():
            refined[host][Slot(row, column)] = value
    _keep_rows(dict.fromkeys(row for row, _ in slots), slots, refined, left, common)
    return dict(refined.items())


def _keep_rows(
    rows: Iterable[str],
    slots: Mapping[tuple[str, str], Mapping[str, str]],
    refined: Mapping[str, dict[Feature, Value]],
    left: Mapping[str, Mapping[str, object]],
    common: set[str],
) -> None:
    """The lines that are left as they are; which hosts lack a line that others have one of.

    A host with a line of its own in the place of one does not lack it: that line says it better.
    """
    having: dict[str, set[str]] = {}
    for (row, _), values in slots.items():
        having.setdefault(row, set()).update(values)
    own = {host: sum(line not in common for line in lines) for host, lines in left.items()}
    for row in rows:
        for host, found in refined.items():
            if host in having[row] or own[host] > 0:
                own[host] -= host not in having[row]
                found[row] = PRESENT
    for host, lines in left.items():
        for line in lines:
            said, _, again = line.partition(_AGAIN)
            refined[host][f"{said} ({again})" if again else said] = PRESENT


def _numbered(lines: Lines) -> Lines:
    """The lines that are not blank; one that was there before with which time it is."""
    seen: Counter[str] = Counter()
    found = []
    for line in filter(None, lines):
        seen[line] += 1
        found.append(line if seen[line] == 1 else f"{line}{_AGAIN}{seen[line]}")
    return tuple(found)


def _fine(line: str) -> _Form | None:
    """Each number of the line is a slot."""
    head = line[:MAX_SHAPED_CHARS]
    numbers = _NUMBERS.findall(head)
    if not 0 < len(numbers) <= MOST_SLOTS:
        return None
    shape = _BLANKS.sub(" ", _NUMBERS.sub(_MARK, head)) + line[MAX_SHAPED_CHARS:]
    return _Form(shape, tuple(numbers))


def _keyed(line: str) -> _Form | None:
    """What stands after `key:` or `key=` is the slot."""
    match = _KEY.match(line[:MAX_SHAPED_CHARS])
    return None if match is None else _Form(match[1].strip(_TRIMMED), (line[match.end() :],))


def _coarse(line: str) -> _Form | None:
    """All words with a digit in them, together."""
    head = line[:MAX_SHAPED_CHARS]
    shape = _TOKENS.sub(_MARK, head)
    return None if shape == head else _Form(shape, (line,))


def _by_shape(
    left: Mapping[str, Mapping[str, object]], forms: Mapping[str, _Form], varying: set[str]
) -> dict[str, dict[str, list[str]]]:
    """Shape -> host -> its lines of that shape, in order; shapes that vary only."""
    found: dict[str, dict[str, list[str]]] = {}
    for host, lines in left.items():
        for line in lines:
            form = forms.get(line)
            if form is not None and form.shape in varying:
                found.setdefault(form.shape, {}).setdefault(host, []).append(line)
    return found


def _usual_number(having: Mapping[str, Sequence[str]], common: set[str], hosts: int) -> int:
    """How many lines of a shape most hosts have, besides those that are the same everywhere; or 0.

    One line is compared with the common one; of several, those that nobody shares.
    """
    every = {len(lines) for lines in having.values()}
    if len(having) == hosts and len(every) == 1:
        return min(every) if min(every) <= MOST_ALIKE else 0
    counts = Counter(
        1 if len(lines) == 1 else sum(line not in common for line in lines)
        for lines in having.values()
    )
    number, sharing = counts.most_common(1)[0]
    return number if number <= MOST_ALIKE and sharing * 2 > hosts else 0


def _take(
    shape: str,
    each: int,
    header: Sequence[str],
    having: Mapping[str, Sequence[str]],
    left: Mapping[str, dict[str, None]],
    forms_of: Mapping[str, _Form],
    common: set[str],
    slots: dict[tuple[str, str], dict[str, str]],
    names: dict[str, int],
) -> None:
    """Move the lines of `shape` out of `left`, so many for each host, into `slots`."""
    taken: list[dict[str, _Form]] = [{} for _ in range(each)]
    for host, mine in having.items():
        own = [line for line in mine if line not in common]
        if len(mine) == each:
            own = list(mine)
        elif each == 1:
            own = [next((line for line in mine if line in common), mine[0])]
        if len(own) == each:
            for number, line in enumerate(own):
                del left[host][line]
                taken[number][host] = forms_of[line]
    for number, forms in enumerate(_aligned(taken), 1):
        columns = [
            Counter(column) for column in zip(*(f.slots for f in forms.values()), strict=True)
        ]
        fixed = [next(iter(column)) if len(column) == 1 else None for column in columns]
        labels = (_headed(shape, fixed, header) if header else ()) or _labels(shape, fixed)
        labels = tuple(_unused(label[:MAX_LABEL_CHARS], names) for label in labels)
        row = f"{shape.strip()} ({number})" if each > 1 else shape.strip()
        # What all have alike is a part of the names; one is kept, for hosts that lack the line.
        told = [n for n, text in enumerate(fixed) if text is None] or [0]
        for host, form in forms.items():
            texts = list(_with_suffixes(form))
            for place in told:
                slots.setdefault((row, labels[place]), {})[host] = texts[place]


def _header_above(
    shape: str, having: Mapping[str, Sequence[str]], places: _Places, common: set[str]
) -> Sequence[str]:
    """The words of the nearest line above that all have, of as many words, each like a name."""
    host, mine = next(iter(having.items()))
    lines, place = places.of(host, mine[0])
    words = len(shape.split())
    for line in reversed(lines[max(0, place - MOST_ROWS) : place] if words > 1 else ()):
        names = line.split(None, words)
        if line in common and len(names) == words and all(map(_COLUMN.fullmatch, names)):
            return names
    return ()


class _Places:
    """Where lines are in their hosts' outputs."""

    def __init__(self, hosts: Mapping[str, Lines]) -> None:
        self._hosts = hosts
        self._places: dict[str, dict[str, int]] = {}

    def of(self, host: str, line: str) -> tuple[Lines, int]:
        """The host's lines, and which of them `line` is."""
        lines = self._hosts[host]
        if host not in self._places:
            self._places[host] = {line: place for place, line in enumerate(lines)}
        return lines, self._places[host][line]


def _headed(shape: str, fixed: Sequence[str | None], header: Sequence[str]) -> tuple[str, ...]:
    """Names of the slots by the header's words, after the row's first word if it is one."""
    words = shape.split()
    if sum(word.count(_MARK) for word in words) != len(fixed):
        return ()
    row = "" if _MARK in words[0] else f"{words[0]} "
    return tuple(
        f"{row}{name}"
        for name, word in zip(header, words, strict=True)
        for _ in range(word.count(_MARK))
    )


def _aligned(taken: list[dict[str, _Form]]) -> list[dict[str, _Form]]:
    """The n-th line of each host side by side; in another order, by what most hosts have in them.

    Args:
        taken: for each place in order, host -> the line there.
    """
    if len(taken) < 2:
        return taken
    hosts = {host: [forms[host] for forms in taken] for host in taken[0]}
    for slot in range(min(len(form.slots) for form in taken[0].values())):
        sets = Counter(tuple(sorted(form.slots[slot] for form in own)) for own in hosts.values())
        values, sharing = sets.most_common(1)[0]
        if sharing * 2 > len(hosts) and len(set(values)) == len(values):
            ordered = {
                h: sorted(own, key=lambda form: form.slots[slot]) for h, own in hosts.items()
            }
            return [{host: own[n] for host, own in ordered.items()} for n in range(len(taken))]
    return taken


def _labels(shape: str, fixed: Sequence[str | None]) -> tuple[str, ...]:
    """A name for each slot: the words before it, or after it in lines that begin with a number.

    Args:
        shape: of the line.
        fixed: for each slot the text that all hosts have there; None where it varies.
    """
    parts = shape.split(_MARK)
    if len(fixed) == 1:
        ends = [part.strip(_TRIMMED) for part in parts if part.strip(_TRIMMED)] or ["number"]
        return (" … ".join(ends) if len(ends[0]) < SHORTEST_LABEL else ends[0],)
    begins_with_number = not parts[0].strip(_TRIMMED)
    head = " ".join(parts[0].strip(_TRIMMED).split())[:MAX_HEAD_CHARS]
    labels: list[str] = []
    before = parts[0]
    for number, text in enumerate(fixed):
        after = parts[number + 1].strip(_TRIMMED).split()[:MAX_LABEL_WORDS]
        words = [w for w in before.strip(_TRIMMED).split() if w.strip("/-")][-MAX_LABEL_WORDS:]
        label = " ".join((after or words) if begins_with_number else words)
        labels.append(label or f"{head} number {number + 1}".strip())
        before = parts[number + 1] if text is None else f"{before}{text}{parts[number + 1]}"
    return tuple(labels)


def _unused(label: str, taken: dict[str, int]) -> str:
    """`label`, with a number where it is taken."""
    name = label
    while name in taken:
        taken[label] += 1
        name = f"{label} ({taken[label]})"
    taken[name] = 1
    return name


def _with_suffixes(form: _Form) -> Iterator[str]:
    """The slots' texts, each with the unit that follows it."""
    if _MARK not in form.shape or len(form.shape.split(_MARK)) != len(form.slots) + 1:
        yield from form.slots
        return
    for text, after in zip(form.slots, form.shape.split(_MARK)[1:], strict=True):
        suffix = _SUFFIX.match(after)
        yield text + (suffix[0].strip() if suffix else "")


def _classified(values: Mapping[str, str], hosts: int) -> Mapping[str, Value]:
    """Numbers that vary as such; what hosts agree on, and what is no number, as texts."""
    trimmed = {host: text.strip().rstrip(",;") for host, text in values.items()}
    quantities = {host: parse_quantity(text) for host, text in trimmed.items()}
    units = {quantity.unit for quantity in quantities.values() if quantity is not None}
    if None in quantities.values() or len(units) != 1:
        return trimmed
    text, count = Counter(trimmed.values()).most_common(1)[0]
    usual = parse_quantity(text)
    agreed = count >= min(AGREED_SHARE * hosts, hosts - 1) and count < hosts
    if usual is not None and ((agreed and usual.value >= COUNTED_BELOW) or count == hosts):
        return trimmed
    field = Field(name="", unit=units.pop())
    return {
        host: Number(quantity.value, trimmed[host], field)
        for host, quantity in quantities.items()
        if quantity is not None
    }
