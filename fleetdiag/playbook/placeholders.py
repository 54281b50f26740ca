"""Parameters in shell commands: `@{name}` becomes one quoted word. Pure; runs nothing.

The value is always put in single quotes, also where it looks harmless: bare, `2` before `>`
would be a descriptor, and `if` a keyword. Quotes of the value's own only work where the shell
reads a fresh word, so a placeholder anywhere else (inside quotes, a comment, arithmetic, …) is
refused rather than spliced. `@@{name}` stands for a literal `@{name}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"@\{ *([A-Za-z_][\w-]*) *\}", re.ASCII)
_ANY = re.compile(r"@?" + _PLACEHOLDER.pattern, re.ASCII)

_UNREADABLE = (
    (re.compile("`"), "backticks", "$(…)"),
    (re.compile(r"<<"), "a here-document", "printf"),
    (re.compile(r"(?<!\$)\(\(|\[\[(?!:)|\$\["), "((…)), [[…]] or $[…]", "[ … ]"),
    (re.compile(r"\\\n#"), "a # that begins a continued line", "no comment there"),
    (re.compile(r"\beval\b"), "eval", "a command that takes it as an argument"),
    (re.compile(r"\$\{[^}]*['\"\\@$]"), "quotes or expansions inside ${…}", "a plain $name"),
    (re.compile(r"(?s)\A(?=.*\bcase\b).*\$\("), "case together with $(…)", "only one of them"),
)
"""What makes it hard to say where a word begins, or reads a value as code; what to write instead.
Rare together with parameters, so simply not allowed with them."""

_WHERE = {
    "single": "inside single quotes",
    "double": "inside double quotes",
    "comment": "in a comment",
    "odd": "after $'…', which shells read differently",
    "arithmetic": "inside $((…))",
    "expansion": "inside ${…}",
}


@dataclass(frozen=True, slots=True)
class Use:
    """A parameter used in a command."""

    name: str
    problem: str | None
    """What is wrong with it, to follow its name; None where it is fine."""


def uses(command: str) -> list[Use]:
    """The parameters that `command` uses, in order, each with what is wrong with its place."""
    if "@{" not in command:
        return []
    found, closed = _located(command)
    doubts = [
        f"is used in a command with {what}, expected {instead}"
        for pattern, what, instead in _UNREADABLE
        if pattern.search(command)
    ]
    if not closed:
        doubts.append("is used in a command with a quote or bracket that is not closed")
    return [Use(use.name, use.problem or next(iter(doubts), None)) for use in found]


def substituted(command: str, values: Mapping[str, str]) -> str:
    """`command` with each `@{name}` replaced by its value as one quoted shell word.

    Only for commands whose `uses` have no problem and are all among `values`.
    """

    def replacement(match: re.Match[str]) -> str:
        text = match.group()
        return text[1:] if text.startswith("@@") else _quoted(values[match[1]])

    return _ANY.sub(replacement, command)


def escaped(command: str) -> str:
    """`command` so written that `substituted` gives it back as it is."""
    return _PLACEHOLDER.sub(lambda match: "@" + match.group(), command)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _located(command: str) -> tuple[list[Use], bool]:
    """Walk `command` as a shell reads it, keeping a stack of what is open.

    Gives the uses, and whether all that was opened was closed again.
    """
    stack, found = ["plain"], list[Use]()
    at = 0
    while at < len(command):
        match = _ANY.match(command, at)
        if match is not None:
            if not match.group().startswith("@@"):
                found.append(Use(match[1], _problem(stack, command[at - 1 : at] if at else "")))
            at = match.end()
        else:
            at += _advance(stack, command, at)
    return found, stack in (["plain"], ["plain", "comment"])


def _problem(stack: list[str], before: str) -> str | None:
    where = None
    if stack[-1] in {"single", "double", "comment", "odd"}:
        where = _WHERE[stack[-1]]
    elif before in {"$", "\\"}:
        where = f"right after `{before}`"
    for inner in ("arithmetic", "expansion"):
        if inner in stack and where is None:
            where = _WHERE[inner]
    return where and f"stands {where}, expected outside: it is a quoted word of its own"


def _advance(stack: list[str], command: str, at: int) -> int:
    """Take up the character at `at` into `stack`; returns how many characters were read."""
    char, top = command[at], stack[-1]
    if top == "odd":
        return 1
    if top in {"single", "comment"}:
        if char == ("'" if top == "single" else "\n"):
            stack.pop()
        return 1
    if char == "\\":
        # A placeholder after it is looked at in its turn, and refused for it.
        return 1 if _ANY.match(command, at + 1) else 2
    if command.startswith("$((", at):
        stack += ["arithmetic", "arithmetic"]
        return 3
    if command.startswith(("$(", "${"), at):
        stack.append("substitution" if command[at + 1] == "(" else "expansion")
        return 2
    if top == "double":
        if char == '"':
            stack.pop()
    else:
        _advance_bare(stack, command, at)
    return 1


def _advance_bare(stack: list[str], command: str, at: int) -> None:
    """The same outside of quotes."""
    char, top = command[at], stack[-1]
    if char in "'\"" and command[at - 1 : at] == "$" and at:
        stack.append("odd")
    elif char in "'\"":
        stack.append("single" if char == "'" else "double")
    elif char == "(":
        stack.append("arithmetic" if top == "arithmetic" else "parenthesis")
    elif (char == ")" and top not in {"plain", "expansion"}) or (
        char == "}" and top == "expansion"
    ):
        stack.pop()
    elif char == "#" and (at == 0 or command[at - 1] in " \t\n;&|()"):
        stack.append("comment")
