"""How a report is to look."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_WIDTH = 80
NARROWEST_WIDTH = 40


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Choices of the person who reads; nothing here changes what was concluded."""

    width: int = DEFAULT_WIDTH
    """Columns of the screen; at least `NARROWEST_WIDTH` are used."""
    color: bool = False
    verbose: bool = False
    """All steps, groups, masks and diffs."""
    hint: str | None = None
    """Lines that say what to type next; None for the usual ones, empty for none."""
    host: str | None = None
    """Only this host: is it like the others?"""

    @property
    def columns(self) -> int:
        return max(self.width, NARROWEST_WIDTH)
