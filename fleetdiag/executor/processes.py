"""The process engine: shards of the hosts, each run by the thread engine in a process of its own.

Python's lock keeps threads on one core; a process each lifts that. The processes are forked before
the program has a second thread (docs/decisions/0007-processes.md), wait for parts of a plan, and
tell each event as it happens. They end with the process that forked them, however that ends.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from queue import SimpleQueue
from typing import TYPE_CHECKING, NoReturn

from fleetdiag.executor import threads
from fleetdiag.executor.dispatch import Dispatch, Shard
from fleetdiag.executor.engine import Engine
from fleetdiag.executor.ledger import Ledger, lightened, without_outputs
from fleetdiag.executor.parts import deal, share_out
from fleetdiag.executor.wire import Wire
from fleetdiag.model import HostFinished, HostStarted, StepFinished

if TYPE_CHECKING:
    from fleetdiag.executor.engine import Open
    from fleetdiag.executor.parts import Part
    from fleetdiag.model import (
        Event,
        Host,
        HostPlan,
        HostResult,
        Limits,
        OnEvent,
        Plan,
        Session,
        Transport,
    )

_END_GRACE_S = 1.0
"""For processes to log out of their bastions."""
_LEFT_ALONE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A terminal sends these to all processes in its foreground: the parent says what is to be done."""


class _Word(Enum):
    STOP = "the part you run"
    END = "yourself"
    IDLE = "my part is done"


@dataclass(frozen=True, slots=True)
class _Order:
    """A part as it is sent: the plan itself is there already, by fork."""

    hosts: tuple[tuple[str, tuple[str, ...] | None], ...]
    """Each host's name, and those of its steps; None: all of them."""
    fanout: int
    become_password: str | None


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a process of ours could not go on for; a fault in the program."""

    words: str


class Processes(Engine):
    """Forked processes, which wait for plans to run. To be made while there is one thread."""

    def __init__(self, plan: Plan, open_transport: Open, count: int) -> None:
        """Fork `count` processes, and one more to take over what a lost one leaves.

        They run hosts of `plan`, each over a transport of its own. What that imports is best
        imported already: then it is shared.
        """
        self._count = count
        self._shards: list[_Process] = []
        gc.freeze()  # what is there now: no collection in a child is to touch, and so copy, it
        for _ in range(count + 1):
            self._shards.append(_fork(plan, open_transport, self._shards))
        gc.unfreeze()

    def run_hosts(
        self,
        plan: Plan,
        on_event: OnEvent,
        *,
        become_password: str | None = None,
        stop: threading.Event | None = None,
    ) -> tuple[tuple[HostResult, ...], bool]:
        """As `executor.run_hosts`; the hosts must be of the plan that was there at the fork."""
        ledger = Ledger(plan, on_event)
        for shard in self._shards:
            shard.ready(ledger, become_password)
        parts = share_out(plan.fanout, deal(plan.hosts, self._count))
        dispatch = Dispatch(plan, ledger, self._shards, parts)
        interrupted = dispatch.carry_out(
            lambda wait_s: self._hear(ledger, dispatch, wait_s), stop or threading.Event()
        )
        return ledger.results(), interrupted

    def close(self) -> None:
        """Let the processes log out of their bastions and end; soon by force."""
        for shard in self._shards:
            shard.say(_Word.END)
        give_up_at = time.monotonic() + _END_GRACE_S
        for shard in self._shards:
            shard.end(give_up_at)
        self._shards.clear()

    def _hear(self, ledger: Ledger, dispatch: Dispatch, wait_s: float) -> None:
        """Take in what processes say; wait for it so long where nothing is there."""
        with selectors.DefaultSelector() as selector:
            for shard in self._shards:
                if not shard.ended:
                    selector.register(shard.wire, selectors.EVENT_READ, shard)
            for key, _ in selector.select(wait_s):
                shard = key.data
                said, alive = shard.wire.heard()
                for each in said:
                    shard.take(each, ledger)
                if not alive:
                    shard.kill()
                    dispatch.take_over(shard)


class _Process(Shard):
    """A forked process as its parent sees it."""

    about = "this machine: the process that asked it"

    def __init__(self, pid: int, wire: Wire) -> None:
        super().__init__()
        self.pid = pid
        self.wire = wire
        self._fault = ""
        self._ledger: Ledger | None = None
        self._password: str | None = None

    def ready(self, ledger: Ledger, become_password: str | None) -> None:
        """Another plan begins."""
        self._ledger, self._password = ledger, become_password

    def begin(self, part: Part) -> None:
        hosts = tuple((each.host.name, self._steps_left(each)) for each in part.hosts)
        self.say(_Order(hosts, part.fanout, self._password))

    def stop(self) -> None:
        self.say(_Word.STOP)

    def say(self, word: object) -> None:
        """Send it, where there is somebody; that nobody is there is heard by listening."""
        with suppress(OSError):
            self.wire.send(word)

    def take(self, said: object, ledger: Ledger) -> None:
        """Take in one thing that it said."""
        match said:
            case _Word.IDLE:
                self.part = None
            case _Fault(words):
                self._fault = f" by a fault of ours, please report: {words}"
            case HostStarted() | StepFinished() | HostFinished():
                ledger.note(said)

    def end(self, give_up_at: float) -> None:
        """Return when it is gone, which is made sure of at `give_up_at`."""
        while not self.ended and (wait_s := give_up_at - time.monotonic()) > 0:
            with selectors.DefaultSelector() as selector:
                selector.register(self.wire, selectors.EVENT_READ)
                if selector.select(wait_s) and not self.wire.heard()[1]:
                    break
        self.kill()

    def kill(self) -> None:
        """End it, where it has not ended, and find out how it did."""
        if self.ended:
            return
        self.wire.close()
        self.ended = "ended"
        with suppress(
            ProcessLookupError, ChildProcessError
        ):  # none is left where SIGCHLD is ignored
            os.kill(self.pid, signal.SIGKILL)  # to one that has ended it does nothing
            _, status = os.waitpid(self.pid, 0)
            if os.WIFSIGNALED(status):
                self.ended = f"was killed ({signal.Signals(os.WTERMSIG(status)).name})"
        self.ended += self._fault

    def _steps_left(self, host_plan: HostPlan) -> tuple[str, ...] | None:
        if self._ledger is None or not self._ledger.begun(host_plan):
            return None
        return tuple(step.name for step in host_plan.steps)


# ----------------------------------------------------------------------------- in the child


def _fork(plan: Plan, open_transport: Open, siblings: list[_Process]) -> _Process:
    ours, theirs = Wire.pair()
    pid = os.fork()
    if pid:
        theirs.close()
        return _Process(pid, ours)
    code = 1
    try:
        ours.close()
        for sibling in siblings:
            # Else it would not hear that the parent is gone while this one lives.
            sibling.wire.close()
        _serve(theirs, plan, open_transport)
        code = 0
    except Exception as error:  # noqa: BLE001 - the outermost boundary of this process
        with suppress(OSError):
            theirs.send(_Fault(f"{type(error).__name__}: {error}"))
    finally:
        # Nothing of the parent's is this one's to finish: no buffers, no exit handlers.
        os._exit(code)


def _serve(wire: Wire, plan: Plan, open_transport: Open) -> None:
    """Run the parts that are ordered, until there is no more to come."""
    for number in _LEFT_ALONE:
        # Not ignored: what is started here, an ssh or a proxy command, would inherit that.
        signal.signal(number, lambda _number, _frame: None)
    orders: SimpleQueue[tuple[_Order, threading.Event] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(wire, orders), name="orders", daemon=True).start()
    hosts = {each.host.name: each for each in plan.hosts}
    transport: Transport | None = None
    for order, stop in iter(orders.get, None):
        transport = transport or _Announcing(open_transport(plan), wire)
        part = replace(
            plan,
            hosts=tuple(_with_steps(hosts[name], steps) for name, steps in order.hosts),
            fanout=order.fanout,
            limits=replace(plan.limits, run_s=None),  # the parent's to watch over
        )
        threads.run_hosts(
            part,
            transport,
            lambda event: _tell(wire, event),
            become_password=order.become_password,
            stop=stop,
        )
        wire.send(_Word.IDLE)
    if transport is not None:
        transport.close()


def _listen(wire: Wire, orders: SimpleQueue[tuple[_Order, threading.Event] | None]) -> None:
    """Take orders; where no more can come, because the parent is gone, end at once."""
    stop = threading.Event()
    try:
        while (heard := wire.wait()) is not _Word.END:
            if heard is _Word.STOP:
                stop.set()
            else:
                stop = threading.Event()
                orders.put((heard, stop))
    except EOFError:
        _leave()
    orders.put(None)


class _Announcing:
    """A transport that tells the parent of a host before it touches it.

    The thread engine's own word of it waits in a queue, and is lost where the host is what ends
    this process.
    """

    def __init__(self, transport: Transport, wire: Wire) -> None:
        self._transport = transport
        self._wire = wire

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        _tell(self._wire, HostStarted(host.name))
        return self._transport.open(host, limits, first)

    def close(self) -> None:
        self._transport.close()


def _tell(wire: Wire, event: Event) -> Event:
    """Send the event; what is to be held of it here."""
    try:
        wire.send(lightened(event))
    except OSError:
        _leave()
    return without_outputs(event)


def _leave() -> NoReturn:
    """End this process: the connections close, and with them all that runs on the hosts."""
    os._exit(1)


def _with_steps(host_plan: HostPlan, names: tuple[str, ...] | None) -> HostPlan:
    if names is None:
        return host_plan
    return replace(host_plan, steps=tuple(step for step in host_plan.steps if step.name in names))
