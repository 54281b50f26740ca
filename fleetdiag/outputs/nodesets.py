"""A node set before a line (`web[1-3]: …`, of `clush -bL`) -> the hosts it means. Pure."""

from __future__ import annotations

import re

MAX_HOSTS = 20_000
"""What one node set may stand for; a longer one is taken as a name."""

_PLAIN = re.compile(r"[\w.,\[\]/-]{1,4096}", re.ASCII)
_BRACKETS = re.compile(r"\[([0-9,/-]{1,4096})\]")
_SPAN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?(?:/\d{1,6})?")


def expanded(text: str) -> tuple[str, ...]:
    """The hosts of `text`; itself alone where it is no node set."""
    if ("[" not in text and "," not in text) or not _PLAIN.fullmatch(text):
        return (text,)
    count = text.count(",") + 1
    for inside in _BRACKETS.findall(text):
        count *= _count(inside)
    if not 0 < count <= MAX_HOSTS:
        return (text,)
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        return tuple(NodeSet(text, resolver=RESOLVER_NOGROUP)) or (text,)
    except NodeSetException:
        return (text,)


def _count(inside: str) -> int:
    """At most how many numbers a bracket stands for; 0 where it is none."""
    total = 0
    for part in inside.split(","):
        found = _SPAN.fullmatch(part)
        if found is None:
            return 0
        total += max(1, int(found[2] or found[1]) - int(found[1]) + 1)
    return total
