"""Shell that is not POSIX: it fails under dash or busybox ash. Pure.

What those two shells really take decides, beside the standard: `local` is fine in both, `echo -e`
is printed by dash, `$'…'` is a plain dollar there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.playbook.doubtful.commands import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from fleetdiag.playbook.doubtful.commands import Command, Shell

_COMMANDS = {
    "source": "`. ./file`",
    "let": "`x=$((…))`",
    "shopt": "nothing: sh has no such options",
    "pushd": "`cd` in a subshell",
    "popd": "`cd` in a subshell",
    "dirs": "`pwd`",
    "mapfile": "`while read -r`",
    "readarray": "`while read -r`",
    "disown": "nothing",
    "compgen": "`command -v`",
    "coproc": "a pipe",
    "enable": "nothing",
    "caller": "nothing",
}
"""Bash's own commands -> what to write."""
_VARIABLES = re.compile(
    r"RANDOM|SECONDS|BASH\w*|HOSTNAME|UID|EUID|OSTYPE|HOSTTYPE|MACHTYPE|FUNCNAME|PIPESTATUS|EPOCHSECONDS|EPOCHREALTIME|SRANDOM|DIRSTACK|GROUPS|REPLY"
)  # fmt: skip
_NODES = {
    "process_substitution": ("a process substitution", "a pipe"),
    "herestring_redirect": ("`<<<`", "`printf '%s\\n' … |`"),
    "array": ("an array", "a list of words"),
    "subscript": ("an array", "a list of words"),
    "ansi_c_string": ("`$'…'`", "printf"),
    "translated_string": ('`$"…"`', 'plain `"…"`'),
    "c_style_for_statement": ("`for ((…))`", "`while [ … ]`"),
    "select_statement": ("`select`", "nothing: nobody answers"),
    "brace_expression": ("`{1..3}`", "the words themselves, or seq"),
}
"""Kinds of node -> what it is, and what to write."""
_EXPANSIONS = {
    "/": ("`${x/…}`", "sed"),
    "//": ("`${x//…}`", "sed"),
    "/#": ("`${x/#…}`", "`${x#…}`"),
    "/%": ("`${x/%…}`", "`${x%…}`"),
    ":": ("`${x:0:3}`", "cut"),
    "^": ("`${x^}`", "tr"),
    "^^": ("`${x^^}`", "tr"),
    ",": ("`${x,}`", "tr"),
    ",,": ("`${x,,}`", "tr"),
    "@": ("`${x@…}`", "the value itself"),
    "!": ("`${!x}`", "a `case`"),
}
"""Signs in `${…}` -> what it is, and what to write."""


def bashisms(shell: Shell) -> Iterator[tuple[Node, str]]:
    """Every construct that is bash's, with what to write instead."""
    own = {
        text_of(node.children[0]) for node in shell.nodes("variable_assignment") if node.children
    }
    own |= {word for command in shell.commands if command.name == "read" for word in command.args}
    for node in shell.nodes():
        if node.type == "variable_name" and text_of(node) in own:
            continue  # the script's own
        for what, instead in _of_node(node):
            yield node, f"{what} is bash's, expected {instead}"


def _of_node(node: Node) -> Iterator[tuple[str, str]]:
    kind = node.type
    if kind in _NODES:
        yield _NODES[kind]
    elif kind == "test_command":
        first = text_of(node.children[0]) if node.children else ""
        if first == "[[":
            yield "`[[ … ]]`", "`[ … ]`, or `case`"
        elif first == "((":
            yield "`((…))`", "`[ … ]`"
    elif kind == "compound_statement" and text_of(node).startswith("(("):
        yield "`((…))`", "`x=$((…))`"
    elif kind == "==" and _within(node, "test_command") == "[":
        yield "`==` in `[ … ]`", "`=`"
    elif kind == "test_operator" and text_of(node) == "-v":
        yield "`-v` in `[ … ]`", "`${x+set}`"
    elif kind == "declaration_command" and text_of(node).split()[0] in {"declare", "typeset"}:
        yield f"`{text_of(node).split()[0]}`", "a plain assignment"
    elif kind == "declaration_command" and text_of(node).split()[:2] == ["export", "-f"]:
        yield "`export -f`", "a script"
    elif kind in {"&>", "&>>"}:
        yield f"`{kind}`", "`> file 2>&1`"
    elif kind == "|&":
        yield "`|&`", "`2>&1 |`"
    elif kind == "function_definition" and text_of(node).startswith("function"):
        yield "`function name`", "`name() {`"
    elif kind == "expansion":
        yield from _of_expansion(node)
    elif (
        kind in {"++", "--", "**"} and node.parent is not None and "expression" in node.parent.type
    ):
        yield f"`{kind}` in arithmetic", "`$((x + 1))`"
    elif kind == "variable_name" and _VARIABLES.fullmatch(text_of(node)) and _is_read(node):
        yield f"`${text_of(node)}`", "a command that tells it"
    elif kind == "file_redirect" and re.match(r">&\s*[^\s\d&-]", text_of(node)):
        yield "`>& file`", "`> file 2>&1`"
    elif kind in {"word", "concatenation"} and _is_brace_list(node):
        yield "`{a,b}`", "the words themselves"
    elif kind == ";;&" or kind == ";&":
        yield f"`{kind}`", "`;;`"


def _of_expansion(node: Node) -> Iterator[tuple[str, str]]:
    signs = [child.type for child in node.children if not child.is_named][1:]
    if signs and signs[0] in _EXPANSIONS:
        yield _EXPANSIONS[signs[0]]


def _is_read(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type in {"simple_expansion", "expansion"}


def _is_brace_list(node: Node) -> bool:
    parent = node.parent
    if parent is not None and parent.type == "concatenation":
        return False
    return re.search(r"(?<![$@\\])\{[^{}'\"\s]*,[^{}'\"\s]*\}", text_of(node)) is not None


def _within(node: Node, kind: str) -> str:
    """How the nearest `kind` around the node begins; empty where none is."""
    above = node.parent
    while above is not None and above.type != kind:
        above = above.parent
    return text_of(above.children[0]) if above is not None and above.children else ""


def of_command(command: Command) -> str | None:
    """Why a command, or an option of it, is bash's; None where it is sh's."""
    if any(shell in {"bash", "zsh", "ksh"} for shell in command.wrappers):
        return None  # asked for by name
    name = command.name
    if name in _COMMANDS:
        return f"`{name}` is bash's, expected {_COMMANDS[name]}"
    option = _option(command)
    return f"`{option}` is bash's, expected {_OPTIONS[option]}" if option else None


_OPTIONS = {
    "echo -e": "printf",
    "read -p": "printf before it",
    "read -a": "`set --`",
    "read -d": "tr",
    "read -t": "timeout",
    "read -n": "dd or cut",
    "read -s": "nothing: nobody answers",
    "printf -v": "`x=$(printf …)`",
    "set -o pipefail": "`x=$(first) || exit`",
    "type -p": "`command -v`",
    "type -t": "`command -v`",
    "type -P": "`command -v`",
    "wait -n": "wait",
    "test ==": "`=`",
    "trap ERR": "`|| exit`",
}


def _option(command: Command) -> str | None:
    name, args = command.name, command.args
    match name:
        case "echo" if args and re.fullmatch(r"-[nE]*e[neE]*", args[0]):
            return "echo -e"
        case "read":
            given = (f"read -{letter}" for letter in "padtns" if command.has(f"-{letter}"))
            return next(given, None)
        case "printf" if args[:1] == ("-v",):
            return "printf -v"
        case "set" if "pipefail" in args:
            return "set -o pipefail"
        case "type" if args and args[0] in {"-p", "-t", "-P"}:
            return f"type {args[0]}"
        case "wait" if args[:1] == ("-n",):
            return "wait -n"
        case "test" if "==" in args:
            return "test =="
        case "trap" if {"ERR", "DEBUG", "RETURN"} & set(args):
            return "trap ERR"
    return None
