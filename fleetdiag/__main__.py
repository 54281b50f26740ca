"""The program: runs a command line and turns whatever comes of it into an exit code.

The only place where an error becomes an exit code.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TYPE_CHECKING

from fleetdiag.cli import COMPLETION_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run the command line of this process; never returns."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a locale cannot write must not end a report in a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        instruction = os.environ.get(COMPLETION_VARIABLE)
        code = _complete(instruction) if instruction else program(sys.argv[1:])
    except KeyboardInterrupt:  # while our own modules were still being imported
        code = _exit_code("INTERRUPTED")
    _let_go()
    sys.exit(code)


def program(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code. Errors are told on stderr, in words."""
    import click

    from fleetdiag.cli.screen import drop_stdout
    from fleetdiag.errors import FleetdiagError

    try:
        code = _command_line(arguments)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return _exit_code("USAGE")
    except FleetdiagError as error:
        _tell(str(error))
        return _exit_code("USAGE")
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)  # ends the line with the terminal's ^C
        return _exit_code("INTERRUPTED")
    except BrokenPipeError:
        drop_stdout()
        return _exit_code("CLEAN")
    except Exception:  # noqa: BLE001 - the outermost boundary
        # A fault of ours. Python would exit 1, which is "findings" to whoever reads the code.
        traceback.print_exc()
        _tell("this is a fault in fleetdiag itself, not in your input; please report it")
        return _exit_code("USAGE")
    return code


def _command_line(arguments: Sequence[str]) -> int:
    """What the verb answered; `--help` and the like answer 0 by themselves."""
    import click

    from fleetdiag.cli.root import cli

    try:
        with cli.make_context("fleetdiag", list(arguments)) as context:
            return int(cli.invoke(context) or 0)
    except click.exceptions.Exit as finished:
        return finished.exit_code


def _complete(instruction: str) -> int:
    """Answer the shell's question of what could come next."""
    from click.shell_completion import shell_complete

    from fleetdiag.cli.root import cli

    return shell_complete(cli, {}, "fleetdiag", COMPLETION_VARIABLE, instruction)


def _let_go() -> None:
    """Write what is left, or drop it where the terminal is gone: Python would exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(message: str) -> None:
    """Write an error to stderr; several lines are left as they are, for editors to read."""
    import click

    click.echo(message if "\n" in message else f"Error: {message}", err=True)


def _exit_code(name: str) -> int:
    # Imported here: the model costs a third of the start-up time, and help needs none of it.
    from fleetdiag.model import ExitCode

    return ExitCode[name]


if __name__ == "__main__":
    main()
