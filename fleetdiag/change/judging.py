"""Whether a host is worse after a change than before, by its checks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetdiag.model import StepResult

_WELL = frozenset({Outcome.OK, Outcome.TRUNCATED, Outcome.UNPARSED})


def worse(
    before: Sequence[StepResult],
    after: Sequence[StepResult],
    rules_before: Mapping[str, str],
    rules_after: Mapping[str, str],
) -> tuple[str, ...]:
    """Sentences: checks that went well before and do not now, rules that fire now only.

    A check that is only asked afterwards has to go well; one that never went well says nothing.

    Args:
        before: of the checks before, named `before.NAME`.
        after: of those after, named `after.NAME`.
        rules_before: which rules fired before: what they are told apart by -> their words.
        rules_after: which do after.
    """
    were = {_name(step): step.outcome for step in before}
    failed = [
        f"{_name(step)}: {step.reason or step.outcome}"
        for step in after
        if step.outcome not in _WELL and were.get(_name(step), Outcome.OK) in _WELL
    ]
    return (*failed, *(words for rule, words in rules_after.items() if rule not in rules_before))


def _name(step: StepResult) -> str:
    return step.name.partition(".")[2]
