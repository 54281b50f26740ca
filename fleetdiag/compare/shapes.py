"""A second look at texts and lines that have no majority, or that nobody has a reader for.

Lines that are the same but for their numbers (`Serial: 81-A3`, `Writing: 9 Waiting: 215`) are
matched up by their shape, and each number becomes a value of its own: one that hosts agree on is
compared as a text, one that they do not is measured (`contrast.py`). Knows nothing of steps or
masks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.contrast import Contrast, contrast
from fleetdiag.compare.features import PRESENT, WHOLE, Number, Slot
from fleetdiag.compare.lineshape import coarse, fine, headed, is_header, keyed, labels, with_units
from fleetdiag.compare.units import parse_quantity
from fleetdiag.model import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleetdiag.compare.features import Feature, Features, Lines, Value
    from fleetdiag.compare.lineshape import Shaped

MOST_ROWS = 200
"""So far above a row is its header looked for."""
FEWEST_OWN = 3
OWN_SHARE = 1 / 3
"""So many different texts at one place, in shares of the hosts, and each has its own."""
AGREED_SHARE = 0.8
"""A number that so many hosts have alike is a setting: any other is odd."""
COUNTED_BELOW = 10.0
"""A smaller one is a count: 0 errors here and 1 there."""
MAX_LABEL_CHARS = 60
MOST_ALIKE = 20
"""Lines of one shape that nobody shares are matched up by their order, if there are no more."""
_AGAIN = "\x1f"
"""Between a line and which time it is there; cleaned lines have no such character."""


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
    refiner = _Refiner({host: _numbered(lines) for host, lines in hosts.items()})
    for form_of in (fine, keyed, coarse):
        refiner.take_shapes(form_of)
    return refiner.features()


class _Refiner:
    """Takes lines of one shape, one for each host, out of the hosts' lines, until none is left."""

    def __init__(self, hosts: Mapping[str, Lines]) -> None:
        self._hosts = hosts
        self._shown_by = Counter(line for lines in hosts.values() for line in lines)
        half = len(hosts) / 2
        self._common = {line for line, count in self._shown_by.items() if count > half}
        self._left = {host: dict.fromkeys(lines) for host, lines in hosts.items()}
        self._slots: dict[tuple[str, str], dict[str, str]] = {}
        """Row and column -> host -> text."""
        self._names: dict[str, int] = {}
        self._places: dict[str, dict[str, int]] = {}

    def take_shapes(self, form_of: Callable[[str], Shaped | None]) -> None:
        """Take the lines whose shapes vary and most hosts have, seen in this way."""
        forms = {
            line: form
            for line in self._shown_by
            if (form := form_of(line.partition(_AGAIN)[0])) is not None
        }
        varying = {form.shape for line, form in forms.items() if line not in self._common}
        by_shape: dict[str, dict[str, list[str]]] = {}
        for host, lines in self._left.items():
            for line in lines:
                form = forms.get(line)
                if form is not None and form.shape in varying:
                    by_shape.setdefault(form.shape, {}).setdefault(host, []).append(line)
        for shape, having in by_shape.items():
            each = _usual_number(having, self._common, len(self._hosts))
            if each:
                header = self._header_above(shape, having)
                for number, taken in enumerate(self._take(each, having, forms), 1):
                    row = f"{shape.strip()} ({number})" if each > 1 else shape.strip()
                    self._keep(row, shape, header, taken)

    def features(self) -> dict[str, Features]:
        """What was taken as slots, and the lines that are left as they are."""
        refined: dict[str, dict[Feature, Value]] = {host: {} for host in self._hosts}
        for (row, column), values in self._slots.items():
            for host, value in _classified(values, len(self._hosts)).items():
                refined[host][Slot(row, column)] = value
        self._tell_missing(refined)
        for host, lines in self._left.items():
            for line in lines:
                said, _, again = line.partition(_AGAIN)
                refined[host][f"{said} ({again})" if again else said] = PRESENT
        return dict(refined.items())

    def _take(
        self, each: int, having: Mapping[str, Sequence[str]], forms: Mapping[str, Shaped]
    ) -> list[dict[str, Shaped]]:
        """So many lines of each host, taken out: for each place in order, host -> its line."""
        taken: list[dict[str, Shaped]] = [{} for _ in range(each)]
        for host, mine in having.items():
            own = [line for line in mine if line not in self._common]
            if len(mine) == each:
                own = list(mine)
            elif each == 1:
                own = [next((line for line in mine if line in self._common), mine[0])]
            if len(own) == each:
                for number, line in enumerate(own):
                    del self._left[host][line]
                    taken[number][host] = forms[line]
        return _aligned(taken)

    def _keep(
        self, row: str, shape: str, header: Sequence[str], taken: Mapping[str, Shaped]
    ) -> None:
        """The slots of one line that each of these hosts has."""
        columns = zip(*(form.slots for form in taken.values()), strict=True)
        texts = [set(column) for column in columns]
        fixed = [next(iter(column)) if len(column) == 1 else None for column in texts]
        names = (headed(shape, fixed, header) if header else ()) or labels(shape, fixed)
        own = [self._unused(name[:MAX_LABEL_CHARS]) for name in names]
        # What all have alike is a part of the names; one is kept, for hosts that lack the line.
        told = [place for place, text in enumerate(fixed) if text is None] or [0]
        for host, form in taken.items():
            said = with_units(form)
            for place in told:
                self._slots.setdefault((row, own[place]), {})[host] = said[place]

    def _unused(self, name: str) -> str:
        """`name`, with a number where it is taken."""
        found = name
        while found in self._names:
            self._names[name] += 1
            found = f"{name} ({self._names[name]})"
        self._names[found] = 1
        return found

    def _header_above(self, shape: str, having: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """The words of the nearest line above that most have, as many, each like a name."""
        host, mine = next(iter(having.items()))
        lines = self._hosts[host]
        if host not in self._places:
            self._places[host] = {line: place for place, line in enumerate(lines)}
        place = self._places[host][mine[0]]
        words = len(shape.split())
        for line in reversed(lines[max(0, place - MOST_ROWS) : place] if words > 1 else ()):
            names = line.split(None, words)
            if line in self._common and len(names) == words and is_header(names):
                return names
        return ()

    def _tell_missing(self, refined: Mapping[str, dict[Feature, Value]]) -> None:
        """Which hosts lack a line that others have one of.

        A host with a line of its own in its place does not lack it: that line says it better.
        """
        having: dict[str, set[str]] = {}
        for (row, _), values in self._slots.items():
            having.setdefault(row, set()).update(values)
        own = {
            host: sum(line not in self._common for line in lines)
            for host, lines in self._left.items()
        }
        for row, hosts in having.items():
            for host, found in refined.items():
                if host in hosts or own[host] > 0:
                    own[host] -= host not in hosts
                    found[row] = PRESENT


def _numbered(lines: Lines) -> Lines:
    """The lines that are not blank; one that was there before with which time it is."""
    seen: Counter[str] = Counter()
    found = []
    for line in filter(None, lines):
        seen[line] += 1
        found.append(line if seen[line] == 1 else f"{line}{_AGAIN}{seen[line]}")
    return tuple(found)


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


def _aligned(taken: list[dict[str, Shaped]]) -> list[dict[str, Shaped]]:
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
