"""Numbers as programs print them, with their units: `10m`, `1.5G`, `93%`, `3 days, 4:02`.

Knows nothing of fields or hosts. Sizes are binary (`free`, `df`, `ls`: 1K is 1,024 bytes); the
kernel's `kB` is one of 1,024 bytes, too.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from fleetdiag.model import Field, Unit

MAX_CHARS = 64
"""No number is longer."""

_NUMBER = r"([+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)"
_PLAIN = re.compile(_NUMBER)
_PERCENT = re.compile(rf"{_NUMBER} ?%")
_SIZE = re.compile(rf"{_NUMBER} ?([kKmMgGtTpPeE]?)(?:i?B|[bB]ytes?|i)?")
_SPAN = re.compile(rf"{_NUMBER} ?([a-zµ]+)")
_SPANS = re.compile(r"(?:\d+(?:\.\d+)? ?[a-zµ]+[, ]{0,2}){1,6}")
_CLOCK = re.compile(r"(?:(\d+)-|(\d+) days?,? +)?(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)")
_DAYS_AND = re.compile(r"(\d+) days?,? +(\d+) min")
_SUFFIXES = "kmgtpe"
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "usec": 1e-6,
    "usecs": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "msecs": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
    **dict.fromkeys(("month", "months"), 2_629_800.0),
    **dict.fromkeys(("y", "year", "years"), 31_557_600.0),
}


class Quantity(NamedTuple):
    """A number and what it counts."""

    value: float
    """In the unit: points, bytes, seconds."""
    unit: Unit


def parse_quantity(text: str, unit: Unit | None = None) -> Quantity | None:
    """`text` as a number; None where it is none, or none of `unit`.

    Args:
        text: `93%`, `1.5G`, `16303224 kB`, `2:03`, `1-03:04:05`, `2d4h`, `1,234`, `0.15`.
        unit: what it must be; a number without a suffix is taken as one of these, and in doubt
            (`10m`,
            `2:03`) it decides. None: what the suffix says; `10m` are minutes, `10M` mebibytes.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    found = _parsed(text, unit)
    return found if found is None or math.isfinite(found.value) else None


def _parsed(text: str, unit: Unit | None) -> Quantity | None:
    if match := _PLAIN.fullmatch(text):
        return Quantity(_float(match[1]), unit or Unit.NONE)
    if unit is None:
        readers = (_percent, _upper_size, _seconds, _size)
        return next((found for reader in readers if (found := reader(text)) is not None), None)
    if unit is Unit.NONE:
        return next((Quantity(found.value, unit) for found in (_percent(text),) if found), None)
    return {Unit.PERCENT: _percent, Unit.BYTES: _size, Unit.SECONDS: _seconds}[unit](text)


def format_quantity(value: float, unit: Unit) -> str:
    """A number in a few digits, with its unit: `93 %`, `1.5 GiB`, `12 s`, `3.2 days`."""
    if unit is Unit.PERCENT:
        return f"{value:.3g} %"
    if unit is Unit.BYTES:
        return _scaled(value, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    if unit is Unit.SECONDS:
        return _span(value)
    if 1000.0 <= abs(value) < 1e15 and value == int(value):
        return f"{int(value)}"
    return f"{value:.4g}"


def is_share(unit: Unit, field: Field) -> bool:
    """Whether a field's value is a part of another: bytes of bytes, from 0 to 1 as a rule."""
    return field.per is not None and unit in {Unit.BYTES, Unit.SECONDS}


def shown_number(value: float, unit: Unit, field: Field) -> str:
    """A field's value for people, after `per` and `rate`: a share as per cent, a rate with `/s`."""
    if is_share(unit, field):
        return format_quantity(100.0 * value, Unit.PERCENT)
    if field.rate is not None and 0.0 < abs(value) < 0.1:
        return f"{format_quantity(86_400.0 * value, unit)} a day"
    shown = format_quantity(value, unit)
    return f"{shown}/s" if field.rate else shown


def span(seconds: float | None) -> str:
    """A stretch of time for people: `45 s`, `12 min`, `5.2 h`, `3.1 days`."""
    if seconds is None or seconds < 120:
        return f"{seconds or 0:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _percent(text: str) -> Quantity | None:
    match = _PERCENT.fullmatch(text)
    return Quantity(_float(match[1]), Unit.PERCENT) if match else None


def _size(text: str) -> Quantity | None:
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    power = _SUFFIXES.find(match[2].lower()) + 1 if match[2] else 0
    return Quantity(_float(match[1]) * 1024.0**power, Unit.BYTES)


def _upper_size(text: str) -> Quantity | None:
    """A size that can be nothing else: `10M`, `16 kB`, not `10m`."""
    return _size(text) if text[-1] in "KMGTPEBi" or text.endswith(("bytes", "byte")) else None


def _seconds(text: str) -> Quantity | None:
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = match[1] or match[2], match[3], match[4], match[5]
        if hours is None and (match[2] is not None or "." not in seconds):
            # `3 days, 4:02` and `2:03` of uptime are hours and minutes.
            hours, minutes, seconds = minutes, seconds, "0"
        total = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(minutes) * 60
        return Quantity(total + float(seconds), Unit.SECONDS)
    if match := _DAYS_AND.fullmatch(text):
        return Quantity(int(match[1]) * 86_400.0 + int(match[2]) * 60.0, Unit.SECONDS)
    if match := _SPAN.fullmatch(text):
        size = _SECONDS.get(match[2])
        return None if size is None else Quantity(_float(match[1]) * size, Unit.SECONDS)
    if _SPANS.fullmatch(text):
        parts = re.findall(r"(\d+(?:\.\d+)?) ?([a-zµ]+)", text)
        if all(name in _SECONDS for _, name in parts):
            return Quantity(sum(float(n) * _SECONDS[name] for n, name in parts), Unit.SECONDS)
    return None


def _float(text: str) -> float:
    """`1,234` is a thousand and more, `0,15` a locale's decimal comma."""
    if "," in text:
        grouped = re.fullmatch(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", text)
        text = text.replace(",", "" if grouped else ".")
    return float(text)


def _scaled(value: float, base: float, names: tuple[str, ...]) -> str:
    for name in names[:-1]:
        if abs(value) < base * 0.9995:
            return f"{value:.3g} {name}" if abs(value) < 1000 else f"{value:.0f} {name}"
        value /= base
    return f"{value:.3g} {names[-1]}"


def _span(seconds: float) -> str:
    size = abs(seconds)
    if 0 < size < 0.001:
        return f"{seconds * 1e6:.3g} µs"
    if 0 < size < 1.0:
        return f"{seconds * 1e3:.3g} ms"
    for limit, length, name in ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (172_800.0, 3600.0, "h")):
        if size < limit:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds / 86_400.0:.3g} days"
