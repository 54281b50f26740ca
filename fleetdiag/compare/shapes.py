"""A second look at texts and lines that have no majority.

Where every host has the same line with another value (`Serial: 81-A3` here, `Serial: 17-QX` there),
such lines are matched up by their shape (the text before `:` or `=`, or the line with its numbers
taken out), and the value becomes one that can be compared, or be seen to vary. Knows nothing of
steps or masks.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from fleetdiag.compare.contrast import Contrast, contrast
from fleetdiag.compare.features import PRESENT, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.features import Feature, Features, Value

_KEY = re.compile(r"\s*+([^\d:=\s](?:[^:=\s]| (?! )){0,60})\s{0,8}[:=]\s?(?=\S)")
_NUMBERED = re.compile(r"[^\s\d]*+\d\S*+")
_MARK = "#"
MAX_SHAPED_CHARS = 2048


def settle_text(features: Mapping[str, Features], found: Contrast) -> Contrast:
    """The contrast of whole texts without a majority (`found`), or of their lines.

    The lines count where most hosts have most of theirs in common and none is left without a
    majority.
    """
    lines: dict[str, Features] = {
        host: dict.fromkeys(filter(None, str(values.get(WHOLE, "")).split("\n")), PRESENT)
        for host, values in features.items()
    }
    finer = _contrast_alike(refined_lines(lines)) if len(features) > 2 else None
    return found if finer is None or finer.splits else finer


def settle_lines(features: Mapping[str, Features], found: Contrast) -> Contrast:
    """The contrast of lines some of which have no majority (`found`), by their shapes.

    Where shapes do not settle it either, hosts are compared by the whole set of their lines.
    """
    finer = _contrast_alike(refined_lines(features)) if len(features) > 2 else None
    if finer is not None and all(is_shape(split.feature) for split in finer.splits):
        return finer
    whole: dict[str, Features] = {
        host: {WHOLE: "\n".join(sorted(map(str, lines)))} for host, lines in features.items()
    }
    by_set = contrast(whole)
    return by_set if by_set.splits else found


def is_shape(feature: Feature) -> bool:
    """Whether `feature` is a line's shape with its numbers taken out."""
    return isinstance(feature, str) and _MARK in feature.split()


def _contrast_alike(features: Mapping[str, Features]) -> Contrast | None:
    """The contrast of `features`; None where hosts have too little in common for one."""
    shown_by = Counter(feature for found in features.values() for feature in found)
    common = {feature for feature, count in shown_by.items() if count * 2 > len(features)}
    alike = sum(len(common.intersection(found)) * 2 >= len(found) for found in features.values())
    return contrast(features) if common and alike * 2 > len(features) else None


def refined_lines(features: Mapping[str, Features]) -> dict[str, Features]:
    """`features` (mode `lines`), rare lines of a shape that most hosts have as `shape -> value`."""
    hosts = len(features)
    shown_by = Counter(line for found in features.values() for line in found)
    rare = {line for line, count in shown_by.items() if count * 2 <= hosts}
    if not rare:
        return dict(features)
    keyed = {line: _shape(str(line)) for line in rare}
    shapes = Counter(
        shape
        for found in features.values()
        for shape in {keyed[line][0] for line in found if line in rare}
    )
    common = {shape for shape, count in shapes.items() if count * 2 > hosts}
    return {host: _shaped(found, keyed, common) for host, found in features.items()}


def _shaped(
    found: Features, keyed: Mapping[Feature, tuple[str, str]], common: set[str]
) -> Features:
    kept: dict[Feature, Value] = {}
    varied: dict[str, list[str]] = {}
    for line, value in found.items():
        shape, rest = keyed.get(line, ("", ""))
        if shape in common:
            varied.setdefault(shape, []).append(rest)
        else:
            kept[line] = value
    kept.update((shape, ", ".join(sorted(values))) for shape, values in varied.items())
    return kept


def _shape(line: str) -> tuple[str, str]:
    """What a line is about, and what it says of it."""
    head = line[:MAX_SHAPED_CHARS]
    if match := _KEY.match(head):
        return match[1], line[match.end() :]
    shape = _NUMBERED.sub(_MARK, head)
    return (line, PRESENT) if shape == head else (shape, line)
