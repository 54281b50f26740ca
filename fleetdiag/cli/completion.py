"""`fleetdiag completion`: the script that teaches a shell our words."""

from __future__ import annotations

import click

from fleetdiag.cli import COMPLETION_VARIABLE
from fleetdiag.cli.screen import show
from fleetdiag.model import ExitCode


@click.command(epilog='Example: eval "$(fleetdiag completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> ExitCode:
    """Print the completion script of a shell.

    It completes commands, options, playbooks, hosts and runs. Put the example's line into the
    shell's start-up file; for fish: `fleetdiag completion fish | source`.
    """
    from click.shell_completion import get_completion_class

    from fleetdiag.cli.root import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click ships all three
    show(kind(cli, {}, "fleetdiag", COMPLETION_VARIABLE).source())
    return ExitCode.CLEAN
