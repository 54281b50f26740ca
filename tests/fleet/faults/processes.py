"""Faults of what runs on a host: stuck commands, frozen hosts, units that are down."""

from __future__ import annotations

import shlex
import time

from tests.fleet.host import RunningHost, Undo
from tests.fleet.spec import FleetError


def stuck(host: RunningHost, command: str = "df") -> Undo:
    """Make a command hang so that not even SIGKILL ends it, as on a dead NFS mount."""
    place = "/bin" if host.identity.spec.kind == "dropbear" else "/usr/local/bin"
    path = f"{place}/{command}"
    kept = f"{path}.kept"
    host.run("sh", "-c", f"mv {path} {kept} 2>/dev/null; ln -s {place}/stuck {path}")

    def undo() -> None:
        host.run("sh", "-c", f"rm {path}; mv {kept} {path} 2>/dev/null; true")
        release_stuck(host)

    return undo


def release_stuck(host: RunningHost) -> None:
    """Thaw what froze itself with `stuck`, wait until it has ended, and freeze again."""
    state, tasks = host.cgroup / "stuck/freezer.state", host.cgroup / "stuck/tasks"
    state.write_text("THAWED")
    deadline = time.monotonic() + 2.0
    while tasks.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    state.write_text("FROZEN")


def freeze(host: RunningHost) -> Undo:
    """Stop every process of the host: the kernel still answers, nobody else does."""
    state = host.cgroup / "freezer.state"
    state.write_text("FROZEN")
    return lambda: state.write_text("THAWED")


def stop_unit(host: RunningHost, unit: str = "app.service") -> Undo:
    """Stop a unit: inactive, though enabled."""
    _need_systemd(host)
    host.run("systemctl", "stop", unit)
    return lambda: host.run("systemctl", "start", unit)


def fail_unit(host: RunningHost, unit: str = "app.service") -> Undo:
    """SIGKILL to a unit's processes: failed."""
    _need_systemd(host)
    host.run("systemctl", "kill", "--signal=KILL", unit)
    host.run("sh", "-c", f"until systemctl is-failed -q {shlex.quote(unit)}; do sleep 0.02; done")
    return lambda: host.run("systemctl", "restart", unit)


def _need_systemd(host: RunningHost) -> None:
    if not host.has_systemd:
        raise FleetError(f"{host.name} is a {host.identity.spec.kind} host: it has no systemd")


def run(host: RunningHost, command: str) -> Undo:
    """Start a command that goes on by itself; healing kills it."""
    quoted = shlex.quote(command)
    script = f"setsid sh -c {quoted} </dev/null >/dev/null 2>&1 & echo $!"
    started = host.run("sh", "-c", script).stdout.decode().strip()
    # The shell's own kill: procps's may take -123 for -1, everybody.
    return lambda: host.run("sh", "-c", f"kill -s KILL -- -{started}", check=False)
