"""Asks the provider while the hosts are asked: in threads of its own, so that it costs SSH no time.

What is asked: the state of the instances and their zones, the account's events, the status pages;
and, for hosts that stay silent, the end of their consoles. Everything has a deadline, and what does
not come by then is a sentence in `problems`.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from fleetdiag.cloud import feeds
from fleetdiag.cloud.recorded import recorded
from fleetdiag.model import DOWN, CloudFacts, HostFinished, HostStarted, StepFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fleetdiag.aws import Aws
    from fleetdiag.model import (
        CloudConsole,
        CloudInstance,
        CloudNotice,
        CloudZone,
        Event,
        Host,
    )

T = TypeVar("T")
Place = tuple[str, str]
"""Region and instance id."""

_Notices = tuple[tuple["CloudNotice", ...], tuple[str, ...]]
_Consoles = tuple[dict[str, "CloudConsole"], tuple[str, ...]]
PATIENCE_S = 3.0
"""A host that has not answered for so long may be down: its console is asked for at once, and not
only when its connection has timed out."""
LIMIT_S = 15.0
"""For each question to the provider."""
SPARE_S = 1.5
"""So long the provider is waited for when all hosts are done."""
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom to ask."""

    status_feeds: tuple[feeds.Feed, ...] = ()
    regions: tuple[str, ...] = ()
    """Of EC2, where hosts are looked for by their addresses; those that the inventory knows as
    instances are asked about anyway."""
    cache_dir: Path | None = None
    profiles: Mapping[str, str] = field(default_factory=dict)
    """Host -> the AWS profile it was listed with; others are asked about with the environment's."""


def instances_of(hosts: Sequence[Host]) -> dict[str, Place]:
    """Host -> region and id, of the hosts that the inventory knows as EC2 instances."""
    return {
        host.name: (host.attributes["region"], host.attributes["instance_id"])
        for host in hosts
        if host.attributes.get("instance_id", "").startswith("i-") and host.attributes.get("region")
    }


class Asks(Protocol):
    """Somebody who asks the provider during a run."""

    def start(self) -> None:
        """The run begins."""

    def heard(self, event: Event) -> None:
        """Something happened in the run."""

    def facts(self, spare_s: float = ...) -> CloudFacts:
        """All that was said so far, and within `spare_s` more."""


def asking(hosts: Sequence[Host], sources: Sources) -> Asks | None:
    """Somebody who asks; None where there is nobody to ask."""
    if (told := recorded(hosts)) is not None:
        return told
    known = instances_of(hosts)
    if not known and not sources.status_feeds and not sources.regions:
        return None
    return Asking(hosts, known, sources)


class Asking:
    """The questions of one run. `start` it, let it hear the run's `events`, take the `facts`."""

    def __init__(self, hosts: Sequence[Host], known: Mapping[str, Place], sources: Sources) -> None:
        self._sources = sources
        self._addresses = {
            host.name: host.endpoint.address
            for host in hosts
            if host.endpoint is not None and host.name not in known
        }
        self._places: dict[str, Place] = dict(known)
        self._asked_at = 0.0
        self._began = 0.0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._started: dict[str, float] = {}
        self._silent: set[str] = set()
        self._consoles: dict[str, Future[_Consoles]] = {}
        self._accounts: dict[str | None, Aws] = {}
        self._notices: Future[_Notices] | None = None
        self._health: Future[_Notices] | None = None
        self._instances: Future[_Instances] | None = None

    def start(self) -> None:
        """Ask everybody, each in a thread."""
        self._asked_at, self._began = time.time(), time.monotonic()
        if self._sources.status_feeds:
            self._notices = _begun("status", self._fetch_notices)
        if self._places or self._sources.regions:
            self._instances = _begun("instances", self._ask_instances)
            self._health = _begun("health", self._ask_health)
            threading.Thread(target=self._watch, name="consoles", daemon=True).start()

    def heard(self, event: Event) -> None:
        """What happened in the run: hosts that stay silent are remembered."""
        with self._lock:
            if isinstance(event, HostStarted):
                self._started[event.host] = time.monotonic()
            elif isinstance(event, StepFinished):
                self._started.pop(event.host, None)
            elif isinstance(event, HostFinished):
                self._started.pop(event.result.name, None)
                if event.result.status in DOWN:
                    self._silent.add(event.result.name)

    def facts(self, spare_s: float = SPARE_S) -> CloudFacts:
        """All that was said so far, and within `spare_s` more."""
        until = time.monotonic() + spare_s
        problems: list[str] = []
        found = CloudFacts(asked_at=self._asked_at)
        if self._instances is not None:
            told = _within(self._instances, until)
            if told is None:
                problems.append("EC2 did not answer in time")
            else:
                found = replace(found, instances=told.instances, zones=told.zones)
                problems += told.problems
        for future in (self._health, self._notices):
            notices = None if future is None else _within(future, until)
            if notices is not None:
                found = replace(found, notices=(*found.notices, *notices[0]))
                problems += notices[1]
            elif future is not None:
                is_page = future is self._notices
                who = "no status page answered" if is_page else "AWS Health did not answer"
                problems.append(f"{who} in time")
        consoles, lacking = self._consoles_within(until)
        self._over.set()
        return replace(
            found,
            consoles=consoles,
            problems=(*problems, *lacking),
            duration_s=time.monotonic() - self._began,
        )

    # ------------------------------------------------------------------------- the threads

    def _fetch_notices(self) -> _Notices:
        sources = self._sources
        return feeds.fetch_notices(sources.status_feeds, LIMIT_S, sources.cache_dir, self._asked_at)

    def _ask_instances(self) -> _Instances:
        from fleetdiag.cloud import ec2

        problems: list[str] = []
        if self._sources.regions and self._addresses:
            found, lacking = ec2.find_instances(
                self._addresses, self._sources.regions, LIMIT_S, aws=self._account(None)
            )
            self._places = {**self._places, **found}
            problems += lacking
        instances: dict[str, CloudInstance] = {}
        zones: dict[str, CloudZone] = {}
        for profile, places in self._by_profile(self._places).items():
            said, there, lacking = ec2.instance_facts(places, LIMIT_S, aws=self._account(profile))
            instances |= said
            zones |= {zone.id or zone.name: zone for zone in there}
            problems += lacking
        return _Instances(instances, tuple(zones.values()), tuple(problems))

    def _ask_health(self) -> _Notices:
        from fleetdiag.cloud import ec2

        notices: list[CloudNotice] = []
        problems: list[str] = []
        for profile, places in (self._by_profile(self._places) or {None: {}}).items():
            regions = {*self._sources.regions, *(region for region, _ in places.values())}
            aws = self._account(profile)
            said, lacking = ec2.health_notices(sorted(regions), LIMIT_S, aws=aws)
            notices += said
            problems += lacking
        return tuple(notices), tuple(problems)

    def _by_profile(self, places: Mapping[str, Place]) -> dict[str | None, dict[str, Place]]:
        """The hosts of each AWS profile; None is the environment's."""
        found: dict[str | None, dict[str, Place]] = {}
        for host, place in places.items():
            found.setdefault(self._sources.profiles.get(host), {})[host] = place
        return found

    def _account(self, profile: str | None) -> Aws:
        from fleetdiag.aws import Aws

        with self._lock:
            if profile not in self._accounts:
                self._accounts[profile] = Aws(profile)
            return self._accounts[profile]

    def _ask_for_consoles(self, wanted: Mapping[str, Place]) -> _Consoles:
        from fleetdiag.cloud import ec2

        found: dict[str, CloudConsole] = {}
        problems: list[str] = []
        for profile, places in self._by_profile(wanted).items():
            said, lacking = ec2.consoles(places, LIMIT_S, aws=self._account(profile))
            found |= said
            problems += lacking
        return found, tuple(problems)

    def _watch(self) -> None:
        """Asks for the consoles of hosts that are silent, as soon as they are."""
        while not self._over.wait(_LOOK_S):
            self._ask_consoles()

    def _ask_consoles(self) -> None:
        late = time.monotonic() - PATIENCE_S
        with self._lock:
            waiting = {host for host, began in self._started.items() if began < late}
            wanted = {
                host: self._places[host]
                for host in (waiting | self._silent) - self._consoles.keys()
                if host in self._places
            }
            if not wanted:
                return
            future = _begun("console", lambda: self._ask_for_consoles(wanted))
            self._consoles.update(dict.fromkeys(wanted, future))

    def _consoles_within(self, until: float) -> tuple[dict[str, CloudConsole], tuple[str, ...]]:
        """The consoles of the hosts that gave no answer."""
        if self._instances is None:
            return {}, ()
        self._ask_consoles()
        found: dict[str, CloudConsole] = {}
        problems: dict[str, None] = {}
        futures = {self._consoles[host] for host in self._silent if host in self._consoles}
        wait(futures, timeout=max(0.0, until - time.monotonic()))
        for future in futures:
            told = _within(future, 0.0)
            if told is None:
                problems["consoles did not come in time"] = None
                continue
            found.update({host: it for host, it in told[0].items() if host in self._silent})
            problems.update(dict.fromkeys(told[1]))
        return found, tuple(problems)


@dataclass(frozen=True, slots=True)
class _Instances:
    """What EC2 said."""

    instances: Mapping[str, CloudInstance]
    zones: tuple[CloudZone, ...]
    problems: tuple[str, ...]


def _begun(name: str, ask: Callable[[], T]) -> Future[T]:
    """`ask` in a thread that nobody waits for at the end of the program."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(ask())
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the run
            future.set_exception(error)

    threading.Thread(target=work, name=f"cloud-{name}", daemon=True).start()
    return future


def _within(future: Future[T], until: float) -> T | None:
    """The result, if it comes until then (monotonic time); None where it does not, or failed."""
    try:
        return future.result(timeout=max(0.0, until - time.monotonic()))
    except Exception:  # noqa: BLE001 - late, or a fault of ours
        return None
