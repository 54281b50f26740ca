"""Takes one host through a change, from the announcement in the record to a settled state.

The host does the work by itself (`host.sh`); here it is asked, and asked again when it does not
answer. Whatever happens to this program, the host goes on from where it stands: it never began, it
ends its steps, or it puts itself back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from fleetdiag.change import host as asking
from fleetdiag.errors import ArchiveError
from fleetdiag.model import HostAct, HostResult, HostState, HostStatus, Outcome

if TYPE_CHECKING:
    from fleetdiag.change.host import Standing, Word
    from fleetdiag.model import Change, Step, StepResult

Record = Callable[[HostAct], None]
"""Writes an entry; returns once it is stored, raises ArchiveError where it cannot be."""
Judge = Callable[[HostResult, HostResult], Sequence[str]]
"""What is worse after the change than before, a sentence each."""

_WAITED_S = 2
"""So long the host itself waits for its steps to end before it answers."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.3, 5.0
_VERIFIED_S = 5
_SPARE_S = 15.0


class Ask(Protocol):
    """How a host is asked: one session, its steps in order; never raises."""

    def __call__(self, host: str, steps: Sequence[Step], /, *, quick: bool = False) -> HostResult:
        """What it gave; `quick`: a host that is away is not waited for."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What acting on a host needs of the world."""

    ask: Ask
    record: Record
    judge: Judge
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Turn:
    """One host's turn."""

    host: str
    run: str
    attempt: int
    before: HostResult
    """Its checks before the change."""
    after: tuple[Step, ...]
    """Its checks after it."""
    was: HostState = HostState.UNTOUCHED
    """What became of it by earlier tries of this run: so it stays where this one is never begun."""

    @property
    def job(self) -> str:
        """What the host knows this try by."""
        return f"{self.run}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended."""

    act: HostAct
    after: HostResult | None = None
    """Its checks after the change, where it came to them."""


def begin(turn: Turn, change: Change, hands: Hands) -> Ended:
    """Change the host, unless that cannot be written down first."""
    acting = _Acting(turn, change, hands)
    try:
        acting.note(HostState.ABOUT)
    except ArchiveError as error:
        return Ended(entry(turn, turn.was, f"nothing was begun: {error}"))
    word, why = acting.ask(asking.launch(turn.job, change))
    if word is None:
        # Without the word to begin it never does: it is certain that nothing was done.
        return acting.end(HostState.UNTOUCHED, f"nothing was begun: {why}")
    if word.error or not asking.standing(word, change, acting.boot_id).pending:
        return acting.end(HostState.UNTOUCHED, word.error or f"nothing was begun: {word.start}")
    return acting.see_through(asking.go)


def go_on(turn: Turn, change: Change, hands: Hands) -> Ended:
    """Find out what became of a host that was about to be changed, and see that through."""
    acting = _Acting(turn, change, hands)
    acting.ask(asking.cancel(turn.job))
    return acting.see_through(asking.state)


def look(turn: Turn, change: Change, ask: Ask) -> Standing | str:
    """What became of a host, without doing anything; or why it does not say."""
    word, why = _word(ask(turn.host, (asking.state(turn.job),)))
    if word is None:
        return why
    if word.job and not word.start and not word.go:
        # Only a program that is at it could still say the word.
        return asking.Standing(
            turn.was, "it waits for the word to begin, and without it never does"
        )
    return asking.standing(word, change, turn.before.facts.boot_id)


class _Acting:
    """One turn, with what is known of it so far."""

    def __init__(self, turn: Turn, change: Change, hands: Hands) -> None:
        self._turn, self._change, self._hands = turn, change, hands
        self._said = ""
        self._checks: HostResult | None = None
        self.boot_id = turn.before.facts.boot_id

    def note(self, state: HostState, reason: str = "") -> HostAct:
        """Written, and stored when this returns; raises ArchiveError."""
        act = replace(entry(self._turn, state, reason), said=self._said)
        self._hands.record(act)
        return act

    def end(self, state: HostState, reason: str = "") -> Ended:
        """It is so, also where it can no longer be written down."""
        if state is HostState.UNTOUCHED:
            state = self._turn.was
        act = replace(entry(self._turn, state, reason), said=self._said)
        with suppress(ArchiveError):
            self._hands.record(act)
        return Ended(act, self._checks)

    def ask(self, step: Step, *, quick: bool = False) -> tuple[Word | None, str]:
        """The host's answer, or why there is none."""
        word, why = _word(self._hands.ask(self._turn.host, (step,), quick=quick))
        if word is not None and word.said:
            self._said = word.said
        return word, why

    def see_through(self, step: Callable[[str, int], Step]) -> Ended:
        """Ask until it is settled, then prove it."""
        settled = self._settled(step)
        if settled is None:
            return self._lost()
        if settled.state is HostState.FAILED:
            return self._put_back(settled.reason)
        if settled.state is not HostState.DONE:
            return self.end(settled.state, settled.reason)
        if trouble := self._proved():
            return self._put_back(trouble)
        return self._confirmed()

    def _settled(self, step: Callable[[str, int], Step]) -> Standing | None:
        """Where it stands once that does not move any more; None where it does not come back."""
        change = self._change
        undo_s = 0.0 if change.undo is None else change.undo.after_s + change.undo.timeout_s
        away_s = max(change.away_s, undo_s + _SPARE_S if change.undo else 0.0)
        heard_at = time.monotonic()
        over_at = heard_at + sum(act.timeout_s for act in change.acts) + undo_s + away_s
        pause_s = _FIRST_PAUSE_S
        while True:
            wait_s = 0 if change.reboots else _WAITED_S
            word, _ = self.ask(step(self._turn.job, wait_s), quick=True)
            now = time.monotonic()
            if word is not None:
                heard_at = now
                found = asking.standing(word, change, self.boot_id)
                if not found.pending:
                    return found
            if now - heard_at > away_s or now > over_at:
                return None
            self._hands.pause(pause_s * random.uniform(0.8, 1.2))  # noqa: S311
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.4)

    def _lost(self) -> Ended:
        words = "it did not come back within its limit"
        if self._change.undo is not None:
            words += ", and does not say whether it has put itself back"
        return self.end(HostState.UNKNOWN, words)

    def _proved(self) -> str:
        """Empty once the condition is true and the checks are no worse than before; else why."""
        condition = self._change.verify
        if condition is None:
            return self._judged(self._hands.ask(self._turn.host, self._turn.after))
        until = time.monotonic() + condition.within_s
        why, after = "nobody answered", self._turn.after
        while True:
            wait_s = max(0, min(_VERIFIED_S, int(until - time.monotonic())))
            step = asking.verify(self._turn.job, condition.command, wait_s)
            # The checks in the same session: a login less, where it is true at once.
            result = self._hands.ask(self._turn.host, (step, *after), quick=True)
            told, *checks = result.steps
            if told.outcome is Outcome.OK:
                whole = result.status is HostStatus.OK and bool(checks)
                if not whole:
                    return self._judged(self._hands.ask(self._turn.host, self._turn.after))
                return self._judged(replace(result, steps=tuple(checks)))
            if told.outcome is not Outcome.NOT_RUN:
                why = told.reason
            if time.monotonic() >= until:
                return f"not verified within {condition.within_s:g} s: {why}"
            after = ()
            self._hands.pause(_FIRST_PAUSE_S)

    def _judged(self, result: HostResult) -> str:
        """What the checks afterwards show that is worse; empty where nothing is."""
        self._checks = result
        if result.status is not HostStatus.OK:
            return f"it did not answer the checks afterwards: {result.reason}"
        return "; ".join(self._hands.judge(self._turn.before, result))

    def _put_back(self, trouble: str) -> Ended:
        """It is changed, and not as it should be; what put itself back already says so again."""
        if self._change.undo is None:
            return self.end(HostState.FAILED, trouble)
        self.ask(asking.revert(self._turn.job))
        settled = self._settled(asking.state)
        if settled is None:
            return self._lost()
        if settled.state is HostState.DONE:
            return self.end(HostState.FAILED, f"{trouble}; its undo did not begin")
        known = settled.reason in {"", trouble}
        return self.end(settled.state, trouble if known else f"{trouble}; {settled.reason}")

    def _confirmed(self) -> Ended:
        """All is well: said to the host, unless its undo was faster."""
        if self._change.undo is None:
            return self.end(HostState.DONE)
        settled = self._settled(lambda job, _: asking.confirm(job))
        if settled is None:
            return self._lost()
        return self.end(settled.state, settled.reason)


def _word(result: HostResult) -> tuple[Word | None, str]:
    """The host's answer to one step, or why there is none."""
    told: StepResult = result.steps[0]
    word = asking.word_of(told)
    if word is not None:
        return word, ""
    return None, result.reason or told.reason or f"it gave no answer to {told.name}"


def entry(turn: Turn, state: HostState, reason: str = "") -> HostAct:
    """An entry of the record of this turn, now."""
    return HostAct(
        host=turn.host,
        state=state,
        at=time.time(),
        attempt=turn.attempt,
        boot_id=turn.before.facts.boot_id,
        reason=reason,
    )
