"""`fleetdiag check`: is this one host normal?"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.fleet import choose_one, load_inventory
from fleetdiag.cli.launch import exit_code, launch, make_plan, show_report
from fleetdiag.cli.screen import say

if TYPE_CHECKING:
    from fleetdiag.model import Comparison, ExitCode


@click.command(epilog="Example: fleetdiag check web-03")
@click.argument("host", shell_complete=candidates.hosts)
@click.option(
    "--playbook",
    default="triage",
    show_default=True,
    shell_complete=candidates.playbooks,
    help="What to ask it.",
)
@options.params
@options.fleet
@options.login
@options.pace
@options.output
def check(
    host: str,
    playbook: str,
    params: dict[str, str],
    fleet: options.Fleet,
    login: options.Login,
    pace: options.Pace,
    output: options.Output,
) -> ExitCode:
    """Set one host against the last run of its peers.

    Runs the playbook on HOST alone and compares it with the last stored run of the same playbook.
    """
    from fleetdiag import pipeline
    from fleetdiag import playbook as playbooks

    settings = options.resolve(fleet, pace, output)
    loaded = playbooks.load(playbook, params)
    inventory = load_inventory(fleet, settings)
    chosen = choose_one(inventory, host, settings)
    plan = make_plan(inventory, (chosen,), loaded, settings)
    comparison, peers = launch(pipeline.check, plan, login, settings)
    if peers is None:
        say(f"No stored run of {loaded.name} to set it against: `fleetdiag run {playbook}` first.")
    else:
        say(f"Set against run {peers.id}, {len(peers.hosts)} hosts.")
    # The check itself is not stored: there is nothing to `show` of it.
    hint = "" if output.verbose else f"fleetdiag check {shlex.quote(host)} -v"
    show_report(comparison, settings, output, hint=hint, host=chosen.name)
    return exit_code(only(comparison, chosen.name), settings)


def only(comparison: Comparison, host: str) -> Comparison:
    """What concerns this host: that a peer was down or odd is not its fault."""
    result = tuple(each for each in comparison.run.hosts if each.name == host)
    findings = tuple(finding for finding in comparison.findings if host in finding.hosts)
    return replace(comparison, run=replace(comparison.run, hosts=result), findings=findings)
