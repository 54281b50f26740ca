"""`fleetdiag run`: a playbook on the fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options, rolling
from fleetdiag.cli.asking import asking_of
from fleetdiag.cli.baseline import load_baseline
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.launch import (
    exit_code,
    launch,
    make_plan,
    show_hint,
    show_report,
    stored_in,
)
from fleetdiag.cli.peers import check_peers
from fleetdiag.cli.screen import fold, show
from fleetdiag.errors import SelectionError
from fleetdiag.model import ExitCode, HostStatus

if TYPE_CHECKING:
    from pathlib import Path

    from fleetdiag.model import Host, Playbook, Run
    from fleetdiag.settings import Settings


@click.command(epilog="Example: fleetdiag run triage -l 'web&!web-03' -v")
@click.argument("playbook", required=False, shell_complete=candidates.playbooks)
@options.limit
@options.params
@options.peers
@options.baseline
@click.option(
    "--retry",
    metavar="RUN",
    shell_complete=candidates.runs,
    help="Run what this stored run has no result of, into the same file: an id, or `last`.",
)
@options.ask_cloud
@rolling.options
@click.option("--dry-run", is_flag=True, help="Print who, what and in which order; touch nothing.")
@options.fleet
@options.login
@options.pace
@options.output
def run(
    playbook: str | None,
    limit: str | None,
    params: dict[str, str],
    peers: str | None,
    baseline: str | None,
    retry: str | None,
    ask_cloud: bool,
    roll: rolling.Rolling,
    dry_run: bool,
    fleet: options.Fleet,
    login: options.Login,
    pace: options.Pace,
    output: options.Output,
) -> ExitCode:
    """Run a playbook on the fleet and compare the hosts.

    PLAYBOOK is a name from `fleetdiag playbook list`, or a file. One that changes hosts runs with
    --allow-changes only, and asks before it does anything.
    """
    from fleetdiag import pipeline
    from fleetdiag.plan import remaining

    settings = options.resolve(fleet, pace, output)
    stored = None if retry is None else _stored(retry, settings)
    loaded = _asked(playbook, params) if stored is None else _asked_again(stored, playbook, params)
    inventory = load_inventory(fleet, settings)
    if loaded.change is not None:
        from fleetdiag.cli.change import Asked, run_change

        if peers is not None or baseline is not None:
            raise click.UsageError("--peers and --baseline are for diagnoses")
        asked = Asked(loaded, limit, stored, roll, fleet, login, output, ask_cloud, dry_run)
        return run_change(asked, inventory, settings)
    rolling.refuse_for(loaded, roll)
    hosts = choose(inventory, limit, settings)
    if stored is not None:
        hosts = _without_result(stored.run, hosts)
    plan = make_plan(inventory, hosts, loaded, settings)
    if peers is not None:
        attributes = (each.host.attributes for each in plan.hosts)
        told = (step.sets for step in loaded.steps)
        plan = replace(plan, peers=check_peers(peers, chain(attributes, told)))
    if stored is not None:
        plan = remaining(plan, stored.run)
    if dry_run:
        from fleetdiag.cli.dry_run import dry_run_text

        show(dry_run_text(plan))
        return ExitCode.CLEAN
    earlier = None if baseline is None else load_baseline(baseline, settings, loaded.name)
    cloud = asking_of(plan, settings) if ask_cloud else None
    if stored is None:
        start = partial(pipeline.run, baseline=earlier, cloud=cloud)
    else:
        again = partial(pipeline.retry, earlier=stored.run, path=stored.path)
        start = partial(again, baseline=earlier, cloud=cloud)
    comparison, _ = launch(start, plan, login, settings)
    show_report(comparison, settings, output, hint=show_hint(comparison, settings))
    return exit_code(comparison, settings)


@dataclass(frozen=True)
class Stored:
    """A run to go on with."""

    run: Run
    path: Path


def _stored(ref: str, settings: Settings) -> Stored:
    """The run to go on with; raises ArchiveError."""
    from fleetdiag import archive

    path = archive.find(stored_in(settings), ref)
    return Stored(archive.load(path), path)


def _asked(playbook: str | None, params: dict[str, str]) -> Playbook:
    from fleetdiag import playbook as playbooks

    if playbook is None:
        raise click.UsageError("say which playbook: `fleetdiag run triage`, or --retry RUN")
    return playbooks.load(playbook, params)


def _asked_again(stored: Stored, playbook: str | None, params: dict[str, str]) -> Playbook:
    """What was asked then, whatever the file says by now."""
    if playbook is not None or params:
        raise click.UsageError("--retry asks what the stored run asked: name no playbook")
    return stored.run.playbook


def _without_result(run: Run, hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """The hosts of `run` that gave no result, of those chosen; raises SelectionError for others."""
    wanted = [host.name for host in run.hosts if host.status is not HostStatus.OK]
    known = {host.name: host for host in hosts}
    chosen = tuple(known[name] for name in wanted if name in known)
    if wanted and not chosen:
        named = fold(wanted)
        raise SelectionError(f"none of the hosts without a result in {run.id} is here: {named}")
    if not wanted:
        raise SelectionError(f"nothing to retry: every host of {run.id} gave a result")
    return chosen
