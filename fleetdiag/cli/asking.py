"""Whom to ask of the provider, from the settings and the inventory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.cloud.ask import Asks
    from fleetdiag.model import Host, Plan
    from fleetdiag.settings import Settings


def asking_of(plan: Plan, settings: Settings) -> Asks | None:
    """Somebody who asks the provider about the plan's hosts; None where there is nobody to ask."""
    return asking_about([each.host for each in plan.hosts], settings)


def asking_about(hosts: Sequence[Host], settings: Settings) -> Asks | None:
    """The same, for hosts without a plan."""
    named = settings.status_feeds or settings.ec2_regions
    if not named and not any(
        host.attributes.get("instance_id") or host.recording for host in hosts
    ):
        return None  # without importing what would ask
    from fleetdiag.cloud.ask import Sources, asking
    from fleetdiag.cloud.feeds import Feed
    from fleetdiag.inventory.ec2 import profile_of

    feeds = tuple(Feed(name, url) for name, url in settings.status_feeds)
    origins = {host.name: host.origins.get("attributes.instance_id", "") for host in hosts}
    profiles = {host: profile_of(origin) for host, origin in origins.items()}
    known = {host: profile for host, profile in profiles.items() if profile is not None}
    return asking(hosts, Sources(feeds, settings.ec2_regions, cache_directory(), known))


def cache_directory() -> Path | None:
    """`$XDG_CACHE_HOME/fleetdiag`, else below `~/.cache`; None without a home directory."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:
            return None
    return cache / "fleetdiag"
