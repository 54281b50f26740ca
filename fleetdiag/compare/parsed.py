"""Output that another parser reads: JSON, or text that jc knows, as rows of `name -> text`.

jc (https://github.com/kellyjonbrazil/jc) reads some 150 commands and files; it is loaded where a
step asks for it. What it prints, warns or raises stays here.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.features import Unreadable
from fleetdiag.compare.kernelcounters import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetdiag.compare.features import Lines

JC = "jc:"
MAX_DEPTH = 20
"""JSON nested deeper is cut there."""
MAX_REASON_CHARS = 120

Row = dict[str, str]
"""Name -> text; nested objects as `outer.inner`, lists as their items joined by `, `."""


def rows_of(parse: str, lines: Lines) -> list[Row]:
    """The objects of `lines`; one object alone is one row.

    Args:
        parse: `json`, `jc:NAME`, or one of `kernelcounters.READERS`.
        lines: of the output.

    Raises:
        Unreadable: the parser does not know what to do with it.
    """
    if parse in READERS:
        return list(READERS[parse](lines))
    text = "\n".join(lines)
    parsed = _jc(parse.removeprefix(JC), text) if parse.startswith(JC) else _json(text)
    items = parsed if isinstance(parsed, list) else [parsed]
    rows = [_row(item if isinstance(item, dict) else {"": item}) for item in items]
    if not any(rows):
        raise Unreadable(f"{parse} finds nothing in it")
    return rows


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        many = _json_lines(text)
        if many is None:
            raise Unreadable(f"not JSON: {clip(one_line(str(error)), MAX_REASON_CHARS)}") from None
        return many


def _json_lines(text: str) -> list[Any] | None:
    """An object a line; None where it is not that."""
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()] or None
    except (ValueError, RecursionError):
        return None


def _jc(name: str, text: str) -> Any:
    import jc

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jc.parse(name, text, quiet=True)
    except Exception as error:  # noqa: BLE001 - a parser that meets the unknown raises anything
        said = clip(one_line(str(error) or type(error).__name__), MAX_REASON_CHARS)
        raise Unreadable(f"jc:{name} cannot read it: {said}") from None


def _row(item: dict[str, Any]) -> Row:
    row: dict[str, list[str]] = {}
    for name, text in _flat("", item, 0):
        row.setdefault(name, []).append(text)
    return {name: ", ".join(texts) for name, texts in row.items()}


def _flat(name: str, item: object, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(item, dict) and depth < MAX_DEPTH:
        for key, value in item.items():
            yield from _flat(f"{name}.{key}" if name else str(key), value, depth + 1)
    elif isinstance(item, list) and depth < MAX_DEPTH:
        for value in item:
            yield from _flat(name, value, depth + 1)
    else:
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        yield one_line(name), one_line(text)
