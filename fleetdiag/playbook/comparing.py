"""What the keys of `compare` and `flag` say together, which no single value shows. Pure.

Looks at the plain data of a file, which may be anything: what the schema refuses is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetdiag.model import Mode, Unit
from fleetdiag.playbook.patterns import covers
from fleetdiag.playbook.values import UNITS, quantity_of
from fleetdiag.yamlmarks import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleetdiag.errors import Problem
    from fleetdiag.yamlmarks import Marked, YamlPath

USED_BY = {
    "parse": (Mode.KEYS, Mode.TABLE),
    "key": (Mode.TABLE,),
    "only": (Mode.KEYS, Mode.TABLE),
    "fields": (Mode.NUMBERS, Mode.KEYS, Mode.TABLE),
}
"""Keys of `compare` -> the modes that use them; the other keys are of every mode."""
CONDITIONS = ("above", "below", "equals")
"""Keys of `flag` that test a feature's value, and nothing else."""


def comparing_problems(marked: Marked, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong between the keys of each `compare`, and of each `flag`, of the file."""
    default = _mapping(data.get("defaults")).get("compare")
    yield from _compare_problems(marked, ("defaults", "compare"), default)
    steps = data.get("steps")
    for position, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            continue
        path: YamlPath = ("steps", position)
        own = step.get("compare")
        yield from _compare_problems(marked, (*path, "compare"), own)
        yield from _flags_problems(marked, (*path, "flag"), step.get("flag"), own or default)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mode(compare: object) -> Mode | None:
    """The mode that `compare` names, or leaves to fleetdiag; None where it is no mode."""
    named = compare if isinstance(compare, str) else _mapping(compare).get("mode", Mode.AUTO.value)
    return Mode(named) if named in [mode.value for mode in Mode] else None


# ---------------------------------------------------------------------------------- compare


def _compare_problems(marked: Marked, path: YamlPath, compare: object) -> Iterator[Problem]:
    mode = _mode(compare)
    if mode is None:
        return
    said = _mapping(compare)
    if mode is Mode.NUMBERS and not said.get("fields"):
        at = (*path, "fields") if "fields" in said else path
        words = "expected the numbers by name, such as `fields: {load: 1}`"
        yield marked.problem(at, f"mode `numbers` without `fields`, {words}")
    for key, modes in USED_BY.items():
        if key in said and mode not in modes:
            among = " or ".join(f"`mode: {other.value}`" for other in modes)
            where = f"in mode `{mode.value}`" if "mode" in said else "without a mode"
            message = f"`{key}` is not used {where}, expected {among} beside it"
            yield marked.problem((*path, key), message, key=True)
    fields = _mapping(said.get("fields"))
    for name, field in fields.items():
        yield from _field_problems(marked, (*path, "fields", name), field, mode, fields)


def _field_problems(
    marked: Marked, path: YamlPath, field: object, mode: Mode, fields: Mapping[str, Any]
) -> Iterator[Problem]:
    said = _full_field(field)
    if said is None:
        return
    yield from _place_problems(marked, path, said, mode, short=not isinstance(field, dict))
    per = said.get("per")
    if isinstance(per, str) and per == path[-1]:
        yield marked.problem((*path, "per"), "a field divided by itself, expected another field")
    elif isinstance(per, str) and per not in fields:
        near = did_you_mean(per, fields) or f", expected one of {_listed(fields)}"
        yield marked.problem((*path, "per"), f"unknown field {quoted(per)}{near}")
    if per is None and (wrong := _unit_problem(said.get("floor"), said.get("unit"))):
        yield marked.problem((*path, "floor"), wrong)


def _full_field(field: object) -> Mapping[str, Any] | None:
    """A field's short form as a mapping; None for what is neither."""
    if field is None:
        return {}
    if isinstance(field, str):
        return {"pattern": field}
    if isinstance(field, int) and not isinstance(field, bool):
        return {"at": field}
    return field if isinstance(field, dict) else None


def _place_problems(
    marked: Marked, path: YamlPath, said: Mapping[str, Any], mode: Mode, *, short: bool
) -> Iterator[Problem]:
    """Where the number is: by pattern and position in mode `numbers`, by name in the others."""
    at = said.get("at")
    if mode is Mode.NUMBERS:
        if "pattern" not in said and "at" not in said:
            words = "expected a position (from 1), a pattern, or a mapping with `at` or `pattern`"
            message = f"field {quoted(path[-1])} does not say where its number is, {words}"
            yield marked.problem(path, message, key=True)
        elif isinstance(at, str) and not at.isdecimal():
            message = f"`at` is text {quoted(at)}, expected a position from 1 in mode `numbers`"
            yield marked.problem((*path, "at"), message)
    elif mode in {Mode.KEYS, Mode.TABLE} and "pattern" in said:
        what = "key" if mode is Mode.KEYS else "column"
        message = f"a pattern is not used in mode `{mode.value}`, expected the {what} as `at: NAME`"
        yield marked.problem(path if short else (*path, "pattern"), message, key=not short)


def _unit_problem(amount: object, unit: object) -> str | None:
    """Why an amount with a unit is none of what the field counts; None where it may be."""
    quantity = quantity_of(amount)
    if quantity is None or quantity.unit is Unit.NONE or unit not in UNITS:
        return None
    if UNITS[str(unit)] is quantity.unit:
        return None
    hint = ""
    if unit == "bytes" and str(amount).endswith("m"):
        hint = f"; mebibytes are {quoted(str(amount)[:-1] + 'M')}"
    wrong = f"{quoted(str(amount))} is in {quantity.unit.value}"
    if unit == "none":
        return f"{wrong}, expected a bare number{hint}"
    return f"{wrong}, expected {unit}, which the field counts{hint}"


# ------------------------------------------------------------------------------------- flag


def _flags_problems(
    marked: Marked, path: YamlPath, flags: object, compare: object
) -> Iterator[Problem]:
    numbers = _mode(compare) is Mode.NUMBERS
    fields = _mapping(_mapping(compare).get("fields"))
    listed = enumerate(flags) if isinstance(flags, list) else [(None, flags)]
    for position, flag in listed:
        if not isinstance(flag, dict):
            continue
        here = path if position is None else (*path, position)
        yield from _flag_problems(marked, here, flag)
        feature = flag.get("feature")
        if not isinstance(feature, str):
            continue
        if numbers and fields and not any(covers(feature, name) for name in fields):
            near = did_you_mean(feature, fields) or f", expected one of {_listed(fields)}"
            yield marked.problem((*here, "feature"), f"no field {quoted(feature)}{near}")
        yield from _amount_problems(marked, here, flag, _mapping(fields.get(feature)))


def _flag_problems(marked: Marked, path: YamlPath, flag: Mapping[str, Any]) -> Iterator[Problem]:
    conditions = [key for key in CONDITIONS if key in flag]
    if "feature" in flag:
        if not conditions and "matches" not in flag:
            words = "expected `above`, `below`, `equals` or `matches` beside it"
            yield marked.problem((*path, "feature"), f"`feature` alone, {words}", key=True)
    elif conditions:
        for key in conditions:
            words = "expected the field, key or `row column` that it tests"
            yield marked.problem((*path, key), f"`{key}` without `feature`, {words}", key=True)
    elif "matches" not in flag:
        words = "expected a pattern for lines, or a feature with a condition"
        yield marked.problem(path, f"flag with neither `matches` nor `feature`, {words}")


def _amount_problems(
    marked: Marked, path: YamlPath, flag: Mapping[str, Any], field: Mapping[str, Any]
) -> Iterator[Problem]:
    if "per" in field:
        return
    for key in ("above", "below"):
        if wrong := _unit_problem(flag.get(key), field.get("unit")):
            yield marked.problem((*path, key), wrong)


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(quoted(name) for name in names)
