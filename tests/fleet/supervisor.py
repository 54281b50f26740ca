"""The process that owns a fleet: builds it, breaks and heals it when asked, and takes it down.

Started by `Fleet`, one for each fleet. Its standard input is a pipe from the owner: the first line
is the spec, the end of it (the owner has closed it, or died) ends the fleet. Everything a fleet
has (namespaces, mounts, devices, processes) is held by this process or by children that die with
it, so the kernel clears it away even after kill -9; frozen processes and the state directory,
which it cannot clear, are cleared by the next fleet that starts.

Requests come over a Unix socket, a JSON object a line each way:
`{"do": "fault", "host": "web-01", "name": "blackhole", "values": {}}` -> `{"ok": true}`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fleet import claims, faults
from tests.fleet.assembly import Assembly
from tests.fleet.spec import FleetError, FleetSpec, spec_from_json

LOG = "log"
_TICK_S = 0.5
_REQUEST_TIMEOUT_S = 5.0


def main() -> None:
    """Serve one fleet until its owner has gone or it is taken down."""
    spec = spec_from_json(sys.stdin.readline())
    try:
        addresses, _lock = claims.claim_number()
    except (FleetError, OSError) as error:
        _say({"error": str(error)})
        return
    directory = claims.directory_of(addresses.number)
    fleet = Assembly(spec, addresses, directory)
    try:
        directory.mkdir(mode=0o700)
        _log_to(directory / LOG)
        control = _listen(directory / "control")
        fleet.build()
        _say({"directory": str(directory)})
        _serve(fleet, control)
    except (FleetError, OSError) as error:
        log = directory / LOG
        said = log.read_text(errors="replace") if log.exists() else ""
        _say({"error": f"{error}\n{said}".strip()})
    finally:
        fleet.tear_down()


def _listen(path: Path) -> socket.socket:
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(str(path))
    control.listen(16)
    return control


def _serve(fleet: Assembly, control: socket.socket) -> None:
    """Answer requests; returns when the owner is gone, on SIGTERM, or asked to end."""
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ending.append(number))
    waiting = selectors.DefaultSelector()
    waiting.register(control, selectors.EVENT_READ)
    if fleet.spec.owner_pid is not None:
        waiting.register(sys.stdin, selectors.EVENT_READ)
    while not ending and _owner_lives(fleet.spec):
        for key, _events in waiting.select(_TICK_S):
            if key.fileobj is sys.stdin or not _converse(fleet, control):
                return
        fleet.revive()


def _owner_lives(spec: FleetSpec) -> bool:
    """The pipe's end says so too, unless a child of the owner has inherited it."""
    return spec.owner_pid is None or os.getppid() == spec.owner_pid


def _converse(fleet: Assembly, control: socket.socket) -> bool:
    """Answer one connection's request; false when it was to end."""
    connection, _address = control.accept()
    connection.settimeout(_REQUEST_TIMEOUT_S)
    with connection, connection.makefile("rw") as stream:
        try:
            request = json.loads(stream.readline() or "{}")
            if request.get("do") == "down":
                return False
            reply = {"ok": True, **_answer(fleet, request)}
        except (FleetError, OSError, KeyError) as error:
            reply = {"ok": False, "error": str(error)}
        with suppress(OSError):  # who asked may be gone
            stream.write(json.dumps(reply) + "\n")
            stream.flush()
    return True


def _answer(fleet: Assembly, request: dict[str, Any]) -> dict[str, Any]:
    """Do what was asked; raises FleetError."""
    what = request["do"]
    if what != "status":
        host = fleet.host(request["host"])
    match what:
        case "fault" if request["name"] == "reboot":
            fleet.reboot(host, float(request["values"].get("down_s", 0.5)))
        case "fault":
            faults.make_fault(host, request["name"], request["values"])
        case "heal":
            faults.heal(host)
        case "write":
            content = request["content"].encode("latin-1")
            host.write(request["path"], content, request["mode"], request["owner"])
        case "status":
            pass
        case _:
            raise FleetError(f"request {what!r} is not known")
    return {"faults": {host.name: list(host.undo) for host in fleet.hosts.values()}}


def _log_to(path: Path) -> None:
    """From here on, what this process and the hosts' first processes complain of goes there."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)


def _say(message: dict[str, str]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201 - the owner reads it


if __name__ == "__main__":
    main()
