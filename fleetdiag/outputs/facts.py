"""What a host's own outputs tell of it: its name, its boot, how long it is up. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.model import HostFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SEARCHED_BYTES = 4096

_HOSTNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX_ID = re.compile(r"[0-9a-f]{32}")
# uptime(1): `up 3 days,  4:02,`, `up 12 min,`; busybox alike.
_UPTIME = re.compile(r"\bup\s{1,4}(?:(\d{1,6}) days?,\s{0,4})?(?:(\d{1,2}):(\d{2})|(\d{1,2}) min)?")
_PROC_UPTIME = re.compile(r"(\d{1,12}\.\d{2}) \d{1,15}\.\d{2}")


def facts_of(host: str, outputs: Mapping[str, bytes]) -> HostFacts:
    """Facts from the steps whose names say what they are; `host` is its name where none says.

    Args:
        host: the name of its directory or file.
        outputs: step -> stdout.
    """
    said = {step.lower().replace("-", "_"): data for step, data in outputs.items()}
    return HostFacts(
        hostname=_whole(_HOSTNAME, _first(said, ["hostname"])) or host,
        boot_id=_whole(_UUID, _first(said, ["boot_id"])),
        machine_id=_whole(_HEX_ID, _first(said, ["machine_id"])),
        uptime_s=_uptime_s(_first(said, ["uptime", "proc_uptime"])),
    )


def _first(said: Mapping[str, bytes], steps: Iterable[str]) -> str:
    """The first line of the first of these steps that is there."""
    data = next((said[step] for step in steps if step in said), b"")
    return data[:SEARCHED_BYTES].strip().partition(b"\n")[0].decode(errors="replace").strip()


def _whole(pattern: re.Pattern[str], line: str) -> str:
    return line if pattern.fullmatch(line) else ""


def _uptime_s(line: str) -> float | None:
    if found := _PROC_UPTIME.fullmatch(line):
        return float(found[1])
    found = _UPTIME.search(line)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, alone = (int(part or 0) for part in found.groups())
    return 86_400.0 * days + 3600 * hours + 60 * (minutes + alone)
