"""`fleetdiag exec`: one command, the hosts grouped by what they answer."""

from __future__ import annotations

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.launch import exit_code, launch, make_plan, show_hint, show_report
from fleetdiag.model import DEFAULT_STEP_TIMEOUT_S, ExitCode, Playbook, Step


@click.command("exec", epilog="Example: fleetdiag exec 'web-[01-10]' -- uname -r")
@click.argument("pattern", shell_complete=candidates.hosts)
@click.argument("command", nargs=-1, required=True)
@options.step_timeout
@options.fleet
@options.login
@options.pace
@options.output
def execute(
    pattern: str,
    command: tuple[str, ...],
    timeout_s: float,
    fleet: options.Fleet,
    login: options.Login,
    pace: options.Pace,
    output: options.Output,
) -> ExitCode:
    """Run one command and group the hosts by answer.

    Everything after `--` is the COMMAND; as with ssh, its words are joined by spaces and read by
    the host's shell. PATTERN is as for `fleetdiag hosts`; `all` is every host.
    """
    from fleetdiag import pipeline

    settings = options.resolve(fleet, pace, output)
    inventory = load_inventory(fleet, settings)
    playbook = adhoc_playbook(" ".join(command), timeout_s)
    plan = make_plan(inventory, choose(inventory, pattern, settings), playbook, settings)
    comparison, _ = launch(pipeline.run, plan, login, settings)
    hint = show_hint(comparison, settings)
    show_report(comparison, settings, output, hint=hint, grouped=True)
    return exit_code(comparison, settings)


def adhoc_playbook(command: str, timeout_s: float = DEFAULT_STEP_TIMEOUT_S) -> Playbook:
    """A playbook of one step, named by its command."""
    step = Step(name=command, commands=(command,), timeout_s=timeout_s)
    return Playbook(name="exec", steps=(step,))
