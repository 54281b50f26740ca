"""A change rolled out: the checks before, the locks, the hosts' turns, and the record of it all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag import __version__, archive
from fleetdiag.change import locks
from fleetdiag.change.acting import Ended, Hands, Turn
from fleetdiag.change.engine import Order, roll_out
from fleetdiag.change.judging import worse
from fleetdiag.change.rollout import batches_of, members_of
from fleetdiag.changes.sessions import as_of, asker, change_of
from fleetdiag.compare import compare
from fleetdiag.errors import ArchiveError
from fleetdiag.executor import run_hosts
from fleetdiag.model import (
    OPEN,
    SETTLED,
    ArchiveFailed,
    BatchBegun,
    Event,
    FindingKind,
    HostAct,
    HostActed,
    HostFinished,
    HostPlan,
    HostResult,
    HostState,
    HostStatus,
    Outcome,
    Rollout,
    Run,
    Severity,
    StepResult,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence

    from fleetdiag.change.engine import Between
    from fleetdiag.model import CloudFacts, OnEvent, Plan, RolloutRules, Step, Transport


def planned(
    plan: Plan, rules: RolloutRules, done: Collection[str] = ()
) -> tuple[tuple[str, ...], ...]:
    """The hosts batch by batch, if all goes well; raises PlanError."""
    return batches_of(members_of([each.host for each in plan.hosts], rules), rules, done)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A stored rollout that is gone on with."""

    run: Run
    path: Path

    @property
    def acts(self) -> dict[str, HostAct]:
        """Host -> the last that is written of it."""
        return {} if self.run.rollout is None else self.run.rollout.states()


@dataclass(slots=True)
class _Kept:
    """What is known so far, and in the archive first."""

    writer: archive.Writer
    on_event: OnEvent
    results: dict[str, HostResult] = field(default_factory=dict)
    acts: list[HostAct] = field(default_factory=list)

    def record(self, act: HostAct) -> None:
        self.writer.add_act(act)
        self.acts.append(act)
        self.on_event(HostActed(act))

    def keep(self, result: HostResult) -> None:
        self.results[result.name] = result
        self.try_to(lambda: self.writer.add(result))

    def try_to(self, write: Callable[[], object]) -> None:
        """What is lost if this fails is no act: the rollout goes on, and the user hears of it."""
        try:
            write()
        except ArchiveError as error:
            self.on_event(ArchiveFailed(str(error)))


def run(
    plan: Plan,
    transport: Transport,
    *,
    rules: RolloutRules,
    who: str,
    archive_dir: Path,
    on_event: OnEvent,
    between: Between = lambda _: "",
    by_force: bool = False,
    cloud: CloudFacts | None = None,
    earlier: Earlier | None = None,
    become_password: str | None = None,
    stop: threading.Event,
) -> tuple[Run, Path]:
    """Roll the plan's change out over its hosts; what became of each, and where that is stored.

    What is about to be done to a host is in the archive before it is done. Raises ArchiveError
    where the archive cannot be begun, and PlanError; nothing has been done then.

    Args:
        plan: hosts and the change; of a rollout that is gone on with, all its hosts.
        transport: to the hosts.
        rules: how it goes over the fleet.
        who: `user@machine`, for the locks.
        archive_dir: where the run is stored, unless there is an earlier one.
        on_event: hears what happens, in this thread.
        between: asked before each batch but the first why to stop there.
        by_force: take locks of other runs.
        cloud: what the provider said.
        earlier: the rollout that is gone on with.
        become_password: for sudo.
        stop: once set, no further host is begun.
    """
    return _Rolling(plan, transport, rules, who, become_password, on_event, stop).run(
        archive_dir, between, by_force=by_force, cloud=cloud, earlier=earlier
    )


class _Rolling:
    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        rules: RolloutRules,
        who: str,
        become_password: str | None,
        on_event: OnEvent,
        stop: threading.Event,
    ) -> None:
        self._plan, self._rules, self._who, self._stop = plan, rules, who, stop
        self._transport = transport
        self._on_event = on_event
        self._password = become_password
        self._ask = asker(plan, transport, become_password)
        self._change = change_of(plan.playbook)

    def run(
        self,
        archive_dir: Path,
        between: Between,
        *,
        by_force: bool,
        cloud: CloudFacts | None,
        earlier: Earlier | None,
    ) -> tuple[Run, Path]:
        plan, began, started_at = self._plan, time.monotonic(), time.time()
        acts = {} if earlier is None else earlier.acts
        done = frozenset(name for name, act in acts.items() if act.state is HostState.DONE)
        members = members_of([each.host for each in plan.hosts], self._rules)
        rollout = Rollout(self._rules, batches_of(members, self._rules, done), self._who)
        if earlier is None:
            run_id = archive.new_run_id(plan.playbook.name, started_at)
            writer = archive.Writer.create(
                archive_dir, run_id, plan, version=__version__, started_at=started_at
            )
        else:
            run_id, writer = earlier.run.id, archive.Writer.reopen(earlier.path)
        with writer.alone(), writer:
            writer.add_rollout(rollout)
            kept = _Kept(writer, self._on_event)
            if cloud is not None:
                kept.try_to(lambda: writer.add_cloud(cloud))
            unsettled = tuple(name for name, act in acts.items() if act.state in OPEN)
            turns = self._turns(run_id, kept, earlier, done)
            away = {member.name for member in members} - turns.keys() - done
            # Without those that do not answer: one of them as the canary would be none.
            batches = batches_of(members, self._rules, done | away)
            rollout = replace(rollout, batches=batches)
            writer.add_rollout(rollout)
            stopped = self._is_here(turns) or self._locked(run_id, turns, by_force=by_force)
            if not stopped and turns:
                order = Order(
                    self._change, self._rules, members, rollout.batches, turns, done,
                    unsettled, plan.fanout,
                )  # fmt: skip
                stopped = self._roll(order, kept, between)
            elif not stopped and len(done) < len(members):
                stopped = "no host answered"
            self._give_back(run_id, {*turns, *done}, kept, acts)
            rollout = replace(rollout, stopped=stopped)
            duration_s = time.monotonic() - began
            if earlier is not None:
                duration_s += earlier.run.duration_s
            kept.try_to(lambda: writer.add_rollout(rollout))
            kept.try_to(lambda: writer.finish(duration_s, self._stop.is_set()))
        path = writer.path
        so_far = () if earlier is None or earlier.run.rollout is None else earlier.run.rollout.acts
        there = {} if earlier is None else {host.name: host for host in earlier.run.hosts}
        hosts = tuple(kept.results.get(n.host.name) or there[n.host.name] for n in plan.hosts)
        run = Run(
            id=run_id,
            playbook=plan.playbook,
            hosts=hosts,
            started_at=started_at if earlier is None else earlier.run.started_at,
            duration_s=duration_s,
            version=__version__ if earlier is None else earlier.run.version,
            interrupted=self._stop.is_set(),
            note=plan.note,
            peers=plan.peers,
            cloud=cloud if earlier is None or cloud is not None else earlier.run.cloud,
            rollout=replace(rollout, acts=(*so_far, *kept.acts)),
        )
        return run, path

    # ------------------------------------------------------------------------- before the acts

    def _turns(
        self, run_id: str, kept: _Kept, earlier: Earlier | None, done: frozenset[str]
    ) -> dict[str, Turn]:
        """The turns of the hosts that answer their checks before, and of those begun earlier."""
        acts = {} if earlier is None else earlier.acts
        there = {} if earlier is None else {host.name: host for host in earlier.run.hosts}
        so_far = () if earlier is None or earlier.run.rollout is None else earlier.run.rollout.acts
        was = {act.host: act.state for act in so_far if act.state in SETTLED}
        turns = {
            name: self._turn(run_id, name, act.attempt, as_of(act, there[name]), was)
            for name, act in acts.items()
            if act.state in OPEN
        }
        left = [h for h in self._plan.hosts if h.host.name not in {*turns, *done}]
        for result in self._asked_before(left, kept):
            attempt = acts[result.name].attempt if result.name in acts else 0
            if result.status is HostStatus.OK:
                turns[result.name] = self._turn(run_id, result.name, attempt + 1, result, was)
                continue
            if result.name in was:  # what was done to it before does not go away
                continue
            words = f"{result.status}: {result.reason}" if result.reason else str(result.status)
            untouched = HostState.UNTOUCHED
            kept.record(HostAct(result.name, untouched, time.time(), attempt, reason=words))
        return turns

    def _turn(
        self,
        run_id: str,
        name: str,
        attempt: int,
        before: HostResult,
        was: Mapping[str, HostState],
    ) -> Turn:
        plan = next(each for each in self._plan.hosts if each.host.name == name)
        after = plan.steps[self._change.before :]
        return Turn(name, run_id, attempt, before, after, was.get(name, HostState.UNTOUCHED))

    def _asked_before(self, hosts: Sequence[HostPlan], kept: _Kept) -> tuple[HostResult, ...]:
        """Ask the checks before; each host is kept as it answers."""
        if not hosts:
            return ()
        count = self._change.before
        before = tuple(replace(each, steps=each.steps[:count]) for each in hosts)
        rest = [StepResult(s.name, Outcome.NOT_RUN) for s in self._plan.playbook.steps[count:]]

        def heard(event: Event) -> None:
            if isinstance(event, HostFinished):
                result = replace(event.result, steps=(*event.result.steps, *rest))
                kept.keep(result)
            self._on_event(event)

        results, _ = run_hosts(
            replace(self._plan, hosts=before),
            self._transport,
            heard,
            become_password=self._password,
            stop=self._stop,
        )
        return results

    def _is_here(self, turns: Mapping[str, Turn]) -> str:
        """Which host is the machine that this program runs on, where that would go down."""
        own = _first_line("/proc/sys/kernel/random/boot_id")
        here = [name for name, turn in turns.items() if turn.before.facts.boot_id == own != ""]
        down = self._change.reboots and here
        return f"{here[0]} is this machine, which would go down in the midst of it" if down else ""

    def _locked(self, run_id: str, turns: Mapping[str, Turn], *, by_force: bool) -> str:
        """Take the locks of all hosts that are to have a turn; why not, where one cannot be had."""
        if self._stop.is_set():
            return "it was stopped by hand"
        fanout = self._plan.fanout
        taken = locks.take(
            list(turns), run_id, self._who, self._ask, by_force=by_force, fanout=fanout
        )
        why = [locks.words(host, holder) for host, holder in taken.held.items()]
        why += [f"{host} cannot be locked: {words}" for host, words in taken.failed.items()]
        if taken.held:
            why.append(locks.WHAT_TO_DO)
        if why:
            locks.give_back(taken.taken, run_id, self._ask, fanout=fanout)
        return "; ".join(why)

    # --------------------------------------------------------------------------------- the acts

    def _roll(self, order: Order, kept: _Kept, between: Between) -> str:
        """Give the hosts their turns; why not all had theirs."""

        def before_batch(number: int) -> str:
            why = between(number)
            if not why:
                self._on_event(_batch(order, number))
            return why

        def ended(each: Ended) -> None:
            if (result := self._whole(order.turns[each.act.host].before, each)) is not None:
                kept.keep(result)

        hands = Hands(self._ask, kept.record, self._judge)
        if order.batches:
            self._on_event(_batch(order, 0))
        return roll_out(order, hands, between=before_batch, on_ended=ended, stop=self._stop).stopped

    def _whole(self, before: HostResult, ended: Ended) -> HostResult | None:
        """A host's checks before and after in one; None where those before are all there is."""
        count, after = self._change.before, ended.after
        steps, act = before.steps[:count], ended.act
        if after is None:
            rest = self._plan.playbook.steps[count:]
            not_run = [StepResult(step.name, Outcome.NOT_RUN) for step in rest]
            result = replace(before, steps=(*steps, *not_run))
        else:
            result = replace(after, steps=(*steps, *after.steps), started_at=before.started_at)
        if act.state is HostState.UNKNOWN:
            return replace(result, status=HostStatus.LOST, reason=act.reason)
        return None if after is None else result

    def _judge(self, before: HostResult, after: HostResult) -> tuple[str, ...]:
        """What is worse after the change than before."""
        steps, count = self._plan.playbook.steps, self._change.before
        was, now = self._flagged(before, steps[:count]), self._flagged(after, steps[count:])
        return worse(before.steps[:count], after.steps, was, now)

    def _flagged(self, result: HostResult, steps: Sequence[Step]) -> dict[str, str]:
        """The rules that fire on a host by its own words: `step: rule` -> the rule's words."""
        alone = Run(
            id="one",
            playbook=replace(self._plan.playbook, steps=tuple(steps), change=None),
            hosts=(replace(result, steps=result.steps[: len(steps)]),),
            started_at=result.started_at,
            duration_s=result.duration_s,
            version=__version__,
        )
        return {
            f"{(found.step or '').partition('.')[2]}: {found.summary}": found.summary
            for found in compare(alone).findings
            if found.kind is FindingKind.RULE and found.severity is not Severity.INFO
        }

    def _give_back(
        self, run_id: str, hosts: Collection[str], kept: _Kept, before: Mapping[str, HostAct]
    ) -> None:
        """The locks of hosts that are settled; one that is not stays ours, for who goes on.

        Of those done before, too: who changed them may have been killed before giving them back.
        """
        states = {name: act.state for name, act in before.items()}
        states |= {act.host: act.state for act in kept.acts}
        settled = [name for name in hosts if states.get(name) not in OPEN]
        locks.give_back(settled, run_id, self._ask, fanout=self._plan.fanout)


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _batch(order: Order, number: int) -> BatchBegun:
    return BatchBegun(number + 1, len(order.batches), order.batches[number])
