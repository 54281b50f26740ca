"""What the provider said in a recorded incident: `cloud.json` beside the recorded answers.

Its times are those of the recording, as in the logs beside it:

    {"asked_at": "2026-11-26T08:38:33+00:00",
     "instances": [{"hosts": ["web-01", …], "region": "us-east-1", "zone_id": "use1-az4",
                   "events": [{"code": "…", "state": "open", "began_at": "…"}]}],
     "notices": [{"source": "…", "title": "…", "state": "open", "places": [], "began_at": "…"}]}
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.model import (
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    EventState,
    TransportKind,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Event, Host

FILE = "cloud.json"


def recorded(hosts: Sequence[Host]) -> Recorded | None:
    """Somebody who tells what was recorded; None where the hosts are not all of one recording."""
    recordings = {host.recording for host in hosts if host.transport is TransportKind.REPLAY}
    if len(recordings) != 1 or any(host.transport is not TransportKind.REPLAY for host in hosts):
        return None
    path = Path(recordings.pop() or "") / FILE
    return Recorded(path, [host.name for host in hosts]) if path.is_file() else None


class Recorded:
    """Tells what was recorded; asks nobody."""

    def __init__(self, path: Path, hosts: Sequence[str]) -> None:
        self._path = path
        self._hosts = hosts

    def start(self) -> None:
        """Nobody is asked."""

    def heard(self, event: Event) -> None:
        """Nothing depends on it."""

    def facts(self, spare_s: float = 0.0) -> CloudFacts:  # noqa: ARG002 - nothing is waited for
        """All of it; a recording that cannot be read is a problem like any other."""
        try:
            said = json.loads(self._path.read_bytes())
            return self._facts(said)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return CloudFacts(0.0, problems=(f"{self._path}: {error!r}",))

    def _facts(self, said: dict[str, Any]) -> CloudFacts:
        instances = {
            host: self._instance(host, group)
            for group in said["instances"]
            for host in group["hosts"]
            if host in self._hosts
        }
        notices = tuple(self._notice(notice) for notice in said["notices"])
        return CloudFacts(_unix(said["asked_at"]), instances=instances, notices=notices)

    def _instance(self, host: str, group: dict[str, Any]) -> CloudInstance:
        events = tuple(
            CloudEvent(
                str(event["code"]),
                EventState(event["state"]),
                str(event.get("description", "")),
                _unix(event["began_at"]),
            )
            for event in group["events"]
        )
        return CloudInstance(
            id=f"i-{host}",
            state="running",
            region=str(group["region"]),
            zone_id=str(group["zone_id"]),
            system=CloudStatus.OK,
            instance=CloudStatus.OK,
            disks=CloudStatus.OK,
            events=events,
        )

    def _notice(self, notice: dict[str, Any]) -> CloudNotice:
        return CloudNotice(
            source=str(notice["source"]),
            title=str(notice["title"]),
            state=EventState(notice["state"]),
            places=tuple(map(str, notice["places"])),
            started_at=_unix(notice["began_at"]),
        )


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
