"""Where a character of a scalar's value stands in the YAML file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK = re.compile(r"(?:[&!]\S*\s+)*([|>])[-+0-9]*\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text in a YAML file."""

    lines: Sequence[str]
    """Of the file."""
    line: int
    """Of its beginning, from 1."""
    column: int
    text: str
    """Its value."""

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the value's character `offset`.

        Exact in literal blocks and texts of one line; in folded ones the line is.
        """
        head = self.lines[self.line - 1] if self.line <= len(self.lines) else ""
        match = _BLOCK.match(head[self.column - 1 :])
        if match is None:
            return self._in_flow(offset, head)
        return self._in_literal(offset) if match[1] == "|" else self._in_folded(offset, self.line)

    def _in_literal(self, offset: int) -> tuple[int, int]:
        before = self.text[:offset]
        line = self.line + 1 + before.count("\n")
        indents = [
            len(each) - len(each.lstrip())
            for each, said in zip(self.lines[self.line :], self.text.split("\n"), strict=False)
            if said.strip() and not said[:1].isspace()
        ]
        return line, min(indents, default=0) + offset - before.rfind("\n")

    def _in_flow(self, offset: int, head: str) -> tuple[int, int]:
        quote = head[self.column - 1 : self.column] in {"'", '"'}
        rest = head[self.column - 1 + quote :]
        if self.text == rest[: len(self.text)]:
            return self.line, self.column + quote + offset
        return self._in_folded(offset, self.line - 1, quote)

    def _in_folded(self, offset: int, above: int, quote: int = 0) -> tuple[int, int]:
        """Lines are joined by one character each."""
        passed = 0
        for number in range(above + 1, len(self.lines) + 1):
            line = self.lines[number - 1]
            indent = len(line) - len(line.lstrip())
            start = self.column - 1 + quote if number == self.line else indent
            part = line[start:].strip().removesuffix("\\").rstrip()
            if passed + len(part) > offset:
                return number, start + 1 + offset - passed
            passed += len(part) + 1
        return self.line, self.column
