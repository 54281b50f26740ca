"""`fleetdiag compare`: outputs somebody already has, without SSH."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.findings import findings_text
from fleetdiag.cli.launch import exit_code, show_report
from fleetdiag.cli.peers import check_peers
from fleetdiag.cli.screen import say, show, visible
from fleetdiag.model import Mode
from fleetdiag.settings import Format

if TYPE_CHECKING:
    from fleetdiag.model import Comparison, ExitCode, Playbook, Run
    from fleetdiag.settings import Settings

STREAM = "-"
OWN_PLAYBOOK = "playbook.yaml"
MAX_GROUPED_LINES = 200
"""Of a stream, answers of so many lines together are shown grouped: more is no answer to read."""


@dataclass(frozen=True, slots=True)
class Modes:
    """How steps are compared, from `--as`."""

    every: Mode | None
    by_step: dict[str, Mode]


def _read_modes(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Modes:
    """`("lines", "dmesg=log")`."""
    every: Mode | None = None
    by_step: dict[str, Mode] = {}
    for each in given:
        step, _, name = each.rpartition("=")
        if name not in list(Mode):
            raise click.BadParameter(f"{name!r} is no mode, expected {', '.join(Mode)}")
        if step:
            by_step[step] = Mode(name)
        else:
            every = Mode(name)
    return Modes(every, by_step)


@click.command(epilog="Example: pdsh -a uptime | fleetdiag compare -")
@click.argument("sources", nargs=-1, required=True, metavar="DIR | FILE... | -")
@click.option(
    "--playbook",
    shell_complete=candidates.playbooks,
    help="What the outputs of a DIR are of.  [DIR/playbook.yaml, or each as its name says]",
)
@options.params
@click.option(
    "--as",
    "modes",
    multiple=True,
    metavar="[STEP=]MODE",
    callback=_read_modes,
    help=f"Compare so: {', '.join(Mode)}. May be repeated.",
)
@click.option("--exact", is_flag=True, help="Byte by byte, nothing masked: as `clubak -b`.")
@click.option("--step", metavar="NAME", help="What a stream or files are of, such as dmesg.")
@click.option(
    "--groups/--no-groups",
    default=None,
    help="Answers under the hosts that gave them.  [for --exact, and a stream of short answers]",
)
@options.peers
@options.baseline
@options.save
@options.output
def compare(
    sources: tuple[str, ...],
    playbook: str | None,
    params: dict[str, str],
    modes: Modes,
    exact: bool,
    step: str | None,
    groups: bool | None,
    peers: str | None,
    baseline: str | None,
    save: Path | None,
    output: options.Output,
) -> ExitCode:
    """Compare outputs you already have, without SSH.

    No host is contacted, nothing is stored. DIR holds HOST/STEP.out (with STEP.err and the exit
    code in STEP.rc beside), maybe hosts.json (host -> attributes). FILEs are a file a host, named
    by it. `-` reads lines `host: text`.
    """
    from fleetdiag import outputs, pipeline

    settings = options.resolve(output, save=save)
    run = _load(sources, playbook, params, step)
    run = outputs.compared_as(run, modes.every, modes.by_step, exact=exact)
    known = (host.attributes for host in run.hosts)
    told = (asked.sets for asked in run.playbook.steps)
    run = replace(run, peers=check_peers(peers, chain(known, told)))
    earlier = None if baseline is None else _baseline(baseline, settings, run)
    comparison = pipeline.compare_runs(run, earlier)
    if groups is None:
        groups = exact or (sources == (STREAM,) and _is_short(comparison))
    if groups and settings.format is Format.TABLE:
        show_report(comparison, settings, output, grouped=True)
        if not exact and comparison.findings:
            show("\n" + findings_text(comparison, none="", verbose=output.verbose))
    else:
        show_report(comparison, settings, output, hint=_hint(sources, output))
    return exit_code(comparison, settings)


def _load(
    sources: tuple[str, ...], playbook: str | None, params: dict[str, str], step: str | None
) -> Run:
    """What the arguments mean as a run."""
    from fleetdiag import pipeline

    directories = [source for source in sources if Path(source).is_dir()]
    if directories and len(sources) == 1:
        if step is not None:
            raise click.UsageError("--step is for a stream or files: a DIR names its steps")
        directory = Path(sources[0])
        return pipeline.outputs_of_directory(directory, _playbook(directory, playbook, params))
    if playbook is not None or params:
        raise click.UsageError("--playbook is for a DIR, whose files name their steps")
    if directories:
        raise click.UsageError(f"{directories[0]} is a directory: one DIR, or files, not both")
    if sources == (STREAM,):
        return _stream(step)
    if STREAM in sources:
        raise click.UsageError("- reads standard input alone, without files beside it")
    return pipeline.outputs_of_files([Path(source) for source in sources], step)


def _playbook(directory: Path, ref: str | None, params: dict[str, str]) -> Playbook | None:
    """The playbook named, else the directory's own, else none."""
    from fleetdiag import playbook as playbooks

    own = directory / OWN_PLAYBOOK
    if ref is None and own.exists():
        loaded = playbooks.load(f"{directory}/{OWN_PLAYBOOK}", params)
        unnamed = loaded.name == Path(OWN_PLAYBOOK).stem
        return replace(loaded, name=directory.resolve().name) if unnamed else loaded
    if ref is None and params:
        raise click.UsageError("--param is for a playbook: name it with --playbook")
    return None if ref is None else playbooks.load(ref, params)


def _stream(step: str | None) -> Run:
    from fleetdiag import pipeline

    if sys.stdin is None or sys.stdin.closed:
        raise click.UsageError("standard input is closed: nothing to compare")
    run, stream = pipeline.outputs_of_stream(sys.stdin.buffer, step)
    if stream.stray_lines:
        say(f"Warning: {stream.stray_lines} lines without a leading `host:` do not count:")
        for number, line in stream.stray:
            say(f"  line {number}: {visible(line)}")
        if more := stream.stray_lines - len(stream.stray):
            say(f"  … {more} more")
    if not run.hosts:
        raise click.UsageError("no line `host: text` on standard input: nothing to compare")
    return run


def _baseline(ref: str, settings: Settings, run: Run) -> Run | None:
    """A directory like the one compared, or a stored run."""
    from fleetdiag import pipeline
    from fleetdiag.cli.baseline import load_baseline

    if ref not in {pipeline.LAST, pipeline.LAST_GOOD} and Path(ref).is_dir():
        return pipeline.outputs_of_directory(Path(ref), run.playbook)
    return load_baseline(ref, settings, run.playbook.name)


def _is_short(comparison: Comparison) -> bool:
    lines = sum(group.sample.count("\n") + 1 for step in comparison.steps for group in step.groups)
    return lines <= MAX_GROUPED_LINES


def _hint(sources: tuple[str, ...], output: options.Output) -> str:
    """The same again with all groups; a stream cannot be read twice."""
    if output.verbose or sources == (STREAM,) or len(sources) > 3:
        return ""
    return f"fleetdiag compare {shlex.join(sources)} -v"
