"""Faults of a host's SSH server: silent, gone, changed, unwilling."""

from __future__ import annotations

import socket

from tests.fleet import sshd
from tests.fleet.busybox_root import convert_key
from tests.fleet.debian_root import with_option
from tests.fleet.host import SSH_PORT, RunningHost, Undo
from tests.fleet.keys import make_key
from tests.fleet.spec import FleetError


def silent(host: RunningHost) -> Undo:
    """A listener on the SSH port that accepts and never speaks."""
    sshd.stop_listener(host)
    with host.network():
        # Never accepted by this program, but by the kernel: the client is connected.
        listener = socket.create_server(("", SSH_PORT), backlog=4096)

    def undo() -> None:
        listener.close()
        sshd.start(host)

    return undo


def kill_sshd(host: RunningHost) -> Undo:
    """SIGKILL to the SSH server and every session: connection refused."""
    sshd.kill_all(host)
    return lambda: sshd.start(host)


def drop_sessions(host: RunningHost) -> Undo:
    """SIGKILL to every session, once; new logins work."""
    sshd.kill_sessions(host)
    return lambda: None


def changed_key(host: RunningHost) -> Undo:
    """A new host key: known_hosts has the old one."""
    _set_host_key(host, make_key().private)
    return lambda: _set_host_key(host, host.identity.host_key.private)


def deny_key(host: RunningHost) -> Undo:
    """No account accepts the fleet's key any more: permission denied."""
    move = 'for f in /root/.ssh/%s /home/*/.ssh/%s; do mv "$f" "${f%%/*}/%s"; done'
    kept, denied = "authorized_keys", "denied_keys"
    host.run("sh", "-c", move % (kept, kept, denied))
    return lambda: host.run("sh", "-c", move % (denied, denied, kept))


def max_sessions(host: RunningHost, count: int = 1) -> Undo:
    """MaxSessions: no more than `count` channels a connection."""
    return _configure(host, f"MaxSessions {count}")


def max_startups(host: RunningHost, limit: str = "1:100:1") -> Undo:
    """MaxStartups: logins past so many unauthenticated ones are dropped."""
    return _configure(host, f"MaxStartups {limit}")


def sshd_option(host: RunningHost, line: str) -> Undo:
    """Any line of sshd_config."""
    return _configure(host, line)


def _configure(host: RunningHost, line: str) -> Undo:
    if host.identity.spec.kind == "dropbear":
        raise FleetError(f"{host.name} runs dropbear: {line.split()[0]} is OpenSSH's")
    path = "/etc/ssh/sshd_config"
    old = host.run("cat", path).stdout
    host.write(path, with_option(old.decode(), line).encode())
    sshd.restart(host)

    def undo() -> None:
        host.write(path, old)
        sshd.restart(host)

    return undo


def _set_host_key(host: RunningHost, private_key: bytes) -> None:
    if host.identity.spec.kind == "dropbear":
        host.write(host.files.HOST_KEY, convert_key(private_key), "600")
    else:
        host.write("/etc/ssh/ssh_host_ed25519_key", private_key, "600")
    sshd.restart(host)
