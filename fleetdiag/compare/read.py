"""What a step's output says: a mapping `feature -> value` for each host.

Every mode is a reader here, and one mechanism (`group.py`) compares what they return; a new mode is
a new reader in `READERS`. Knows nothing of hosts, masks or findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fleetdiag.model import Mode

Features = Mapping[str, str]
Reader = Callable[[tuple[str, ...]], Features]

WHOLE = "output"
"""The one feature of mode `text`."""
PRESENT = "present"
"""The value of a line that is there, in mode `lines`."""


def read_text(lines: tuple[str, ...]) -> Features:
    """One feature: the whole text."""
    return {WHOLE: "\n".join(lines)}


def read_lines(lines: tuple[str, ...]) -> Features:
    """A feature for each distinct line that is not blank."""
    return {line: PRESENT for line in lines if line}


READERS: Mapping[Mode, Reader] = {Mode.TEXT: read_text, Mode.LINES: read_lines}
"""Modes that compare; a mode without a reader (`ignore`) is shown only."""


def features_of(mode: Mode, lines: tuple[str, ...]) -> Features | None:
    """The features of masked `lines`; None where `mode` does not compare."""
    reader = READERS.get(mode)
    return reader(lines) if reader else None


def canonical_lines(mode: Mode, lines: tuple[str, ...]) -> tuple[str, ...]:
    """`lines` in the form that is shown and diffed: for a set of lines sorted, without repeats."""
    return tuple(sorted({line for line in lines if line})) if mode is Mode.LINES else lines
