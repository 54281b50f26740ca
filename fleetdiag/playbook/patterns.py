"""Regular expressions that people write into playbooks: refused where wrong or dangerous. Pure."""

from __future__ import annotations

import importlib
import re
from typing import Any

MAX_PATTERN_CHARS = 1000
MANY = 16
"""A repeat that may go round more often than this counts as unbounded."""


def pattern_problem(pattern: str) -> str | None:
    """Why `pattern` cannot be used, in words; None where it can."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"pattern of {len(pattern)} characters, expected at most {MAX_PATTERN_CHARS}"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    if _nests(_parsed(pattern), inside=False):
        return (
            "a repeat inside a repeat, as in `(a+)+`, can take for ever on a hostile line; "
            "bound one of them, or make the inner one possessive (`a++`)"
        )
    return None


def matches_everything(pattern: str) -> bool:
    """Whether `pattern`, a good one, is found in the empty line, so in every line."""
    return re.search(pattern, "") is not None and re.search(pattern, "x") is not None


def can_hold_digit(pattern: str) -> bool:
    """Whether what a field's pattern takes (its group 1, or all of it) may have a digit in it."""
    tree = _parsed(pattern)
    group = next((part for part in _groups(tree) if part is not None), None)
    return _may_hold_digit(tree if group is None else group)


def _groups(tree: Any) -> list[Any]:
    """The body of group 1, in a list; empty without groups."""
    for operation, argument in tree:
        if str(operation) == "SUBPATTERN" and argument[0] == 1:
            return [argument[-1]]
        for part in _subpatterns(argument):
            if found := _groups(part):
                return found
    return []


def _may_hold_digit(tree: Any) -> bool:
    for operation, argument in tree:
        name = str(operation)
        if name == "LITERAL":
            if chr(argument).isdigit():
                return True
        elif name in {"ASSERT", "ASSERT_NOT", "AT"}:
            continue
        elif name in {"ANY", "NOT_LITERAL", "GROUPREF", "CATEGORY"}:
            return True
        elif name == "IN":
            if _class_holds_digit(argument):
                return True
        elif any(_may_hold_digit(part) for part in _subpatterns(argument)):
            return True
    return False


def _class_holds_digit(items: Any) -> bool:
    """Of `[…]`; a negated one is taken to, and so is a category other than white space."""
    for operation, argument in items:
        name = str(operation)
        if name in {"NEGATE", "CATEGORY"}:
            return "SPACE" not in str(argument) or "NOT" in str(argument)
        if name == "LITERAL" and chr(argument).isdigit():
            return True
        if name == "RANGE" and argument[0] <= ord("9") and argument[1] >= ord("0"):
            return True
    return False


def covers(pattern: str, name: str) -> bool:
    """Whether `pattern`, where `*` stands for any text, is all of `name`."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), name) is not None


def _parsed(pattern: str) -> Any:
    """The parse tree of `re`'s own parser, which has no public door (`re._parser` since 3.11)."""
    return importlib.import_module("re._parser").parse(pattern)


def _nests(tree: Any, *, inside: bool) -> bool:
    """Whether a repeat of open length stands inside another, where backtracking multiplies.

    Possessive repeats and atomic groups never give back what they took, so they may nest.
    """
    for operation, argument in tree:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            least, most, body = argument
            open_ended = int(most) > MANY
            if inside and most != least and int(most) > 1:
                return True
            if _nests(body, inside=inside or open_ended):
                return True
        elif name not in {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"} and any(
            _nests(part, inside=inside) for part in _subpatterns(argument)
        ):
            return True
    return False


def _subpatterns(argument: Any) -> list[Any]:
    """The pattern trees in the argument of an operation (groups, branches, look-arounds)."""
    if type(argument).__name__ == "SubPattern":
        return [argument]
    if isinstance(argument, list | tuple):
        return [tree for part in argument for tree in _subpatterns(part)]
    return []
