"""Status pages, without credentials: what providers say in public, as notices.

All pages are asked at once, each in a thread of its own that is left behind at the deadline.
Whatever a page answers, or does not, is a value: notices, or a sentence about why there are none.

`feeds_fetch` gets the bytes, `feeds_parse` reads them (`feeds_json`, `feeds_xml`), `feeds_cache`
keeps what was read.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fleetdiag.cloud import feeds_cache as cache
from fleetdiag.cloud.feeds_cache import Kept
from fleetdiag.cloud.feeds_entry import DAY_S, Entry, FeedError, notice
from fleetdiag.cloud.feeds_fetch import Wire, get
from fleetdiag.cloud.feeds_parse import parse
from fleetdiag.cloud.feeds_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fleetdiag.model import CloudNotice

FRESH_S = 60.0
"""A page that was read so recently is not asked again."""
_MAX_DEADLINE_S = 600.0
"""Whatever the caller says: a queue cannot wait for ever with a limit."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A status page, or a feed of one."""

    name: str
    """What its notices are called by."""
    url: str
    """Of a feed, or the root of a Statuspage."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of asking one feed."""

    kept: Kept | None
    problems: tuple[str, ...] = ()
    """Each going on from `… status page`."""


def fetch_notices(
    feeds: Sequence[Feed], deadline_s: float, cache_dir: Path | None, now: float
) -> tuple[tuple[CloudNotice, ...], tuple[str, ...]]:
    """The notices of all feeds, in their order, newest first; and problems, as sentences.

    Open ones, and those that ended or were updated within a day before `now` (Unix time). It
    returns within `deadline_s` whatever the pages do. What was read less than a minute ago is not
    asked again; what cannot be had is taken from the cache, up to a day old, and that is said.
    `cache_dir` None: no cache. Raises nothing.
    """
    ends_at = time.monotonic() + min(deadline_s, _MAX_DEADLINE_S)
    before = [cache.load(cache_dir, feed.url) if cache_dir else None for feed in feeds]
    outcomes = {
        number: _Outcome(kept)
        for number, kept in enumerate(before)
        if kept is not None and 0 <= now - kept.fetched_at < FRESH_S
    }
    stale = {n: (feed, before[n]) for n, feed in enumerate(feeds) if n not in outcomes}
    outcomes |= _ask_all(stale, ends_at, now)
    notices: list[CloudNotice] = []
    problems: list[str] = []
    for number, feed in enumerate(feeds):
        outcome = outcomes[number]
        if cache_dir and outcome.kept is not None and outcome.kept is not before[number]:
            cache.save(cache_dir, feed.url, outcome.kept)
        kept = outcome.kept or _recent(before[number], now)
        notices += _notices(feed, kept, now)
        problems += [_sentence(feed, why, outcome.kept, kept, now) for why in outcome.problems]
    return tuple(notices), tuple(problems)


def _ask_all(
    stale: dict[int, tuple[Feed, Kept | None]], ends_at: float, now: float
) -> dict[int, _Outcome]:
    """The outcome of each feed, at the deadline at the latest."""
    answers: queue.SimpleQueue[tuple[int, _Outcome]] = queue.SimpleQueue()
    wires = {number: Wire(ends_at) for number in stale}
    outcomes: dict[int, _Outcome] = {}

    def ask(number: int) -> None:
        feed, kept = stale[number]
        answers.put((number, _ask(feed, kept, wires[number], now)))

    for number in stale:
        try:
            threading.Thread(target=ask, args=(number,), name="feed", daemon=True).start()
        except RuntimeError:  # no more threads in this process or container
            outcomes[number] = _Outcome(None, ("was not asked: no thread could be started",))
    while len(outcomes) < len(stale):
        try:
            number, outcome = answers.get(timeout=max(0.0, ends_at - time.monotonic()))
        except queue.Empty:
            break
        outcomes[number] = outcome
    for number in stale.keys() - outcomes.keys():
        wires[number].cut()
        outcomes[number] = _Outcome(None, ("does not answer (timed out)",))
    return outcomes


def _ask(feed: Feed, kept: Kept | None, wire: Wire, now: float) -> _Outcome:
    """What the feed says now; the last of its addresses decides."""
    try:
        for url in _addresses(feed.url):
            try:
                return _read(url, kept, wire, now)
            except FeedError as error:
                failure = error
                if not error.try_next:
                    break
    # A page, or the library that reads it, must never end the run: it is the last line of defence.
    except Exception as error:  # noqa: BLE001
        return _Outcome(None, (f"could not be read ({type(error).__name__})",))
    return _Outcome(None, (str(failure),))


def _read(url: str, kept: Kept | None, wire: Wire, now: float) -> _Outcome:
    """What this address says; raises FeedError."""
    known = kept if kept is not None and kept.url == url else None
    answer = get(
        url,
        wire,
        etag=known.etag if known else "",
        last_modified=known.last_modified if known else "",
    )
    if answer.body is None:
        if known is None:
            raise FeedError("answers 304, though nothing was known of it", try_next=True)
        return _Outcome(replace(known, fetched_at=now))
    page = parse(answer.body, answer.content_type, answer.url)
    current = tuple(entry for entry in page.entries if notice(entry, "", now) is not None)
    return _Outcome(Kept(now, current, url, answer.etag, answer.last_modified), page.notes)


def _addresses(url: str) -> tuple[str, ...]:
    """Where to look: below the root of a page for its summary first."""
    parts = urlsplit(url)
    if parts.path in ("", "/") and not parts.query:
        return (f"{parts.scheme}://{parts.netloc}/api/v2/summary.json", url)
    return (url,)


def _recent(kept: Kept | None, now: float) -> Kept | None:
    """What was kept, where it is at most a day old (and not from the future)."""
    return kept if kept is not None and 0 <= now - kept.fetched_at <= DAY_S else None


def _notices(feed: Feed, kept: Kept | None, now: float) -> list[CloudNotice]:
    entries = sorted(kept.entries if kept else (), key=_newest_first)
    made = (notice(entry, feed.name, now) for entry in entries)
    return [each for each in made if each is not None]


def _newest_first(entry: Entry) -> float:
    return -(entry.updated_at or entry.started_at or 0.0)


def _sentence(feed: Feed, why: str, fresh: Kept | None, kept: Kept | None, now: float) -> str:
    """`AWS status page does not answer (timed out); as of 3 h ago`."""
    gap = "" if why.startswith(":") else " "
    age = f"; as of {_age(now - kept.fetched_at)} ago" if fresh is None and kept else ""
    return f"{plain(feed.name, 80)} status page{gap}{why}{age}"


def _age(age_s: float) -> str:
    for unit, length_s in (("h", 3600.0), ("min", 60.0)):
        if age_s >= length_s:
            return f"{age_s / length_s:.0f} {unit}"
    return f"{age_s:.0f} s"
