"""What a step's output says: a mapping `feature -> value` for each host.

Every mode is a reader that returns one (`readers.py`), and one mechanism compares them
(`contrast.py`). Knows nothing of hosts, masks or findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
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


class LongText:
    """A text that is not held: made again when it is shown, and compared by its digest."""

    __slots__ = ("_digest", "_make")

    def __init__(self, digest: bytes, make: Callable[[], str]) -> None:
        """`digest` is that of what `make` gives."""
        self._digest = digest
        self._make = make

    @staticmethod
    def digest(text: str) -> bytes:
        """Equal for equal texts, and for no others."""
        return sha256(text.encode("utf-8", "surrogatepass")).digest()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self._digest == self.digest(other)
        return isinstance(other, LongText) and self._digest == other._digest

    def __hash__(self) -> int:
        """Not that of an equal `str`: of one run all texts of a step are long, or none is."""
        return hash(self._digest)

    def __str__(self) -> str:
        return self._make()


Feature = str | Cell
Value = str | Number | int | LongText
"""A text; a measured number; how often an event of a log was seen; a text too long to be held."""
Features = Mapping[Feature, Value]


class Unreadable(Exception):  # noqa: N818 - no error of the program: an outcome
    """The output is not what the parser expects: the outcome is `unparsed`, the text the reason."""
