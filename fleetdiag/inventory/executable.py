"""`-i ./script`: an executable that prints an inventory when called with `--list`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.complaints import complaint, ended
from fleetdiag.inventory.listed import listed_records
from fleetdiag.inventory.program import NoAnswerError, run_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fleetdiag.inventory.records import Records

TIMEOUT_S = 60.0
"""For all of its calls together."""


def executable_records(path: Path, shown: str) -> Records:
    """What the program at `path`, called `shown` in messages and origins, lists.

    It is run as `path --list`, and where its JSON has no `_meta.hostvars`, as `path --host NAME`
    for each host, as Ansible does. Raises InventoryError.
    """
    script = _Script(path.absolute(), shown)
    magic = {"inventory_dir": str(path.absolute().parent)}
    return listed_records(script.json("--list"), shown, ask=script.hostvars, magic=magic)


class _Script:
    """A program with the time that is left for it."""

    def __init__(self, path: Path, shown: str) -> None:
        self.path = path
        self.shown = shown
        self._deadline = time.monotonic() + TIMEOUT_S

    def hostvars(self, names: Sequence[str]) -> Mapping[str, object]:
        """What it says of each host, one call a host; raises InventoryError."""
        found: dict[str, object] = {}
        for name in names:
            if time.monotonic() >= self._deadline:
                raise InventoryError(
                    f"-i {self.shown}: told of {len(found)} of {len(names)} hosts within "
                    f"{TIMEOUT_S:.0f} s, one --host call each; expected all in `_meta.hostvars` "
                    "of --list"
                )
            found[name] = self.json("--host", name)
        return found

    def json(self, *arguments: str) -> object:
        """What it prints when called so; an empty answer to `--host` means no variables."""
        called = f"-i {self.shown}: {' '.join(arguments)}"
        left_s = max(0.1, self._deadline - time.monotonic())
        try:
            answer = run_program([str(self.path), *arguments], timeout_s=left_s)
        except NoAnswerError as error:
            raise InventoryError(f"{called} {error}{_advice(error)}") from error
        if answer.exit_code != 0:
            reason = complaint(answer.stderr)
            raise InventoryError(f"{called} failed ({ended(answer.exit_code)}): {reason}")
        if not answer.stdout.strip() and "--host" in arguments:
            return {}
        try:
            return json.loads(answer.stdout)
        except (ValueError, RecursionError) as error:
            message = (
                f"{called} printed no JSON: {error}; expected that of ansible-inventory --list"
            )
            raise InventoryError(message) from error


def _advice(error: NoAnswerError) -> str:
    if "Exec format" in str(error):
        return "; it is marked executable, so it is run: begin it with #!, or end its name in .yaml"
    return ""
