"""`-i demo`: the recorded fleet that ships with fleetdiag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fleetdiag
from fleetdiag.errors import InventoryError
from fleetdiag.inventory.records import (
    ATTRIBUTE,
    Given,
    GroupRecord,
    HostRecord,
    Records,
    group_name_problem,
    host_name_problem,
)
from fleetdiag.model import TransportKind

INCIDENT = Path(fleetdiag.__file__).parent / "recorded" / "incident"


def recorded_records(directory: Path = INCIDENT) -> Records:
    """The hosts recorded in `directory`, from its `hosts.json`; raises InventoryError.

    Its form: `{"note": "…", "hosts": {"web-01": {"groups": [], "attributes": {"zone": "a"}}}}`.
    """
    file = directory / "hosts.json"
    try:
        data = json.loads(file.read_bytes())
        hosts = {str(name): dict(said) for name, said in data["hosts"].items()}
        note = str(data["note"])
    except OSError as error:
        message = f"the recorded fleet is not there: {file}: {error.strerror}"
        raise InventoryError(message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InventoryError(f"{file}: not a recorded fleet: {error!r}") from error
    groups: dict[str, list[str]] = {}
    records = []
    for name, said in hosts.items():
        if problem := host_name_problem(name):
            raise InventoryError(f"{file}: {problem}")
        for group in said.get("groups", []):
            groups.setdefault(str(group), []).append(name)
        records.append(HostRecord(name, _variables(said, directory)))
    for problem in filter(None, map(group_name_problem, groups)):
        raise InventoryError(f"{file}: {problem}")
    members = tuple(GroupRecord(group, tuple(names)) for group, names in groups.items())
    return Records("demo", tuple(records), members, note=note)


def _variables(said: dict[str, Any], directory: Path) -> dict[str, Given]:
    origin = f"{directory.name}/hosts.json"
    attributes = {
        f"{ATTRIBUTE}{key}": Given(str(value), origin)
        for key, value in said.get("attributes", {}).items()
    }
    return {
        "transport": Given(TransportKind.REPLAY.value, "-i demo"),
        "recording": Given(str(directory), "-i demo"),
        **attributes,
    }
