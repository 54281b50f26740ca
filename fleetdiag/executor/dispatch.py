"""One plan over several shards, wherever they are: who gets which part, and again after a loss.

Knows shards by what they can be told; nothing of processes or of networks.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from fleetdiag.executor.parts import after_loss
from fleetdiag.model import HostStatus

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from fleetdiag.executor.ledger import Ledger
    from fleetdiag.executor.parts import Part
    from fleetdiag.model import HostPlan, Plan

_LOOK_UP_S = 0.1
"""How often the calling thread looks up for a stop or the deadline."""
_STOP_GRACE_S = 2.0
"""For shards to end: theirs is a second, and their last words have to come here."""


class Shard(ABC):
    """Something that runs one part at a time by the thread engine, somewhere."""

    about: str
    """Who it is, for reasons: `this machine: the process that asked it`."""
    all_told = True
    """It tells of each host before it touches it, so that this is heard whatever happens then."""

    def __init__(self) -> None:
        self.part: Part | None = None
        """What it runs; None where it waits."""
        self.ended = ""
        """In words, how (`was killed`); empty while it lives."""

    def suits(self, part: Part) -> bool:  # noqa: ARG002 - for those that are somewhere
        """Whether it can reach the hosts of this part."""
        return True

    @abstractmethod
    def begin(self, part: Part) -> None:
        """Run the part; a loss is told when it is listened to."""

    @abstractmethod
    def stop(self) -> None:
        """End the part, soon."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, whatever it does; sets `ended`."""


class Dispatch:
    """Gives the parts of a plan out and settles what cannot be run."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        shards: Sequence[Shard],
        parts: Iterable[Part],
        *,
        patience_s: float = 0.0,
    ) -> None:
        """`shards` may grow meanwhile; a part that suits none of them waits so long for one."""
        self._plan = plan
        self._ledger = ledger
        self._shards = shards
        self._waiting = deque(parts)
        self.patience_s = patience_s
        self._out_of_reach_since: float | None = None
        self._stopped = False

    def carry_out(self, hear: Callable[[float], None], asked: threading.Event) -> bool:
        """Run until every host has its result; whether it was stopped early.

        `hear` takes in what shards say, and waits for it no longer than it is told (seconds).
        """
        run_s = self._plan.limits.run_s
        late_at = float("inf") if run_s is None else time.monotonic() + run_s
        give_up_at = float("inf")
        while not self._ledger.complete and time.monotonic() < give_up_at:
            self._ledger.late = not asked.is_set() and time.monotonic() >= late_at
            if (self._ledger.late or asked.is_set()) and not self._stopped:
                give_up_at = time.monotonic() + _STOP_GRACE_S
                self._stop()
            self._hand_out()
            if not self._ledger.complete:
                hear(_LOOK_UP_S)
        interrupted = asked.is_set()
        if not self._ledger.complete:
            # A login that hangs does not notice that it is to stop.
            for shard in self._shards:
                if shard.part is not None:
                    shard.kill()
            self._ledger.abandon()
        return interrupted

    def take_over(self, shard: Shard) -> None:
        """Have others run what a lost shard left, as far as that may be."""
        part, shard.part = shard.part, None
        if part is None or self._stopped:
            return
        parts, gone = after_loss(part, self._ledger, all_told=shard.all_told)
        self._waiting.extendleft(reversed(parts))
        again = " for the second time" if part.second else ""
        self._give_up(gone, f"{shard.about} {shard.ended}{again}, {{where}}")

    def _hand_out(self) -> None:
        """Give waiting parts to idle shards, within the fanout of the plan."""
        for part in list(self._waiting):
            in_flight = sum(shard.part.fanout for shard in self._living() if shard.part)
            fits = not in_flight or in_flight + part.fanout <= self._plan.fanout
            idle = [shard for shard in self._living() if not shard.part and shard.suits(part)]
            if fits and idle and not self._stopped:
                self._waiting.remove(part)
                idle[0].part = part
                idle[0].begin(part)
        self._give_up_what_nobody_reaches()

    def _give_up_what_nobody_reaches(self) -> None:
        lonely = [p for p in self._waiting if not any(s.suits(p) for s in self._living())]
        now = time.monotonic()
        if not lonely:
            self._out_of_reach_since = None
            return
        if self._out_of_reach_since is None:
            self._out_of_reach_since = now
        if now - self._out_of_reach_since < self.patience_s:
            return
        for part in lonely:
            self._waiting.remove(part)
            lost = next((s for s in reversed(self._shards) if s.ended and s.suits(part)), None)
            words = f"{lost.about} {lost.ended}" if lost else "nobody was left to ask it"
            self._give_up(part.hosts, f"{words}, and no other is left, {{where}}")

    def _living(self) -> list[Shard]:
        return [shard for shard in self._shards if not shard.ended]

    def _stop(self) -> None:
        """Have every shard end its part, and give out no other."""
        self._stopped = True
        for shard in self._living():
            if shard.part is not None:
                shard.stop()

    def _give_up(self, hosts: Sequence[HostPlan], words: str) -> None:
        for each in hosts:
            self._ledger.give_up(each, HostStatus.NOT_RUN, words)
