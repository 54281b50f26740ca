"""Takes hosts through a change, batch by batch, until all are done or something says stop.

Hosts of a batch are changed side by side, each in a thread; the record is kept by the calling
thread alone, and a thread waits until what it is about to do is written.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fleetdiag.change import acting
from fleetdiag.change.rollout import halted, must_wait
from fleetdiag.errors import ArchiveError
from fleetdiag.model import HostAct, HostState

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from fleetdiag.change.acting import Ended, Hands, Turn
    from fleetdiag.change.rollout import Member
    from fleetdiag.model import Change, RolloutRules

_AS_BEFORE = frozenset({HostState.UNTOUCHED, HostState.UNDONE})
_LOOK_UP_S = 0.1
"""How often the calling thread looks up from what it is asked to write."""

Between = Callable[[int], str]
"""Called before the batch of that number (from 0), but the first: why to stop there, or nothing."""
Act = Callable[["Turn", "Change", "Hands"], "Ended"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to whom."""

    change: Change
    rules: RolloutRules
    members: tuple[Member, ...]
    batches: tuple[tuple[str, ...], ...]
    turns: Mapping[str, Turn]
    """Of the hosts that answered before; the others are away."""
    done: frozenset[str] = frozenset()
    """Hosts that an earlier session has changed."""
    unsettled: tuple[str, ...] = ()
    """Hosts that an earlier session was about to change: seen through before anything else."""
    fanout: int = 64


@dataclass(slots=True)
class Result:
    """What became of the hosts that had a turn."""

    ended: dict[str, Ended] = field(default_factory=dict)
    stopped: str = ""
    """Why not all had theirs; empty where they had."""


def roll_out(
    order: Order,
    hands: Hands,
    *,
    between: Between,
    on_ended: Callable[[Ended], None],
    stop: threading.Event,
) -> Result:
    """Change the hosts. `between`, `on_ended` and `hands.record` are called in this thread only.

    Once `stop` is set no further host is begun; those begun are seen through.
    """
    return _Engine(order, hands, between, on_ended, stop).run()


class _Engine:
    def __init__(
        self,
        order: Order,
        hands: Hands,
        between: Between,
        on_ended: Callable[[Ended], None],
        stop: threading.Event,
    ) -> None:
        self._order = order
        self._between = between
        self._on_ended = on_ended
        self._stop = stop
        self._write = hands.record
        self._hands = replace(hands, record=self._record)
        self._asked: SimpleQueue[tuple[HostAct, Future[None]]] = SimpleQueue()
        self._in_flight: dict[str, Future[Ended]] = {}
        known = order.turns.keys() | order.done
        self._unbegun = {m.name for m in order.members if m.name not in known}
        """Hosts that did not answer, or could not be begun: the budget counts them all."""
        self._unwritable = ""
        """Why the record cannot be kept any more; then nothing further is begun."""
        self._result = Result()

    def run(self) -> Result:
        order, ended = self._order, self._result.ended
        with ThreadPoolExecutor(max(1, order.fanout)) as pool:
            stopped = self._turns(pool, order.unsettled, acting.go_on)
            # What turned out to be untouched, or put back because nobody was there to confirm it,
            # has its turn like the others.
            for name in [n for n, e in ended.items() if e.act.state in _AS_BEFORE]:
                del ended[name]
                self._unbegun.discard(name)
            for number, batch in enumerate(order.batches):
                if stopped or (stopped := self._why_stop()):
                    break
                if number and (stopped := self._between(number)):
                    break
                names = [n for n in batch if n in order.turns and n not in ended]
                stopped = self._turns(pool, names, acting.begin)
        self._result.stopped = stopped
        return self._result

    def _turns(self, pool: ThreadPoolExecutor, names: Sequence[str], act: Act) -> str:
        """Give these hosts their turns; why no further host may have one, if so."""
        waiting, why = list(names), ""
        while waiting or self._in_flight:
            # Those begun by an earlier session are only seen through: nothing holds that back.
            settles = act is acting.go_on
            why = why or ("" if settles else self._why_stop())
            if why:
                waiting.clear()
            for name in list(waiting):
                full = len(self._in_flight) >= self._order.fanout
                if not full and (settles or not self._waits(name)):
                    waiting.remove(name)
                    turn = self._turn(name, again=not settles)
                    running = pool.submit(act, turn, self._order.change, self._hands)
                    self._in_flight[name] = running
            if waiting and not self._in_flight:
                why = self._waits(waiting[0])
                continue
            self._serve()
            why = self._collect() or why
        return why

    def _turn(self, name: str, *, again: bool) -> Turn:
        """A host that was called off in this session is tried under another number."""
        turn = self._order.turns[name]
        again = again and name in self._order.unsettled
        return replace(turn, attempt=turn.attempt + 1) if again else turn

    def _why_stop(self) -> str:
        """Why no further host may be begun; empty where one may."""
        order, ended = self._order, self._result.ended
        if self._unwritable:
            return f"what is done can no longer be written down: {self._unwritable}"
        if self._stop.is_set():
            return "it was stopped by hand"
        canaries = order.batches[0] if order.batches else ()
        if hit := [name for name in canaries if name in self._unbegun and name in ended]:
            return f"the canary could not be changed: {', '.join(hit)}"
        states = {name: each.act.state for name, each in ended.items()}
        return halted(order.rules, len(order.members), canaries, states, self._unbegun)

    def _waits(self, name: str) -> str:
        order = self._order
        states = {host: each.act.state for host, each in self._result.ended.items()}
        return must_wait(name, order.members, order.rules, states, self._unbegun, self._in_flight)

    def _record(self, act: HostAct) -> None:
        """In a worker: have it written, and wait for that."""
        written: Future[None] = Future()
        self._asked.put((act, written))
        written.result()

    def _serve(self) -> None:
        """Write what a worker is waiting for."""
        try:
            act, written = self._asked.get(timeout=_LOOK_UP_S)
        except Empty:
            return
        try:
            self._write(act)
        except ArchiveError as error:
            self._unwritable = str(error)
            written.set_exception(error)
        else:
            written.set_result(None)

    def _collect(self) -> str:
        """Take in the turns that have ended; why nothing further may be begun, if so."""
        why = ""
        for name, running in list(self._in_flight.items()):
            if not running.done():
                continue
            del self._in_flight[name]
            error = running.exception()
            if error is None:
                ended = running.result()
            else:
                why = f"internal error, please report: {type(error).__name__}: {error}"
                turn = self._order.turns[name]
                ended = acting.Ended(acting.entry(turn, HostState.UNKNOWN, why))
            if ended.act.state is HostState.UNTOUCHED:
                self._unbegun.add(name)
            self._result.ended[name] = ended
            self._on_ended(ended)
        return why
