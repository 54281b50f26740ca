"""Reads one playbook file and says everything that is wrong with it, each problem at its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fleetdiag.errors import PlaybookError, PlaybookFileError, Problem
from fleetdiag.playbook.build import steps_of
from fleetdiag.playbook.change_schema import CHECKED, ChangeFile, change_keys_at, is_change
from fleetdiag.playbook.comparing import comparing_problems
from fleetdiag.playbook.includes import (
    MAX_DEPTH,
    Included,
    chosen,
    identity,
    include_problems,
    included_path,
    passed_on,
)
from fleetdiag.playbook.parameters import value_problem
from fleetdiag.playbook.placeholders import uses
from fleetdiag.playbook.schema import (
    INCLUDE_KEYS,
    STEP_KEYS,
    IncludeFile,
    PlaybookFile,
    is_include,
    keys_at,
)
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
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read: what it says, as far as it makes sense, and what is wrong."""

    file: PlaybookFile | ChangeFile | None
    """None where there is a problem."""
    problems: tuple[Problem, ...]
    """In the order of the file."""
    includes: Mapping[str, Mapping[int, Included]] = field(default_factory=dict)
    """The playbooks it includes, by key (`steps`; of a change `before`, `after`) and position."""
    marked: Marked | None = None
    """The places of its values; None where it is no YAML."""


def checked(
    path: Path,
    shown: str | None = None,
    *,
    search: Sequence[Path] | None = None,
    including: tuple[Path, ...] = (),
    known: dict[tuple[Path, ...], Checked] | None = None,
) -> Checked:
    """The file at `path`, called `shown` in messages; never raises for what is in it.

    Args:
        path: the file.
        shown: its name in messages; None: the path.
        search: where playbooks are looked for by name; None: the usual directories.
        including: the files that include it, from the outermost.
        known: what was checked already, by the files that include it and itself.
    """
    known = {} if known is None else known
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
        file = (ChangeFile if is_change(data) else PlaybookFile).model_validate(data)
    except ValidationError as error:
        problems += problems_from_pydantic(error, marked, marked.file, partial(_keys_at, data))
    places = {(problem.line, problem.column) for problem in problems}
    found: dict[str, Mapping[int, Included]] = {}
    beyond = [*_empty_values(marked, marked.data, ())]
    for section in CHECKED if is_change(data) else ("steps",):
        # Checked as the steps of a diagnosis, whatever the key they stand under.
        view = marked.renamed(section, "steps") if is_change(data) else marked
        includes = _Includes(view, (*including, path), search, known)
        steps = _as_written(view, view.data)
        names = includes.names(steps)
        beyond += [*includes.problems, *_beyond_the_schema(view, steps, names)]
        found[section] = includes.found
    beyond += [*_acts(marked, data), *_parameter_uses(marked, data)]
    problems += [each for each in beyond if (each.line, each.column) not in places]
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return Checked(None if problems else file, tuple(dict.fromkeys(problems)), found, marked)


def read(
    path: Path, shown: str | None = None, *, search: Sequence[Path] | None = None
) -> tuple[PlaybookFile | ChangeFile, Mapping[str, Mapping[int, Included]]]:
    """The file at `path` and what it includes; raises PlaybookFileError with every problem."""
    result = checked(path, shown, search=search)
    if result.file is None:
        raise PlaybookFileError(result.problems)
    return result.file, result.includes


class _Includes:
    """The playbooks that a file includes, found and checked."""

    def __init__(
        self,
        marked: Marked,
        including: tuple[Path, ...],
        search: Sequence[Path] | None,
        known: dict[tuple[Path, ...], Checked],
    ) -> None:
        self._marked = marked
        self._known = known
        self._including = including
        self._search = search
        self.found: dict[int, Included] = {}
        self.problems: list[Problem] = []

    def names(self, data: object) -> dict[int, list[str]]:
        """Position in `steps` -> the names of the steps that come in there."""
        names: dict[int, list[str]] = {}
        for position, entry in enumerate(_steps(data) if isinstance(data, dict) else []):
            if not is_include(entry):
                continue
            try:
                include = IncludeFile.model_validate(entry)
            except ValidationError:
                continue  # said already
            if (inner := self._read(include, position)) is None:
                continue
            self.found[position] = inner
            # Names do not depend on values.
            steps = steps_of(inner.file, inner.includes, dict.fromkeys(inner.file.params, ""))
            there = [step.name for step in steps]
            path: YamlPath = ("steps", position)
            self.problems += include_problems(self._marked, path, include, inner, there)
            names[position] = chosen(include, there)
        return names

    def _read(self, include: IncludeFile, position: int) -> Included | None:
        """The included file; None, and a problem, where it cannot be used."""
        path: YamlPath = ("steps", position, "include")
        if len(self._including) > MAX_DEPTH:
            message = f"includes go deeper than {MAX_DEPTH} files"
            self.problems.append(self._marked.problem(path, message))
            return None
        try:
            where = included_path(include.include, self._including, self._search)
        except PlaybookError as error:
            self.problems.append(self._marked.problem(path, str(error)))
            return None
        key = tuple(map(identity, (*self._including, where)))
        if key not in self._known:
            self._known[key] = checked(
                where, search=self._search, including=self._including, known=self._known
            )
        inner = self._known[key]
        if inner.file is None:
            first, count = inner.problems[0], len(inner.problems)
            others = f" (and {count - 1} more)" if count > 1 else ""
            message = f"{quoted(include.include)} cannot be used: {first}{others}"
            self.problems.append(self._marked.problem(path, message))
            return None
        if isinstance(inner.file, ChangeFile):
            message = f"{quoted(include.include)} is a change, expected a diagnosis"
            self.problems.append(self._marked.problem(path, message))
            return None
        return Included(inner.file, where, inner.includes["steps"])


def _keys_at(data: Any, path: YamlPath) -> tuple[str, ...]:
    """The keys allowed at `path` of this file."""
    sections = CHECKED if is_change(data) else ("steps",)
    match path:
        case (str(section), int(position)) if section in sections:
            if is_include(data[section][position]):
                return INCLUDE_KEYS
    return change_keys_at(path) if is_change(data) else keys_at(path)


def _as_written(marked: Marked, value: object, path: YamlPath = ()) -> object:
    """The data, with what is always text as it is written: `80`, `1.10` and `true` are words."""
    if isinstance(value, dict):
        return {key: _as_written(marked, inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(marked, inner, (*path, n)) for n, inner in enumerate(value)]
    if not isinstance(value, int | float):
        return value
    match path:
        case (
            ("params", _, "default")
            | ("steps" | "before" | "after", _, "flag", *_, "equals")
            | ("steps" | "before" | "after", _, "params", _)
        ):
            return marked.spelling(path)
    return value


def _beyond_the_schema(
    marked: Marked, data: object, included: Mapping[int, list[str]]
) -> Iterator[Problem]:
    """What no schema of single values sees. Looks at the plain data, which may be anything."""
    if isinstance(data, dict):
        yield from _step_names(marked, data, included)
        yield from _defaults(marked, data)
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


def _steps(data: Any) -> list[object]:
    steps = data.get("steps") if isinstance(data, dict) else None
    return steps if isinstance(steps, list) else []


def _step_names(
    marked: Marked, data: dict[str, Any], included: Mapping[int, list[str]]
) -> Iterator[Problem]:
    """Names given twice, also by includes; derived ones make room by themselves."""
    first: dict[str, int] = {}
    for position, step in enumerate(_steps(data)):
        inner, place = included.get(position, ()), ("steps", position, "include")
        if again := [name for name in inner if name in first]:
            words = f"of its steps {', '.join(map(quoted, again))} there is one of the same name"
            message = f"{words} in line {first[again[0]]}; leave one out: `without`"
            yield marked.problem(place, message)
        first = {**dict.fromkeys(inner, marked.place(place)[0]), **first}
        if not isinstance(step, dict) or is_include(step):
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


def _acts(marked: Marked, data: object) -> Iterator[Problem]:
    """Names given twice to the commands of a change."""
    first: dict[str, int] = {}
    for position, act in enumerate(_steps(data) if is_change(data) else []):
        name = act.get("name") if isinstance(act, dict) else None
        if not isinstance(name, str):
            continue
        path: YamlPath = ("steps", position, "name")
        if name in first:
            message = f"a second step named {quoted(name)}, the first is in line {first[name]}"
            yield marked.problem(path, message)
        first.setdefault(name, marked.place(path)[0])


def _parameter_uses(marked: Marked, data: object) -> Iterator[Problem]:
    """Of all the file: what is used and not there, used where it cannot be, or never used."""
    if not isinstance(data, dict):
        return
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
    for path, name in _passed_on(data):
        used.add(name)
        if name not in params:
            declared = did_you_mean(name, params) or "; declare it under `params`"
            yield marked.problem(path, f"param `@{{{name}}}` is not defined{declared}")
    for name in params:
        if name not in used:
            message = f"param {quoted(name)} is never used, expected `@{{{name}}}` in a command"
            yield marked.problem(("params", name), message, key=True)


def _items(data: dict[str, Any]) -> Iterator[tuple[YamlPath, object]]:
    """Every step of the file with its path, whatever key it stands under."""
    for key in ("steps", *CHECKED) if is_change(data) else ("steps",):
        listed = data.get(key)
        for position, item in enumerate(listed if isinstance(listed, list) else []):
            yield (key, position), item


def _passed_on(data: dict[str, Any]) -> Iterator[tuple[YamlPath, str]]:
    """Params whose value goes on as it is: to an included playbook, to what a finding mentions."""
    for path, step in _items(data):
        given = step.get("params") if isinstance(step, dict) and is_include(step) else None
        for key, text in given.items() if isinstance(given, dict) else ():
            if isinstance(text, str) and (name := passed_on(text)) is not None:
                yield (*path, "params", key), name
    mends = data.get("mends") if is_change(data) else None
    for position, mend in enumerate(mends if isinstance(mends, list) else []):
        text = mend.get("mentions") if isinstance(mend, dict) else None
        if isinstance(text, str) and (name := passed_on(text)) is not None:
            yield ("mends", position, "mentions"), name


def _commands(data: dict[str, Any]) -> Iterator[tuple[YamlPath, str]]:
    """Every command in the file with its path, whatever form its step has."""
    others = [((key,), data.get(key)) for key in ("verify", "undo")] if is_change(data) else []
    for here, step in [*_items(data), *others]:
        if isinstance(step, str):
            yield here, step
        if not isinstance(step, dict) or is_include(step):
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
