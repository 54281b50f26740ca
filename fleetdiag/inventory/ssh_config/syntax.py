"""Words and patterns of an ssh_config line, as OpenSSH splits and matches them. Pure.

Follows `strdelim` and `argv_split` (misc.c), `match_pattern` and `match_pattern_list` (match.c) of
OpenSSH 9; the tests hold it to the installed `ssh -G`.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPACE = " \t\r\n"


def split_keyword(line: str) -> tuple[str, str]:
    """(keyword in lower case, the rest) of a line; ("", "") for a blank line or a comment."""
    line = line.strip(_SPACE + "\f")
    if not line or line.startswith("#"):
        return "", ""
    word, rest = next_word(line)
    return word.lower(), rest


def next_word(text: str) -> tuple[str, str]:
    """The first word of `text` and what follows it, past spaces and at most one `=`.

    A word that begins with a double quote ends at the next one (without the quotes); one that is
    not closed gives ("", "").
    """
    text = text.lstrip(_SPACE)
    if text.startswith('"'):
        word, quote, rest = text[1:].partition('"')
        return (word, rest.lstrip(_SPACE)) if quote else ("", "")
    match = re.match(r'([^ \t\r\n"=]*)([ \t\r\n]*=?[ \t\r\n]*)(.*)', text, re.DOTALL)
    assert match is not None  # noqa: S101 - every part of the pattern may be empty
    return match[1], match[3]


def split_arguments(text: str) -> list[str]:
    """The arguments of a line: quotes of both kinds, backslash escapes, `#` begins a comment.

    Raises ValueError for a quote that is not closed.
    """
    if not set(text) & set("'\"\\#"):
        return re.findall(r"[^ \t]+", text)  # nearly every line
    arguments: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position] in " \t":
            position += 1
        if position >= len(text) or text[position] == "#":
            return arguments
        word, position = _argument(text, position)
        arguments.append(word)


def _argument(text: str, position: int) -> tuple[str, int]:
    """The argument that begins at `position`, and where it ends."""
    word: list[str] = []
    quote = ""
    while position < len(text):
        character, following = text[position], text[position + 1 : position + 2]
        if (
            character == "\\"
            and following
            and (following in "'\"\\" or (following == " " and not quote))
        ):
            word.append(following)
            position += 1
        elif not quote and character in " \t":
            break
        elif not quote and character in "'\"":
            quote = character
        elif quote and character == quote:
            quote = ""
        else:
            word.append(character)
        position += 1
    if quote:
        raise ValueError(f"a quote {quote} is not closed")
    return "".join(word), position


def _is_escaped(character: str, quote: str) -> bool:
    """Whether a backslash before `character` is an escape (else it stands for itself)."""
    return character in {"'", '"', "\\"} or (character == " " and not quote)


@functools.lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern), re.DOTALL)


def matches(text: str, pattern: str) -> bool:
    """Whether all of `text` matches one pattern of `*` and `?`; case counts."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern  # nearly all of a large file, and not worth compiling
    return _pattern(pattern).fullmatch(text) is not None


def matches_words(text: str, patterns: Sequence[str]) -> bool:
    """The `Host` rule: one pattern matches, and none that stands behind `!`."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(text, pattern[1:]):
                return False
        else:
            found = found or matches(text, pattern)
    return found


def matches_list(text: str, patterns: str) -> bool:
    """The `Match` rule: the same over patterns with commas between them."""
    return matches_words(text, [pattern.strip() for pattern in patterns.split(",")])
