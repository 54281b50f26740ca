"""What a change playbook does to hosts, from its file to the model. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.model import (
    DEFAULT_ACT_TIMEOUT_S,
    DEFAULT_AWAY_S,
    Act,
    Change,
    Condition,
    FindingKind,
    Mend,
    Undo,
)
from fleetdiag.playbook.includes import passed_on
from fleetdiag.playbook.placeholders import substituted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetdiag.model import Step
    from fleetdiag.playbook.change_schema import ChangeFile, MendFile

DEFAULT_VERIFY_S = 60.0


def change_of(file: ChangeFile, before: int, values: Mapping[str, str]) -> Change:
    """The change with its parameters' `values` in place; `before` counts its first checks."""
    acts = tuple(
        Act(
            each.name,
            substituted(each.run, values),
            each.timeout or DEFAULT_ACT_TIMEOUT_S,
            each.reboots,
        )
        for each in file.steps
    )
    verify = undo = None
    if file.verify is not None:
        within_s = file.verify.within or DEFAULT_VERIFY_S
        verify = Condition(substituted(file.verify.run, values), within_s)
    if file.undo is not None:
        limit_s = file.undo.timeout or DEFAULT_ACT_TIMEOUT_S
        undo = Undo(substituted(file.undo.run, values), file.undo.after, limit_s)
    return Change(
        acts=acts,
        before=before,
        verify=verify,
        undo=undo,
        mends=tuple(_mend(each, values) for each in file.mends),
        away_s=file.away or DEFAULT_AWAY_S,
    )


def checks_named(section: str, steps: Iterable[Step]) -> list[Step]:
    """The steps with their section before their names: the same check may stand in both."""
    return [replace(step, name=f"{section}.{step.name}") for step in steps]


def _mend(mend: MendFile, values: Mapping[str, str]) -> Mend:
    text = mend.mentions or ""
    param = passed_on(text)
    return Mend(
        step=mend.step or "*",
        finding=None if mend.finding is None else FindingKind(mend.finding),
        mentions=text if param is None else values[param],
    )
