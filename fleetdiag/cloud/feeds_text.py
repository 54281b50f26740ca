"""Values of a status page, which may be anything -> clean text, times, places and links.

Everything here is linear in what it reads, reads a bounded part of it, and raises nothing.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TEXT_CHARS = 300
MAX_PLACE_CHARS = 80
MAX_PLACES = 30
MAX_LINK_CHARS = 500
MAX_READ_CHARS = 20_000
"""Of one value; what follows is not looked at."""

_TAG_IN_LINE = re.compile(
    r"</?(?:a|b|code|em|font|i|small|span|strong|u|var)(?:\s[^<>]*)?>", re.IGNORECASE
)
_TAG = re.compile(r"<[/!?]?[a-zA-Z\[-][^<>]*>")
_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b[]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)?"
)
_MARKDOWN = re.compile(r"\*\*|(?:^|(?<=\s))#{1,6}(?=\s)")

_COMPASS = r"(?:(?:north|south)(?:east|west)?|east|west|central)"
_AWS = rf"(?:us-gov|us-iso[a-z]?|eu-iso[a-z]?|eusc-de|[a-z]{{2}})-{_COMPASS}-\d{{1,2}}"
_GOOGLE = rf"(?:us|europe|asia|australia|(?:north|south)america|africa|me)-{_COMPASS}\d{{1,2}}"
# Local zones: https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
_ZONE_NAME = rf"{_AWS}(?:[a-f]|-[a-z]{{3}}-\d[a-z])|{_GOOGLE}-[a-f]"
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html:
# letters of the region, its number, `-az` and a number; a local zone has its own part between.
_ZONE_ID = r"[a-z]{3,5}\d{1,2}-(?:[a-z]{3}\d{1,2}-)?az\d{1,2}"
ZONE = re.compile(rf"(?<![\w-])(?:{_ZONE_ID}|{_ZONE_NAME})(?!\w)", re.IGNORECASE | re.ASCII)
PLACE = re.compile(
    rf"(?<![\w-])(?:{_ZONE_ID}|{_ZONE_NAME}|{_AWS}|{_GOOGLE})(?!\w)", re.IGNORECASE | re.ASCII
)
REGION_AT_END = re.compile(rf"(?:^|-)({_AWS})$", re.IGNORECASE | re.ASCII)
"""Of `ec2-us-east-1`, as AWS names a service in a region."""


def plain(value: object, most_chars: int = MAX_TEXT_CHARS) -> str:
    """`value` as one printable line without HTML, clipped; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    text = _without_tags(value[:MAX_READ_CHARS])
    # An escaped tag is a tag that the page shows as text, or one that was escaped twice.
    text = _without_tags(html.unescape(text))
    text = _MARKDOWN.sub("", _ESCAPE_SEQUENCE.sub("", text))
    text = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
    text = " ".join(text.split())
    return text if len(text) <= most_chars else f"{text[: most_chars - 1]}…"


def _without_tags(text: str) -> str:
    return _TAG.sub(" ", _TAG_IN_LINE.sub("", text))


def in_english(value: object) -> object:
    """The last part of `日本語 | English`, as AWS writes where it writes two languages."""
    if not isinstance(value, str) or " | " not in value:
        return value
    first, _, last = value.rpartition(" | ")
    return last if last.isascii() and not first.isascii() else value


def moment(value: object) -> float | None:
    """Unix time of a number, of its text, of ISO 8601 or RFC 2822; None where it is no time.

    Numbers past 1e11 are milliseconds. Without a zone it is UTC: a guess, a few hours off at worst.
    Times before 1980 or after 2100 are none.
    """
    if isinstance(value, str):
        value = _number(value.strip()[:64])
    if isinstance(value, bool) or not isinstance(value, int | float) or not _sensible(value):
        return None
    return float(value / 1000 if value > 1e11 else value)


def _sensible(number: float) -> bool:
    return 3.2e8 < number < 4.2e9 or 3.2e11 < number < 4.2e12


def _number(text: str) -> float | None:
    if re.fullmatch(r"\d{1,16}(\.\d{1,16})?", text, re.ASCII):
        return float(text)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = read(text)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def found(pattern: re.Pattern[str], texts: Iterable[object]) -> list[str]:
    """What the pattern (`ZONE`, `PLACE`) finds in the texts, in lower case, in their order."""
    parts = (text[:MAX_READ_CHARS] for text in texts if isinstance(text, str))
    return [match[0].lower() for part in parts for match in pattern.finditer(part)]


def places(names: Iterable[object]) -> tuple[str, ...]:
    """The names, clean, each once, in their order; so many and no more."""
    clean = (plain(name, MAX_PLACE_CHARS) for name in names)
    return tuple(dict.fromkeys(name for name in clean if name))[:MAX_PLACES]


def link(value: object, base: str = "") -> str:
    """`value` as an absolute address for a browser; empty where it is none for http or https."""
    if not isinstance(value, str):
        return ""
    try:
        address = urljoin(base, value.strip()) if base else value.strip()
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        return ""
    sound = address.isascii() and address.isprintable() and " " not in address
    return address if usable and sound and len(address) <= MAX_LINK_CHARS else ""
