"""What a step's output says: a mapping `feature -> value` for each host.

Every mode is a reader that returns one (`readers.py`), and one mechanism compares them
(`contrast.py`). Knows nothing of hosts, masks or findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fleetdiag.model import Field

Lines = tuple[str, ...]

WHOLE = "output"
"""The one feature of mode `text`."""
PRESENT = "present"
"""The value of a line or row that is there."""
EXIT_CODE = "exit code"
"""A feature of answers that failed."""


class Cell(NamedTuple):
    """A cell of a table: compared only among hosts that have the row."""

    row: str
    column: str

    def __str__(self) -> str:
        return f"{self.row} {self.column}"


class Slot(Cell):
    """What stands at one place in lines of one shape (`row`), named by the words beside it.

    Compared among the hosts that have such a line.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self.column


class Number(NamedTuple):
    """A measured value."""

    value: float
    """In the field's unit, after `per` and `rate`."""
    text: str
    """As the host printed it."""
    field: Field


Feature = str | Cell
Value = str | Number | int
"""A text; a measured number; how often an event of a log was seen."""
Features = Mapping[Feature, Value]


class Unreadable(Exception):  # noqa: N818 - no error of the program: an outcome
    """The output is not what the parser expects: the outcome is `unparsed`, the text the reason."""
