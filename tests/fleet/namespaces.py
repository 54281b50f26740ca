"""Namespaces, mounts and process flags by system call. Knows nothing of fleets.

Python has `os.unshare` and `os.setns` from 3.12 on only, and never had `mount`.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones; raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def setns(namespace_fd: int) -> None:
    """Enter the namespace an open `/proc/PID/ns/…` stands for; raises OSError."""
    _check(_libc.setns(namespace_fd, 0), "setns")


def mount(source: str, target: str | Path, fstype: str, flags: int = 0, options: str = "") -> None:
    """mount(2); raises OSError naming the target."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), fstype.encode(), flags, options.encode()
    )
    _check(result, f"mount {fstype or source} on {target}")


def bind(source: str | Path, target: str | Path, *, read_only: bool = False) -> None:
    """Show `source` at `target` too; raises OSError."""
    mount(os.fspath(source), target, "", MS_BIND)
    if read_only:
        mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY)


def unmount(target: str | Path) -> None:
    """Detach a mount now, free it when nothing uses it any more; raises OSError."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def make_root(new_root: Path) -> None:
    """Make `new_root` (a mount point) this mount namespace's /, and let go of the old one."""
    os.chdir(new_root)
    # With both paths the same, the old root is stacked on the new one, ready to be detached:
    # no directory is needed for it (pivot_root(2), "pivot_root(".", ".")").
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def drop_capabilities(numbers: frozenset[int]) -> None:
    """Take capabilities from this process's bounding set: what it executes never has them."""
    for number in numbers:
        _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), f"drop capability {number}")


@contextmanager
def inside(namespace_fd: int, kind: str) -> Iterator[None]:
    """Run the block in another namespace (`kind`: net, pid, time, …); single-threaded only."""
    own = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(namespace_fd)
        try:
            yield
        finally:
            setns(own)
    finally:
        os.close(own)


def _check(result: int, what: str) -> None:
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{what}: {os.strerror(errno)}")
