"""`fleetdiag runs` and `fleetdiag show`: what earlier runs found and what hosts answered."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.launch import exit_code, show_hint, show_report, stored_in
from fleetdiag.cli.screen import say, show, visible
from fleetdiag.errors import ArchiveError
from fleetdiag.model import ExitCode
from fleetdiag.settings import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from fleetdiag.archive import RunSummary
    from fleetdiag.model import Run
    from fleetdiag.settings import Settings


@click.command(epilog="Example: fleetdiag runs")
@options.save
@options.format_only
def runs(save: Path | None, format: Format | None) -> ExitCode:  # noqa: A002 - the option's name
    """List the stored runs, newest first."""
    from fleetdiag import archive

    settings = options.resolve(save=save, format=format)
    stored = archive.list_runs(
        stored_in(settings), on_unreadable=lambda error: say(f"Warning: {error}")
    )
    if settings.format is Format.JSON:
        show(json.dumps([asdict(run) for run in stored], indent=2, default=str))
    elif stored:
        show(_runs_table(stored, settings.format))
    else:
        say(f"No run is stored in {stored_in(settings)}.")
    return ExitCode.CLEAN


def _runs_table(stored: Sequence[RunSummary], format: Format) -> str:  # noqa: A002 - as above
    from tabulate import tabulate

    rows = [
        [
            run.id,
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started_at)),
            visible(run.playbook),
            f"{run.ok}/{run.hosts}",
            f"{run.duration_s:.1f} s",
            "interrupted" if run.interrupted else "",
        ]
        for run in stored
    ]
    headers = ["run", "started", "playbook", "hosts ok", "took", ""]
    style = "github" if format is Format.MARKDOWN else "simple"
    return tabulate(rows, headers=headers, tablefmt=style, disable_numparse=True)


@click.command("show", epilog="Example: fleetdiag show last --host web-03 --step dmesg")
@click.argument("run", default="last", shell_complete=candidates.runs)
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="What this host answered.")
@click.option("--step", "steps", multiple=True, metavar="STEP", help="What this step gave.")
@options.baseline
@click.option(
    "--ask/--no-ask",
    default=True,
    help="Of a change: ask hosts of which the run does not know what became of them.",
)
@options.fleet
@options.login
@options.save
@options.output
def show_run(
    run: str,
    hosts: tuple[str, ...],
    steps: tuple[str, ...],
    baseline: str | None,
    ask: bool,
    fleet: options.Fleet,
    login: options.Login,
    save: Path | None,
    output: options.Output,
) -> ExitCode:
    """Show a stored run, or what a host answered in it.

    RUN is `last`, an id from `fleetdiag runs` or the start of one, or a file. With --host or --step
    the raw output is printed, control characters made visible.
    """
    from fleetdiag import archive, pipeline

    settings = options.resolve(fleet, output, save=save)
    path = archive.find(stored_in(settings), run)
    if not (hosts or steps or baseline) and archive.is_change(path):
        from fleetdiag.cli.change import show_stored

        return show_stored(archive.load(path), fleet if ask else None, login, settings, output)
    if not (hosts or steps):
        comparison = pipeline.stored(path, lambda run: _baseline_of(run, baseline, settings))
        show_report(comparison, settings, output, hint=show_hint(comparison, settings))
        return exit_code(comparison, settings)
    if baseline is not None:
        raise click.UsageError("--baseline is for the report; --host and --step print raw output")
    if output.format is not None:
        raise click.UsageError("--format is for the report; --host and --step print raw output")
    from fleetdiag.cli.raw import raw_text

    loaded = archive.load(path)
    _must_be_there("host", hosts, [result.name for result in loaded.hosts])
    _must_be_there("step", steps, [step.name for step in loaded.playbook.steps])
    show(raw_text(loaded, hosts, steps))
    return ExitCode.CLEAN


def _baseline_of(run: Run, ref: str | None, settings: Settings) -> Run | None:
    from fleetdiag.cli.baseline import load_baseline

    if ref is None:
        return None
    return load_baseline(ref, settings, run.playbook.name, before=run.started_at)


def _must_be_there(what: str, wanted: Iterable[str], there: Sequence[str]) -> None:
    """Raises ArchiveError for the first wanted name that the run does not have."""
    import difflib

    for name in wanted:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=3) or list(there[:10])
            listed = ", ".join(map(visible, near))
            raise ArchiveError(f"the run has no {what} {name!r}; there is {listed}")
