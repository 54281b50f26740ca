"""What a change would do: whom, what, in which order. Pure text, no contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.cli.screen import fold, visible
from fleetdiag.model import OPEN, HostState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import Change, Plan, RolloutRules, Run


MOST_LINES = 4
"""Of a command: who decides at three in the morning reads no program."""


def plan_text(
    plan: Plan,
    rules: RolloutRules,
    batches: Sequence[Sequence[str]],
    earlier: Run | None = None,
) -> str:
    """The plan in words; `earlier` is the rollout that is gone on with."""
    change, playbook = plan.playbook.change, plan.playbook
    if change is None:
        return ""
    names = [each.host.name for each in plan.hosts]
    about = f": {playbook.about}" if playbook.about else ""
    lines = [
        visible(f"{playbook.name} CHANGES HOSTS{about}"),
        "",
        f"Hosts ({len(names)}): {fold(names)}",
        *_before(earlier),
        "In this order:",
    ]
    for number, batch in enumerate(batches, start=1):
        canary = "  (the canary)" if number == 1 else ""
        lines.append(f"  {number:2}. {fold(batch)}{canary}")
    lines += ["", "On each, as root, by the host itself:"]
    for act in change.acts:
        lines.append(f"  {visible(act.name)} (at most {act.timeout_s:g} s)")
        lines += _command(act.command)
    more = f"fleetdiag playbook show {playbook.name}"
    lines += ["", *_then(change), *_rules(rules), "", f"In full: {more}"]
    return "\n".join(lines)


def _command(command: str) -> list[str]:
    """A command, its beginning where it is long."""
    from fleetdiag.compare.clean import clean_text

    lines = clean_text(command).strip().splitlines()
    shown = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]
    return [f"    {line}" for line in shown]


def _before(earlier: Run | None) -> Iterator[str]:
    """What is known of the hosts of an earlier session."""
    if earlier is None or earlier.rollout is None:
        return
    by_state: dict[HostState, list[str]] = {}
    for name, act in earlier.rollout.states().items():
        by_state.setdefault(act.state, []).append(name)
    for state, hosts in by_state.items():
        asked = ", which are asked first" if state in OPEN else ""
        yield f"  {state}: {fold(hosts)}{asked}"


def _then(change: Change) -> Iterator[str]:
    """What makes it safe, and what proves it."""
    if change.undo is not None:
        yield f"Undone by the host itself unless all is well within {change.undo.after_s:g} s."
    if change.reboots:
        yield f"Done once the host has another boot id, within {change.away_s:g} s."
    if change.verify is not None:
        yield f"Done once this is true, within {change.verify.within_s:g} s:"
        yield from _command(change.verify.command)


def _rules(rules: RolloutRules) -> Iterator[str]:
    yield f"Stops if the canary fails, or more than {rules.max_failures} hosts fail or stay away."
    if rules.apart is not None:
        yield f"Never hosts of two values of {rules.apart} at once."
    if rules.keep is not None:
        group = "the hosts" if rules.keep_by is None else f"each {rules.keep_by}"
        yield f"Keeps {rules.keep} of {group} up."
    if rules.ask:
        yield "Asks between batches."
    elif rules.pause_s:
        yield f"Waits {rules.pause_s:g} s between batches."
