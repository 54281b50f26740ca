"""A file on disk -> its bytes, or why there are none. Never blocks, never reads without a bound."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 64 << 20
"""What is read of one file. Outputs of live runs are cut far earlier; console logs grow for
months."""


class Content(NamedTuple):
    """What a file held."""

    data: bytes
    truncated: bool
    changed_at: float
    """Unix time."""


class Unread(Exception):  # noqa: N818 - told as a reason, not raised to anybody
    """The file cannot be read; the text says why, in words, without the file's name."""


def read_content(path: Path | str, *, pipes: bool = False) -> Content:
    """What `path` holds, at most `MAX_FILE_BYTES`; raises Unread.

    Args:
        path: a file; a link to one counts.
        pipes: also a pipe, for `<(ssh web-01 dmesg)`; it is waited for.
    """
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipes else os.O_NONBLOCK))
    except OSError as error:
        raise Unread(_words(error)) from error
    except ValueError as error:  # a NUL in the name
        raise Unread(str(error)) from error
    try:
        about = os.fstat(file)
        if problem := _not_a_file(about.st_mode, pipes=pipes):
            raise Unread(problem)
        with open(file, "rb", closefd=False) as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Unread(_words(error)) from error
    finally:
        os.close(file)
    return Content(data[:MAX_FILE_BYTES], len(data) > MAX_FILE_BYTES, about.st_mtime)


def _not_a_file(mode: int, *, pipes: bool) -> str:
    if stat.S_ISREG(mode) or (pipes and stat.S_ISFIFO(mode)):
        return ""
    return "is a directory" if stat.S_ISDIR(mode) else "is no file"


def _words(error: OSError) -> str:
    """`permission denied`."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]
