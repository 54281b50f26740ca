"""Masks: what differs on every healthy host is replaced by its kind (`<time>`, `<pid>`, …).

A named, ordered list, so that a report can say which masks changed something and a playbook can
take one away (`unmask`) or add patterns of its own (`mask`). Knows nothing of hosts; the host's
own names are in `own.py`.

Every pattern is linear on any input: quantifiers are bounded or possessive, and a lookbehind stops
a new attempt inside the same word. No pattern can match a newline, so lines are masked in batches.
What is deliberately kept: time zones, dates without a time, loopback and wildcard addresses,
netmasks, hex constants of up to four digits, checksums before a file name. They tell hosts apart.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleetdiag.model import Compare

SELF = "self"
"""The name under which the host's own names are masked, for `unmask` and for the report."""

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?<!\w...)"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?<!\w...)"
_DAY = r"(?: \d|\d{1,2})"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?![\d:])"
_UNIT = r"(?:[nuµm]s|[mu]sec|s|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?)(?![\w/])"
_AMOUNT = rf"\d{{1,9}}(?:\.\d{{1,9}})? ?{_UNIT}"
_HEX = r"[0-9a-fA-F]"
# What a Unix time stands after; each alternative of a lookbehind has a width of its own.
_AFTER_TIME = "|".join(
    ("(?<=[@(].)", *(f"(?<={word}{sign}.)" for word in
     ("time", "Time", "epoch", "stamp", "since", "date", "pires", "_ts", "_at", "mtime")
     for sign in ("=", ": ", ":", "\": ", "\":")))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mask:
    """One named pattern and what is put in its place."""

    name: str
    """Several masks may share a name: they are switched off together."""
    about: str
    """What it hides, for the documentation and `-v`."""
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    stays: bool = False
    """Of a kind that does not change by itself: where most hosts have the same, that is kept."""
    sign: str = ""
    """A text that is in whatever the pattern matches: lines without it are passed over."""
    early: bool = False
    """Cheap, and another on every line (`sshd[812]`): applied before lines are looked up."""


def _ipv4(match: re.Match[str]) -> str:
    """`<ip>` for an address; a netmask, loopback, 0.0.0.0 or no address as it was."""
    address = match[0]
    if address.startswith(("127.", "255.", "0.0.0.0")):  # noqa: S104 - text, nothing listens
        return address
    return "<ip>" if _is_address(socket.AF_INET, address) else address


def _ipv6(match: re.Match[str]) -> str:
    """`<ip>` for an address; `::`, `::1` or no address (`a:b:c`) as it was."""
    address = match[1]
    kept = address in {"::", "::1"} or not _is_address(socket.AF_INET6, address)
    return match[0] if kept else "<ip>"


def _is_address(family: socket.AddressFamily, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except OSError:
        return False
    return True


# A lookbehind stands after the first character, not before it: only then does `re` skip at once to
# places where the pattern can begin, which is five times faster.
MASKS: tuple[Mask, ...] = (
    Mask(
        "dmesg-time",
        "seconds since boot in kernel logs, with the caller's id: [   12.345678]",
        re.compile(r"\[ {0,11}\d{1,10}\.\d{6}\](?:\[ {0,6}[TC]\d{1,7}\])?"),
        "[<time>]",
        sign="[",
    ),
    Mask(
        "iso-time",
        "ISO date with a time: 2026-11-22T03:04:05.678 (the zone is kept)",
        re.compile(rf"\d(?<![\w.].)\d{{3}}([-/])\d\d\1\d\d[T _]{_CLOCK}"),
        "<time>",
        sign=":",
    ),
    Mask(
        "date",
        "the output of `date` and `dmesg -T`: Sun Nov 22 03:04:05 UTC 2026 (the zone is kept)",
        re.compile(
            rf"{_WEEKDAY}(?: <time>|,? (?:{_MONTH} {_DAY}|{_DAY} {_MONTH}(?: \d{{4}})?) {_CLOCK}"
            r"(?: [AP]M)?( [A-Z]{2,5}| [+-]\d{4})?(?: \d{4})?(?!\d))"
        ),
        r"<time>\1",
        sign=":",
    ),
    Mask(
        "syslog-time",
        "syslog's time: Nov 22 03:04:05",
        re.compile(rf"{_MONTH} {_DAY} {_CLOCK}"),
        "<time>",
        sign=":",
    ),
    Mask(
        "uuid",
        "uuids",
        re.compile(rf"{_HEX}(?<!\w.){_HEX}{{7}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?!\w)"),
        "<uuid>",
        sign="-",
    ),
    Mask(
        "mac",
        "hardware addresses of 6 bytes and more: 52:54:00:12:34:56",
        re.compile(rf"{_HEX}(?<![\w:-].){_HEX}:(?:{_HEX}{{2}}:){{4,18}}{_HEX}{{2}}(?![\w:])"),
        "<mac>",
        stays=True,
        sign=":",
    ),
    Mask(
        "mac",
        "the same written with dashes: 52-54-00-12-34-56",
        re.compile(rf"{_HEX}(?<![\w:-].){_HEX}-(?:{_HEX}{{2}}-){{4,18}}{_HEX}{{2}}(?![\w:])"),
        "<mac>",
        stays=True,
        sign="-",
    ),
    Mask(
        "ipv6",
        "IPv6 addresses, but :: and ::1",
        re.compile(
            rf"([0-9a-fA-F:](?<![\w:.].)(?=(?<=:):|{_HEX}{{0,3}}:{_HEX}{{0,4}}:)[0-9a-fA-F:]{{1,38}}+)"
            r"(?:%[\w-]{1,15})?+(?![\w:]|\.\d)"
        ),
        _ipv6,
        stays=True,
        sign=":",
    ),
    Mask(
        "ipv4",
        "IPv4 addresses, but 0.0.0.0, 127.x and netmasks",
        re.compile(r"\d(?<![\w.-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"),
        _ipv4,
        stays=True,
        sign=".",
    ),
    Mask(
        "clock",
        "a time of day or a duration with seconds: 03:04:05, 1-03:04:05",
        re.compile(r"\d(?<![\w:.].)(?:\d{0,2}-\d{1,2}|\d)?:\d\d:\d\d(?:[.,]\d{1,9})?(?![\w:])"),
        "<time>",
        sign=":",
    ),
    Mask(
        "uptime",
        "how long a host is up, as `uptime` and `top` say it: up 3 days,  4:02",
        re.compile(
            r"up(?<!\w..) {1,4}(?:\d{1,6} days?, {1,4})?"
            r"(?:\d{1,2}:\d\d|\d{1,2} min|\d{1,6} days?)(?!\w)"
        ),
        "up <duration>",
        sign="up",
    ),
    Mask(
        "duration",
        "durations with a unit: 0.123 ms, 1min 30s, 2d4h; not settings such as timeout=30s",
        re.compile(
            r"\d(?:(?<![\w.=/-].)|(?<=time=.))"
            rf"(?:\d{{0,8}}(?:\.\d{{1,9}})? ?{_UNIT}(?:,? {_AMOUNT}){{0,5}}"
            r"|\d{0,5}[dhms](?:\d{1,6}[dhms]){1,4}(?!\w))"
        ),
        "<duration>",
    ),
    Mask(
        "pid",
        "process ids after a name: sshd[812]",
        re.compile(r"\[(?<=[\w)@.+-].)\d{1,7}\](?=[:,) \t\n]|\Z)"),
        "[<pid>]",
        early=True,
    ),
    Mask(
        "pid",
        "process ids after a word: pid 812, PID: 812, process 812",
        re.compile(
            r"([PpTt](?<![A-Za-z].)(?:PID|pid|Pid|ID|id|gid|rocess)(?:[=:][ \t]?| ))"
            r"\d{1,7}(?![\w.])"
        ),
        r"\1<pid>",
    ),
    Mask(
        "pid",
        "process ids of hung tasks: task kworker/0:1:812 blocked",
        re.compile(r"(task (?<!\w.....)[\w/:.-]{1,64}):\d{1,7}(?= )"),
        r"\1:<pid>",
    ),
    Mask(
        "hex",
        "0x and more than four digits",
        re.compile(rf"0x(?<!\w..){_HEX}{{5,}}+"),
        "<hex>",
        stays=True,
    ),
    Mask(
        "hex",
        "12 and more hex digits; not a checksum before a file name",
        re.compile(
            rf"{_HEX}(?<![\w.+~].)(?<!\) = .)(?:{_HEX}{{15}}(?!\w)"
            rf"|(?=(?<=\d){_HEX}{{0,64}}[a-fA-F]|(?<=[a-fA-F])[a-fA-F]{{0,64}}\d){_HEX}{{11,}}+)"
            r"(?!\w| [ *][^ \n])"
        ),
        "<hex>",
        stays=True,
    ),
    Mask(
        "epoch",
        "Unix times in context: audit(1795316645.123:45), @1795316645, time=1795316645",
        re.compile(
            rf"1(?:{_AFTER_TIME})[4-9]\d{{8}}(?:\.\d{{1,9}})?(?::\d{{1,9}}(?=\)))?(?![\w.-])"
        ),
        "<time>",
    ),
    Mask(
        "port",
        "ports the system hands out (32768 and up) after an address or `port`, and a client's",
        re.compile(
            r"([:t=](?:(?<=<ip>:)|(?<=<self>:)|(?<=\]:)|(?<=port)[ =]|(?<=port=)))"
            r"(?:3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|6[0-5]\d{3}"
            r"|(?<=<ip> port )\d{4,5})(?![\w.])"
        ),
        r"\1<port>",
        stays=True,
    ),
    Mask(
        "inode",
        "inode numbers: inode 1234, ino=1234, Inode: 1234, inode #1234",
        re.compile(r"([Ii]no(?<!\w...)(?:de)?(?:=|: ?| #?|#))\d{2,20}(?![\w.])"),
        r"\1<inode>",
        sign="no",
    ),
    Mask(
        "device",
        "device numbers: dev 253:0, Device: fd00h/64768d, USB device number 4",
        re.compile(
            r"([Dd]ev(?<!\w...)(?:ice)?(?:=|: ?| (?:number )?))"
            r"(?:\d{1,4}:\d{1,8}|[0-9a-f]{2,8}h/\d{1,9}d|(?<=number )\d{1,5})(?![\w:])"
        ),
        r"\1<device>",
        sign="ev",
    ),
)

STAYING: frozenset[str] = frozenset(mask.name for mask in MASKS if mask.stays)

MASK_NAMES: tuple[str, ...] = (SELF, *dict.fromkeys(mask.name for mask in MASKS))
"""What `unmask` may name, in the order the masks are applied."""

MASKED = "<masked>"
"""What a playbook's own patterns put in place. A line or row that is nothing else is not
compared."""
_CUSTOM_LINE_CHARS = 8192
"""A playbook's own patterns see this much of a line: they may not be linear. They come before all
shipped masks but that of the time a line begins with."""
_SPACES = re.compile(r" {2,}")
MOST_KNOWN = 50_000
"""So many lines are remembered; then it begins anew: hosts that share their lines have fewer."""


class LineMasker:
    """Masks the lines of one step over the fleet, each distinct line once."""

    def __init__(self, options: Compare) -> None:
        self._masks = tuple(mask for mask in MASKS if mask.name not in options.unmask)
        self._early = tuple(mask for mask in self._masks if mask.early)
        self._custom = tuple(re.compile(pattern) for pattern in options.mask)
        self._known: dict[str, str] = {}
        self._masked: dict[str, str] = {}
        self._hits: set[str] = set()

    @property
    def hits(self) -> tuple[str, ...]:
        """Names of the masks that changed something so far, in the order of `MASKS`.

        A playbook's own come first, as `/pattern/`.
        """
        custom = [_custom_name(pattern) for pattern in self._custom]
        return tuple(name for name in dict.fromkeys((*custom, *MASK_NAMES)) if name in self._hits)

    def mask(self, lines: Sequence[str]) -> list[str]:
        """Each of `lines` masked; those seen before come from memory."""
        if len(self._masked) > MOST_KNOWN or len(self._known) > MOST_KNOWN:
            self._masked.clear()
            self._known.clear()
        if self._custom:
            lines = [self._customised(line) for line in lines]
        text = "\n".join(lines)
        if not text:
            return list(lines)
        lines = self._apply_early(text).split("\n")
        unseen = [line for line in dict.fromkeys(lines) if line not in self._masked]
        if unseen:
            self._masked.update(zip(unseen, self._mask_batch(unseen), strict=True))
        return [self._masked[line] for line in lines]

    def _mask_batch(self, lines: Sequence[str]) -> list[str]:
        masked = list(lines)
        for mask in self._masks:
            places = [n for n, line in enumerate(masked) if mask.sign in line]
            before = "\n".join([masked[place] for place in places])
            after = mask.pattern.sub(mask.replacement, before)
            if after != before:
                self._hits.add(mask.name)
                for place, line in zip(places, after.split("\n"), strict=True):
                    masked[place] = line
        # Columns are padded by the width of what was masked: `  812 sshd` against `12345 sshd`.
        return [
            line if line == before else _SPACES.sub(" ", line)
            for line, before in zip(masked, lines, strict=True)
        ]

    def _apply_early(self, text: str) -> str:
        for mask in self._early:
            masked = mask.pattern.sub(mask.replacement, text)
            if masked != text:
                self._hits.add(mask.name)
                text = masked
        return text

    def _customised(self, line: str) -> str:
        known = self._known.get(line)
        if known is None:
            known = self._known[line] = self._apply_custom(line)
        return known

    def _apply_custom(self, line: str) -> str:
        for pattern in self._custom:
            head, rest = line[:_CUSTOM_LINE_CHARS], line[_CUSTOM_LINE_CHARS:]
            masked = pattern.sub(MASKED, head)
            if masked != head:
                self._hits.add(_custom_name(pattern))
                line = masked + rest
        return line


def _custom_name(pattern: re.Pattern[str]) -> str:
    return f"/{pattern.pattern}/"
