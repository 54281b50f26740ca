"""`include:` in `steps`: the steps of another playbook stand in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.errors import PlaybookError
from fleetdiag.playbook.find import by_name, directories, found, is_path
from fleetdiag.playbook.parameters import value_problem
from fleetdiag.playbook.patterns import covers
from fleetdiag.yamlmarks import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fleetdiag.errors import Problem
    from fleetdiag.playbook.schema import IncludeFile, PlaybookFile
    from fleetdiag.yamlmarks import Marked, YamlPath

MAX_DEPTH = 5
"""Files that include one another: deeper is a mistake, or nobody can follow it."""

_PASSED_ON = re.compile(r"@\{ *([A-Za-z_][\w-]*) *\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Included:
    """A playbook file that another includes, checked."""

    file: PlaybookFile
    path: Path
    includes: Mapping[int, Included]
    """What it includes itself, by the position in its `steps`."""


def included_path(
    ref: str, including: Sequence[Path], search: Sequence[Path] | None = None
) -> Path:
    """The file that `include: ref` means in the last of `including`, each including the next.

    A path counts from that file's directory. A name is looked for in `search`, passing over the
    files that are including: `triage` in your own triage is the shipped one. Raises PlaybookError.
    """
    above = {identity(path) for path in including}
    if is_path(ref):
        path = including[-1].parent / ref
        if identity(path) in above:
            chain = " -> ".join([*(path.name for path in including), path.name])
            raise PlaybookError(f"{quoted(ref)} includes itself: {chain}")
        return path
    places = directories() if search is None else tuple(search)
    named = by_name(places).get(ref, ())
    for path in named:
        if identity(path) not in above:
            return path
    if named:
        raise PlaybookError(f"{quoted(ref)} includes itself, and no other playbook has that name")
    return found(ref, places)


def chosen(include: IncludeFile, names: Sequence[str]) -> list[str]:
    """Those of the included playbook's step names that `only` and `without` leave."""
    return [
        name
        for name in names
        if (not include.only or any(covers(pattern, name) for pattern in include.only))
        and not any(covers(pattern, name) for pattern in include.without)
    ]


def passed_on(text: str) -> str | None:
    """The name of the including playbook's param whose value `text` passes on; None for a value."""
    match = _PASSED_ON.fullmatch(text)
    return match and match[1]


def params_given(include: IncludeFile, values: Mapping[str, str]) -> dict[str, str]:
    """The values for the included playbook's params, where the including one has `values`."""
    named = {name: passed_on(text) for name, text in include.params.items()}
    return {
        name: values[of] if (of := named[name]) is not None else text
        for name, text in include.params.items()
    }


def include_problems(
    marked: Marked, path: YamlPath, include: IncludeFile, inner: Included, names: Sequence[str]
) -> Iterator[Problem]:
    """What an include says that does not fit the playbook it names, whose steps are `names`."""
    for key, patterns in (("only", include.only), ("without", include.without)):
        for position, pattern in enumerate(patterns):
            if not any(covers(pattern, name) for name in names):
                near = did_you_mean(pattern, names) or f", it has {_listed(names)}"
                message = f"{quoted(include.include)} has no step {quoted(pattern)}{near}"
                yield marked.problem((*path, key, position), message)
    if not chosen(include, names):
        message = f"nothing of {quoted(include.include)} is left, expected at least one step"
        yield marked.problem((*path, "include"), message)
    yield from _param_problems(marked, path, include, inner)


def _param_problems(
    marked: Marked, path: YamlPath, include: IncludeFile, inner: Included
) -> Iterator[Problem]:
    params = inner.file.params
    for name, text in include.params.items():
        if name not in params:
            near = did_you_mean(name, params)
            takes = near or f", it takes {_listed(params) if params else 'none'}"
            message = f"{quoted(include.include)} has no param {quoted(name)}{takes}"
            yield marked.problem((*path, "params", name), message, key=True)
        elif passed_on(text) is None and (wrong := value_problem(text, params[name].pattern)):
            yield marked.problem((*path, "params", name), f"param {quoted(name)} {wrong}")
    for name, param in params.items():
        if param.default is None and name not in include.params:
            message = f"{quoted(include.include)} needs a value for its param {quoted(name)}"
            yield marked.problem((*path, "include"), f"{message}, expected it under `params`")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def identity(path: Path) -> Path:
    """Equal for paths of one file; of links that lead in a circle the path itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()
