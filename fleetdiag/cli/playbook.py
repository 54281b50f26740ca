"""`fleetdiag playbook`: list, show, begin, try, check, and the schema for editors."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.screen import has_color, say, show, visible, width_columns
from fleetdiag.model import ExitCode, HostStatus, Outcome

if TYPE_CHECKING:
    from fleetdiag.playbook import Listing


@click.group(epilog="Example: fleetdiag playbook show triage")
def playbook() -> None:
    """List, show, begin, try and check playbooks."""


@playbook.command("list", epilog="Example: fleetdiag playbook list")
def list_playbooks() -> ExitCode:
    """List the playbooks that `run` knows by name.

    From ./playbooks, the user's configuration directory and those that come with the program.
    """
    from tabulate import tabulate

    from fleetdiag import playbook as playbooks

    listings = playbooks.available()
    rows = [
        [
            listing.name,
            _about(listing),
            " ".join(listing.params),
            str(listing.source),
        ]
        for listing in listings
    ]
    # Only the sentence can be wrapped; the other columns are words and paths.
    others = max((sum(len(cell) for cell in (*row[:1], *row[2:])) for row in rows), default=0)
    about_width = max(24, width_columns() - others - 6)
    headers = ["playbook", "about", "parameters", "file"]
    widths = [None, about_width, None, None]
    show(tabulate(rows, headers=headers, maxcolwidths=widths, disable_numparse=True))
    return ExitCode.CLEAN


def _about(listing: Listing) -> str:
    if listing.problems:
        return "BROKEN: see `playbook lint`"
    return f"{'CHANGES HOSTS. ' if listing.changes else ''}{visible(listing.about)}"


@playbook.command("show", epilog="Example: fleetdiag playbook show triage")
@click.argument("name", shell_complete=candidates.playbooks)
@options.params
def show_playbook(name: str, params: dict[str, str]) -> ExitCode:
    """Show a playbook in full, defaults and parameters in place.

    What is printed is a playbook itself: a start for your own.
    """
    from fleetdiag import playbook as playbooks

    loaded = playbooks.load(name, params)
    say(f"From {loaded.source}")
    show(playbooks.render_yaml(loaded))
    return ExitCode.CLEAN


@playbook.command("new", epilog="Example: fleetdiag playbook new web")
@click.argument("name")
def new_playbook(name: str) -> ExitCode:
    """Write ./playbooks/NAME.yaml: a start with comments, which runs as it is."""
    from fleetdiag import playbook as playbooks

    path = playbooks.create(name, Path("playbooks"))
    show(str(path))
    say(f"Try it on this machine: fleetdiag run {path.stem} -i local")
    return ExitCode.CLEAN


@playbook.command("try", epilog="Example: fleetdiag playbook try playbooks/web.yaml --host web-03")
@click.argument("file", shell_complete=candidates.playbooks)
@click.option(
    "--host",
    metavar="HOST",
    shell_complete=candidates.hosts,
    help="The host of the inventory to try it on; without it, this machine.",
)
@click.option("--twice", is_flag=True, help="Run it two times and say what moved in between.")
@options.params
@options.fleet
@options.login
@options.VERBOSE
def try_playbook(
    file: str,
    host: str | None,
    twice: bool,
    params: dict[str, str],
    fleet: options.Fleet,
    login: options.Login,
    verbose: bool,
) -> ExitCode:
    """Run a playbook on one host and show what is made of it.

    A step at a time: the output, what would be compared, what masks hide, what its rules say.
    FILE is a file, or a name from `fleetdiag playbook list`. Nothing is stored.
    """
    from fleetdiag import pipeline, report
    from fleetdiag import playbook as playbooks
    from fleetdiag.cli.fleet import choose_one, load_inventory
    from fleetdiag.cli.launch import launch, make_plan

    settings = options.resolve(fleet)
    loaded = playbooks.load(file, params)
    for doubt in playbooks.doubts(Path(loaded.source)):
        say(visible(str(doubt)))
    if host is None and not (fleet.sources or fleet.adhoc):
        fleet = replace(fleet, sources=("local",))
    inventory = load_inventory(fleet, settings)
    if host is None and len(inventory.hosts) != 1:
        words = f"{len(inventory.hosts)} hosts; say which to try it on: --host NAME"
        raise click.UsageError(words)
    chosen = choose_one(inventory, host or inventory.hosts[0].name, settings)
    plan = make_plan(inventory, (chosen,), loaded, settings)
    run, trials = launch(partial(pipeline.try_out, twice=twice), plan, login, settings)
    shown = report.ReportOptions(width=width_columns(), color=has_color(), verbose=verbose)
    show(report.render_trials(run, trials, shown).rstrip("\n"))
    if run.hosts[0].status is not HostStatus.OK:
        return ExitCode.INCOMPLETE
    unread = any(trial.result.outcome is Outcome.UNPARSED for trial in trials)
    return (
        ExitCode.FINDINGS if unread or any(t.flagged or t.moved for t in trials) else ExitCode.CLEAN
    )


@playbook.command(epilog="Example: fleetdiag playbook lint playbooks/*.yaml")
@click.argument("files", nargs=-1, required=True, shell_complete=candidates.playbooks)
def lint(files: tuple[str, ...]) -> ExitCode:
    """Check playbook files, each problem as file:line:column.

    A file with a problem cannot be run: exit code 2. In brackets at the end: what is doubtful about
    a step, which can write, ask, page, run on, print without bound, is no POSIX shell, or compares
    nothing: exit code 1. `# lint: allow writes` at the end of a line keeps that to itself.
    """
    from fleetdiag import playbook as playbooks

    paths = [playbooks.path_of(file) for file in files]
    problems = [problem for path in paths for problem in playbooks.lint(path)]
    doubts = [doubt for path in paths for doubt in playbooks.doubts(path)]
    if problems or doubts:
        show("\n".join(visible(str(each)) for each in [*problems, *doubts]))
        return ExitCode.USAGE if problems else ExitCode.FINDINGS
    say(f"{len(files)} files, no problem." if len(files) > 1 else f"{files[0]}: no problem.")
    return ExitCode.CLEAN


@playbook.command(epilog="Example: fleetdiag playbook schema > playbook.schema.json")
def schema() -> ExitCode:
    """Print the JSON Schema of a playbook file, for editors."""
    from fleetdiag import playbook as playbooks

    show(json.dumps(playbooks.json_schema(), indent=2))
    return ExitCode.CLEAN
