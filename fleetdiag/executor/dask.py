"""The Dask engine: parts of the hosts on `distributed` workers, near to them.

A worker runs its part by the thread engine, over a transport that it opens itself with its own
keys, agent and known_hosts; events come back as they happen, in batches that are asked for.
`distributed` is imported when an engine is made, and never before.
"""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from fleetdiag.executor.dask_scheduler import check_versions, connect, some_workers, workers_of
from fleetdiag.executor.dask_worker import LEASE_S, RemotePart, away_from_home
from fleetdiag.executor.dispatch import Dispatch, Shard
from fleetdiag.executor.engine import Engine
from fleetdiag.executor.ledger import Ledger
from fleetdiag.executor.parts import Part, deal, share_out
from fleetdiag.executor.placement import Labels, Place, near, places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleetdiag.executor.engine import Open
    from fleetdiag.model import Event, HostResult, OnEvent, Plan

_PATIENCE_S = LEASE_S + 10.0
"""A worker that has not answered for so long is lost; by then it has ended its part itself."""
_MEMBERS_EVERY_S = 1.0
_LEAVE_S = 2.0
_RETURN_S = 15.0
"""How long a worker that can take a lost one's place is waited for: a nanny starts it anew."""


class Dask(Engine):
    """A client of a scheduler, and of the local cluster it started where none was named."""

    def __init__(self, plan: Plan, open_transport: Open, on: str, *, cores: int = 1) -> None:
        """Connect and look around.

        `on` is `dask` (a local cluster of as many workers as `cores`), `dask://HOST:PORT` or
        `dask+tls://HOST:PORT`. Raises EngineError where there is nobody, or something else than
        this program.
        """
        self._open = open_transport
        self._cluster: Any = None
        self._client: Any = None
        try:
            self._client, self._cluster = connect(on, cores)
            check_versions(self._client)
            _, self.notes = places(plan.hosts, some_workers(self._client, on))
            """Sentences on hosts that no worker is for."""
        except BaseException:
            self.close()
            raise

    def run_hosts(
        self,
        plan: Plan,
        on_event: OnEvent,
        *,
        become_password: str | None = None,
        stop: threading.Event | None = None,
    ) -> tuple[tuple[HostResult, ...], bool]:
        """As `executor.run_hosts`."""
        ledger = Ledger(plan, on_event)
        run = _Run(self._client, plan, ledger, self._open, become_password)
        try:
            interrupted = run.carry_out(stop or threading.Event())
        finally:
            run.end()
        return ledger.results(), interrupted

    def close(self) -> None:
        """Leave the scheduler; the local cluster ends, if need be with this process."""
        client, cluster, self._client, self._cluster = self._client, self._cluster, None, None

        def leave() -> None:
            for each in (client, cluster):
                if each is not None:
                    with suppress(Exception):
                        each.close(timeout=_LEAVE_S)

        leaving = threading.Thread(target=leave, name="leaving", daemon=True)
        leaving.start()
        leaving.join(_LEAVE_S)  # the report is waited for


# ------------------------------------------------------------------------------- the run


@dataclass(frozen=True, slots=True)
class _Said:
    """What a worker told; `over`: and its part is done."""

    shard: _Worker
    part: Part
    events: list[Event]
    over: bool = False
    lost: str = ""
    """How it was lost, in words."""


class _Run:
    """One plan over the workers of a scheduler."""

    def __init__(
        self,
        client: Any,
        plan: Plan,
        ledger: Ledger,
        open_transport: Open,
        become_password: str | None,
    ) -> None:
        self._ledger = ledger
        self._order = _Order(client, plan, open_transport, become_password)
        workers = workers_of(client)
        found, _ = places(plan.hosts, list(workers.values()))
        self._order.place_of.update(
            {each.host.name: place for place, hosts in found.items() for each in hosts}
        )
        self._shards: list[_Worker] = []
        self._welcome(workers)
        shares = [
            share
            for place, hosts in found.items()
            for share in deal(hosts, self._order.count(place))
        ]
        parts = share_out(plan.fanout, shares)
        self._dispatch = Dispatch(plan, ledger, self._shards, parts, patience_s=_RETURN_S)
        self._ended = threading.Event()

    def carry_out(self, asked: threading.Event) -> bool:
        """Run to the end; whether it was stopped early."""
        threading.Thread(target=self._watch_members, name="members", daemon=True).start()
        return self._dispatch.carry_out(self._hear, asked)

    def end(self) -> None:
        """Let go of whatever still runs there."""
        self._ended.set()
        for shard in self._shards:
            shard.kill()

    def _hear(self, wait_s: float) -> None:
        with suppress(Empty):
            heard = self._order.inbox.get(timeout=wait_s)
            while True:
                self._take(heard)
                heard = self._order.inbox.get_nowait()

    def _take(self, heard: _Said | Mapping[str, Labels] | None) -> None:
        match heard:
            case _Said():
                self._take_said(heard)
            case None:
                self._dispatch.patience_s = 0.0
                self._lose("lost its scheduler", self._shards)
            case _:
                self._lose("was lost", [s for s in self._shards if s.address not in heard])
                self._welcome(heard)

    def _take_said(self, said: _Said) -> None:
        shard = said.shard
        if shard.ended or shard.part is not said.part:
            return  # given up on: others run these hosts by now
        for event in said.events:
            self._ledger.note(event)
        if said.lost:
            self._lose(said.lost, [shard])
        elif said.over:
            shard.part = None

    def _lose(self, words: str, shards: Sequence[_Worker]) -> None:
        for shard in shards:
            if not shard.ended:
                shard.kill()
                shard.ended = words
                self._dispatch.take_over(shard)

    def _welcome(self, workers: Mapping[str, Labels]) -> None:
        """Workers that came meanwhile may take parts over."""
        self._order.workers = list(workers.values())
        known = {shard.address for shard in self._shards}
        new = workers.keys() - known
        self._shards += [_Worker(address, workers[address], self._order) for address in sorted(new)]

    def _watch_members(self) -> None:
        """Tell now and then who is there; None once nobody can say so."""
        inbox = self._order.inbox
        while not self._ended.wait(_MEMBERS_EVERY_S):
            client = self._order.client
            members = None
            with suppress(Exception):  # whatever it is, nothing is heard any more
                members = workers_of(client) if client.status == "running" else None
            inbox.put(members)
            if members is None:
                return


class _Order:
    """What all workers of a run need to know."""

    def __init__(
        self, client: Any, plan: Plan, open_transport: Open, become_password: str | None
    ) -> None:
        self.client = client
        self.plan = plan
        self.open_transport = open_transport
        self.become_password = become_password
        self.inbox: SimpleQueue[_Said | Mapping[str, Labels] | None] = SimpleQueue()
        self.place_of: dict[str, Place] = {}
        self.workers: list[Labels] = []

    def suits(self, labels: Labels, place: Place) -> bool:
        """Whether a worker is for hosts of this place; for those of none, the unlabelled first."""
        if place:
            return near(labels, place)
        return not labels or all(self.workers)

    def count(self, place: Place) -> int:
        """How many workers are for hosts of this place; 1 also where they have all just gone."""
        return max(1, sum(self.suits(labels, place) for labels in self.workers))


class _Worker(Shard):
    """A worker as the client sees it."""

    all_told = False

    def __init__(self, address: str, labels: Labels, order: _Order) -> None:
        super().__init__()
        self.address = address
        self.about = f"the Dask worker {address} that asked it"
        self._labels = labels
        self._order = order
        self._stopping = threading.Event()
        self._actor: Any = None

    def suits(self, part: Part) -> bool:
        return self._order.suits(self._labels, self._order.place_of[part.hosts[0].host.name])

    def begin(self, part: Part) -> None:
        threading.Thread(target=self._listen, args=(part,), name="worker", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        if self._actor is not None:
            with suppress(Exception):
                self._actor.stop()  # the answer comes with what its hosts came to

    def kill(self) -> None:
        self.stop()
        self._actor = None  # the worker lets go of it too, and ends what it still runs
        self.ended = self.ended or "was given up"

    def _listen(self, part: Part) -> None:
        """Have the worker run the part, and pass on what it says until that is all."""
        inbox = self._order.inbox
        try:
            with self._order.client.as_current():  # else an actor finds no client
                for events, over, failure in self._answers(part):
                    lost = f"failed ({failure})" if failure and over else ""
                    inbox.put(_Said(self, part, events, over, lost))
        except TimeoutError:
            words = f"has not answered for {_PATIENCE_S:g} s"
            inbox.put(_Said(self, part, [], lost=words))
        except Exception as error:  # noqa: BLE001 - however it says that the worker is gone
            words = f"was lost ({str(error) or type(error).__name__})"
            inbox.put(_Said(self, part, [], lost=words))

    def _answers(self, part: Part) -> Iterator[tuple[list[Event], bool, str]]:
        order = self._order
        whole = replace(order.plan, hosts=part.hosts, fanout=part.fanout)
        # The deadline is the client's to watch over.
        theirs = away_from_home(replace(whole, limits=replace(whole.limits, run_s=None)))
        future = order.client.submit(
            RemotePart,
            key=f"fleetdiag-{uuid.uuid4().hex}",
            workers=[self.address],
            allow_other_workers=False,
            actor=True,
            pure=False,
        )
        actor = self._actor = future.result(timeout=_PATIENCE_S)
        actor.begin(theirs, order.open_transport, order.become_password).result(_PATIENCE_S)
        if self._stopping.is_set():
            self.stop()  # whoever said so before found nobody to tell
        over = False
        while not over and not self.ended:
            events, over, failure = actor.take().result(timeout=_PATIENCE_S)
            yield events, over, failure
