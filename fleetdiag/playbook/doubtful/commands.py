"""A step's shell text -> the commands in it, also those that other commands start. Runs nothing.

The text is parsed by tree-sitter's grammar of the shell; what it cannot parse is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Parser

OPAQUE = "\0"
"""Stands in a word for what only the host knows: an expansion, a substitution."""

MOST_FOLLOWING = 20
"""Commands of a pipeline that are looked at behind one."""

_PLACEHOLDER = re.compile(r"@?@\{[^}\n]*\}")
_REDIRECTED = "redirected_statement"
_WRAPPERS = {
    "chroot": (1, ""),
    "chrt": (1, ""),
    "flock": (1, "wEc"),
    "taskset": (1, ""),
    "timeout": (1, "ks"),
    "busybox": (0, ""),
    "command": (0, ""),
    "nohup": (0, ""),
    "setsid": (0, ""),
    "unbuffer": (0, ""),
    "doas": (0, "uC"),
    "env": (0, "uCS"),
    "exec": (0, "a"),
    "ionice": (0, "cnp"),
    "nice": (0, "n"),
    "nsenter": (0, "tSGr"),
    "parallel": (0, "jIN"),
    "stdbuf": (0, "ioe"),
    "strace": (0, "efopsu"),
    "sudo": (0, "ugpCrtTUhD"),
    "time": (0, "fo"),
    "watch": (0, "n"),
    "runuser": (0, "ugGcs"),
    "xargs": (0, "IEdLnPs"),
}
"""Commands that start the command in their arguments -> how many words of their own come before it,
and which of their short options take a value."""
_CONTAINERS = frozenset({"docker", "podman", "nerdctl", "crictl", "kubectl", "oc"})
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a stream goes."""

    sign: str
    """`>`, `>>`, `<`, `&>`, `<<<`, …"""
    descriptor: str
    """As written before the sign; empty for the usual one."""
    target: str
    """The word; `OPAQUE` where only the host knows it."""
    offset: int


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command."""

    words: tuple[str, ...]
    """The name without its directory, then the arguments without their quotes."""
    offset: int
    """Of its first character in the text."""
    redirects: tuple[Redirect, ...] = ()
    into: tuple[Command, ...] = ()
    """What follows it in its pipeline."""
    piped: bool = False
    """Something is piped into it."""
    captured: bool = False
    """It stands in `$(…)`: its output goes on in the shell."""
    in_test: bool = False
    """It is (in) the condition of an `if`, `while` or `until`, or stands before `&&` or `||`."""
    within_s: float | None = None
    """`timeout` ends it after so long."""
    wrappers: tuple[str, ...] = ()
    """The commands that start it, from the outermost (`xargs`, `find`, `sh`)."""
    variables: tuple[str, ...] = ()
    """Assignments before it, `NAME=value`."""
    unsure: bool = False
    """It stands where the parser lost its way: it may be no command at all."""

    @property
    def name(self) -> str:
        """What is run."""
        return self.words[0] if self.words else ""

    @property
    def args(self) -> tuple[str, ...]:
        """What it is given."""
        return self.words[1:]

    def has(self, *options: str) -> bool:
        """Whether one of `options` is given: `-n`, `--lines`; short ones also joined (`-xn`)."""
        return any(_is_option(word, option) for word in self.args for option in options)

    def value_of(self, *options: str) -> str | None:
        """The value of the first of `options` that is given: `-n 5`, `-bn5`, `--lines=5`."""
        for position, word in enumerate(self.args):
            for option in options:
                if word.startswith("--") and word.partition("=")[0] == option and "=" in word:
                    return word.partition("=")[2]
                value = _value_in(word, option)
                if value == "":
                    return self.args[position + 1] if position + 1 < len(self.args) else ""
                if value is not None:
                    return value
        return None

    @property
    def operands(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return tuple(word for word in self.args if not re.match(r"-[^0-9]", word))


@dataclass(frozen=True, slots=True)
class Shell:
    """A parsed text."""

    text: str
    root: Node
    commands: tuple[Command, ...]
    """In the order of the text."""

    def nodes(self, *types: str) -> Iterator[Node]:
        """Every node of these types, in the order of the text; all without types."""
        return (node for node in walk(self.root) if not types or node.type in types)


def parsed(text: str) -> Shell:
    """The commands of a step's text; its placeholders (`@{name}`) are words like others."""
    plain = _PLACEHOLDER.sub(lambda match: "_" * len(match.group()), text)
    root = _parser().parse(plain.encode()).root_node
    return Shell(plain, root, tuple(_Commands(plain).of(root)))


def text_of(node: Node) -> str:
    """A node as it is written."""
    return node.text.decode() if node.text is not None else ""


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _value_in(word: str, option: str) -> str | None:
    """What follows a short option in its word (`5` in `-bn5`); "" at its end, None without it."""
    if word == option:
        return ""
    if option.startswith("--") or len(option) != 2 or word.startswith("--"):
        return None
    match = re.fullmatch(rf"-[A-Za-z]{{0,4}}?{re.escape(option[1])}(.*)", word)
    return match[1] if match else None


def _is_option(word: str, option: str) -> bool:
    if option.startswith("--"):
        return word.partition("=")[0] == option
    if len(option) == 2 and re.fullmatch(r"-[A-Za-z0-9]\S*", word):
        return option[1] in re.split(r"[=0-9]", word[1:])[0] or word.startswith(option)
    return word == option


class _Commands:
    """Walks a tree, keeping where it stands."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        self._ascii = text.isascii()

    def of(self, node: Node, where: Command | None = None) -> Iterator[Command]:
        where = where or Command((), 0)
        if node.has_error and node.type != "program":
            where = replace(where, unsure=True)
        if node.type == "pipeline":
            yield from self._pipeline(node, where)
        elif node.type == _REDIRECTED:
            yield from self._redirected(node, where)
        elif node.type == "command":
            yield from self._command(node, where)
        elif node.type == "test_command":
            yield replace(where, words=("[",), offset=self._offset(node))
            yield from self._children(node, where)
        else:
            yield from self._children(node, where)

    def _children(self, node: Node, where: Command) -> Iterator[Command]:
        if node.type in {"command_substitution", "process_substitution"}:
            where = Command((), 0, captured=True)
        body = node.child_by_field_name("body")
        condition = node.type in {"if_statement", "while_statement", "elif_clause"}
        before = True
        for position, child in enumerate(node.children):
            if child.type in {"then", "do_group"} or child == body:
                before = False
            last = position == len(node.children) - 1
            tested = (condition and before) or (node.type == "list" and not last)
            yield from self.of(child, replace(where, in_test=where.in_test or tested))

    def _pipeline(self, node: Node, where: Command) -> Iterator[Command]:
        parts = [child for child in node.children if child.is_named]
        following: tuple[Command, ...] = where.into[:MOST_FOLLOWING]
        found: list[list[Command]] = []
        for position, part in reversed(list(enumerate(parts))):
            here = replace(where, into=following, piped=where.piped or position > 0)
            commands = list(self.of(part, here))
            found.append(commands)
            first = next((c for c in commands if not c.captured or where.captured), None)
            following = (first or Command((OPAQUE,), 0), *following[:MOST_FOLLOWING])
        for commands in reversed(found):
            yield from commands

    def _redirected(self, node: Node, where: Command) -> Iterator[Command]:
        redirects = tuple(self._redirect(c) for c in node.children if c.type.endswith("_redirect"))
        inner = replace(where, redirects=(*where.redirects, *redirects))
        body = node.child_by_field_name("body")
        if body is None:  # a redirection alone: `> file`
            yield replace(inner, words=(":",), offset=self._offset(node))
            return
        yield from self.of(body, inner)
        for child in node.children:
            if child.type.endswith("_redirect"):
                yield from self._children(child, Command((), 0))

    def _redirect(self, node: Node) -> Redirect:
        sign = next((text_of(c) for c in node.children if not c.is_named), ">")
        descriptor = next((text_of(c) for c in node.children if c.type == "file_descriptor"), "")
        targets = [c for c in node.children if c.is_named and c.type != "file_descriptor"]
        target = self._word(targets[0]) if targets else ""
        return Redirect(sign, descriptor, target, self._offset(node))

    def _command(self, node: Node, where: Command) -> Iterator[Command]:
        words: list[str] = []
        variables: list[str] = []
        redirects: list[Redirect] = []
        for child in node.children:
            if child.type == "variable_assignment":
                variables.append(text_of(child))
            elif child.type.endswith("_redirect"):
                redirects.append(self._redirect(child))
            elif child.is_named:
                words.append(self._word(child))
        first = node.child_by_field_name("name")
        command = replace(
            where,
            words=tuple(words),
            offset=self._offset(first or node),
            redirects=(*where.redirects, *redirects),
            variables=tuple(variables),
        )
        yield from started(command)
        for child in node.children:  # substitutions in its words
            for inner in walk(child):
                if inner.type in {"command_substitution", "process_substitution"}:
                    yield from self._children(inner, Command((), 0))
                    break

    def _word(self, node: Node) -> str:
        """A word without its quotes."""
        match node.type:
            case "raw_string":
                return text_of(node)[1:-1]
            case "ansi_c_string":
                return text_of(node)[2:-1]
            case "string":
                parts = (c for c in node.children if text_of(c) != '"' or c.is_named)
                return "".join(self._word(part) for part in parts)
            case "string_content" | "word" | "number" | "extglob_pattern" | "regex":
                return re.sub(r"\\(.)", r"\1", text_of(node))
            case "command_name" | "concatenation":
                return "".join(self._word(child) for child in node.children) or text_of(node)
            case "simple_expansion" | "expansion" | "command_substitution" | "arithmetic_expansion":
                return OPAQUE
            case "process_substitution":
                return OPAQUE
        return text_of(node)

    def _offset(self, node: Node) -> int:
        """Characters before the node."""
        if self._ascii:
            return node.start_byte
        return len(self._bytes[: node.start_byte].decode("utf-8", "ignore"))


def started(command: Command) -> Iterator[Command]:
    """The command, and those that it starts: behind `timeout`, `xargs`, `find -exec`, `sh -c`."""
    words = command.words
    if not words:
        if command.redirects:
            yield replace(command, words=(":",))
        return
    name = words[0].rpartition("/")[2] or words[0]
    if words[0].startswith("/etc/init.d/"):
        name, words = "service", ("service", name, *words[1:])
    command = replace(command, words=(name, *words[1:]))
    yield command
    if name == "command" and command.has("-v", "-V"):
        return
    inner = replace(command, wrappers=(*command.wrappers, name))
    if name in _SHELLS and (script := command.value_of("-c")) is not None:
        yield from _of_script(script, inner)
    elif name == "eval":
        yield from _of_script(" ".join(words[1:]), inner)
    elif name == "trap" and len(words) > 2:
        yield from _of_script(words[1], inner)
    elif name in _CONTAINERS and "exec" in words[1:4]:
        yield from started(replace(inner, words=tuple(_in_container(words))))
    elif name == "ip" and words[1:3] in {("netns", "exec"), ("vrf", "exec")}:
        yield from started(replace(inner, words=words[4:]))
    elif name == "find":
        for position, word in enumerate(words):
            if word in {"-exec", "-execdir", "-ok", "-okdir"}:
                behind = words[position + 1 :]
                ends = [n for n, one in enumerate(behind) if one in {";", "+"}]
                end = ends[0] if ends else len(behind)
                yield from started(replace(inner, words=behind[:end]))
                if not ends:
                    break
    elif name == "flock" and (script := command.value_of("-c")) is not None:
        yield from _of_script(script, inner)
    elif name in _WRAPPERS:
        rest = _behind(name, list(words[1:]))
        if name == "timeout":
            inner = replace(inner, within_s=seconds(first_operand(name, words[1:])))
        if rest:
            yield from started(replace(inner, words=tuple(rest)))


def _in_container(words: tuple[str, ...]) -> list[str]:
    """What is run in the container: after `exec`, its options and the container's name, or `--`."""
    rest = list(words[words.index("exec") + 1 :])
    if "--" in rest:
        return rest[rest.index("--") + 1 :]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if _takes_value(rest[0], "eucnw") else 1 :]
    return rest[1:]


def _of_script(script: str, where: Command) -> Iterator[Command]:
    """The commands of a script in a word; its lines count from the word's."""
    for command in parsed(script).commands:
        yield replace(
            command,
            offset=where.offset,
            redirects=(*command.redirects, *where.redirects),
            into=(*command.into, *where.into),
            wrappers=(*where.wrappers, *command.wrappers),
            captured=command.captured or where.captured,
            within_s=command.within_s if command.within_s is not None else where.within_s,
        )


def _behind(name: str, words: list[str]) -> list[str]:
    """The words of the command that the wrapper starts."""
    own, valued = _WRAPPERS[name]
    while words:
        word = words[0]
        if word == "--":
            words = words[1:]
            break
        if word.startswith("-") and len(word) > 1:
            words = words[2 if _takes_value(word, valued) else 1 :]
        elif name == "env" and "=" in word:
            words = words[1:]
        elif own:
            own, words = own - 1, words[1:]
        else:
            break
    return words


def first_operand(name: str, words: tuple[str, ...]) -> str:
    """Of a command that starts another: its first own word that is no option (`timeout 5`)."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if _takes_value(rest[0], _WRAPPERS[name][1]) else 1 :]
    return rest[0] if rest else ""


def _takes_value(word: str, valued: str) -> bool:
    """Whether the option `word` takes the next word as its value."""
    return len(word) == 2 and word[1] in valued


def seconds(text: str) -> float | None:
    """A duration as `timeout` and `sleep` take it; None where it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        return None
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
