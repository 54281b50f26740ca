"""What was decided of a change, and what happened, as rows of a run's file and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fleetdiag.archive.rows import get, texts
from fleetdiag.model import END_OF_DATES_S, HostAct, HostState, Rollout, RolloutRules, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.archive.rows import Row

_TEXT_OR_NONE = (str, type(None))


def rollout_row(rollout: Rollout) -> Row:
    """All but the acts, which have rows of their own."""
    return {
        "rules": asdict(rollout.rules),
        "batches": [list(batch) for batch in rollout.batches],
        "who": rollout.who,
        "stopped": rollout.stopped,
    }


def rollout_of(row: Row, acts: Sequence[Row]) -> Rollout:
    """The rollout; raises KeyError, TypeError or ValueError where a row is no such row."""
    batches = get(row, "batches", list)
    return Rollout(
        rules=_rules_of(get(row, "rules", dict)),
        batches=tuple(texts({"batch": batch}, "batch") for batch in batches),
        who=get(row, "who", str),
        acts=tuple(map(_act_of, acts)),
        stopped=get(row, "stopped", str),
    )


def act_row(act: HostAct) -> Row:
    """The entry as it is."""
    return asdict(act)


def _act_of(row: Row) -> HostAct:
    at = float(get(row, "at", (int, float)))
    if not 0.0 <= at <= END_OF_DATES_S:
        raise ValueError(f"at is no time: {at}")
    return HostAct(
        host=get(row, "host", str),
        state=HostState(row["state"]),
        at=at,
        attempt=get(row, "attempt", int),
        boot_id=get(row, "boot_id", str),
        reason=get(row, "reason", str),
        said=get(row, "said", str),
    )


def _rules_of(row: Row) -> RolloutRules:
    keep = get(row, "keep", (dict, type(None)))
    return RolloutRules(
        batches=tuple(_size_of(size) for size in get(row, "batches", list)),
        max_failures=_size_of(get(row, "max_failures", dict)),
        apart=get(row, "apart", _TEXT_OR_NONE),
        keep=None if keep is None else _size_of(keep),
        keep_by=get(row, "keep_by", _TEXT_OR_NONE),
        pause_s=get(row, "pause_s", (int, float)),
        ask=get(row, "ask", bool),
    )


def _size_of(row: Row) -> Size:
    return Size(get(row, "number", (int, float)), get(row, "percent", bool))
