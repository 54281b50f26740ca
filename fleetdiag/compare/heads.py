"""What stands before the message in a line of a log: time, host, the kernel's own time.

Taken off, or masked, on whole texts at once, before they are split: a log of a thousand hosts is
then mostly the same few thousand lines. Never adds or removes a newline. Knows nothing of steps or
hosts.
"""

from __future__ import annotations

import re

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?"
_SINCE_BOOT = r"\[ {0,11}\d{1,10}\.\d{6}\](?:\[ {0,6}[TC]\d{1,7}\])?"
_ISO = rf"\d{{4}}([-/])\d\d\1\d\d[T ]{_CLOCK}(?: ?(?:[+-]\d\d:?\d\d|Z|UTC)(?![\w:]))?"
_CLOCK_ONLY = r"\d\d:\d\d:\d\d[.,]\d{3,9}(?![\w:])"
_SYSLOG = rf"{_MONTH} [ \d]\d {_CLOCK}"
_CTIME = rf"\[[A-Z][a-z]{{2}} {_MONTH} [ \d]\d {_CLOCK} \d{{4}}\]"
_LEVEL = r"(?:<\d{1,3}>|[a-z0-9]{1,8} {0,4}:[a-z]{1,6} {0,4}: )?"
_HOST = r"(?:[\w.-]{1,64}+ (?=[\w./()@+-]{1,48}+(?: [\w./()@+-]{1,24}+)?(?:\[\d{1,7}\])?: ))?"
_KERNEL_HOST = r"(?:[\w.-]{1,64}+ (?=kernel: |[\w./()@+-]{1,48}+\[\d{1,7}\]: ))?"

# A newline before the first line, too: then each pattern begins with a character `re` can skip to.
_HEADS = (
    re.compile(rf"\n{_LEVEL}{_SINCE_BOOT} ?{_KERNEL_HOST}"),
    re.compile(rf"\n{_LEVEL}{_CTIME} ?"),
    re.compile(rf"\n(?:<\d{{1,3}}>)?{_SYSLOG} {_HOST}"),
    re.compile(rf"\n(?:<\d{{1,3}}>)?\[?{_ISO}\]? {_HOST}"),
    re.compile(rf"\n\[?{_CLOCK_ONLY}\]? "),
)
_KERNEL_TIME = re.compile(rf"\nkernel: {_SINCE_BOOT} ?")
_PID = re.compile(r"\n([\w./()@+ -]{1,64}+)\[\d{1,7}\]:")


def without_heads(text: str) -> str:
    """`text` without what stands before each message; `name[pid]:` becomes `name:`."""
    text = f"\n{text}"
    left = text.count("\n") - text.endswith("\n")
    for head in _HEADS:
        text, count = head.subn("\n", text)
        left -= count
        if left <= 0:
            break
    if "\nkernel: [" in text:
        text = _KERNEL_TIME.sub("\nkernel: ", text)
    return (_PID.sub(r"\n\1:", text) if "]:" in text else text)[1:]


def begins_with_time(line: str) -> bool:
    """Whether `line` begins as one of a log."""
    return any(head.match(f"\n{line[:200]}") for head in _HEADS)


_TIMES = tuple(
    (re.compile(pattern), shown)
    for pattern, shown in (
        (rf"\n{_SINCE_BOOT}", "\n[<time>]"),
        (rf"\n{_SYSLOG}", "\n<time>"),
        (r"\n\d{4}([-/])\d\d\1\d\d[T ]" + _CLOCK, "\n<time>"),
    )
)
TIME_MASKS = ("dmesg-time", "syslog-time", "iso-time")
"""The masks whose work `masked_times` does, in its order."""


def masked_times(text: str, skip: frozenset[str]) -> tuple[str, frozenset[str]]:
    """`text` with the time that each line begins with masked, and the masks that changed something.

    Args:
        text: of lines.
        skip: names of masks not to apply.
    """
    text, hits = f"\n{text}", set()
    for name, (pattern, shown) in zip(TIME_MASKS, _TIMES, strict=True):
        if name not in skip:
            text, count = pattern.subn(shown, text)
            hits |= {name} if count else set()
    return text[1:], frozenset(hits)
