"""Folded host names that are safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.folding import folded
from fleetdiag.report.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def fold(names: Iterable[str]) -> str:
    """`names` as one node set, printable; joined by commas where they cannot be one."""
    return printable(folded(names))
