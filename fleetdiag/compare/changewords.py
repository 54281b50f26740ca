"""One change of a host, or of several alike, in words. Knows nothing of steps or findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.evidence import shown_feature, shown_value
from fleetdiag.compare.features import PRESENT, WHOLE, Number, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.compare.changes import Change

SUMMARY_CHARS = 80
MAX_VALUES = 3
"""So many earlier values are named; of more only how many there were."""


def told_one(change: Change, others: Sequence[Change] = ()) -> str:
    """A change in words, with what it was and what it is.

    Args:
        change: on the first of the hosts.
        others: the same change on all of the hosts, this one included; empty for one host.
    """
    feature, was, now = cut(shown_feature(change.feature)), change.was, change.now
    if was is None:
        said = "" if now == PRESENT or now is None or isinstance(now, int) else f" = {_shown(now)}"
        return f"{feature}{said} is new since the baseline"
    if now is None:
        return f"{feature} is gone since the baseline"
    if change.feature == WHOLE:
        return "the same lines in another order"
    if isinstance(was, int) and isinstance(now, int):
        return f"{feature} {now} times, {was} in the baseline"
    if isinstance(was, Number) and isinstance(now, Number):
        verb, most = ("rose" if change.rose else "fell"), ""
        if len(others) > 1:
            change = max(others, key=_distance)
            most = ", at most"
        return f"{feature} {verb}{most} from {_shown(change.was)} to {_shown(change.now)}"
    return f"{feature} changed from {_earlier(change, others)} to {_shown(now)}"


def told_events(new: int, gone: int, total: int) -> str:
    """How many of the `total` events that changed are new, gone, or more frequent."""
    more = total - new - gone
    parts = [
        f"{new} new events since the baseline" if new else "",
        f"{gone} events are gone since the baseline" if gone else "",
        f"{more} events far more often than in the baseline" if more else "",
    ]
    return ", ".join(filter(None, parts))


def _earlier(change: Change, others: Sequence[Change]) -> str:
    """What it was: `0`, `0 or 1`, `one of 7 values`."""
    values = list(dict.fromkeys(_shown(other.was) for other in (others or (change,))))
    return " or ".join(values) if len(values) <= MAX_VALUES else f"one of {len(values)} values"


def _distance(change: Change) -> float:
    was, now = change.was, change.now
    both = isinstance(was, Number) and isinstance(now, Number)
    return abs(now.value - was.value) if both else 0.0  # type: ignore[union-attr]


def _shown(value: Value | None) -> str:
    return "nothing" if value is None else cut(shown_value(value)) or "(empty)"


def cut(text: object) -> str:
    """`text`, short enough for a summary."""
    return clip(str(text), SUMMARY_CHARS)
