"""The few lines that show in what hosts differ."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.diff import only_in, unified_diff
from fleetdiag.compare.features import Number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetdiag.compare.features import Feature, Lines, Value

MAX_PAIRS = 4
EVIDENCE_LINES = 5
LEAD_CHARS = 30
"""How much is kept before the first difference in a long pair of lines."""
HEAD_CHARS = 20
"""And of the beginning, which says what the line is about."""
LONG_CHARS = 100


def differing_lines(
    common: Lines, other: Lines, raw: Mapping[str, str] = MappingProxyType({})
) -> Lines:
    """`- what most hosts say`, `+ what this one says`: paired, at most a few.

    Args:
        common: what most hosts say.
        other: what this one says.
        raw: of its lines what masks hid, for those that stand in nobody's place.
    """
    removed, added = only_in(common, other), only_in(other, common)
    if not removed and not added:
        moved = [line for line in unified_diff(common, other) if line[:1] in {"-", "+"}]
        pairs = (f"{line[0]} {line[1:]}" for line in moved[:MAX_PAIRS])
        return ("the same lines in another order", *pairs)
    shown: list[str] = []
    found = _pairs(removed, added)
    for minus, plus in found[:MAX_PAIRS]:
        shown += _signed(minus, plus if minus else raw.get(plus, plus))
    more = len(found) - MAX_PAIRS
    return (*shown, f"… {more} more") if more > 0 else tuple(shown)


def shown_feature(feature: Feature) -> str:
    """A feature's name for people: a table's cell as `row column`."""
    return str(feature)


def shown_value(value: Value) -> str:
    """A value for people: a number as the host printed it."""
    return value.text if isinstance(value, Number) else str(value)


def _pairs(removed: Sequence[str], added: Sequence[str]) -> list[tuple[str, str]]:
    """A line gone with the line that took its place, by their first words; else alone."""
    by_word: dict[str, list[str]] = {}
    for line in reversed(removed):
        by_word.setdefault(_first_word(line), []).append(line)
    partners: dict[int, str] = {}
    for number, line in enumerate(added):
        if candidates := by_word.get(_first_word(line)):
            partners[number] = candidates.pop()
    left = [line for lines in by_word.values() for line in lines]
    if len(removed) == len(added) == 1 and not partners:
        return [(removed[0], added[0])]
    paired = [(partners[number], added[number]) for number in partners]
    news = [("", line) for number, line in enumerate(added) if number not in partners]
    gone_order = {line: number for number, line in reversed(list(enumerate(removed)))}
    gone = [(line, "") for line in sorted(left, key=gone_order.__getitem__)]
    return [pair for pair in (*paired, *news, *gone) if any(text.strip() for text in pair)]


def _first_word(line: str) -> str:
    words = line.replace("=", " ").replace(":", " ").split(maxsplit=1)
    return words[0] if words else ""


def _signed(minus: str, plus: str) -> list[str]:
    if minus and plus and max(len(minus), len(plus)) > LONG_CHARS:
        minus, plus = _from_first_difference(minus, plus)
    lines = [f"- {clip(minus)}"] if minus else []
    return [*lines, f"+ {clip(plus)}"] if plus else lines


def _from_first_difference(left: str, right: str) -> tuple[str, str]:
    """Both without most of what they begin with in common, so that the difference is seen."""
    pairs = enumerate(zip(left, right, strict=False))
    shortest = min(len(left), len(right))
    start = next((number for number, (a, b) in pairs if a != b), shortest)
    cut = max(0, start - LEAD_CHARS)
    if cut <= HEAD_CHARS:
        return left, right
    head = left[:HEAD_CHARS]
    return f"{head}…{left[cut:]}", f"{head}…{right[cut:]}"


def whose(hosts: Sequence[str]) -> str:
    """`web-01`, `web-01 and 9 more`: whose a line is that others have too."""
    return hosts[0] if len(hosts) == 1 else f"{hosts[0]} and {len(hosts) - 1} more"


def more_line(number: int, what: str) -> Lines:
    """`… 3 more hosts` as a line; none for none."""
    return (f"… {number} {what}",) if number > 0 else ()
