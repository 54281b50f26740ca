"""One host from login to result: drives the script through sessions, within its limits.

Knows a `Transport` by its protocol only; nothing of SSH, threads or the archive.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from fleetdiag.errors import HostError
from fleetdiag.executor.outcome import choose, last_line, status_without_script
from fleetdiag.model import (
    Endpoint,
    Event,
    HostFacts,
    HostFinished,
    HostResult,
    HostStarted,
    HostStatus,
    Outcome,
    StepFinished,
    StepResult,
)
from fleetdiag.script import (
    CapReached,
    CommandEnded,
    Done,
    Hello,
    Record,
    Splitter,
    SudoRefused,
    compose,
    kill_line,
    new_nonce,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetdiag.model import HostPlan, Limits, OnEvent, Session, Step, Transport

KILL_GRACE_S = 5.0
"""How long after its limit a step's end is waited for: TERM, KILL and two pauses on the host,
and a slow link. A host that says nothing by then is lost."""

_LOSSES_MAX = 4
_LOSSES_BY_ONE_STEP = 2
_LOSSES_BEFORE_A_STEP = 2
_LOSS_WAIT_S = 0.5
"""Mean wait before a login that broke is tried once more."""
_RESEND_S = 2.0
_FUSE_SPARE_S = 30
_THROTTLE_WAIT_S = 0.5
"""Mean wait before a dropped login's second try; doubles with each further one. sshd drops
logins only while more than MaxStartups are unauthenticated, which on a LAN passes in fractions
of a second."""


AnyEvent = TypeVar("AnyEvent", bound=Event)


class Stopped(Exception):  # noqa: N818 - not an error: the user or the deadline said so
    """The run is being stopped."""


@dataclass(slots=True)
class Control:
    """The executor's hold on one host's worker: how to stop it, and where it stands."""

    stopped: Callable[[], bool]
    pause: Callable[[float], None]
    """Sleep this long, or until the run is stopped."""
    session: Session | None = None
    step: str = ""
    """The step now running; empty during login."""

    @property
    def where(self) -> str:
        """In words, for whoever asks what hung."""
        return f"during step {self.step}" if self.step else "during login"


@dataclass(slots=True)
class _Progress:
    """What is known of a host so far, over all its sessions."""

    plan: HostPlan
    on_event: OnEvent
    secret: bytes
    results: dict[int, StepResult] = field(default_factory=dict)
    attempts: dict[int, list[CommandEnded]] = field(default_factory=dict)
    killed: dict[int, Outcome] = field(default_factory=dict)
    losses: dict[int, int] = field(default_factory=dict)
    facts: HostFacts = field(default_factory=HostFacts)
    lost_before_a_step: int = 0
    """Sessions that ended before a step of theirs had begun."""
    splitter: Splitter | None = None
    """Of the last session: has what an unfinished step wrote."""
    uptime_s: float | None = None
    """The host's, at the last mark: where the step now running began."""

    def todo(self) -> list[tuple[int, Step]]:
        return [(i, step) for i, step in enumerate(self.plan.steps) if i not in self.results]

    def settle(self, index: int, result: StepResult) -> None:
        self.attempts.pop(index, None)
        told = tell(self.on_event, StepFinished(self.plan.host.name, result))
        self.results[index] = told.step

    def clean(self, data: bytes) -> bytes:
        """Without the sudo password, should a host have echoed it."""
        return data.replace(self.secret, b"<secret>") if self.secret else data


def tell(on_event: OnEvent, event: AnyEvent) -> AnyEvent:
    """Tell of an event; what is to be held of it from now on."""
    answer = on_event(event)
    return answer if isinstance(answer, type(event)) else event


def run_host(
    plan: HostPlan,
    transport: Transport,
    limits: Limits,
    on_event: OnEvent,
    control: Control,
    become_password: str | None = None,
) -> HostResult:
    """Everything one host gives: never raises for what the host or the network does.

    A session that is lost midway keeps its finished steps; the rest run on a fresh one. A step
    that loses the session twice is given up and named, and the next ones run. A login that breaks
    is tried once more. Of a finished step that is held which `on_event` answers.
    """
    host = plan.host
    began, started_at = time.monotonic(), time.time()
    on_event(HostStarted(host.name))
    progress = _Progress(plan, on_event, (become_password or "").encode())
    status, reason, connect_s = HostStatus.OK, "", None
    loss: HostError | None = None
    try:
        while todo := progress.todo():
            session = None
            try:
                script = _Script.of(todo, limits, become_password)
                session = _open(plan, transport, limits, control, script.text)
                if connect_s is None:
                    connect_s = time.monotonic() - began
                _drive(session, script, progress, limits, control)
            except HostError as error:
                _after_loss(progress, error, control)
                loss = error
            finally:
                control.session = None
                if session is not None:
                    session.close()
    except HostError as error:
        status, reason = error.status, error.reason
        if loss and loss.reason != reason:
            status, reason = HostStatus.LOST, f"{loss.reason}; then {reason}"
    except Stopped:
        status, reason = HostStatus.CANCELLED, control.where
    result = HostResult(
        name=host.name,
        status=status,
        reason=reason,
        steps=tuple(
            progress.results.get(i) or StepResult(step.name, Outcome.NOT_RUN)
            for i, step in enumerate(plan.steps)
        ),
        attributes=host.attributes,
        facts=progress.facts,
        address=_address(host.endpoint),
        started_at=started_at,
        connect_s=connect_s,
        duration_s=time.monotonic() - began,
    )
    on_event(HostFinished(result))
    return result


@dataclass(frozen=True, slots=True)
class _Script:
    """What one session is given to run."""

    text: bytes
    splitter: Splitter
    """Of what comes back."""
    host_s: float
    """The limit of all of it."""
    made_at: float
    """Unix time; whoever sets our clock later changes nothing that is measured from here."""
    made_mono: float
    """The same moment on the monotonic clock."""

    @classmethod
    def of(
        cls, todo: list[tuple[int, Step]], limits: Limits, become_password: str | None
    ) -> _Script:
        nonce = new_nonce()
        total_s = sum(step.timeout_s + KILL_GRACE_S for _, step in todo)
        host_s = limits.host_s if limits.host_s is not None else total_s
        fuse_s = int(min(total_s, host_s)) + _FUSE_SPARE_S
        text = compose(todo, nonce, fuse_s=fuse_s, become_password=become_password)
        return cls(text, Splitter(nonce, todo), host_s, time.time(), time.monotonic())


def _open(
    plan: HostPlan, transport: Transport, limits: Limits, control: Control, script: bytes
) -> Session:
    """A session with the script; a login that the server dropped is tried again, with jitter."""
    control.step = ""
    for attempt in range(limits.throttle_retries + 1):
        if control.stopped():
            raise Stopped
        try:
            session = transport.open(plan.host, limits, script)
        except HostError as error:
            if error.status is not HostStatus.THROTTLED or attempt == limits.throttle_retries:
                raise
            control.pause(random.uniform(0.5, 1.5) * _THROTTLE_WAIT_S * 2**attempt)  # noqa: S311
            continue
        control.session = session
        return session
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def _drive(
    session: Session, script: _Script, progress: _Progress, limits: Limits, control: Control
) -> None:
    """Take the records of the script until it is done; HostError when lost."""
    now, host_s = time.monotonic(), script.host_s
    splitter = progress.splitter = script.splitter
    asked_at = script.made_at + session.sent_at - script.made_mono
    clock = _StepClock(now + limits.auth_s, now + host_s, asked_at, session.sent_at)
    while True:
        if control.stopped():
            raise Stopped
        now = time.monotonic()
        if now >= clock.ends_at:
            raise HostError(HostStatus.TIMED_OUT, f"not done within {host_s:g} s: {control.where}")
        # Also while output keeps coming: a step that never stops writing has a limit too.
        if now >= clock.due_at:
            _overdue(session, progress, clock, control)
        try:
            chunk = session.read(max(0.0, min(clock.due_at, clock.ends_at) - now))
        except TimeoutError:
            continue
        if chunk is None:
            raise _ended_early(splitter, progress, control)
        records = splitter.feed(stderr=chunk.stderr, data=chunk.data)
        if _heard(records, session, progress, clock, control):
            return


def _heard(
    records: list[Record],
    session: Session,
    progress: _Progress,
    clock: _StepClock,
    control: Control,
) -> bool:
    """Enter records into what is known, and let them go; whether the script is done."""
    for record in records:
        if isinstance(record, Done):
            # Where steps never ended it is a loss: else they would be asked for without end.
            if progress.todo():
                raise HostError(HostStatus.LOST, f"the script ended early: {control.where}")
            return True
        _take(record, session, progress, clock)
        _next_step(progress, clock, control)
    return False


@dataclass(slots=True)
class _StepClock:
    """When to lose patience, on our monotonic clock."""

    due_at: float
    """With the step now running, or, before the first, with the host's silence."""
    ends_at: float
    """With the host."""
    asked_at: float
    """Unix time, before the script was sent."""
    asked_mono: float
    """The same moment on our monotonic clock."""
    current: int | None = None
    """Index of the step now running; None before the first."""
    killed_at: float | None = None


def _next_step(progress: _Progress, clock: _StepClock, control: Control) -> None:
    """Set the clock for the step that runs now, if it is another than before."""
    todo = progress.todo()
    if not todo or todo[0][0] == clock.current:
        return
    index, step = todo[0]
    control.step = step.name
    clock.current, clock.killed_at = index, None
    clock.due_at = time.monotonic() + step.timeout_s


def _overdue(session: Session, progress: _Progress, clock: _StepClock, control: Control) -> None:
    """A step's limit has passed: end it, then wait for its end a little longer."""
    now = time.monotonic()
    if clock.current is None:
        words = "logged in, but no shell answered: the host is stuck, or another command is forced"
        raise HostError(HostStatus.TIMED_OUT, words)
    if clock.killed_at is None:
        clock.killed_at = now
        progress.killed.setdefault(clock.current, Outcome.TIMED_OUT)
    elif now - clock.killed_at >= KILL_GRACE_S:
        raise HostError(HostStatus.LOST, f"no answer any more: {control.where}")
    session.send(kill_line(clock.current))
    clock.due_at = min(now + _RESEND_S, clock.killed_at + KILL_GRACE_S)


def _take(record: Record, session: Session, progress: _Progress, clock: _StepClock) -> None:
    """Enter one record into what is known."""
    match record:
        case Hello(facts, clock_s):
            offset_s = None
            if clock_s is not None:
                # Not time.time() again: our own clock may have been set meanwhile.
                heard_at = clock.asked_at + time.monotonic() - clock.asked_mono
                offset_s = certain_offset_s(clock_s, clock.asked_at, heard_at)
            progress.facts = replace(facts, clock_offset_s=offset_s)
            progress.uptime_s = facts.uptime_s
        case CapReached(index):
            # Only what still runs needs an end; `kill_line` for a later step is ignored there.
            progress.killed.setdefault(index, Outcome.TRUNCATED)
            session.send(kill_line(index))
            clock.killed_at = time.monotonic()
            clock.due_at = min(clock.due_at, clock.killed_at + _RESEND_S)
        case SudoRefused(index, message):
            step = progress.plan.steps[index]
            said = last_line(progress.clean(message)) or "sudo: not permitted"
            progress.settle(index, StepResult(step.name, Outcome.DENIED, reason=said))
        case CommandEnded():
            _ended(record, progress)


def certain_offset_s(clock_s: float, asked_at: float, heard_at: float) -> float:
    """The smallest difference between a host's clock and ours that its answer allows.

    It looked at its clock somewhen between `asked_at` and `heard_at`, both ours.
    """
    return max(0.0, clock_s - heard_at) + min(0.0, clock_s - asked_at)


def _ended(record: CommandEnded, progress: _Progress) -> None:
    """One command of a step ended; the last one of them settles the step."""
    index = record.step
    step = progress.plan.steps[index]
    attempts = progress.attempts.setdefault(index, [])
    attempts.append(record)
    killed = progress.killed.get(index)
    last = record.exit_code in (0, None) or record.command == len(step.commands) - 1
    if not last and killed is None:
        return
    if record.exit_code is None:
        ended, outcome, reason = record, Outcome.STUCK, "not even KILL ends it"
    elif killed is Outcome.TIMED_OUT:
        ended, outcome, reason = record, killed, f"not done within {step.timeout_s:g} s"
    elif killed is Outcome.TRUNCATED:
        ended, outcome, reason = record, killed, f"more than {step.output_cap_bytes} bytes"
    else:
        ended, outcome, reason = choose(attempts)
    duration_s = None
    if record.uptime_s is not None and progress.uptime_s is not None:
        duration_s = round(record.uptime_s - progress.uptime_s, 2)
    progress.uptime_s = record.uptime_s
    progress.settle(
        index,
        StepResult(
            name=step.name,
            outcome=outcome,
            exit_code=ended.exit_code if killed is None else None,
            duration_s=duration_s,
            stdout=progress.clean(ended.stdout),
            stderr=progress.clean(ended.stderr),
            truncated=ended.truncated,
            command=ended.command,
            reason=reason,
        ),
    )


def _after_loss(progress: _Progress, error: HostError, control: Control) -> None:
    """Whether a lost session is worth another: raises the error again where it is not."""
    if control.stopped():
        raise Stopped
    if error.status is not HostStatus.LOST:
        raise error
    todo = progress.todo()
    if not todo:
        return
    if not control.step:
        progress.lost_before_a_step += 1
        if progress.lost_before_a_step == _LOSSES_BEFORE_A_STEP:
            raise error
        control.pause(random.uniform(0.5, 1.5) * _LOSS_WAIT_S)  # noqa: S311
        return
    index, step = todo[0]
    if not step.repeatable:
        raise error
    progress.attempts.pop(index, None)
    progress.killed.pop(index, None)
    losses = progress.losses[index] = progress.losses.get(index, 0) + 1
    if sum(progress.losses.values()) > _LOSSES_MAX:
        raise error
    if losses == _LOSSES_BY_ONE_STEP:
        progress.settle(index, _given_up(index, step, progress))


def _given_up(index: int, step: Step, progress: _Progress) -> StepResult:
    """For a step that lost the session twice: with what it wrote the second time."""
    written = progress.splitter.partial(index) if progress.splitter else (b"", b"")
    stdout, stderr = map(progress.clean, written)
    said = last_line(stderr)
    reason = f"the session ended during this step, twice{': ' + said if said else ''}"
    return StepResult(step.name, Outcome.FAILED, stdout=stdout, stderr=stderr, reason=reason)


def _ended_early(splitter: Splitter, progress: _Progress, control: Control) -> Exception:
    """Why the streams ended before the script did."""
    if control.stopped():
        return Stopped()
    if not control.step:
        # A command forced upon us may send back what it was sent.
        said = last_line(progress.clean(splitter.noise))
        words = f"logged in, but the login shell ran no script{': ' + said if said else ''}"
        return HostError(status_without_script(said), words)
    return HostError(HostStatus.LOST, f"the connection ended: {control.where}")


def _address(endpoint: Endpoint | None) -> str:
    return endpoint.address if endpoint else ""
