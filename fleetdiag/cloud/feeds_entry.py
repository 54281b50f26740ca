"""What a status page says of one incident, before anybody asks how old that is.

Knows nothing of formats and of fetching.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetdiag.model import CloudNotice, EventState

DAY_S = 86_400.0
"""How long a notice is kept after its end, and how long an entry without a state counts as open."""
MAX_ENTRIES = 500
"""More entries than this of one feed are not read."""


class FeedError(Exception):
    """A status page gave nothing to use; its text goes on from `… status page`.

    Never leaves this package: `fetch_notices` makes a sentence of it.
    """

    def __init__(self, why: str, *, try_next: bool = False) -> None:
        super().__init__(why)
        self.try_next = try_next
        """Whether another address of the same page may do better."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident or maintenance of a page; every text is clean, one line and clipped."""

    title: str
    state: EventState | None = None
    """None: the page does not say; the end decides, or the age."""
    text: str = ""
    """The last update."""
    places: tuple[str, ...] = ()
    started_at: float | None = None
    """Unix time, like the other two."""
    updated_at: float | None = None
    ended_at: float | None = None
    """When it ended or is to end."""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page."""

    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What was left out, each going on from `… status page`."""


def notice(entry: Entry, source: str, now: float) -> CloudNotice | None:
    """The entry as a notice of `source`; None where it is over for more than a day."""
    state = entry.state or _state_by_time(entry, now)
    if state is None or (state is not EventState.OPEN and _last_heard(entry) < now - DAY_S):
        return None
    return CloudNotice(
        source=source,
        title=entry.title,
        state=state,
        text=entry.text,
        places=entry.places,
        started_at=entry.started_at,
        updated_at=entry.updated_at,
        link=entry.link,
    )


def _state_by_time(entry: Entry, now: float) -> EventState | None:
    """What the times say: over where the end has passed, open where there is news; else None."""
    if entry.ended_at is not None:
        return EventState.COMPLETED if entry.ended_at <= now else EventState.OPEN
    return EventState.OPEN if _last_heard(entry) >= now - DAY_S else None


def _last_heard(entry: Entry) -> float:
    """The latest of the entry's times; 0 where it has none."""
    times = (entry.started_at, entry.updated_at, entry.ended_at)
    return max((time for time in times if time is not None), default=0.0)
