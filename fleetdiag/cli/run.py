"""`fleetdiag run`: a playbook on the fleet."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.asking import asking_of
from fleetdiag.cli.baseline import load_baseline
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.launch import exit_code, launch, make_plan, show_hint, show_report
from fleetdiag.cli.peers import check_peers
from fleetdiag.cli.screen import show
from fleetdiag.model import ExitCode


@click.command(epilog="Example: fleetdiag run triage -l 'web&!web-03' -v")
@click.argument("playbook", shell_complete=candidates.playbooks)
@options.limit
@options.params
@options.peers
@options.baseline
@options.ask_cloud
@click.option("--dry-run", is_flag=True, help="Print who, what and in which order; touch nothing.")
@options.fleet
@options.login
@options.pace
@options.output
def run(
    playbook: str,
    limit: str | None,
    params: dict[str, str],
    peers: str | None,
    baseline: str | None,
    ask_cloud: bool,
    dry_run: bool,
    fleet: options.Fleet,
    login: options.Login,
    pace: options.Pace,
    output: options.Output,
) -> ExitCode:
    """Run a playbook on the fleet and compare the hosts.

    PLAYBOOK is a name from `fleetdiag playbook list`, or a file.
    """
    from fleetdiag import pipeline
    from fleetdiag import playbook as playbooks

    settings = options.resolve(fleet, pace, output)
    loaded = playbooks.load(playbook, params)
    inventory = load_inventory(fleet, settings)
    plan = make_plan(inventory, choose(inventory, limit, settings), loaded, settings)
    if peers is not None:
        attributes = (each.host.attributes for each in plan.hosts)
        told = (step.sets for step in loaded.steps)
        plan = replace(plan, peers=check_peers(peers, chain(attributes, told)))
    if dry_run:
        from fleetdiag.cli.dry_run import dry_run_text

        show(dry_run_text(plan))
        return ExitCode.CLEAN
    earlier = None if baseline is None else load_baseline(baseline, settings, loaded.name)
    cloud = asking_of(plan, settings) if ask_cloud else None
    start = partial(pipeline.run, baseline=earlier, cloud=cloud)
    comparison, _ = launch(start, plan, login, settings)
    show_report(comparison, settings, output, hint=show_hint(comparison, settings))
    return exit_code(comparison, settings)
