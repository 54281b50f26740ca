"""`fleetdiag hosts`: what a run would touch, and where each value came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from fleetdiag.cli import candidates, options
from fleetdiag.cli.dry_run import login_text, via_text
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.screen import say, show, visible
from fleetdiag.model import ExitCode, Host
from fleetdiag.settings import Format

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(epilog="Example: fleetdiag hosts 'zone=a&!db' -v")
@click.argument("pattern", required=False, shell_complete=candidates.hosts)
@options.fleet
@options.format_only
@click.option("-v", "--verbose", is_flag=True, help="Show where each value came from.")
def hosts(
    pattern: str | None,
    fleet: options.Fleet,
    format: Format | None,  # noqa: A002 - the option's name
    verbose: bool,
) -> ExitCode:
    """List the hosts a run would touch.

    PATTERN takes names, groups, globs, ranges, attribute=value, `&`, `!`, `@file`; without one, all
    hosts.
    """
    from fleetdiag import inventory

    settings = options.resolve(fleet, format=format)
    loaded = load_inventory(fleet, settings)
    chosen = choose(loaded, pattern, settings)
    if loaded.note:
        say(visible(loaded.note))
    if settings.format is Format.JSON:
        show(json.dumps(inventory.hosts_json(chosen), indent=2))
    else:
        style = "github" if settings.format is Format.MARKDOWN else "simple"
        show(_origins_table(chosen, style) if verbose else _table(chosen, style))
    return ExitCode.CLEAN


def _table(hosts: Sequence[Host], style: str) -> str:
    from tabulate import tabulate

    headers = ["host", "login", "via", "sudo", "groups", "attributes"]
    rows = [
        [
            host.name,
            login_text(host),
            via_text(host),
            "yes" if host.become else "",
            " ".join(host.groups),
            " ".join(f"{name}={value}" for name, value in host.attributes.items()),
        ]
        for host in hosts
    ]
    shown = [[visible(cell) for cell in row] for row in rows]
    return tabulate(shown, headers=headers, tablefmt=style, disable_numparse=True)


def _origins_table(hosts: Sequence[Host], style: str) -> str:
    from tabulate import tabulate

    rows = [[host.name, *row] for host in hosts for row in values_with_origins(host)]
    shown = [[visible(cell) for cell in row] for row in rows]
    headers = ["host", "value", "is", "from"]
    return tabulate(shown, headers=headers, tablefmt=style, disable_numparse=True)


def values_with_origins(host: Host) -> list[tuple[str, str, str]]:
    """`(name, value, origin)` of everything that is known of a host; `` for an unknown origin."""
    endpoint = host.endpoint
    values: dict[str, str] = {"transport": host.transport.value}
    if endpoint is not None:
        values |= {
            "address": endpoint.address,
            "port": str(endpoint.port),
            "user": endpoint.user,
            "identity_file": " ".join(endpoint.identity_files),
            "identities_only": "yes" if endpoint.identities_only else "",
            "host_key_alias": endpoint.host_key_alias or "",
            "known_hosts": " ".join(endpoint.known_hosts_files),
            "proxy_command": endpoint.proxy_command or "",
            "via": "" if endpoint.proxy_command else via_text(host),
        }
    values["become"] = "yes" if host.become else "no"
    values["groups"] = " ".join(host.groups)
    values |= {f"attributes.{name}": value for name, value in host.attributes.items()}
    return [(name, value, host.origins.get(name, "")) for name, value in values.items() if value]
