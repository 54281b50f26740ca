"""What speaks against a change now: the provider's word and the last diagnoses, gathered."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag import archive
from fleetdiag.change.guards import Refusal, refusals
from fleetdiag.changes.sessions import change_of
from fleetdiag.compare import compare
from fleetdiag.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from fleetdiag.cloud.ask import Asks
    from fleetdiag.model import CloudFacts, Comparison, Plan

CLOUD_S = 10.0
"""So long the provider is waited for: nothing else can be done meanwhile."""
MAX_LOOKED_AT = 20
"""So many stored runs are looked at for the last diagnosis of the hosts."""


def speaks_against(
    plan: Plan, archive_dir: Path, cloud: Asks | None, *, settled: Collection[str] = ()
) -> tuple[tuple[Refusal, ...], CloudFacts | None]:
    """Why the plan's hosts are not to be changed, and what the provider says now.

    `settled` are hosts that were begun before: what a diagnosis says of them is not asked again.
    """
    if cloud is not None:
        cloud.start()
    names = [each.host.name for each in plan.hosts]
    diagnoses = last_diagnoses(archive_dir, names)
    told = None if cloud is None else cloud.facts(CLOUD_S)
    change = change_of(plan.playbook)
    if settled:
        change = replace(change, mends=())
    found = refusals(change, names, cloud=told, diagnoses=diagnoses, now=time.time())
    return found, told


def last_diagnoses(directory: Path, hosts: Sequence[str]) -> dict[str, Comparison]:
    """Host -> the newest stored diagnosis that it was part of, compared; only where there is one.

    Runs of `exec`, of changes and of recorded hosts are none; what cannot be read is passed over.
    """
    found: dict[str, Comparison] = {}
    wanted, looked_at = set(hosts), 0
    for summary in archive.newest_first(directory):
        if not wanted or looked_at == MAX_LOOKED_AT:
            break
        if summary.playbook == "exec":
            continue
        looked_at += 1
        with suppress(ArchiveError):
            run = archive.load(summary.path)
            there = wanted & {host.name for host in run.hosts}
            if run.rollout is None and run.playbook.change is None and not run.note and there:
                found |= dict.fromkeys(there, compare(run))
                wanted -= there
    return found
