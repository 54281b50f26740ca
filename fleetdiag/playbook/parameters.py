"""The values a playbook is run with: checked against what it declares. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.errors import PlaybookError
from fleetdiag.yamlmarks import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.playbook.schema import ParamFile

MAX_VALUE_CHARS = 1000


def values_for(
    playbook: str, declared: Mapping[str, ParamFile], given: Mapping[str, str]
) -> dict[str, str]:
    """A value for each declared param, defaults filled in, in the order they are declared.

    Raises PlaybookError with all that is wrong, a line each.
    """
    wrong = [
        f"playbook `{playbook}` has no param {quoted(name)}"
        + (did_you_mean(name, declared) or _what_it_takes(declared))
        for name in given
        if name not in declared
    ]
    values: dict[str, str] = {}
    for name, param in declared.items():
        value = given.get(name, param.default)
        if value is None:
            about = f" ({param.about})" if param.about else ""
            wrong.append(f"playbook `{playbook}` needs a value for its param `{name}`{about}")
        elif (problem := value_problem(value, param.pattern)) is not None:
            wrong.append(f"param `{name}` of playbook `{playbook}` {problem}")
        else:
            values[name] = value
    if wrong:
        raise PlaybookError("\n".join(wrong))
    return values


def value_problem(value: str, pattern: object) -> str | None:
    """What is wrong with a param's value, to follow the param's name; None where it is good.

    A pattern that is not one says nothing: that is a problem of its own.
    """
    if not value.isprintable():
        return f"is {quoted(value)}, expected text in one line without control characters"
    if len(value) > MAX_VALUE_CHARS:
        return f"has {len(value)} characters, expected at most {MAX_VALUE_CHARS}"
    try:
        fits = re.fullmatch(str(pattern), value) is not None
    except re.error:
        return None
    return None if fits else f"is {quoted(value)}, expected text that matches `{pattern}`"


def _what_it_takes(declared: Mapping[str, ParamFile]) -> str:
    return f", it takes {', '.join(f'`{name}`' for name in declared)}" if declared else "s at all"
