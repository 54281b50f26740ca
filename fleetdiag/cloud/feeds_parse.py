"""The bytes a status page answered with -> its entries, whatever format they are in.

Knows nothing of fetching: told apart by content, since names and content types lie.
"""

from __future__ import annotations

import codecs
import re

from fleetdiag.cloud.feeds_entry import FeedError, Page
from fleetdiag.cloud.feeds_json import parse_json
from fleetdiag.cloud.feeds_xml import parse_xml

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_CHARSETS = frozenset({"utf-8", "iso-8859-1", "us-ascii", "windows-1252", "ascii"})
"""Read where a page names them; of others too much is guessed."""


def parse(body: bytes, content_type: str, url: str) -> Page:
    """The entries of what `url` answered; raises FeedError where they are none."""
    text = decoded(body, content_type).lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        return parse_json(text, url)
    if re.match(r"<(!doctype\s+)?html\b", text[:100], re.IGNORECASE):
        raise FeedError("answers with a web page, not with a feed", try_next=True)
    if text.startswith("<"):
        return parse_xml(text, url)
    what = "nothing" if not text else "something that is neither JSON nor a feed"
    raise FeedError(f"answers with {what}", try_next=True)


def decoded(body: bytes, content_type: str) -> str:
    """The text of `body`; what is not of its charset becomes `\ufffd`."""
    for mark, charset in _BYTE_ORDER_MARKS.items():
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace")
    # JSON begins with two ASCII characters: https://www.rfc-editor.org/rfc/rfc4627#section-3
    if body[:1] == b"\0" != body[1:2]:
        return body.decode("utf-16-be", "replace")
    if body[1:2] == b"\0" != body[:1]:
        return body.decode("utf-16-le", "replace")
    in_header = re.search(r"charset=[\"']?([\w-]{1,20})", content_type, re.ASCII)
    in_document = re.match(rb"<\?xml[^>]{0,80}encoding=[\"']([\w-]{1,20})", body[:200], re.ASCII)
    named = in_header[1] if in_header else in_document[1].decode() if in_document else "utf-8"
    charset = named.lower() if named.lower() in _CHARSETS else "utf-8"
    return body.decode(charset, "replace")
