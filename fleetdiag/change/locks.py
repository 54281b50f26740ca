"""The locks of a run's hosts: all of them, or none."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.change import host as asking
from fleetdiag.change.host import Holder
from fleetdiag.model import read_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.change.acting import Ask


WHAT_TO_DO = (
    "where that run is over, `fleetdiag run --retry RUN` goes on with it, and --break-lock takes"
    " its locks"
)


@dataclass(frozen=True, slots=True)
class Locks:
    """Whose locks could be had."""

    taken: tuple[str, ...]
    held: dict[str, Holder]
    """Host -> who has its lock, where it is another run's."""
    failed: dict[str, str]
    """Host -> why it cannot be locked."""


def take(
    hosts: Sequence[str], run: str, who: str, ask: Ask, *, by_force: bool, fanout: int
) -> Locks:
    """The locks of all hosts; of those already taken none is given back here.

    The first host by name goes first and alone: of two runs that want the same hosts at the same
    time one gets it, and the other is refused before it has taken any.
    """
    locks = Locks((), {}, {})
    ordered = sorted(hosts)
    for some in (ordered[:1], ordered[1:]):
        with ThreadPoolExecutor(max(1, min(fanout, len(some)))) as pool:
            found = list(pool.map(lambda host: _take(host, run, who, ask, by_force), some))
        held = {host: got for host, got in zip(some, found, strict=True) if got.run != run}
        failed = {host: got.who for host, got in held.items() if not got.run}
        locks = Locks(
            (*locks.taken, *(host for host in some if host not in held)),
            locks.held | {host: got for host, got in held.items() if got.run},
            locks.failed | failed,
        )
        if locks.held or locks.failed:
            break
    return locks


def _take(host: str, run: str, who: str, ask: Ask, by_force: bool) -> Holder:
    """Its holder now; without a run where it cannot be locked, and why in place of who."""
    result = ask(host, (asking.lock(run, who, take=by_force),))
    found = asking.holder_of(result.steps[0])
    return found if isinstance(found, Holder) else Holder("", 0.0, result.reason or found)


def give_back(hosts: Sequence[str], run: str, ask: Ask, *, fanout: int) -> tuple[str, ...]:
    """Gives the locks back; the hosts of which that is not certain."""
    if not hosts:
        return ()
    with ThreadPoolExecutor(min(fanout, len(hosts))) as pool:
        found = list(pool.map(lambda host: ask(host, (asking.unlock(run),)), hosts))
    return tuple(
        host
        for host, result in zip(hosts, found, strict=True)
        if b"unlocked=yes" not in read_output(result.steps[0].stdout)
    )


def words(host: str, holder: Holder) -> str:
    """Who has the lock of a host, since when."""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since))
    return f"{host} is locked by {holder.who} since {since}, run {holder.run}"
