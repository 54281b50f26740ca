"""`-i ansible:PATH`: the hosts of an Ansible inventory, as the real `ansible-inventory` lists them.

What it may be (INI, YAML, a directory, a script, a plugin's configuration) and what its variables
come to is Ansible's business; here that program is run and what it complains of is understood.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.complaints import Unread, complaint, ended, one_line, unread_sources
from fleetdiag.inventory.listed import listed_records
from fleetdiag.inventory.program import Answer, NoAnswerError, run_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fleetdiag.inventory.records import Records

PROGRAM = "ansible-inventory"
TIMEOUT_S = 60.0
_ENVIRONMENT = {
    # What it prints is to be JSON and nothing else, with every host's variables complete,
    # whatever ansible.cfg says of verbosity, colour and exports.
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_VERBOSITY": "0",
    "ANSIBLE_DEBUG": "0",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    "ANSIBLE_INVENTORY_EXPORT": "0",
    # A source that cannot be read is told of by a warning, from which the reason is taken.
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "1",
    "PYTHONWARNINGS": "ignore",
}
_VAULT = re.compile(r"no vault secrets|vault password|decryption failed", re.IGNORECASE)
_VAULT_ADVICE = "; name the file with the password in $ANSIBLE_VAULT_PASSWORD_FILE"


def ansible_records(path: str) -> Records:
    """The hosts of the inventory at `path`; where it is empty, of the one ansible.cfg names.

    A relative path is from the current directory; `web1,web2` with a comma is a list of hosts, as
    for Ansible. Raises InventoryError. Sources that could not be read beside others that could
    are told in the records' note.
    """
    source = f"ansible:{path}" if path else "ansible"
    arguments = [_program(source), "--list"]
    directory = None
    if path:
        place = Path(path).expanduser()
        if place.exists():
            path, directory = str(place.absolute()), _inventory_dir(place.absolute())
        elif "," not in path:
            raise InventoryError(f"-i {source}: no such file or directory")
        arguments.append(f"--inventory={path}")
    answer = _run(source, arguments)
    unread = list(unread_sources(answer.stderr.decode("utf-8", "replace")))
    magic = {} if directory is None else {"inventory_dir": directory}
    try:
        return listed_records(
            _json(source, answer), source, magic=magic, note=_note(source, unread)
        )
    except InventoryError as error:
        told = [f"-i {sentence}" for sentence in _sentences(source, unread)]
        if not told and path:
            raise
        if not told:
            raise InventoryError(f"{error}; without a path it is what ansible.cfg says") from error
        said = [] if "names no host" in str(error) else [str(error)]  # what was not read is why
        raise InventoryError("\n".join([*told, *said])) from error


def _program(source: str) -> str:
    """The path of ansible-inventory: on the PATH, else beside the Python that runs this."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(PROGRAM) or shutil.which(PROGRAM, path=beside)
    if found is None:
        raise InventoryError(
            f"-i {source}: there is no {PROGRAM} on the PATH; install ansible-core "
            "(`pip install 'fleetdiag[ansible]'`, or your system's package)"
        )
    return found


def _inventory_dir(place: Path) -> str | None:
    """What `inventory_dir` is for every host; None where hosts may come from several places."""
    if not place.is_dir():
        return str(place.parent)
    try:
        others = [each.name for each in place.iterdir() if each.is_dir()]
    except OSError:
        return None
    return None if {*others} - {"group_vars", "host_vars"} else str(place)


def _run(source: str, arguments: list[str]) -> Answer:
    try:
        answer = run_program(arguments, timeout_s=TIMEOUT_S, environ={**os.environ, **_ENVIRONMENT})
    except NoAnswerError as error:
        raise InventoryError(f"-i {source}: {PROGRAM} {error}") from error
    if answer.exit_code != 0:
        reason = complaint(answer.stderr)
        advice = _VAULT_ADVICE if _VAULT.search(reason) else ""
        raise InventoryError(
            f"-i {source}: {PROGRAM} failed ({ended(answer.exit_code)}): {reason}{advice}"
        )
    return answer


def _json(source: str, answer: Answer) -> object:
    try:
        return json.loads(answer.stdout)
    except (ValueError, RecursionError) as error:
        raise InventoryError(f"-i {source}: {PROGRAM} printed no JSON: {error}") from error


def _sentences(source: str, unread: Iterable[Unread]) -> Iterator[str]:
    for each in unread:
        why = f": {each.reason}" if each.reason else ""
        yield f"{source}: Ansible cannot read {one_line(each.source)}{why}"


def _note(source: str, unread: list[Unread]) -> str | None:
    """For hosts that were found although some sources could not be read."""
    told = [f"{sentence.rstrip('.')}." for sentence in _sentences(source, unread)]
    return " ".join([*told, "Its hosts are missing here."]) if told else None
