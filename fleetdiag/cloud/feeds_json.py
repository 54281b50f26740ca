"""Status pages that answer in JSON -> entries. Told apart by what is in them.

- Statuspage (`/api/v2/summary.json`) and what is compatible with it:
  https://confluence.status.atlassian.com/api (every page has its own copy of that text).
- AWS's current events (https://health.aws.amazon.com/public/currentevents). AWS documents no
  schema. Known from answers that others recorded (`tests/cloud/feeds/SOURCES.md`): a list, empty
  where nothing is wrong; `status` 0 resolved, 1 informational, 2 degraded, 3 disrupted; times in
  Unix seconds, as text or number; the region's code only in `arn` and at the end of `service`.
- Google Cloud's https://status.cloud.google.com/incidents.json, by its schema beside it
  (`incidents.schema.json`): without `end` it goes on.

Knows nothing of fetching. Whatever the document is, the outcome is a Page or a FeedError.
"""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from fleetdiag.cloud.feeds_entry import MAX_ENTRIES, Entry, FeedError, Page
from fleetdiag.cloud.feeds_text import (
    MAX_PLACE_CHARS,
    PLACE,
    REGION_AT_END,
    ZONE,
    found,
    in_english,
    link,
    moment,
    places,
    plain,
)
from fleetdiag.model import EventState

if TYPE_CHECKING:
    from collections.abc import Sequence

Table = dict[str, Any]

COMPLETED_WORDS = frozenset({"resolved", "completed", "postmortem"})
CANCELED_WORDS = frozenset({"canceled", "cancelled"})
RESOLVED_MARK = re.compile(r"\[\s*(?:resolved|completed)\s*\]", re.IGNORECASE)
AWS_STATUS_PAGE = "https://health.aws.amazon.com/health/status"
MAX_UPDATES = 100
"""Of one incident; places named in later ones are not found."""


def parse_json(text: str, url: str) -> Page:
    """The entries of the document; relative links are taken from `url`."""
    try:
        document = json.loads(text, parse_constant=lambda _name: None, parse_int=_whole)
    except (ValueError, RecursionError):
        raise FeedError("answers with JSON that is broken", try_next=True) from None
    if isinstance(document, list):
        return _events(document, url)
    if isinstance(document, dict):
        if isinstance(document.get("current"), list):  # AWS's older form
            return _events(document["current"], url)
        if any(isinstance(document.get(key), list) for key in _STATUSPAGE_LISTS):
            return _statuspage(document)
    raise _not_known()


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= 20 else None


def _not_known() -> FeedError:
    return FeedError(
        "answers with JSON that is neither a Statuspage summary nor AWS's or Google's events",
        try_next=True,
    )


def _tables(value: object, most: int) -> list[Table]:
    """The objects in a list; none where it is no list."""
    items = value[:most] if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _page(entries: list[Entry], there: int) -> Page:
    left_out = f": only the first {MAX_ENTRIES} of its {there} entries were read"
    return Page(tuple(entries), (left_out,) if there > MAX_ENTRIES else ())


# ------------------------------------------------------------------ lists of events: AWS, Google


def _events(items: Sequence[object], url: str) -> Page:
    """The entries of a list: an empty one says that nothing is wrong."""
    tables = _tables(items, MAX_ENTRIES)
    entries = [entry for table in tables if (entry := _event(table, url)) is not None]
    if items and not entries:
        raise _not_known()
    return _page(entries, len(items))


def _event(table: Table, url: str) -> Entry | None:
    if "summary" in table and ("event_log" in table or "service" in table):
        return _aws(table)
    if "begin" in table and ("external_desc" in table or "most_recent_update" in table):
        return _google(table, url)
    return None


def _aws(event: Table) -> Entry:
    log = _tables(event.get("event_log"), MAX_UPDATES)
    log.sort(key=lambda update: moment(update.get("timestamp")) or 0.0)
    newest = log[-1] if log else {}
    summary, messages = event["summary"], [update.get("message") for update in log]
    is_over = str(event.get("status")) == "0" or RESOLVED_MARK.search(plain(summary)) is not None
    ended_at = moment(event.get("end_time"))
    started_at = moment(event.get("date"))
    arn = plain(event.get("arn"), 500)
    service = plain(event.get("service_name"), 100)
    title = RESOLVED_MARK.sub("", plain(in_english(summary))).strip() or "An event"
    where = ", ".join(filter(None, (service, plain(event.get("region_name"), 100))))
    return Entry(
        title=plain(f"{title} ({where})" if where else title),
        state=EventState.COMPLETED if is_over else None if ended_at else EventState.OPEN,
        text=plain(in_english(newest.get("message"))),
        places=places(
            chain(
                _aws_regions(event, arn),
                found(ZONE, [summary, *messages]),
                [service],
                _aws_impacted(event, is_over=is_over),
            )
        ),
        started_at=started_at,
        updated_at=moment(newest.get("timestamp")) or ended_at or started_at,
        ended_at=ended_at,
        link=link(f"{AWS_STATUS_PAGE}?eventID={arn}") or AWS_STATUS_PAGE,
    )


def _aws_regions(event: Table, arn: str) -> list[str]:
    """Codes of the regions an event is of: `arn:aws:health:REGION::…`, `ec2-REGION`."""
    impacted = event.get("impacted_services")
    keys = [event.get("service"), *(impacted if isinstance(impacted, dict) else ())]
    named = [REGION_AT_END.search(key) for key in keys[:MAX_UPDATES] if isinstance(key, str)]
    in_arn = arn.split(":")[3:4]
    return [*filter(None, in_arn), *(match[1].lower() for match in named if match)]


def _aws_impacted(event: Table, *, is_over: bool) -> list[object]:
    """Names of the services that are still impacted, or were where it is over."""
    impacted = event.get("impacted_services")
    services = _tables(list(impacted.values()) if isinstance(impacted, dict) else [], MAX_UPDATES)
    return [
        service.get("service_name")
        for service in services
        if is_over or str(service.get("current")) != "0"
    ]


def _google(incident: Table, url: str) -> Entry:
    update = incident.get("most_recent_update")
    newest: Table = update if isinstance(update, dict) else {}
    ended_at = moment(incident.get("end"))
    here = _tables(incident.get("currently_affected_locations"), MAX_UPDATES)
    before = _tables(incident.get("previously_affected_locations"), MAX_UPDATES)
    # Of an incident that is over, all locations are previous ones.
    locations = here or before
    texts = [incident.get("external_desc"), newest.get("text")]
    products = _tables(incident.get("affected_products"), MAX_UPDATES)
    title = plain(incident.get("external_desc")) or plain(incident.get("service_name"))
    return Entry(
        title=title or "An incident",
        state=None if ended_at else EventState.OPEN,
        text=plain(newest.get("text")),
        places=places(
            chain(
                (location.get("id") or location.get("title") for location in locations),
                found(ZONE, texts),
                (product.get("title") for product in products),
            )
        ),
        started_at=moment(incident.get("begin")),
        updated_at=moment(newest.get("when")) or moment(incident.get("modified")),
        ended_at=ended_at,
        link=link(incident.get("uri"), url),
    )


# ------------------------------------------------------------------------------------ Statuspage

_STATUSPAGE_LISTS = ("incidents", "scheduled_maintenances", "components")


def _statuspage(summary: Table) -> Page:
    lists = [summary.get(key) for key in _STATUSPAGE_LISTS]
    incidents, maintenances, components = (_tables(each, MAX_ENTRIES) for each in lists)
    announced = [*incidents, *maintenances]
    entries = [_incident(incident) for incident in announced]
    named = {name for incident in announced for name in _component_names(incident)}
    entries += _unexplained(components, named)
    longest = max(len(each) for each in lists if isinstance(each, list))
    return _page(entries, longest)


def _incident(incident: Table) -> Entry:
    updates = _tables(incident.get("incident_updates"), MAX_UPDATES)
    updates.sort(key=_update_time, reverse=True)
    newest = updates[0] if updates else {}
    state = state_of(incident.get("status"))
    if state is EventState.OPEN and incident.get("resolved_at"):
        state = EventState.COMPLETED
    # One that should be over and never began was forgotten; one in progress may take longer.
    is_planned = incident.get("status") == "scheduled"
    ended_at = moment(incident.get("resolved_at") or incident.get("scheduled_until"))
    bodies = [update.get("body") for update in updates]
    return Entry(
        title=plain(incident.get("name")) or "An incident",
        state=None if is_planned and ended_at else state,
        text=plain(newest.get("body")),
        places=places(
            chain(
                _component_names(incident),
                found(PLACE, [incident.get("name"), *bodies]),
            )
        ),
        started_at=_first_time(incident, "scheduled_for", "started_at", "created_at"),
        updated_at=_first_time(incident, "updated_at", "resolved_at"),
        ended_at=ended_at if is_planned or state is not EventState.OPEN else None,
        link=link(incident.get("shortlink")),
    )


def state_of(word: object) -> EventState:
    """The state that a word of Statuspage means; open where it is not known."""
    lowered = word.strip().lower() if isinstance(word, str) else ""
    if lowered in COMPLETED_WORDS:
        return EventState.COMPLETED
    return EventState.CANCELED if lowered in CANCELED_WORDS else EventState.OPEN


def _component_names(incident: Table) -> list[str]:
    parts = _tables(incident.get("components"), MAX_ENTRIES)
    return [plain(part.get("name"), MAX_PLACE_CHARS) for part in parts]


def _update_time(update: Table) -> float:
    return moment(update.get("display_at")) or moment(update.get("created_at")) or 0.0


def _first_time(table: Table, *keys: str) -> float | None:
    return next((time for key in keys if (time := moment(table.get(key))) is not None), None)


def _unexplained(components: list[Table], named: set[str]) -> list[Entry]:
    """Components that are not well while no incident names them: an entry for each status."""
    by_status: dict[str, list[Table]] = {}
    for component in components:
        status, name = (
            plain(component.get("status"), 40),
            plain(component.get("name"), MAX_PLACE_CHARS),
        )
        # A group repeats the status of its members.
        if status in ("", "operational") or not name or name in named or component.get("group"):
            continue
        by_status.setdefault(status.replace("_", " "), []).append(component)
    return [_component_entry(status, members) for status, members in by_status.items()]


def _component_entry(status: str, components: list[Table]) -> Entry:
    names = [plain(component.get("name"), MAX_PLACE_CHARS) for component in components]
    times = [moment(component.get("updated_at")) for component in components]
    shown = names[0] if len(names) == 1 else f"{len(names)} components"
    return Entry(
        title=f"{shown}: {status}",
        state=EventState.OPEN,
        text=plain(", ".join(names)) if len(names) > 1 else "",
        places=places([*names, *found(PLACE, names)]),
        updated_at=max((time for time in times if time is not None), default=None),
    )
