"""A new playbook: a file with comments that runs as it is."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from fleetdiag.errors import PlaybookError
from fleetdiag.playbook.find import SUFFIXES
from fleetdiag.playbook.values import valid_playbook_name

if TYPE_CHECKING:
    from pathlib import Path


def create(name: str, directory: Path) -> Path:
    """The file `directory`/`name`.yaml, written; the directory is made where there is none.

    Raises PlaybookError where the name cannot be one, the file is there already, or cannot be
    written: nothing is ever overwritten.
    """
    name = name.removesuffix(SUFFIXES[0]).removesuffix(SUFFIXES[1])
    try:
        valid_playbook_name(name)
    except ValueError as error:
        raise PlaybookError(str(error)) from None
    path = directory / f"{name}{SUFFIXES[0]}"
    taken = next((it for it in map(path.with_suffix, SUFFIXES) if it.exists()), None)
    if taken:
        raise PlaybookError(f"{taken} is there already; nothing was written")
    text = resources.files("fleetdiag.playbook").joinpath("new.yaml").read_text()
    text = text.replace("NAME", name).replace("FILE", str(path))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise PlaybookError(f"{path}: {error.strerror or error}") from None
    return path
