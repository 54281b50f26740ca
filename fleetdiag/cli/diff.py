"""`fleetdiag diff`: what changed on each host between two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.findings import findings_text
from fleetdiag.cli.launch import exit_code, show_report, stored_in
from fleetdiag.cli.screen import say, show
from fleetdiag.settings import Format

if TYPE_CHECKING:
    from pathlib import Path

    from fleetdiag.model import Comparison, ExitCode, Run
    from fleetdiag.settings import Settings


@click.command(epilog="Example: fleetdiag diff last-good")
@click.argument("earlier", metavar="RUN1", shell_complete=candidates.baselines)
@click.argument("later", metavar="[RUN2]", default="last", shell_complete=candidates.runs)
@options.save
@options.output
def diff(earlier: str, later: str, save: Path | None, output: options.Output) -> ExitCode:
    """Show what changed on each host between two runs.

    RUN2 is the last run where it is not named. RUN1 is an id from `fleetdiag runs` or the start of
    one, a file, `last` (the one before RUN2 of the same playbook) or `last-good` (the last before
    it that had nothing above info).
    """
    from fleetdiag import pipeline

    settings = options.resolve(output, save=save)
    after = pipeline.stored_run(stored_in(settings), later)
    before = _earlier(earlier, after, settings)
    # Steps are for who compares hosts with each other; here each is compared with itself.
    comparison = replace(pipeline.diff(before, after), steps=())
    if settings.format is Format.TABLE:
        show(_text(before, comparison, verbose=output.verbose))
    else:
        show_report(comparison, settings, output)
    return exit_code(comparison, settings)


def _earlier(ref: str, after: Run, settings: Settings) -> Run:
    """RUN1; raises a usage error where it is RUN2 itself, or there is none."""
    from fleetdiag import pipeline

    before, looked_at = pipeline.find_baseline(
        stored_in(settings), ref, after.playbook.name, after.started_at
    )
    if before is None:
        kind = "good run" if ref == pipeline.LAST_GOOD else "run"
        looked = f" ({looked_at} looked at)" if looked_at else ""
        raise click.UsageError(
            f"no stored {kind} of {after.playbook.name} before {after.id}{looked}"
        )
    if before.id == after.id:
        raise click.UsageError(f"{before.id} is both runs: name an earlier one, see fleetdiag runs")
    if before.started_at > after.started_at:
        say(f"Warning: {before.id} is later than {after.id}; the changes read backwards.")
    if before.playbook.name != after.playbook.name:
        say(f"Warning: {before.id} and {after.id} are of different playbooks.")
    return before


def _text(before: Run, comparison: Comparison, *, verbose: bool) -> str:
    after = comparison.run
    there = {host.name for host in before.hosts}
    both = sum(host.name in there for host in after.hosts)
    hosts = "1 host" if both == 1 else f"{both} hosts"
    header = f"From {before.id} to {after.id}: {hosts} in both."
    none = "Nothing changed above info." if comparison.findings else "Nothing changed."
    return f"{header}\n\n{findings_text(comparison, none=none, verbose=verbose)}"
