"""What became of hosts, and what is otherwise than before; nothing is done and nothing written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.change.acting import Turn, look
from fleetdiag.changes.sessions import as_of, asker, change_of
from fleetdiag.compare.engine import diff_runs
from fleetdiag.model import OPEN, HostState, Severity

if TYPE_CHECKING:
    from fleetdiag.change.host import Standing
    from fleetdiag.model import Finding, HostResult, Plan, Run, Step, Transport


def asked(
    plan: Plan, transport: Transport, stored: Run, become_password: str | None = None
) -> dict[str, Standing | str]:
    """What became of hosts of which a stored rollout does not know; or why they do not say.

    Nothing is done, nothing is written.
    """
    change = change_of(stored.playbook)
    acts = {} if stored.rollout is None else stored.rollout.states()
    there = {host.name: host for host in stored.hosts}
    known = {each.host.name for each in plan.hosts}
    ask = asker(plan, transport, become_password)
    found: dict[str, Standing | str] = {}
    for name, act in acts.items():
        if act.state in OPEN and name in known:
            turn = Turn(name, stored.id, act.attempt, as_of(act, there[name]), ())
            found[name] = look(turn, change, ask)
    return found


def otherwise(run: Run) -> tuple[Finding, ...]:
    """What the checks of hosts that are done say otherwise than before, if it is of weight."""
    acts = {} if run.rollout is None else run.rollout.states()
    done = [h for h in run.hosts if h.name in acts and acts[h.name].state is HostState.DONE]
    if not done:
        return ()
    count = change_of(run.playbook).before
    after = [step.name.partition(".")[2] for step in run.playbook.steps[count:]]
    both = {s.name.partition(".")[2] for s in run.playbook.steps[:count]} & set(after)

    def half(asked: tuple[Step, ...], section: str) -> Run:
        steps = [s for s in asked if s.name.partition(".")[2] in both]
        plain = tuple(replace(s, name=s.name.partition(".")[2]) for s in steps)
        return replace(
            run,
            playbook=replace(run.playbook, steps=plain, change=None),
            hosts=tuple(_half(host, section, both) for host in done),
            rollout=None,
        )

    steps = run.playbook.steps
    found = diff_runs(half(steps[:count], "before"), half(steps[count:], "after")).findings
    return tuple(each for each in found if each.severity is not Severity.INFO)


def _half(host: HostResult, section: str, names: set[str]) -> HostResult:
    """The host's checks of one section, under their own names."""
    cut = [(*step.name.partition(".")[::2], step) for step in host.steps]
    steps = [
        replace(step, name=name) for part, name, step in cut if part == section and name in names
    ]
    return replace(host, steps=tuple(steps))
