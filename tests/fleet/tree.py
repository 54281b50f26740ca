"""Writing a host's own files into the upper layer of its overlay, before it starts."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from tests.fleet.accounts import FIRST_UID
from tests.fleet.identity import Identity
from tests.fleet.spec import User

MARKER_DIR = "var/lib/fleet"
"""In the host: what the fleet itself needs there (the mount point of the freezer)."""


def put(root: Path, path: str, content: str | bytes, mode: int = 0o644, uid: int = 0) -> None:
    """Write one file under `root`, directories included; `path` is relative."""
    target = root / path
    make_dir(target.parent)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    target.chmod(mode)
    os.chown(target, uid, uid)


def make_dir(directory: Path, mode: int = 0o755) -> None:
    """The directory with exactly this mode, whatever the umask; parents get 0755."""
    if not directory.is_dir():
        make_dir(directory.parent)
        directory.mkdir()
        directory.chmod(mode)


def fresh_dir(upper: Path, path: str, mode: int = 0o755) -> None:
    """An empty directory that hides the lower layer's."""
    directory = upper / path
    make_dir(directory)
    directory.chmod(mode)
    os.setxattr(directory, "trusted.overlay.opaque", b"y")


def hide(upper: Path, path: str) -> None:
    """Make the lower layer's entry not exist: overlayfs takes a 0/0 device as a deletion."""
    os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))


def put_homes(upper: Path, users: Sequence[User], public_key: str) -> None:
    """Home directories of root and the users, each accepting the fleet's key."""
    put(upper, "root/.ssh/authorized_keys", public_key + "\n", 0o600)
    (upper / "root").chmod(0o700)
    for uid, user in enumerate(users, FIRST_UID):
        home = upper / "home" / user.name
        put(upper, f"home/{user.name}/.ssh/authorized_keys", public_key + "\n", 0o600, uid)
        for directory in (home, home / ".ssh"):
            directory.chmod(0o700)
            os.chown(directory, uid, uid)


def put_names(upper: Path, identity: Identity, hosts_file: str) -> None:
    """Hostname, machine id, the names of the fleet's hosts; a name server that knows nothing."""
    put(upper, "etc/hostname", f"{identity.name}\n")
    put(upper, "etc/machine-id", f"{identity.machine_id}\n", 0o444)
    put(upper, "etc/hosts", hosts_file)
    # Configured, as on a healthy host; the router turns each question away at once.
    resolver = f"nameserver {identity.gateway}\noptions timeout:1 attempts:1\n"
    put(upper, "etc/resolv.conf", resolver)


def put_stuck_command(upper: Path, path: str) -> None:
    """`stuck`: a command that freezes itself for good, so that not even SIGKILL ends it."""
    put(upper, path, f'#!/bin/sh\necho $$ > /{MARKER_DIR}/stuck/tasks\necho "thawed"\n', 0o755)
    make_dir(upper / MARKER_DIR / "stuck")
