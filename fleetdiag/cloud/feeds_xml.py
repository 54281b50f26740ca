"""RSS and Atom feeds of status pages -> entries.

AWS's feeds (https://status.aws.amazon.com/rss/ec2-us-east-1.rss) have an item for every update, not
for every incident. What belongs together stands in `guid`: `…#ec2-us-east-1_1642200240` is the
service in its region and the time of this item. A title that begins with `Service is operating
normally:` speaks of the service, so it ends everything older there. Azure's feed has open incidents
only. Google's and Statuspage's name an incident once, with its last update.

A document with a DOCTYPE is refused: without one there are no entities to expand or to fetch.

Knows nothing of fetching. Whatever the document is, the outcome is a Page or a FeedError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import chain
from xml.parsers import expat

from fleetdiag.cloud.feeds_entry import DAY_S, MAX_ENTRIES, Entry, FeedError, Page
from fleetdiag.cloud.feeds_json import RESOLVED_MARK, state_of
from fleetdiag.cloud.feeds_text import (
    MAX_READ_CHARS,
    PLACE,
    REGION_AT_END,
    found,
    in_english,
    link,
    moment,
    places,
    plain,
)
from fleetdiag.model import EventState

MAX_DEPTH = 50
"""XHTML inside of an Atom entry is deep, but not so deep."""

_ROOTS = frozenset({"rss", "feed", "rdf"})
_ITEMS = frozenset({"item", "entry"})
_AWS_GUID = re.compile(r"#([\w-]{3,80})_\d{9,11}$", re.ASCII)
_NORMAL = "service is operating normally:"
_PREFIX = re.compile(
    r"^(?:service is operating normally|informational message|performance issues|"
    r"service (?:degradation|disruption|impact))\s*:\s*",
    re.IGNORECASE,
)
_OVER_FIRST = re.compile(r"^\W*(?:resolved|completed|mitigated)\s*[\])]?\s*[:|–—-]", re.IGNORECASE)  # noqa: RUF001 - dashes as pages write them
_OVER_LAST = re.compile(r"\s[:|–—-]\s*(?:resolved|completed|mitigated)\W*$", re.IGNORECASE)  # noqa: RUF001 - dashes as pages write them
_CANCELED = re.compile(r"^\W*cancell?ed\b|\[\s*cancell?ed\s*\]", re.IGNORECASE)
_MARK_FIRST = re.compile(r"^(?:resolved|completed|mitigated|update)\s*[:|]\s*", re.IGNORECASE)


@dataclass
class _Item:
    """An item as it stands in the document: what each element holds, by its name in lower case."""

    texts: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """Names of elements without a prefix: the feed's own words."""
    categories: list[str] = field(default_factory=list)

    def first(self, *names: str) -> str:
        """The first of these that is there and not empty."""
        return next((self.texts[name] for name in names if self.texts.get(name)), "")


def parse_xml(text: str, url: str) -> Page:
    """The entries of the feed; relative links are taken from `url`."""
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError:
        raise FeedError("answers with XML that is broken", try_next=True) from None
    items = [(item, _entry(item, url)) for item in reader.items]
    notes = []
    if reader.there > MAX_ENTRIES:
        notes.append(f": only the first {MAX_ENTRIES} of its {reader.there} entries were read")
    if undated := sum(_is_undated(entry) for _, entry in items):
        notes.append(f": {undated} of its entries have no date and are left out")
    return Page(tuple(_incidents(items)), tuple(notes))


def _is_undated(entry: Entry) -> bool:
    return entry.updated_at is None and entry.ended_at is None


def _refuse_doctype(name: str, *_ids: object) -> None:
    if name.lower() == "html":
        raise FeedError("answers with a web page, not with a feed", try_next=True)
    raise FeedError("answers with XML that has a DOCTYPE, which is not read")


class _Reader:
    """Gathers items while expat goes through a document."""

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self.there = 0
        self._path: list[str] = []
        self._item: _Item | None = None
        self._item_depth = 0
        self._parts: list[str] = []
        self._room_chars = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2].lower()
        if not self._path and local not in _ROOTS:
            what = "a web page" if local == "html" else f"XML of another kind ({plain(local, 40)})"
            raise FeedError(f"answers with {what}, not with a feed", try_next=True)
        self._path.append(local)
        if len(self._path) > MAX_DEPTH:
            raise FeedError("answers with XML that is nested too deep")
        if self._item is None and local in _ITEMS:
            self.there += 1
            self._item, self._item_depth = _Item(), len(self._path)
        elif self._item is not None and len(self._path) == self._item_depth + 1:
            self._parts, self._room_chars = [], MAX_READ_CHARS
            self._from_attributes(self._item, local, attributes)

    def _from_attributes(self, item: _Item, local: str, attributes: dict[str, str]) -> None:
        """Atom has links and categories there."""
        if local == "link" and attributes.get("rel", "alternate") == "alternate":
            item.texts.setdefault("link", attributes.get("href", ""))
        if local == "category" and (term := attributes.get("label") or attributes.get("term")):
            item.categories.append(term)

    def data(self, text: str) -> None:
        if self._item is not None and self._room_chars > 0:
            self._parts.append(text[: self._room_chars])
            self._room_chars -= len(text)

    def end(self, name: str) -> None:
        depth, local = len(self._path), self._path.pop()
        if self._item is None:
            return
        if depth == self._item_depth:
            if len(self.items) < MAX_ENTRIES:
                self.items.append(self._item)
            self._item = None
        elif depth == self._item_depth + 1:
            self._keep(self._item, local, "".join(self._parts).strip(), is_own=":" not in name)
            self._parts = []

    def _keep(self, item: _Item, local: str, text: str, *, is_own: bool) -> None:
        """Of several the first; before one of another vocabulary (`media:title`) the feed's own."""
        if local == "category" and text:
            item.categories.append(text)
        elif text and (not item.texts.get(local) or (is_own and local not in item.own)):
            item.texts[local] = text
            item.own |= {local} if is_own else set()


def _entry(item: _Item, url: str) -> Entry:
    raw_title = item.first("title")
    body = item.first("description", "summary", "content", "encoded")
    text = plain(in_english(body))
    published = moment(item.first("published", "pubdate", "date"))
    updated = moment(item.first("updated", "modified")) or published
    service = _aws_service(item)
    shown = _shown_title(plain(raw_title))
    return Entry(
        title=plain(f"{shown} ({service})" if service else shown) or text[:80] or "An entry",
        state=_state(plain(raw_title), body),
        text=text,
        places=places(
            chain(
                _region_of(service),
                found(PLACE, [raw_title, body]),
                item.categories[:50],
            )
        ),
        started_at=published,
        updated_at=updated,
        ended_at=moment(item.first("maintenanceenddate")),
        link=link(item.first("link"), url),
    )


def _shown_title(title: str) -> str:
    """Without what the state says already; how bad it is stays."""
    prefix = _PREFIX.match(title)
    how_bad, what = (prefix[0], title[prefix.end() :]) if prefix else ("", title)
    if how_bad.lower().startswith((_NORMAL, "informational message")):
        how_bad = ""
    return how_bad + _MARK_FIRST.sub("", RESOLVED_MARK.sub("", str(in_english(what))).strip())


def _state(title: str, body: str) -> EventState | None:
    """What the words say; None where they say nothing. In doubt it is not over."""
    if _CANCELED.search(title):
        return EventState.CANCELED
    is_over = title.lower().startswith(_NORMAL) or RESOLVED_MARK.search(f"{title} {body[:100]}")
    if is_over or _OVER_FIRST.search(title) or _OVER_LAST.search(title):
        return EventState.COMPLETED
    state = state_of(_label(body))
    return None if state is EventState.OPEN else state


def _label(body: str) -> str:
    """The newest update's word in a Statuspage body: `<strong>Resolved</strong> - We have …`.

    incident.io writes `<b>Status: Resolved</b>`.
    """
    label = re.search(r"<(?:strong|b)>([^<>]{1,40})<", body[:2000], re.IGNORECASE)
    return label[1].lower().removeprefix("status:") if label else ""


def _aws_service(item: _Item) -> str:
    match = _AWS_GUID.search(item.first("guid", "id"))
    return match[1] if match else ""


def _region_of(service: str) -> list[str]:
    match = REGION_AT_END.search(service)
    return [match[1].lower()] if match else []


def _incidents(items: list[tuple[_Item, Entry]]) -> list[Entry]:
    """One entry for each incident; only AWS's items have to be put together."""
    gathered: dict[tuple[str, str], Entry] = {}
    alone: list[Entry] = []
    normal_since: dict[str, float] = {}
    # Newest first, as they mostly stand.
    for item, entry in sorted(items, key=lambda pair: -(pair[1].updated_at or 0.0)):
        service, at = _aws_service(item), entry.updated_at
        if not service or at is None:
            alone.append(entry)
            continue
        if item.first("title").lower().startswith(_NORMAL):
            normal_since.setdefault(service, at)
        name = _PREFIX.sub("", entry.title).lower()
        newer = gathered.get((service, name))
        if newer is not None and _continues(newer, entry):
            gathered[service, name] = _joined(newer, entry)
        # Otherwise an earlier incident of the same name: over since, or forgotten.
        elif newer is None:
            is_past = at < normal_since.get(service, 0.0) and entry.state is None
            over = replace(entry, state=EventState.COMPLETED) if is_past else entry
            gathered[service, name] = over
    return [*gathered.values(), *alone]


def _continues(newer: Entry, older: Entry) -> bool:
    """Whether two items of one service and title are one incident.

    AWS posts hourly to seven-hourly in one, and incidents of a service are weeks apart.
    """
    if newer.state is None and older.state is EventState.COMPLETED:
        return False
    return (newer.started_at or 0.0) - (older.started_at or 0.0) <= DAY_S


def _joined(newer: Entry, older: Entry) -> Entry:
    return replace(
        newer, started_at=older.started_at, places=places([*newer.places, *older.places])
    )
