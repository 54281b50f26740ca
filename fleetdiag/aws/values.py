"""Values of AWS's answers, made safe: one line of text, times that may be none, lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE_CHARS = 200


def one_line(text: object, most: int = MAX_MESSAGE_CHARS) -> str:
    """`text` (of somebody else) without controls, in one line of at most `most` characters."""
    raw = "" if text is None else str(text)[: most * 4]
    line = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


_NO_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
"""Stands for a time that is none: one bad field must not cost the page it stands in."""


def moment(value: object) -> datetime:
    """A timestamp of an answer. For botocore, which wants a datetime of credentials too."""
    from botocore.utils import parse_timestamp

    try:
        if isinstance(value, str):
            # What EC2 sends; an order of magnitude quicker than botocore's own reader.
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        parsed = parse_timestamp(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return _NO_MOMENT
    return parsed if isinstance(parsed, datetime) else _NO_MOMENT


def unix_time(value: object) -> float | None:
    """A time of an answer as Unix time; None where there is none, or none that makes sense."""
    if not isinstance(value, datetime) or value <= _NO_MOMENT:
        return None
    try:
        return value.timestamp()
    except (OverflowError, ValueError):
        return None


def entries(mapping: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list below `key`; empty where there is none."""
    found = mapping.get(key)
    listed = found if isinstance(found, list) else []
    return [entry for entry in listed if isinstance(entry, dict)]


def inside(mapping: Mapping[str, Any], *keys: str) -> Any:
    """What stands below keys in each other; None where a step is missing."""
    found: Any = mapping
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def required(mapping: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """As `entries`; raises ValueError where the key itself is missing: half an answer."""
    if key not in mapping:
        raise ValueError(f"there is no {key} in it")
    return entries(mapping, key)
