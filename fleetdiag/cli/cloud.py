"""`fleetdiag cloud`: what the provider says, without a login anywhere."""

from __future__ import annotations

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.asking import asking_about
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.screen import say, show, width_columns
from fleetdiag.model import ExitCode

WAIT_S = 20.0


@click.command(epilog="Example: fleetdiag cloud 'zone_id=use1-az4'")
@click.argument("pattern", required=False, shell_complete=candidates.hosts)
@options.fleet
def cloud(pattern: str | None, fleet: options.Fleet) -> ExitCode:
    """Show what the provider says of the hosts.

    The state and status of EC2 instances, their scheduled events, zones that are in trouble, and
    the status pages of the settings. Exit code 1 where there is trouble, 3 where somebody did not
    answer.
    """
    settings = options.resolve(fleet)
    inventory = load_inventory(fleet, settings)
    hosts = choose(inventory, pattern, settings)
    asking = asking_about(hosts, settings)
    if asking is None:
        say("Nobody to ask: no host is known as an EC2 instance (-i ec2:REGION), and the settings")
        say("name neither `ec2_regions` nor `status_feeds`: docs/cloud.md.")
        return ExitCode.USAGE
    asking.start()
    facts = asking.facts(WAIT_S)
    from fleetdiag import report

    shown = report.render_cloud([host.name for host in hosts], facts, width_columns())
    show(shown.rstrip("\n"))
    for problem in facts.problems:
        say(f"Not known: {problem}")
    if facts.problems:
        return ExitCode.INCOMPLETE
    return ExitCode.FINDINGS if report.cloud_trouble(facts) else ExitCode.CLEAN
