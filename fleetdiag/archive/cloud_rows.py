"""What the provider said, as a row of a run's file and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fleetdiag.model import (
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
        asked_at=float(row["asked_at"]),
        duration_s=float(row["duration_s"]),
        instances={str(host): _instance(said) for host, said in row["instances"].items()},
        zones=tuple(
            CloudZone(**{**_texts(said), "messages": _listed(said, "messages")})
            for said in row["zones"]
        ),
        notices=tuple(_notice(said) for said in row["notices"]),
        consoles={
            str(host): CloudConsole(outputs[said["output"]], said["at"])
            for host, said in row["consoles"].items()
        },
        problems=_listed(row, "problems"),
    )


def _instance(said: Row) -> CloudInstance:
    statuses = ("system", "instance", "disks")
    return CloudInstance(
        **{
            **said,
            **{name: CloudStatus(said[name]) for name in statuses},
            "events": tuple(
                CloudEvent(**{**event, "state": EventState(event["state"])})
                for event in said["events"]
            ),
        }
    )


def _notice(said: Row) -> CloudNotice:
    state = EventState(said["state"])
    return CloudNotice(**{**said, "state": state, "places": _listed(said, "places")})


def _texts(said: Row) -> dict[str, Any]:
    return {key: str(value) for key, value in said.items() if key != "messages"}


def _listed(said: Row, key: str) -> tuple[str, ...]:
    return tuple(str(text) for text in said[key])
