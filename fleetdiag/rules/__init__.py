"""Rule sets that ship with the program: what is plainly wrong in an output of some kind.

A set is `NAME.yaml` beside this file: a list of rules with the fields of `Flag`. `explains` is
written with the nearest consequences only and closed here: what these explain, it explains too.
A fault in a set is ours, so it raises at `load` instead of being told to the user.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from fleetdiag.errors import PlaybookError
from fleetdiag.model import Flag, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIX = ".yaml"
_TEXTS = frozenset({"name", "say", "severity", "matches", "feature", "equals"})
_NUMBERS = frozenset({"above", "below"})
_TESTS = ("above", "below", "equals", "matches")


@cache
def names() -> tuple[str, ...]:
    """The shipped rule sets, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


@cache
def load(name: str) -> tuple[Flag, ...]:
    """The rules of one set, in the order of its file.

    Raises:
        PlaybookError: there is no set of that name.
        ValueError: the set is wrong; never for what ships.
    """
    if name not in names():
        raise PlaybookError(f"no rule set `{name}`; there is {', '.join(names())}")
    return parse((files(__name__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8"), name)


def parse(text: str, source: str) -> tuple[Flag, ...]:
    """The rules in a set's text.

    Args:
        text: YAML.
        source: the set's name, for messages.

    Raises:
        ValueError: a rule is not one, a name is taken or unknown, or `explains` goes in a circle.
    """
    entries = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one, in C if it is there
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{source}: expected a list of rules")
    flags = [_flag(entry, f"{source}, rule {number}") for number, entry in enumerate(entries, 1)]
    near: dict[str, tuple[str, ...]] = {}
    for flag in flags:
        if flag.name in near:
            raise ValueError(f"{source}: two rules are called `{flag.name}`")
        near[flag.name] = flag.explains
    for flag in flags:
        if unknown := set(flag.explains) - near.keys():
            raise ValueError(
                f"{source}, {flag.name}: explains unknown {', '.join(sorted(unknown))}"
            )
    return tuple(_closed(flag, near, source) for flag in flags)


def _flag(entry: Any, place: str) -> Flag:
    """One rule, its fields checked."""
    if not isinstance(entry, dict):
        raise ValueError(f"{place}: expected a mapping")  # noqa: TRY004 - the file's fault
    place = f"{place} ({entry.get('name')})"
    if unknown := entry.keys() - _TEXTS - _NUMBERS - {"explains"}:
        raise ValueError(f"{place}: unknown {', '.join(sorted(map(str, unknown)))}")
    texts = {key: entry[key] for key in _TEXTS & entry.keys()}
    numbers = {key: entry[key] for key in _NUMBERS & entry.keys()}
    explains = entry.get("explains", [])
    if not all(isinstance(value, str) and value for value in texts.values()):
        raise ValueError(f"{place}: {', '.join(sorted(texts))} must be texts")
    if not all(isinstance(value, int | float) for value in numbers.values()):
        raise ValueError(f"{place}: {', '.join(sorted(numbers))} must be numbers")
    if not isinstance(explains, list) or not all(isinstance(name, str) for name in explains):
        raise ValueError(f"{place}: `explains` must be a list of names")
    if missing := {"name", "say"} - texts.keys():
        raise ValueError(f"{place}: no {', '.join(sorted(missing))}")
    if "matches" not in texts and "feature" not in texts:
        raise ValueError(f"{place}: neither `matches` nor `feature`")
    if "feature" in texts and not any(key in entry for key in _TESTS):
        raise ValueError(f"{place}: says nothing of the feature's value ({', '.join(_TESTS)})")
    if "feature" not in texts and (numbers or "equals" in texts):
        raise ValueError(f"{place}: a value is tested, but of no `feature`")
    return Flag(
        name=texts["name"],
        say=texts["say"],
        severity=Severity(texts.get("severity", "warning")),
        matches=_pattern(texts.get("matches"), place),
        feature=texts.get("feature"),
        above=numbers.get("above"),
        below=numbers.get("below"),
        equals=texts.get("equals"),
        explains=tuple(explains),
    )


def _pattern(pattern: str | None, place: str) -> str | None:
    """`pattern`, known to compile."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{place}: `matches` is no pattern: {error}") from error
    return pattern


def _closed(flag: Flag, near: Mapping[str, Sequence[str]], source: str) -> Flag:
    """`flag` with all that it explains at any distance, the nearest first."""
    found = list(dict.fromkeys(flag.explains))
    for name in found:  # grows while it is walked
        found += [further for further in near[name] if further not in found]
    if flag.name in found:
        raise ValueError(f"{source}, {flag.name}: explains itself, in a circle")
    return replace(flag, explains=tuple(found))
