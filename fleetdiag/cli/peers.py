"""`--peers ATTR`: hosts are compared with those of the same value only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetdiag.model import Attributes


def check_peers(peers: str | None, attributes: Iterable[Attributes]) -> str | None:
    """`peers` itself; raises a usage error where no host has that attribute."""
    if peers is None:
        return None
    known = sorted({name for each in attributes for name in each})
    if peers not in known:
        there = f"there is {', '.join(known[:10])}" if known else "no host has any"
        message = f"no host has the attribute {peers!r}; {there}"
        raise click.BadParameter(message, param_hint="--peers")
    return peers
