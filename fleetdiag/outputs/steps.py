"""Steps compared otherwise than they say: `--as MODE`, `--as STEP=MODE`, `--exact`. Pure."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.errors import FleetdiagError
from fleetdiag.model import Compare, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.model import Run

EXACT = Compare(mode=Mode.TEXT, unmask=("all",))
"""Text as it is: no mask."""


def compared_as(
    run: Run, mode: Mode | None, by_step: Mapping[str, Mode], *, exact: bool = False
) -> Run:
    """`run` with its steps compared as asked; raises FleetdiagError for a step it does not have.

    Args:
        run: a run.
        mode: for every step; None: as each says.
        by_step: step -> mode, before `mode`.
        exact: byte by byte, whatever the mode.
    """
    names = [step.name for step in run.playbook.steps]
    for name in by_step:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3) or names[:5]
            raise FleetdiagError(f"there is no step {name!r}; there is {', '.join(near)}")
    steps = []
    for step in run.playbook.steps:
        chosen = by_step.get(step.name, mode)
        compare = step.compare if chosen is None else replace(step.compare, mode=chosen)
        steps.append(replace(step, compare=EXACT if exact else compare))
    return replace(run, playbook=replace(run.playbook, steps=tuple(steps)))
