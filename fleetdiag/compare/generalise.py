"""Tokens of log lines that vary from host to host, and within hosts, become `<*>`.

Masks know what is always a host's own. This learns the rest from the fleet: lines of one shape that
hardly two hosts have alike (`tsc: Refined … 2899.998 MHz`) are one event, and so are the lines of
one shape that few hosts have at all (an I/O error for each sector). A line that most hosts have
alike while few have another stays as it is: that is a difference. Knows nothing of steps or
findings.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

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


def generalise(counts: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Line -> its template, for the lines that have one.

    Args:
        counts: host -> masked line -> how often; equal ones should be one object.
    """
    if len(counts) < 2:
        return {}
    shown_by = _shown_by(counts)
    if all(shown * 2 > len(counts) for shown in shown_by.values()):
        return {}
    by_number = _by_number(counts, shown_by)
    by_word = _by_word(_rare(counts, shown_by, by_number))
    templates = {line: by_word.get(form, form) for line, form in by_number.items()}
    return {**by_word, **templates}


def _rare(
    counts: Mapping[str, Mapping[str, object]], shown_by: Counter[str], forms: Mapping[str, str]
) -> list[set[str]]:
    """For each host the forms of its rare lines, which are no more common together."""
    half = len(counts) / 2
    rare = {line: forms.get(line, line) for line, shown in shown_by.items() if shown <= half}
    hosts = [{rare[line] for line in lines if line in rare} for lines in counts.values()]
    together = Counter(form for own in hosts for form in own)
    common = {form for form, shown in together.items() if shown > half}
    return [own - common for own in hosts]


def _shown_by(counts: Mapping[str, Mapping[str, object]]) -> Counter[str]:
    """How many hosts have each line."""
    sharing = Counter(map(id, counts.values()))
    distinct = {id(lines): lines for lines in counts.values()}
    shown: Counter[str] = Counter()
    for number, lines in distinct.items():
        if sharing[number] == 1:
            shown.update(lines.keys())
        else:
            shown.update(dict.fromkeys(lines, sharing[number]))
    return shown


def _by_number(
    counts: Mapping[str, Mapping[str, object]], shown_by: Counter[str]
) -> dict[str, str]:
    """Lines alike but for their numbers."""
    everyone = len(counts)
    shapes = _shapes([line for line, shown in shown_by.items() if shown < everyone])
    rare = {shape for line, shape in shapes.items() if shown_by[line] * 2 <= everyone}
    families: dict[str, list[str]] = {}
    for line, shape in shapes.items():
        if shape in rare and shape != line:
            families.setdefault(shape, []).append(line)
    wanted = {line: s for s, lines in families.items() if len(lines) > 1 for line in lines}
    showing = Counter(
        shape
        for lines in counts.values()
        for shape in {wanted[line] for line in lines if line in wanted}
    )
    found: dict[str, str] = {}
    for shape, count in showing.items():
        lines = families[shape]
        varying = [line for line in lines if shown_by[line] < FIXED_SHARE * everyone]
        few = count * 2 <= everyone or len(varying) < len(lines)
        agreed = max(shown_by[line] for line in lines) * 2 > everyone
        share = VARYING_SHARE * count if agreed else 0
        many = len(varying) >= max(FEWEST_VALUES, share)
        if len(varying) > 1 and (few or many):
            found.update(dict.fromkeys(varying, shape))
    return found


def _by_word(hosts: Sequence[Collection[str]]) -> dict[str, str]:
    """Lines alike but for one word, of which there are many; learnt from some hosts."""
    sample: list[Collection[str]] = []
    looked_at = 0
    for lines in hosts:
        if len(sample) >= FEWEST_VALUES and looked_at > SAMPLED_LINES:
            break
        sample.append(lines)
        looked_at += len(lines)
    holes = _varying_holes(sample)
    found: dict[str, str] = {}
    for line in {line for lines in hosts for line in lines} if holes else ():
        hole = next((hole for hole in _holes(line) if hole in holes), None)
        if hole is not None:
            found[line] = ANY.join(hole)
    return found


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


def _shapes(lines: Sequence[str]) -> dict[str, str]:
    """Line -> the same with its numbers as `<*>`; all in one go."""
    text = "\n".join(line[:SHAPED_CHARS] for line in lines)
    shapes = _NUMBER.sub(ANY, _HEX_WORD.sub(ANY, _MIXED.sub(ANY, text))).split("\n")
    return {line: shape + line[SHAPED_CHARS:] for line, shape in zip(lines, shapes, strict=False)}


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
