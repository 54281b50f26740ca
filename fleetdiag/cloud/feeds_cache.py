"""What was last read of a status page, kept in one small file a feed.

Only entries that may still be shown are kept, so a page's history is not. A cache that cannot be
read counts as none, and one that cannot be written is not: a full disk must not hide the provider.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from fleetdiag.cloud.feeds_entry import MAX_ENTRIES, Entry
from fleetdiag.cloud.feeds_text import link, moment, places, plain
from fleetdiag.model import EventState

FORMAT = 1
"""Another one is not read: raise it where parsers learn to read the same page differently."""
MAX_FILE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page said at a time."""

    fetched_at: float
    """Unix time of the last answer, also of one that said `not changed`."""
    entries: tuple[Entry, ...]
    url: str = ""
    """Which address answered, of those that the feed stands for."""
    etag: str = ""
    last_modified: str = ""


def load(cache_dir: Path, feed_url: str) -> Kept | None:
    """What was kept of this feed; None where there is nothing, or nothing sound."""
    path = _path(cache_dir, feed_url)
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    fetched_at, entries = moment(document.get("fetched_at")), document.get("entries")
    if document.get("feed_url") != feed_url or fetched_at is None or not isinstance(entries, list):
        return None
    read = [_entry(entry) for entry in entries[:MAX_ENTRIES] if isinstance(entry, dict)]
    texts = {name: document.get(name, "") for name in ("url", "etag", "last_modified")}
    if not all(isinstance(text, str) and text.isascii() for text in texts.values()):
        return None
    return Kept(fetched_at, tuple(read), **texts)


def save(cache_dir: Path, feed_url: str, kept: Kept) -> None:
    """Write the feed's file, whole or not at all, readable by its owner only."""
    document = {"format": FORMAT, "feed_url": feed_url, **asdict(kept)}
    with suppress(OSError):
        cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".feed-", dir=cache_dir)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file)
            Path(name).replace(_path(cache_dir, feed_url))
        except OSError:
            Path(name).unlink(missing_ok=True)


def _path(cache_dir: Path, feed_url: str) -> Path:
    """A file name that no address can choose."""
    return cache_dir / f"feed-{hashlib.sha256(feed_url.encode()).hexdigest()[:32]}.json"


def _entry(table: dict[str, Any]) -> Entry:
    """An entry as it was kept, cleaned again: the file may hold anything by now."""
    times = {f.name: moment(table.get(f.name)) for f in fields(Entry) if f.name.endswith("_at")}
    named, states = table.get("places"), [state.value for state in EventState]
    state = table.get("state")
    return Entry(
        title=plain(table.get("title")),
        state=EventState(state) if state in states else None,
        text=plain(table.get("text")),
        places=places(named if isinstance(named, list) else ()),
        link=link(table.get("link")),
        **times,
    )
