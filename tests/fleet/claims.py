"""Which fleet has which number: a lock file each, and the clearing up after the dead."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tests.fleet import cgroups, network, published
from tests.fleet.spec import FleetError

STATE_ROOT = Path("/run/fleetdiag-fleets")


def claim_number() -> tuple[network.Addresses, int]:
    """A free number, as its addresses, and the lock that holds it while the caller lives.

    The caller keeps the descriptor open and makes `directory_of` it. Raises FleetError.
    """
    STATE_ROOT.mkdir(mode=0o755, exist_ok=True)
    for number in range(network.MAX_FLEETS):
        lock = _try_lock(number)
        if lock is None:
            continue
        addresses = network.Addresses(number)
        network.unlink(addresses)  # a dead fleet's device may be a moment from going
        if not addresses.in_use():
            published.remove(directory_of(number))
            return addresses, lock
        os.close(lock)
    raise FleetError(f"no free network: {network.MAX_FLEETS} fleets run, or the routes are taken")


def directory_of(number: int) -> Path:
    """Where a fleet has its files."""
    return STATE_ROOT / str(number)


def clear_dead_fleets(freezer: Path, units: Path) -> None:
    """Clear away what fleets left whose supervisor was killed: frozen processes, cgroups, files.

    The rest of them the kernel has cleared itself. `freezer`, `units`: the mounted cgroup trees.
    """
    for file in STATE_ROOT.glob("*.lock"):
        number = int(file.stem)
        lock = _try_lock(number)
        if lock is None:
            continue  # it lives
        clear_cgroups(number, freezer, units)
        published.remove(directory_of(number))
        os.close(lock)


def clear_cgroups(number: int, freezer: Path, units: Path) -> None:
    """Remove a fleet's cgroups with whatever still runs in them."""
    for tree in (freezer, units):
        cgroups.clear(tree / f"{cgroups.NAME}{number}")


def _try_lock(number: int) -> int | None:
    """The lock's descriptor; None where another process holds it."""
    path = STATE_ROOT / f"{number}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
