"""What this terminal is (width, colour), and the only places where a verb writes to it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from fleetdiag.errors import FleetdiagError

if TYPE_CHECKING:
    from collections.abc import Sequence


_GONE = {errno.EPIPE, errno.EIO}
"""Whoever was to read it went away: a pipe's end, a closed terminal (tty_ioctl(4), write(2))."""


def width_columns() -> int:
    """Columns of the terminal; 80 where there is none to ask."""
    return shutil.get_terminal_size(fallback=(80, 24)).columns


def has_color() -> bool:
    """Colour on a terminal that can show it, unless NO_COLOR (https://no-color.org) says no."""
    unwanted = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not unwanted


def show(text: str) -> None:
    """Write to stdout; whoever reads it may go away (`| head`) without an error.

    The exit code still says what was found, so the program goes on to it. Raises FleetdiagError
    where it is a file and its disk is full.
    """
    try:
        print(text.rstrip("\n"))
        sys.stdout.flush()
    except OSError as error:
        drop_stdout()
        if error.errno not in _GONE:
            raise FleetdiagError(f"the report cannot be written: {error.strerror}") from error


def drop_stdout() -> None:
    """Send what is still written to stdout nowhere: its reader went away."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Write a line to stderr at once; nothing where the terminal was closed."""
    try:
        click.echo(text, err=True)
    except OSError as error:
        if error.errno not in _GONE:
            raise


def visible(text: str) -> str:
    """A name or a reason as one line, control characters made visible."""
    from fleetdiag.compare.clean import one_line

    return one_line(text)


def visible_lines(output: bytes) -> str:
    """What a host said, control characters made visible, without newlines at the end."""
    from fleetdiag.compare.clean import clean

    return clean(output).rstrip("\n")


def fold(names: Sequence[str]) -> str:
    """`web-[01-03],db-1`, harmless to the terminal."""
    from fleetdiag.report.fold import fold as folded

    return folded(names)
