"""Stopping and starting a running host's SSH server, of either kind."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from tests.fleet.host import RunningHost
from tests.fleet.processes import Process, enter_command, processes_of
from tests.fleet.spec import FleetError


def stop_listener(host: RunningHost) -> None:
    """End the process that accepts logins; sessions go on."""
    host.run(*host.files.STOP_SSHD)
    host.wait_listening(False)


def start(host: RunningHost) -> None:
    """Start the server as its boot does, and return once it accepts logins."""
    # In the host's own cgroup first, so that freezing the host freezes this one too.
    join = ("sh", "-c", 'echo $$ >"$0" && exec "$@"', str(host.cgroup / "cgroup.procs"))
    command = [*join, *enter_command(host.pid, host.files.START_SSHD)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise FleetError(f"{host.name}: SSH server: {done.stderr.decode(errors='replace')}")
    host.wait_listening()


def restart(host: RunningHost) -> None:
    """Have it read its configuration anew; sessions go on."""
    stop_listener(host)
    start(host)


def kill_all(host: RunningHost) -> None:
    """SIGKILL to the server and every session."""
    _kill(_processes(host))
    host.wait_listening(False)


def kill_sessions(host: RunningHost) -> None:
    """SIGKILL to every session; the server goes on accepting logins."""
    _listener, *sessions = _processes(host)  # by pid: sessions are forked after it
    _kill(sessions)


def _processes(host: RunningHost) -> list[Process]:
    names = ("sshd", "sshd-session", "sshd-auth", "dropbear")
    return [process for process in processes_of(host.pid) if process.name in names]


def _kill(processes: list[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
