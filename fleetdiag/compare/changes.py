"""The features of one host in two runs -> what changed: appeared, gone, moved.

Texts change by being another. A number has moved where the move is large both in itself and beside
what it was; an event of a log is new, gone, or far more frequent. Knows nothing of hosts, steps or
findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.diff import only_in
from fleetdiag.compare.features import PRESENT, WHOLE, Cell, Feature, Features, Number, Value
from fleetdiag.compare.trouble import is_trouble
from fleetdiag.model import Mode, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOVED_SHARE = 0.5
"""A number has moved by at least this share of what it was."""
RATE_TIMES = 4.0
"""A counter's rate, and the count of an event, by at least this factor."""
FEWEST_MORE = 5
"""An event is not far more frequent for fewer than so many more."""
FLOORS: Mapping[Unit | None, float] = {
    None: 1.0,
    Unit.NONE: 1.0,
    Unit.PERCENT: 10.0,
    Unit.BYTES: 100.0 * 2**20,
    Unit.SECONDS: 1.0,
}
"""The smallest move that counts, where the field names none: two looks at one healthy host differ
by less (a load of one, ten points of a percentage, 100 MiB of memory)."""


class Change(NamedTuple):
    """One feature of one host, in the earlier run and in the later; never both None."""

    feature: Feature
    was: Value | None
    """None: it was not there."""
    now: Value | None
    """None: it is gone."""

    @property
    def rose(self) -> bool:
        """Of a number or a count: there is more of it now."""
        return _amount(self.now) > _amount(self.was)

    @property
    def is_number(self) -> bool:
        return isinstance(self.was, Number) and isinstance(self.now, Number)


def changes(mode: Mode, before: Features, after: Features) -> tuple[Change, ...]:
    """What changed from `before` to `after`: what is gone or another first, then what is new.

    A text as a whole (mode `text`) changes line by line. Linear in the number of features.
    """
    if before == after:
        return ()
    if mode is Mode.TEXT:
        return tuple(_of_text(before, after))
    wanted = _event_changed if mode is Mode.LOG else _value_changed
    rows = None
    if mode is Mode.TABLE:
        rows = _rows(before) & _rows(after)
    return tuple(
        change
        for change in _pairs(before, after)
        if wanted(change) and (rows is None or _has_row(change.feature, rows))
    )


def _pairs(before: Features, after: Features) -> Iterator[Change]:
    before, after = dict(before), dict(after)
    for feature, was in before.items():
        now = after.get(feature)
        if was != now:
            yield Change(feature, was, now)
    for feature, now in after.items():
        if feature not in before:
            yield Change(feature, None, now)


def _of_text(before: Features, after: Features) -> Iterator[Change]:
    """Lines gone, lines new; further features (the exit code) as they are."""
    was, now = (_lines(features.get(WHOLE)) for features in (before, after))
    removed, added = only_in(was, now), only_in(now, was)
    yield from (Change(line, PRESENT, None) for line in dict.fromkeys(removed) if line)
    yield from (Change(line, None, PRESENT) for line in dict.fromkeys(added) if line)
    for change in _pairs(before, after):
        if change.feature != WHOLE:
            yield change
        elif not (removed or added):
            yield Change(WHOLE, "its lines in the earlier order", "the same lines in another order")


def _lines(whole: Value | None) -> list[str]:
    return str(whole).split("\n") if whole else []


def _rows(features: Features) -> set[str]:
    return {feature.row for feature in features if isinstance(feature, Cell)}


def _has_row(feature: Feature, rows: set[str]) -> bool:
    """A cell counts only where both runs have its row: that the row is new or gone says it all."""
    return not isinstance(feature, Cell) or feature.row in rows


def _value_changed(change: Change) -> bool:
    was, now = change.was, change.now
    if isinstance(was, Number) and isinstance(now, Number):
        return _moved(was, now)
    return not any(isinstance(value, Number) and not value.field.compare for value in (was, now))


def _moved(was: Number, now: Number) -> bool:
    field = now.field
    move = now.value - was.value
    other_side = Side.LOW if move > 0 else Side.HIGH
    floor = FLOORS.get(field.unit, 1.0) if field.floor is None else field.floor
    if not field.compare or field.side is other_side or not abs(move) >= floor or move == 0:
        return False
    if field.rate is not None:
        low, high = sorted((abs(was.value), abs(now.value)))
        return high >= RATE_TIMES * low
    scale = abs(was.value)
    if field.unit is Unit.PERCENT:
        # 85 % to 97 % full leaves a fifth of what was free: far, seen from the other end.
        scale = min(scale, abs(100.0 - was.value))
    return abs(move) >= MOVED_SHARE * scale


def _event_changed(change: Change) -> bool:
    was, now = change.was, change.now
    if now is None:
        return is_trouble(str(change.feature))
    if isinstance(was, int) and isinstance(now, int):
        return now >= RATE_TIMES * was and now - was >= FEWEST_MORE
    return True


def _amount(value: Value | None) -> float:
    if isinstance(value, Number):
        return value.value
    return float(value) if isinstance(value, int) else 0.0
