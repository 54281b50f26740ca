"""`fleetdiag settings`: each setting, what it is and where that came from."""

from __future__ import annotations

import os

import click

from fleetdiag.cli.screen import show
from fleetdiag.model import ExitCode
from fleetdiag.settings import KINDS, load_settings, settings_file, variable


@click.command(epilog="Example: FLEETDIAG_FANOUT=8 fleetdiag settings")
def settings() -> ExitCode:
    """Print each setting and where it came from.

    The last one wins: default, settings file, environment variable, flag.
    """
    from tabulate import tabulate

    found = load_settings()
    rows = [
        [name, _shown(getattr(found, name)), found.origins[name], variable(name)] for name in KINDS
    ]
    headers = ["setting", "is", "from", "environment variable"]
    show(tabulate(rows, headers=headers, disable_numparse=True))
    show(f"\nSettings file: {settings_file(os.environ)}")
    return ExitCode.CLEAN


def _shown(value: object) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return "\n".join(each if isinstance(each, str) else "=".join(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
