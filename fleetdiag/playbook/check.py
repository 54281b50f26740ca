"""Reads one playbook file and says everything that is wrong with it, each problem at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fleetdiag.errors import PlaybookFileError, Problem
from fleetdiag.playbook.comparing import comparing_problems
from fleetdiag.playbook.parameters import value_problem
from fleetdiag.playbook.placeholders import uses
from fleetdiag.playbook.schema import STEP_KEYS, PlaybookFile, keys_at
from fleetdiag.playbook.values import DEFAULT_PARAM_PATTERN
from fleetdiag.yamlmarks import (
    Marked,
    YamlPath,
    YamlProblems,
    did_you_mean,
    problems_from_pydantic,
    quoted,
    read_yaml_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read: what it says, as far as it makes sense, and what is wrong."""

    file: PlaybookFile | None
    """None where there is a problem."""
    problems: tuple[Problem, ...]
    """In the order of the file."""


def checked(path: Path, shown: str | None = None) -> Checked:
    """The file at `path`, called `shown` in messages; never raises for what is in it."""
    problems: list[Problem] = []
    try:
        marked = read_yaml_file(path, shown)
    except YamlProblems as error:
        problems += error.problems
        if error.marked is None:
            return Checked(None, tuple(problems))
        marked = error.marked
    file = None
    data = _as_written(marked, marked.data)
    try:
        file = PlaybookFile.model_validate(data)
    except ValidationError as error:
        problems += problems_from_pydantic(error, marked, marked.file, keys_at)
    places = {(problem.line, problem.column) for problem in problems}
    for problem in _beyond_the_schema(marked, data):
        if (problem.line, problem.column) not in places:
            problems.append(problem)
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return Checked(None if problems else file, tuple(problems))


def read(path: Path, shown: str | None = None) -> PlaybookFile:
    """The file at `path`; raises PlaybookFileError with every problem of it."""
    result = checked(path, shown)
    if result.file is None:
        raise PlaybookFileError(result.problems)
    return result.file


def _as_written(marked: Marked, value: object, path: YamlPath = ()) -> object:
    """The data, with what is always text as it is written: `80`, `1.10` and `true` are words."""
    if isinstance(value, dict):
        return {key: _as_written(marked, inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(marked, inner, (*path, n)) for n, inner in enumerate(value)]
    if not isinstance(value, int | float):
        return value
    match path:
        case ("params", _, "default") | ("steps", _, "flag", *_, "equals"):
            return marked.spelling(path)
    return value


def _beyond_the_schema(marked: Marked, data: object) -> Iterator[Problem]:
    """What no schema of single values sees. Looks at the plain data, which may be anything."""
    yield from _empty_values(marked, marked.data, ())
    if isinstance(data, dict):
        yield from _step_names(marked, data)
        yield from _defaults(marked, data)
        yield from _parameter_uses(marked, data)
        yield from comparing_problems(marked, data)


def _empty_values(marked: Marked, value: object, path: YamlPath) -> Iterator[Problem]:
    if isinstance(value, dict):
        # `Use%:` under `fields` is the whole of what there is to say of a column.
        may_be_empty = path[-2:] == ("compare", "fields")
        for key, inner in value.items():
            if inner is None and not may_be_empty:
                yield marked.problem(
                    (*path, key), f"{quoted(key)} is empty, expected a value or no such key"
                )
            yield from _empty_values(marked, inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _empty_values(marked, inner, (*path, position))


def _steps(data: dict[str, Any]) -> list[object]:
    steps = data.get("steps")
    return steps if isinstance(steps, list) else []


def _step_names(marked: Marked, data: dict[str, Any]) -> Iterator[Problem]:
    """Names given twice; derived ones make room by themselves."""
    first: dict[str, int] = {}
    for position, step in enumerate(_steps(data)):
        if not isinstance(step, dict):
            continue
        path: YamlPath = ("steps", position, "name")
        name, on_key = step.get("name"), False
        if len(step) == 1 and (key := next(iter(step))) not in STEP_KEYS:
            path, name, on_key = ("steps", position, key), key, True
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"a second step named {quoted(name)}, the first is in line {first[name]}"
            yield marked.problem(path, message, key=on_key)
        else:
            first[name] = marked.place(path, key=on_key)[0]


def _params(data: dict[str, Any]) -> dict[str, Any]:
    params = data.get("params")
    return params if isinstance(params, dict) else {}


def _defaults(marked: Marked, data: dict[str, Any]) -> Iterator[Problem]:
    """Defaults that their own pattern refuses."""
    for name, param in _params(data).items():
        if not isinstance(param, dict) or not isinstance(param.get("default"), str):
            continue
        problem = value_problem(param["default"], param.get("pattern", DEFAULT_PARAM_PATTERN))
        if problem is not None:
            yield marked.problem(("params", name, "default"), f"default {problem}")


def _parameter_uses(marked: Marked, data: dict[str, Any]) -> Iterator[Problem]:
    params = _params(data)
    used = set()
    for path, command in _commands(data):
        for use in uses(command):
            used.add(use.name)
            if use.name not in params:
                near = did_you_mean(use.name, params)
                declared = near or "; declare it under `params`, or write `@@{…}` for the text"
                message = f"param `@{{{use.name}}}` is not defined{declared}"
                yield marked.problem(path, message)
            elif use.problem is not None:
                message = f"param `@{{{use.name}}}` {use.problem}"
                yield marked.problem(path, message)
    for name in params:
        if name not in used:
            message = f"param {quoted(name)} is never used, expected `@{{{name}}}` in a command"
            yield marked.problem(("params", name), message, key=True)


def _commands(data: dict[str, Any]) -> Iterator[tuple[YamlPath, str]]:
    """Every command in the file with its path, whatever form its step has."""
    for position, step in enumerate(_steps(data)):
        here: YamlPath = ("steps", position)
        if isinstance(step, str):
            yield here, step
        if not isinstance(step, dict):
            continue
        pair = len(step) == 1 and next(iter(step)) not in STEP_KEYS
        for key in [*step] if pair else ["run", "or"]:
            value = step.get(key)
            if isinstance(value, str):
                yield (*here, key), value
            elif isinstance(value, list):
                for index, command in enumerate(value):
                    if isinstance(command, str):
                        yield (*here, key, index), command
