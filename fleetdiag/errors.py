"""Every exception fleetdiag raises on purpose.

::

    FleetdiagError                the program cannot go on; the CLI prints it and exits 2
    ├── SettingsError             a settings file, environment variable or flag is wrong
    ├── InventoryError            an inventory source cannot be read or used
    │   └── SelectionError        a host pattern matches nothing or is malformed
    ├── PlaybookError             a playbook is wrong: every problem of the file at once
    ├── PlanError                 inventory, playbook and settings do not fit together
    ├── EngineError               what is to run the hosts is not there, or is something else
    └── ArchiveError              a stored run is missing, unreadable or not one
    HostError                     one host gave no session: a value per host in the end

An exception here is for the whole program, except `HostError`: transports raise it, the executor
turns it into that host's status, and it goes no further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import HostStatus


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file a person wrote: where, what, and what was expected."""

    file: str
    line: int | None
    """From 1; None where the problem has no line (an unreadable file)."""
    column: int | None
    message: str
    """What is wrong and what was expected, one line, without the place."""

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers and editors have it."""
        place = [self.file, *(str(n) for n in (self.line, self.column) if n is not None)]
        return f"{':'.join(place)}: {self.message}"


class FleetdiagError(Exception):
    """The program cannot go on; its text is for the user, whole, without a traceback."""


class FileProblemsError(FleetdiagError):
    """All the problems found in files of one kind, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class SettingsError(FleetdiagError):
    """A settings file, environment variable or flag is wrong."""


class InventoryError(FleetdiagError):
    """An inventory source cannot be read or used."""


class InventoryFileError(FileProblemsError, InventoryError):
    """An inventory file is wrong: every problem of it, each `file:line:column: …`."""


class SelectionError(InventoryError):
    """A host pattern matches nothing or is malformed; the text lists near names."""


class PlaybookError(FleetdiagError):
    """No playbook of that name, or its parameters do not fit."""


class PlaybookFileError(FileProblemsError, PlaybookError):
    """A playbook file is wrong: every problem of it, each `file:line:column: …`."""


class PlanError(FleetdiagError):
    """Inventory, playbook and settings do not fit together."""


class EngineError(FleetdiagError):
    """What is to run the hosts is not there, or of another version."""


class ArchiveError(FleetdiagError):
    """A stored run is missing, unreadable, or not a stored run."""


class HostError(Exception):
    """One host gave no session, or lost it; never leaves the executor."""

    def __init__(self, status: HostStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        """In words, one line, for the person at three in the morning."""
