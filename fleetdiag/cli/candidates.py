"""What a shell may complete: sources, hosts and groups, playbooks, runs.

A completion that cannot be made is an empty one: pressing Tab never prints an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from fleetdiag.errors import FleetdiagError

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(candidates: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Offers the candidates that go on from what was typed; none where they cannot be read."""

    def complete(
        context: click.Context, _parameter: click.Parameter, typed: str
    ) -> list[CompletionItem]:
        with suppress(FleetdiagError, OSError):
            return _matching(candidates(context), typed)
        return []

    return complete


def _matching(candidates: Iterable[str], typed: str) -> list[CompletionItem]:
    """Of a list with commas the last member is completed: `web-01,d` -> `web-01,db-1`."""
    before, comma, last = typed.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{candidate}")
        for candidate in candidates
        if candidate.startswith(last)
    ]


def _hosts(context: click.Context) -> Sequence[str]:
    from fleetdiag import inventory

    options = context.params
    found = inventory.load(
        options.get("sources") or (),
        adhoc=options.get("adhoc"),
        ssh_config=options.get("ssh_config"),
    )
    return [*(host.name for host in found.hosts), *found.groups]


def _playbooks(_context: click.Context) -> Iterable[str]:
    from fleetdiag import playbook

    return playbook.names()


def _runs(context: click.Context) -> Iterable[str]:
    from fleetdiag import archive
    from fleetdiag.cli.launch import stored_in
    from fleetdiag.settings import load_settings

    kept = stored_in(load_settings({"save": context.params.get("save")}))
    return ["last", *(run.id for run in archive.list_runs(kept))]


def _baselines(context: click.Context) -> Iterable[str]:
    return ["last-good", *_runs(context)]


_SOURCES = ("local", "demo", "ssh_config", "ansible:", "ec2:")


def sources(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """The inventories with a name of their own, and files."""
    named = [name for name in _SOURCES if name.startswith(typed)]
    return [*map(CompletionItem, named), CompletionItem(typed, type="file")]


hosts = _completer(_hosts)
playbooks = _completer(_playbooks)
runs = _completer(_runs)
baselines = _completer(_baselines)
