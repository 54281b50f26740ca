"""Tokens of log lines that vary from host to host, and within hosts, become `<*>`.

Masks know what is always a host's own. This learns the rest from the fleet: lines of one shape that
hardly two hosts have alike (`tsc: Refined … 2899.998 MHz`) are one event, and so are the lines of
one shape that few hosts have at all (an I/O error for each sector). A line that most hosts have
alike while few have another stays as it is: that is a difference. Knows nothing of steps or
findings.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from fleetdiag.compare.pool import LinePool, Numbers, Texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

ANY = "<*>"
FEWEST_VALUES = 4
VARYING_SHARE = 1 / 3
"""So many different lines, in shares of the hosts that have one of the shape, and its value
varies."""
FIXED_SHARE = 0.9
"""A line on so many of the hosts varies with nobody, whatever the others of its shape do."""
SHAPED_CHARS = 1024
MOST_WORDS = 24
SAMPLED_LINES = 20_000
"""Words that vary on most hosts are learnt from hosts with so many rare lines."""
BATCH = 20_000
"""So many lines are searched at once."""

Hole = tuple[str, str]
"""What stands before and after a word."""

# Numbers, addresses of devices (`0000:cd:00.0`), runs of hex digits: of two to four alone (`2ca3`),
# of five and more also at the end of a word (`veth3b4c5d2`); words in which letters and digits take
# turns (`x7k2p`). Those that begin with a letter are looked for apart: that is faster.
_HEX_WORD = re.compile(
    r"[a-f](?:(?<![A-Za-z0-9].)(?=[a-f]{0,2}\d)[0-9a-f]{1,3}"
    r"|(?<![0-9a-f].)(?=[a-f]{0,16}\d)[0-9a-f]{4,64})"
    r"(?![A-Za-z0-9])"
)
_MIXED = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{0,8}+\d{1,4}[A-Za-z]{1,8}\d[A-Za-z0-9]{0,24}(?![A-Za-z0-9])"
)
_NUMBER = re.compile(
    r"\d(?:(?<=0)x[0-9a-fA-F]{1,32}|\d{0,3}:[0-9a-f]{2}(?::[0-9a-f]{2})?\.\d(?!\w)"
    r"|\d*+(?:[.,:]\d+)*+(?![a-f])|[0-9a-f]{4,64}+(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9].)[0-9a-f]{1,3}(?![A-Za-z0-9])|\d*+(?:[.,:]\d+)*+)"
)


@dataclass(frozen=True, slots=True)
class Templates:
    """What the lines of a fleet became."""

    texts: Texts = field(default_factory=list)
    """Lines by their numbers, then the templates."""
    of: array[int] = field(default_factory=lambda: array("i"))
    """Number of a line -> that of its template; -1 for none. Empty where no line has one."""

    def text(self, line: int) -> str | None:
        """The template of a line."""
        return None if not self.of or self.of[line] < 0 else self.texts[self.of[line]]

    def applied(self, lines: Numbers, counts: Numbers) -> tuple[Numbers, Numbers] | None:
        """The numbers of lines and of templates, and how often each is there; None: as it was."""
        if not self.of or max(map(self.of.__getitem__, lines), default=-1) < 0:
            return None
        kept: dict[int, int] = {}
        told: dict[int, int] = {}
        for line, count in zip(lines, counts, strict=True):
            template = self.of[line]
            if template < 0:
                kept[line] = count
            else:
                told[template] = told.get(template, 0) + count
        for template, count in told.items():
            kept[template] = kept.get(template, 0) + count
        return array("I", kept), array("I", kept.values())


def generalise(counts: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Line -> its template, for the lines that have one.

    Args:
        counts: host -> masked line -> how often; equal ones should be one object.
    """
    pool = LinePool()
    distinct = {id(lines): pool.numbers(lines) for lines in counts.values()}
    texts = pool.seal(distinct)
    found = learn(texts, [distinct[id(lines)] for lines in counts.values()])
    told = ((line, found.text(number)) for number, line in enumerate(texts))
    return {line: template for line, template in told if template is not None}


def learn(lines: Texts, hosts: Sequence[Numbers]) -> Templates:
    """The templates of the fleet's lines.

    Args:
        lines: by their numbers.
        hosts: for each host the numbers of its lines, each once; equal ones should be one object.
    """
    if len(hosts) < 2:
        return Templates()
    sharing = _sharing(hosts)
    shown_by = _shown_by(len(lines), sharing)
    if all(shown * 2 > len(hosts) for shown in shown_by if shown):
        return Templates()
    texts = lines.copy()
    forms = _by_number(texts, sharing, shown_by, len(hosts))
    by_word = _by_word(texts, _rare(hosts, sharing, shown_by, forms))
    of = array("i", [-1]) * len(lines)
    for line in range(len(lines)):
        form = forms[line]
        template = by_word.get(form, form)
        if template != line:
            of[line] = template
    return Templates(texts, of)


def _sharing(hosts: Sequence[Numbers]) -> list[tuple[Numbers, int]]:
    """Each distinct object, and how many hosts have it."""
    counts = Counter(map(id, hosts))
    distinct = {id(numbers): numbers for numbers in hosts}
    return [(numbers, counts[number]) for number, numbers in distinct.items()]


def _shown_by(lines: int, sharing: Sequence[tuple[Numbers, int]]) -> Numbers:
    """Number of a line -> how many hosts have it."""
    shown = array("I", bytes(4 * lines))
    for numbers, count in sharing:
        for number in numbers:
            shown[number] += count
    return shown


def _by_number(
    texts: Texts, sharing: Sequence[tuple[Numbers, int]], shown_by: Numbers, everyone: int
) -> array[int]:
    """Number of a line -> of its form: itself, or a shape, for lines alike but for their numbers.

    The shapes are added to `texts`.
    """
    shapes: dict[str, int] = {}
    shape_of = array("i", [-1]) * len(shown_by)
    rare: set[int] = set()
    for places in _batches(n for n, shown in enumerate(shown_by) if 0 < shown < everyone):
        lines = [texts[place] for place in places]
        for place, text, shape in zip(places, lines, _shapes(lines), strict=True):
            number = shapes.setdefault(shape, len(shapes))
            if shown_by[place] * 2 <= everyone:
                rare.add(number)
            if shape != text:
                shape_of[place] = number
    families = _families(shape_of, shown_by, rare, everyone)
    showing: Counter[int] = Counter()
    for numbers, count in sharing:
        for number in set(map(shape_of.__getitem__, numbers)) & families.keys():
            showing[number] += count
    varying = {s for s, count in showing.items() if families[s].is_varying(count, everyone)}
    added = _added(texts, {number: text for text, number in shapes.items() if number in varying})
    forms = array("i", range(len(shown_by)))
    for line, number in enumerate(shape_of):
        if number in added and shown_by[line] < FIXED_SHARE * everyone:
            forms[line] = added[number]
    return forms


def _batches(numbers: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(numbers, BATCH)):
        yield batch


@dataclass(slots=True)
class _Family:
    """Lines of one shape, of which somebody has few."""

    lines: int = 0
    varying: int = 0
    """Of those hardly anybody shares."""
    most: int = 0
    """Hosts that have the commonest."""

    def is_varying(self, count: int, everyone: int) -> bool:
        """Whether the lines that hardly anybody shares are one event; `count` hosts have some."""
        few = count * 2 <= everyone or self.varying < self.lines
        share = VARYING_SHARE * count if self.most * 2 > everyone else 0
        many = self.varying >= max(FEWEST_VALUES, share)
        return self.varying > 1 and (few or many)


def _families(
    shape_of: array[int], shown_by: Numbers, rare: set[int], everyone: int
) -> dict[int, _Family]:
    """Rare shapes that more than one line has."""
    found: defaultdict[int, _Family] = defaultdict(_Family)
    for line, shape in enumerate(shape_of):
        if shape in rare:
            family = found[shape]
            family.lines += 1
            family.varying += shown_by[line] < FIXED_SHARE * everyone
            family.most = max(family.most, shown_by[line])
    return {shape: family for shape, family in found.items() if family.lines > 1}


def _added(texts: Texts, new: Mapping[int, str]) -> dict[int, int]:
    """Key -> the number of its text in `texts`, to which it is added if it is not there."""
    keys: dict[str, list[int]] = {}
    for key, text in new.items():
        keys.setdefault(text, []).append(key)
    places: dict[str, int] = {}
    for place, text in enumerate(texts):
        if text in keys:
            places.setdefault(text, place)
    for text in keys:
        if text not in places:
            places[text] = len(texts)
            texts.append(text)
    return {key: places[text] for text, some in keys.items() for key in some}


def _rare(
    hosts: Sequence[Numbers],
    sharing: Sequence[tuple[Numbers, int]],
    shown_by: Numbers,
    forms: array[int],
) -> list[Numbers]:
    """For each host the forms of its rare lines, which are no more common together."""
    half = len(hosts) / 2
    own = {
        id(numbers): array("I", {forms[line] for line in numbers if shown_by[line] <= half})
        for numbers, _ in sharing
    }
    together: Counter[int] = Counter()
    for numbers, count in sharing:
        for form in own[id(numbers)]:
            together[form] += count
    common = {form for form, shown in together.items() if shown > half}
    left = {key: array("I", (f for f in some if f not in common)) for key, some in own.items()}
    return [left[id(numbers)] for numbers in hosts]


def _by_word(texts: Texts, hosts: Sequence[Numbers]) -> dict[int, int]:
    """Number of a form -> of its template, for those alike but for one word that varies.

    Learnt from some hosts; the templates are added to `texts`.
    """
    sample: list[Collection[str]] = []
    looked_at = 0
    for numbers in hosts:
        if len(sample) >= FEWEST_VALUES and looked_at > SAMPLED_LINES:
            break
        sample.append([texts[number] for number in numbers])
        looked_at += len(numbers)
    holes = _varying_holes(sample)
    if not holes:
        return {}
    number_of = {hole: number for number, hole in enumerate(holes)}
    found: dict[int, int] = {}
    for form in set().union(*hosts):
        told = map(number_of.get, _holes(texts[form]))
        number = next((number for number in told if number is not None), None)
        if number is not None:
            found[form] = number
    added = _added(texts, {number: ANY.join(hole) for hole, number in number_of.items()})
    return {form: added[number] for form, number in found.items()}


def _varying_holes(sample: Sequence[Collection[str]]) -> set[Hole]:
    """Where to take a word out so that many lines are the same, and were not before."""
    showing: Counter[Hole] = Counter()
    values: Counter[Hole] = Counter()
    seen: set[str] = set()
    for lines in sample:
        showing.update({hole for line in lines for hole in _holes(line)})
        for line in lines:
            if line not in seen:
                seen.add(line)
                values.update(_holes(line))
    return {
        hole
        for hole, count in showing.items()
        if values[hole] >= max(FEWEST_VALUES, VARYING_SHARE * count if count > 1 else 0)
    }


def _shapes(lines: Sequence[str]) -> list[str]:
    """Each line with its numbers as `<*>`; all in one go."""
    text = "\n".join(line[:SHAPED_CHARS] for line in lines)
    shapes = _NUMBER.sub(ANY, _HEX_WORD.sub(ANY, _MIXED.sub(ANY, text))).split("\n")
    return [shape + line[SHAPED_CHARS:] for line, shape in zip(lines, shapes, strict=True)]


def _holes(line: str) -> Iterator[Hole]:
    """`line` with each of its words taken out, as what stands before and after."""
    start = 0
    for number, word in enumerate(line[:SHAPED_CHARS].split(" ")):
        if number == MOST_WORDS:
            return
        end = start + len(word)
        if word:
            yield line[:start], line[end:]
        start = end + 1
