"""Playbooks: YAML files of diagnostic commands, checked strictly. Knows nothing of hosts or SSH.

The short of it: `load` finds a file by name or path, checks all of it, puts the parameters in
as single quoted words, and gives the frozen `Playbook` of `model.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fleetdiag.errors import Problem
    from fleetdiag.model import Playbook
    from fleetdiag.playbook.doubtful import Doubt

__all__ = [
    "Listing",
    "available",
    "create",
    "doubts",
    "json_schema",
    "lint",
    "load",
    "names",
    "path_of",
    "render_yaml",
]

_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Listing:
    """A playbook that can be named."""

    name: str
    """What to call it by: its file's name without the ending."""
    about: str
    """What it says of itself; empty where it says nothing or is broken."""
    source: Path
    params: tuple[str, ...] = ()
    """The names of its parameters."""
    changes: bool = False
    """Whether it changes hosts."""
    problems: tuple[Problem, ...] = ()
    """Why it cannot be used; empty where it can."""


def load(
    ref: str, params: Mapping[str, str] = _NO_PARAMS, *, search: Sequence[Path] | None = None
) -> Playbook:
    """The playbook `ref` with `params` in place.

    `ref` is a path (holds a `/`, or ends in .yaml or .yml) or a name looked for in `search`:
    ./playbooks, the user's configuration directory, the shipped ones. Raises PlaybookError (no
    such name, parameters that do not fit) and PlaybookFileError (all that is wrong in the file).
    """
    from fleetdiag.playbook.build import built
    from fleetdiag.playbook.check import read
    from fleetdiag.playbook.find import found
    from fleetdiag.playbook.parameters import values_for

    path = found(ref, search)
    file, includes = read(path, search=search)
    values = values_for(file.name or path.stem, file.params, params)
    return built(file, includes, path.stem, str(path), values)


def path_of(ref: str, search: Sequence[Path] | None = None) -> Path:
    """The file that `ref`, a path or a name, means; raises PlaybookError for an unknown name."""
    from pathlib import Path

    from fleetdiag.playbook.find import found

    return Path(ref) if Path(ref).exists() else found(ref, search)


def lint(path: Path) -> tuple[Problem, ...]:
    """Everything wrong with the file at `path`, in its order; empty where it is fine."""
    from fleetdiag.playbook.check import checked

    return checked(path).problems


def doubts(path: Path) -> tuple[Doubt, ...]:
    """What is doubtful about the file at `path`, in its order; empty where it has a problem."""
    from fleetdiag.playbook import doubtful
    from fleetdiag.playbook.check import checked

    result = checked(path)
    if result.file is None or result.marked is None:
        return ()
    lines = path.read_text("utf-8-sig").splitlines()
    return doubtful.doubts(result.marked, result.file, lines)


def create(name: str, directory: Path) -> Path:
    """A new file `directory`/`name`.yaml with comments, which runs as it is; gives its path.

    Raises PlaybookError: no name for a playbook, a file that is there already or not writable.
    """
    from fleetdiag.playbook import new

    return new.create(name, directory)


def names(search: Sequence[Path] | None = None) -> tuple[str, ...]:
    """The names `load` knows, sorted; opens no file, for completion."""
    from fleetdiag.playbook.find import by_name, directories

    return tuple(by_name(directories() if search is None else search))


def available(search: Sequence[Path] | None = None) -> tuple[Listing, ...]:
    """Every playbook that can be named, broken ones too, sorted; of equal names the one used."""
    from fleetdiag.playbook.change_schema import ChangeFile
    from fleetdiag.playbook.check import checked
    from fleetdiag.playbook.find import by_name, directories

    listings = []
    for name, paths in by_name(directories() if search is None else search).items():
        result = checked(paths[0])
        about = (result.file and result.file.about) or ""
        params = tuple(result.file.params) if result.file else ()
        listings.append(
            Listing(
                name, about, paths[0], params, isinstance(result.file, ChangeFile), result.problems
            )
        )
    return tuple(listings)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, for editors that complete and check."""
    from fleetdiag.playbook import change_schema

    return change_schema.json_schema()


def render_yaml(playbook: Playbook) -> str:
    """`playbook` as a file in full form, parameters in place; `load` reads it back the same."""
    from fleetdiag.playbook.render import rendered

    return rendered(playbook)
