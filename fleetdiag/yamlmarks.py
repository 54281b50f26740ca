"""YAML text as plain values that know their line and column. Knows nothing of hosts or playbooks.

Read strictly, as YAML 1.2 has it: `no`, `on`, `12:30`, `2026-01-02` and `010` are text; duplicate
keys, keys that are not text, merge keys and tags are problems. Values are built here from parser
events, so nothing is ever constructed by a tag, and aliases are counted before they are expanded.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleetdiag.errors import FileProblemsError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import yaml
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

YamlPath = tuple[str | int, ...]
"""Keys and list positions (from 0) from the top of the file down to a value."""

MAX_FILE_BYTES = 4 << 20
MAX_DEPTH = 40
MAX_ALIASED_NODES = 10_000
"""Values that all the aliases of a file may stand for together."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# Leading zeros and more digits than 64 bits hold are text: nobody means a number by them.
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"(?=.*[.eE])[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


class YamlProblems(FileProblemsError):  # noqa: N818 - its name says what it holds
    """All that is wrong with a text as YAML; callers raise it again as their own kind."""

    def __init__(self, problems: Sequence[Problem], marked: Marked | None = None) -> None:
        super().__init__(problems)
        self.marked = marked
        """The rest of the text, to look for more problems in; None where it makes no sense."""


@dataclass(slots=True)
class _Node:
    """A value with its place; `children` of a list or mapping, each with the place of its key."""

    value: object
    line: int
    column: int
    spelling: str | None = None
    size: int = 1
    children: dict[str | int, tuple[int, int, _Node]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Marked:
    """A YAML document: plain data, and the place of everything in it."""

    file: str
    """The file's name as messages show it."""
    data: object
    """dict, list, str, int, float, bool, None; None for an empty file."""
    _root: _Node

    def place(self, path: YamlPath, *, key: bool = False) -> tuple[int, int]:
        """(line, column), from 1, of the value at `path`, or of its key in the mapping above.

        What is not there has the place of the nearest thing above it that is.
        """
        node, key_place = self._root, (self._root.line, self._root.column)
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            key_place, node = child[:2], child[2]
        return key_place if key else (node.line, node.column)

    def spelling(self, path: YamlPath) -> str:
        """The scalar at `path` as it is written (`1.10`, `true`); "" where none is."""
        node = self._root
        for step in path:
            if step not in node.children:
                return ""
            node = node.children[step][2]
        return node.spelling or ""

    def existing(self, loc: Iterable[str | int]) -> YamlPath:
        """`loc` without the steps that lead nowhere in the data (pydantic's union tags)."""
        node, path = self._root, []
        for step in loc:
            if step in node.children:
                node = node.children[step][2]
                path.append(step)
        return tuple(path)

    def renamed(self, key: str, new: str) -> Marked:
        """The document with the value of `key` at the top under `new`, in place of what was there.

        Places stay those of the file.
        """
        data = {**self.data} if isinstance(self.data, dict) else {}
        children = dict(self._root.children)
        for held in (data, children):
            held.pop(new, None)
            if key in held:
                held[new] = held.pop(key)
        return replace(self, data=data, _root=replace(self._root, children=children))

    def problem(self, path: YamlPath, message: str, *, key: bool = False) -> Problem:
        """A problem at the value (or key) at `path`."""
        line, column = self.place(path, key=key)
        return Problem(self.file, line, column, message)


def read_yaml_file(path: Path, file: str | None = None) -> Marked:
    """The document in the file at `path`, called `file` in messages; raises YamlProblems."""
    shown = str(path) if file is None else file
    try:
        if path.exists() and not path.is_file():
            kind = "a directory" if path.is_dir() else "no regular file"
            raise YamlProblems([Problem(shown, None, None, f"cannot be read: {kind}")])
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise YamlProblems([Problem(shown, None, None, reason)]) from error
    try:
        text = data[: MAX_FILE_BYTES + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > MAX_FILE_BYTES:
            raise YamlProblems([_too_large(shown)]) from error
        line, column = _place_of(data[: error.start].decode("utf-8", "replace"))
        raise YamlProblems([Problem(shown, line, column, "not UTF-8 text")]) from error
    return read_yaml(text, shown)


def read_yaml(text: str, file: str) -> Marked:
    """The one document in `text`; raises YamlProblems with everything wrong with it as YAML."""
    if len(text) > MAX_FILE_BYTES:
        raise YamlProblems([_too_large(file)])
    if (bad := _FORBIDDEN.search(text)) is not None:
        message = f"control character {bad.group()!a}, which YAML does not allow"
        raise YamlProblems([Problem(file, *_place_of(text[: bad.start()]), message)])
    builder = _Builder(file)
    root = builder.document(text)
    marked = None if root is None else Marked(file, root.value, root)
    if builder.problems or marked is None:
        raise YamlProblems(builder.problems, marked)
    return marked


def _too_large(file: str) -> Problem:
    return Problem(file, None, None, f"larger than {MAX_FILE_BYTES >> 20} MiB")


def _place_of(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows the text `before`."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def quoted(text: object, limit: int = 60) -> str:
    """`text` in backquotes for a message: on one line, controls made visible, not too long."""
    flat = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
    return f"`{flat if len(flat) <= limit else flat[: limit - 1] + '…'}`"


class _Stop(Exception):  # noqa: N818 - control flow inside this module
    """Going on makes no sense; the problem has been noted."""


class _Builder:
    """Builds nodes from one text's events; collects `problems` in the order of the text."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, _Node | None] = {}
        self._aliased = 0
        self._events: Iterator[yaml.Event]

    def document(self, text: str) -> _Node | None:
        """The root node; None where the text breaks off in a problem."""
        import yaml

        # libyaml's parser where it is compiled in: ten times as fast.
        self._events = iter(yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)))
        try:
            return self._document()
        except _Stop:
            return None
        except yaml.MarkedYAMLError as error:
            self._syntax_problem(error, text)
            return None

    def _document(self) -> _Node:
        import yaml

        root = _Node(None, 1, 1)
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._note(event, "a second document begins here, expected one in a file")
                    raise _Stop
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: yaml.Event, depth: int) -> _Node:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._note(event, f"nested deeper than {MAX_DEPTH} levels")
            raise _Stop
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None  # known, not complete: an alias to it is a cycle
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        line, column = _mark(event)
        if event.anchor not in self._anchors:
            self._note(event, f"alias {quoted(f'*{event.anchor}')} of an anchor not defined before")
            return _Node(None, line, column)
        target = self._anchors[event.anchor]
        if target is None:
            self._note(event, f"alias {quoted(f'*{event.anchor}')} stands inside what it names")
            return _Node(None, line, column)
        self._aliased += target.size
        if self._aliased > MAX_ALIASED_NODES:
            self._note(event, f"aliases stand for more than {MAX_ALIASED_NODES} values")
            raise _Stop
        return target

    def _scalar(self, event: yaml.ScalarEvent) -> _Node:
        line, column = _mark(event)
        if event.tag not in _TEXT_TAGS:
            self._tag_problem(event)
        plain = _is_plain(event) and event.tag is None
        value = _plain_value(event.value) if plain else event.value
        return _Node(value, line, column, spelling=event.value)

    def _sequence(self, event: yaml.Event, depth: int) -> _Node:
        import yaml

        self._tag_problem(event)
        values: list[object] = []
        node = _Node(values, *_mark(event))
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            child = self._node(item, depth + 1)
            node.children[len(values)] = (child.line, child.column, child)
            node.size += child.size
            values.append(child.value)
        return node

    def _mapping(self, event: yaml.Event, depth: int) -> _Node:
        import yaml

        self._tag_problem(event)
        values: dict[str, object] = {}
        node = _Node(values, *_mark(event))
        while not isinstance(key_event := next(self._events), yaml.MappingEndEvent):
            key = self._key(key_event, self._node(key_event, depth + 1).value, node)
            child = self._node(next(self._events), depth + 1)
            node.size += child.size + 1
            if key is not None:
                node.children[key] = (*_mark(key_event), child)
                values[key] = child.value
        return node

    def _key(self, event: yaml.Event, key: object, node: _Node) -> str | None:
        """The key as text; None (and a problem noted) where it is no good."""
        if not isinstance(key, str):
            spelling = getattr(event, "value", None)
            shown = f"key {quoted(spelling)}" if spelling else f"{kind_of(key)} as a key"
            self._note(event, f"{shown} is not text, expected text; put it in quotes")
        elif key in node.children:
            first = node.children[key][0]
            self._note(event, f"duplicate key {quoted(key)}, first given in line {first}")
        elif key == "<<" and _is_plain(event):
            self._note(event, "merge key `<<` is not YAML 1.2, expected the keys written out")
        else:
            return key
        return None

    def _tag_problem(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._note(event, f"tag {quoted(short)}, expected a plain value without a tag")

    def _syntax_problem(self, error: yaml.MarkedYAMLError, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        lines = text.splitlines()
        rest = lines[line - 1][column - 1 :] if line <= len(lines) else ""
        if rest.startswith("\t"):
            message = "a tab where YAML allows only spaces"
        else:
            message = f"not YAML: {error.problem or error.context or 'cannot be parsed'}"
            if error.problem and error.context:
                message += f" ({error.context})"
            if "flow sequence" in message and re.search(r"\w\[", lines[line - 1]):
                message += "; inside [ ], a name such as web[1-3] stands in quotes"
        self.problems.append(Problem(self.file, line, column, message))

    def _note(self, event: yaml.Event, message: str) -> None:
        self.problems.append(Problem(self.file, *_mark(event), message))


def _is_plain(event: yaml.Event) -> bool:
    """Whether a scalar stands without quotes; its style is None, or "" from libyaml."""
    return not getattr(event, "style", None)


def _mark(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _plain_value(text: str) -> object:
    """The value of an unquoted scalar: YAML 1.2's core schema, less what surprises."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


# ------------------------------------------------------------------------ pydantic's errors


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def problems_from_pydantic(
    error: ValidationError,
    marked: Marked,
    file: str,
    known_keys: Callable[[YamlPath], Iterable[str]],
) -> list[Problem]:
    """What pydantic found wrong with `marked.data`, in words, sorted by place, one for each place.

    `known_keys(path)` gives the keys allowed in the mapping at `path`, for near misses. A
    validator's own ValueError is shown as it stands. Of a union's alternatives, the one that got
    furthest into the data speaks; where none did, the message lists what each expected.
    """
    by_path: dict[YamlPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        by_path.setdefault(marked.existing(details["loc"]), []).append(details)
    problems: dict[tuple[int, int, str], Problem] = {}
    for path, found in by_path.items():
        deeper = any(other[: len(path)] == path and other != path for other in by_path)
        kept = [d for d in found if not (deeper and d["type"] in _EXPECTED)]
        for message, on_key in _messages(path, kept, known_keys):
            line, column = marked.place(path, key=on_key)
            problems[line, column, message] = Problem(file, line, column, message)
    return [problems[place] for place in sorted(problems)]


def _messages(
    path: YamlPath,
    found: Sequence[ErrorDetails],
    known_keys: Callable[[YamlPath], Iterable[str]],
) -> Iterator[tuple[str, bool]]:
    """Messages for the errors at one path, and whether each is about the key."""
    expected = dict.fromkeys(_EXPECTED[d["type"]] for d in found if d["type"] in _EXPECTED)
    if expected:
        value = next(d["input"] for d in found if d["type"] in _EXPECTED)
        yield f"{_named(path)}is {kind_of(value)}, expected {_either(tuple(expected))}", False
    for details in found:
        kind = details["type"]
        if kind == "extra_forbidden" and path:
            yield unknown_key(str(path[-1]), known_keys(path[:-1])), True
        elif kind == "missing":
            yield f"key {quoted(details['loc'][-1])} is missing", False
        elif kind not in _EXPECTED:
            yield _value_message(path, details), details["loc"][-1:] == ("[key]",)


def _value_message(path: YamlPath, details: ErrorDetails) -> str:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{_named(path)}is {value}, expected {words} {context[bound]}"
    if kind in {"literal_error", "enum"}:
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        near = did_you_mean(str(value), allowed) if isinstance(value, str) else ""
        choice = _either(tuple(allowed)) if allowed else str(context["expected"])
        return f"{_named(path)}is {kind_of(value)}, expected {choice}{near}"
    return f"{_named(path)}is {kind_of(value)}: {details['msg'][:1].lower()}{details['msg'][1:]}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The message for a key nobody knows: the near one, or else all there are."""
    known = tuple(known)
    near = did_you_mean(key, known)
    return f"unknown key {quoted(key)}{near or f', expected {_either(known)}' if known else ''}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest of `known`; "" where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {quoted(near[0])}?" if near else ""


def kind_of(value: object) -> str:
    """What a value from a file is, in words: "text" and the text, "a list", "empty"."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"text {quoted(value)}" if value else "empty text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def _named(path: YamlPath) -> str:
    """The nearest key above a value, with a space, to begin a sentence; "the file " at the top."""
    keys = [step for step in path if isinstance(step, str)]
    if not path:
        return "the file "
    if isinstance(path[-1], int):
        where = f" of {quoted(keys[-1])}" if keys else ""
        return f"item {path[-1] + 1}{where} "
    return f"{quoted(keys[-1])} "


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"
