"""The model as JSON rows and back: one pair of functions a type, pure.

`*_row` gives values that `json` takes; `*_of` gives an equal value of the model, and raises
KeyError, TypeError or ValueError for a row that is none. A field added to the model goes into
both functions of its type (a test compares whole values); read a field that older files lack
with a default.
"""

from __future__ import annotations

from dataclasses import asdict
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from fleetdiag.model import (
    Act,
    Change,
    Compare,
    Condition,
    Field,
    FindingKind,
    Flag,
    HostFacts,
    HostResult,
    HostStatus,
    Mend,
    Mode,
    Outcome,
    Playbook,
    Rate,
    Severity,
    Side,
    Step,
    StepResult,
    Undo,
    Unit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from fleetdiag.model import HostPlan, Output

Row = dict[str, Any]
_NUMBER = (int, float)
_NUMBER_OR_NONE = (int, float, type(None))
_TEXT_OR_NONE = (str, type(None))

# What rows of files lack that were written before these fields were.
_NO_MODES: Row = {"parse": "", "key": "", "only": [], "fields": []}
_NO_SETS: Row = {"sets": {}}
_NO_FEATURE: Row = {
    **dict.fromkeys(("feature", "above", "below", "equals")),
    "name": "",
    "explains": [],
}


class PlannedHost(NamedTuple):
    """What is kept of a host plan: enough for a not-run result."""

    name: str
    attributes: Mapping[str, str]
    steps: tuple[str, ...]


# ----------------------------------------------------------------------------- reading a row


def get(row: Row, key: str, kinds: type | tuple[type, ...]) -> Any:
    """The field, which must be of one of these types."""
    value = row[key]
    if not isinstance(value, kinds):
        raise TypeError(f"{key} is {type(value).__name__}")
    return value


def texts(row: Row, key: str) -> tuple[str, ...]:
    values = get(row, key, list)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key} holds other things than text")
    return tuple(values)


def _text_map(row: Row, key: str) -> dict[str, str]:
    values: dict[str, str] = get(row, key, dict)
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError(f"{key} holds other things than text")
    return values


# ---------------------------------------------------------------------------------- playbook


def playbook_row(playbook: Playbook) -> Row:
    return {
        "name": playbook.name,
        "steps": [_step_row(step) for step in playbook.steps],
        "about": playbook.about,
        "source": playbook.source,
        "params": dict(playbook.params),
        "change": None if playbook.change is None else change_row(playbook.change),
    }


def playbook_of(row: Row) -> Playbook:
    return Playbook(
        name=get(row, "name", str),
        steps=tuple(_step_of(step) for step in get(row, "steps", list)),
        about=get(row, "about", str),
        source=get(row, "source", str),
        params=_text_map(row, "params"),
        change=None if row.get("change") is None else change_of(get(row, "change", dict)),
    )


def _step_row(step: Step) -> Row:
    return {
        "name": step.name,
        "commands": list(step.commands),
        "timeout_s": step.timeout_s,
        "become": step.become,
        "compare": _compare_row(step.compare),
        "flags": [_flag_row(flag) for flag in step.flags],
        "sets": dict(step.sets),
        "about": step.about,
        "output_cap_bytes": step.output_cap_bytes,
    }


def _step_of(row: Row) -> Step:
    row = {**_NO_SETS, **row}
    return Step(
        name=get(row, "name", str),
        commands=texts(row, "commands"),
        timeout_s=get(row, "timeout_s", _NUMBER),
        become=get(row, "become", (bool, type(None))),
        compare=_compare_of(get(row, "compare", dict)),
        flags=tuple(_flag_of(flag) for flag in get(row, "flags", list)),
        sets=_text_map(row, "sets"),
        about=get(row, "about", str),
        output_cap_bytes=get(row, "output_cap_bytes", int),
    )


def _compare_row(compare: Compare) -> Row:
    return {
        "mode": compare.mode.value,
        "mask": list(compare.mask),
        "unmask": list(compare.unmask),
        "parse": compare.parse,
        "key": compare.key,
        "only": list(compare.only),
        "fields": [_field_row(field) for field in compare.fields],
    }


def _compare_of(row: Row) -> Compare:
    row = {**_NO_MODES, **row}
    return Compare(
        mode=Mode(row["mode"]),
        mask=texts(row, "mask"),
        unmask=texts(row, "unmask"),
        parse=get(row, "parse", str),
        key=get(row, "key", str),
        only=texts(row, "only"),
        fields=tuple(_field_of(field) for field in get(row, "fields", list)),
    )


def _field_row(field: Field) -> Row:
    return {
        "name": field.name,
        "pattern": field.pattern,
        "at": field.at,
        "unit": None if field.unit is None else field.unit.value,
        "per": field.per,
        "rate": None if field.rate is None else field.rate.value,
        "interval_s": field.interval_s,
        "floor": field.floor,
        "side": field.side.value,
        "compare": field.compare,
    }


def _field_of(row: Row) -> Field:
    return Field(
        name=get(row, "name", str),
        pattern=get(row, "pattern", _TEXT_OR_NONE),
        at=get(row, "at", _TEXT_OR_NONE),
        unit=None if row["unit"] is None else Unit(row["unit"]),
        per=get(row, "per", _TEXT_OR_NONE),
        rate=None if row["rate"] is None else Rate(row["rate"]),
        interval_s=get(row, "interval_s", _NUMBER),
        floor=get(row, "floor", _NUMBER_OR_NONE),
        side=Side(row["side"]),
        compare=get(row, "compare", bool),
    )


def _flag_row(flag: Flag) -> Row:
    return {
        "matches": flag.matches,
        "severity": flag.severity.value,
        "say": flag.say,
        "feature": flag.feature,
        "above": flag.above,
        "below": flag.below,
        "equals": flag.equals,
        "name": flag.name,
        "explains": list(flag.explains),
    }


def _flag_of(row: Row) -> Flag:
    row = {**_NO_FEATURE, **row}
    return Flag(
        say=get(row, "say", str),
        severity=Severity(row["severity"]),
        matches=get(row, "matches", _TEXT_OR_NONE),
        feature=get(row, "feature", _TEXT_OR_NONE),
        above=get(row, "above", _NUMBER_OR_NONE),
        below=get(row, "below", _NUMBER_OR_NONE),
        equals=get(row, "equals", _TEXT_OR_NONE),
        name=get(row, "name", str),
        explains=texts(row, "explains"),
    )


# ------------------------------------------------------------------------------------ change


def change_row(change: Change) -> Row:
    return {
        "acts": [asdict(act) for act in change.acts],
        "before": change.before,
        "verify": None if change.verify is None else asdict(change.verify),
        "undo": None if change.undo is None else asdict(change.undo),
        "mends": [asdict(mend) for mend in change.mends],
        "away_s": change.away_s,
    }


def change_of(row: Row) -> Change:
    verify = get(row, "verify", (dict, type(None)))
    undo = get(row, "undo", (dict, type(None)))
    return Change(
        acts=tuple(_act_of(act) for act in get(row, "acts", list)),
        before=get(row, "before", int),
        verify=None if verify is None else _condition_of(verify),
        undo=None if undo is None else _undo_of(undo),
        mends=tuple(_mend_of(mend) for mend in get(row, "mends", list)),
        away_s=get(row, "away_s", _NUMBER),
    )


def _condition_of(row: Row) -> Condition:
    return Condition(get(row, "command", str), get(row, "within_s", _NUMBER))


def _undo_of(row: Row) -> Undo:
    return Undo(
        command=get(row, "command", str),
        after_s=get(row, "after_s", _NUMBER),
        timeout_s=get(row, "timeout_s", _NUMBER),
    )


def _act_of(row: Row) -> Act:
    return Act(
        name=get(row, "name", str),
        command=get(row, "command", str),
        timeout_s=get(row, "timeout_s", _NUMBER),
        reboots=get(row, "reboots", bool),
    )


def _mend_of(row: Row) -> Mend:
    finding = get(row, "finding", (str, type(None)))
    return Mend(
        step=get(row, "step", str),
        finding=None if finding is None else FindingKind(finding),
        mentions=get(row, "mentions", str),
    )


# -------------------------------------------------------------------------------------- host


def planned_row(plan: HostPlan) -> Row:
    return {
        "name": plan.host.name,
        "attributes": dict(plan.host.attributes),
        "steps": [step.name for step in plan.steps],
    }


def planned_of(row: Row) -> PlannedHost:
    return PlannedHost(get(row, "name", str), _text_map(row, "attributes"), texts(row, "steps"))


def result_row(result: HostResult, name_of: Callable[[Output], str]) -> Row:
    """`name_of` takes an output that is not empty and gives the name it is stored under."""
    return {
        "name": result.name,
        "status": result.status.value,
        "reason": result.reason,
        "steps": [_step_result_row(step, name_of) for step in result.steps],
        "attributes": dict(result.attributes),
        "facts": _facts_row(result.facts),
        "address": result.address,
        "started_at": result.started_at,
        "connect_s": result.connect_s,
        "duration_s": result.duration_s,
    }


def result_of(row: Row, outputs: Mapping[str, Output]) -> HostResult:
    return HostResult(
        name=get(row, "name", str),
        status=HostStatus(row["status"]),
        reason=get(row, "reason", str),
        steps=tuple(_step_result_of(step, outputs) for step in get(row, "steps", list)),
        attributes=_text_map(row, "attributes"),
        facts=_facts_of(get(row, "facts", dict)),
        address=get(row, "address", str),
        started_at=get(row, "started_at", _NUMBER),
        connect_s=get(row, "connect_s", _NUMBER_OR_NONE),
        duration_s=get(row, "duration_s", _NUMBER),
    )


def only_steps(row: Row, names: Collection[str] | None) -> Row:
    """A host's row with the results of these steps alone; None: all."""
    if names is None:
        return row
    return {**row, "steps": [step for step in get(row, "steps", list) if step["name"] in names]}


def _step_result_row(step: StepResult, name_of: Callable[[Output], str]) -> Row:
    return {
        "name": step.name,
        "outcome": step.outcome.value,
        "exit_code": step.exit_code,
        "duration_s": step.duration_s,
        "stdout": name_of(step.stdout) if step.stdout else None,
        "stderr": name_of(step.stderr) if step.stderr else None,
        "truncated": step.truncated,
        "command": step.command,
        "reason": step.reason,
    }


def _step_result_of(row: Row, outputs: Mapping[str, Output]) -> StepResult:
    return StepResult(
        name=intern(get(row, "name", str)),
        outcome=Outcome(row["outcome"]),
        exit_code=get(row, "exit_code", (int, type(None))),
        duration_s=get(row, "duration_s", _NUMBER_OR_NONE),
        stdout=b"" if row["stdout"] is None else outputs[row["stdout"]],
        stderr=b"" if row["stderr"] is None else outputs[row["stderr"]],
        truncated=get(row, "truncated", bool),
        command=get(row, "command", int),
        reason=get(row, "reason", str),
    )


def _facts_row(facts: HostFacts) -> Row:
    return {
        "hostname": facts.hostname,
        "boot_id": facts.boot_id,
        "machine_id": facts.machine_id,
        "addresses": list(facts.addresses),
        "uptime_s": facts.uptime_s,
        "clock_offset_s": facts.clock_offset_s,
        "user": facts.user,
    }


def _facts_of(row: Row) -> HostFacts:
    return HostFacts(
        hostname=get(row, "hostname", str),
        boot_id=get(row, "boot_id", str),
        machine_id=get(row, "machine_id", str),
        addresses=texts(row, "addresses"),
        uptime_s=get(row, "uptime_s", _NUMBER_OR_NONE),
        clock_offset_s=get(row, "clock_offset_s", _NUMBER_OR_NONE),
        user=get(row, "user", str),
    )
