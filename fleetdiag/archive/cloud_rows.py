"""What the provider said, as a row of a run's file and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fleetdiag.archive.rows import get, texts
from fleetdiag.model import (
    END_OF_DATES_S,
    CloudConsole,
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    EventState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleetdiag.archive.rows import Row


def cloud_row(cloud: CloudFacts, keep: Callable[[bytes], str]) -> Row:
    """`keep` takes an output and gives the name it is stored under."""
    consoles = {
        host: {"at": console.at, "output": keep(console.output)}
        for host, console in cloud.consoles.items()
    }
    told = asdict(
        CloudFacts(
            cloud.asked_at,
            cloud.duration_s,
            cloud.instances,
            cloud.zones,
            cloud.notices,
            problems=cloud.problems,
        )
    )
    return {**told, "consoles": consoles}


def cloud_of(row: Row, outputs: Mapping[str, bytes]) -> CloudFacts:
    """The facts; raises KeyError, TypeError or ValueError where the row is no such row."""
    return CloudFacts(
        asked_at=_unix(row, "asked_at"),
        duration_s=_unix(row, "duration_s"),
        instances={host: _instance(said) for host, said in _rows(row, "instances").items()},
        zones=tuple(map(_zone, get(row, "zones", list))),
        notices=tuple(map(_notice, get(row, "notices", list))),
        consoles={
            host: CloudConsole(outputs[get(said, "output", str)], _unix_or_none(said, "at"))
            for host, said in _rows(row, "consoles").items()
        },
        problems=texts(row, "problems"),
    )


def console_names(row: Row) -> set[str]:
    """The names under which the row's outputs are stored."""
    return {get(said, "output", str) for said in _rows(row, "consoles").values()}


def _instance(said: Row) -> CloudInstance:
    return CloudInstance(
        id=get(said, "id", str),
        state=get(said, "state", str),
        region=get(said, "region", str),
        zone=get(said, "zone", str),
        zone_id=get(said, "zone_id", str),
        system=CloudStatus(said["system"]),
        system_since=_unix_or_none(said, "system_since"),
        instance=CloudStatus(said["instance"]),
        instance_since=_unix_or_none(said, "instance_since"),
        disks=CloudStatus(said["disks"]),
        disks_since=_unix_or_none(said, "disks_since"),
        events=tuple(map(_event, get(said, "events", list))),
    )


def _event(said: Row) -> CloudEvent:
    return CloudEvent(
        code=get(said, "code", str),
        state=EventState(said["state"]),
        description=get(said, "description", str),
        not_before=_unix_or_none(said, "not_before"),
        not_after=_unix_or_none(said, "not_after"),
    )


def _zone(said: Row) -> CloudZone:
    return CloudZone(
        name=get(said, "name", str),
        id=get(said, "id", str),
        region=get(said, "region", str),
        state=get(said, "state", str),
        messages=texts(said, "messages"),
    )


def _notice(said: Row) -> CloudNotice:
    return CloudNotice(
        source=get(said, "source", str),
        title=get(said, "title", str),
        state=EventState(said["state"]),
        text=get(said, "text", str),
        places=texts(said, "places"),
        started_at=_unix_or_none(said, "started_at"),
        updated_at=_unix_or_none(said, "updated_at"),
        link=get(said, "link", str),
    )


def _rows(row: Row, key: str) -> dict[str, Row]:
    found: dict[str, Row] = get(row, key, dict)
    if not all(isinstance(said, dict) for said in found.values()):
        raise TypeError(f"{key} holds other things than rows")
    return found


def _unix(row: Row, key: str) -> float:
    """A time that a calendar has, or a duration."""
    value = float(get(row, key, (int, float)))
    if not 0.0 <= value <= END_OF_DATES_S:
        raise ValueError(f"{key} is no time: {value}")
    return value


def _unix_or_none(row: Row, key: str) -> float | None:
    return None if row[key] is None else _unix(row, key)
