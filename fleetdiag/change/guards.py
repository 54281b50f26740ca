"""What speaks against a change before any host is touched: refusals, with their reasons. Pure.

The first duty is to hold back what cannot help: a reboot mends nothing of the provider's, and
nothing that no diagnosis has found.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.model import Cause, CloudStatus, EventState, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleetdiag.model import Change, CloudFacts, CloudInstance, Comparison, Finding, Mend

DESPITE_PROVIDER = "--despite-provider"
NO_DIAGNOSIS = "--no-diagnosis"
MAX_AGE_S = 3600.0
"""A diagnosis older than an hour says what was, not what is."""
_UNUSABLE = frozenset({"impaired", "unavailable"})
"""States of a zone in EC2's words (`DescribeAvailabilityZones`, `ZoneState`)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why hosts are not to be changed."""

    hosts: tuple[str, ...]
    reason: str
    unless: str
    """The flag that says: do it all the same."""


def refusals(
    change: Change,
    hosts: Sequence[str],
    *,
    cloud: CloudFacts | None,
    diagnoses: Mapping[str, Comparison],
    now: float,
) -> tuple[Refusal, ...]:
    """All that speaks against the change on these hosts, equal reasons once.

    Args:
        change: what is to be done.
        hosts: on whom.
        cloud: what the provider says now; None where nobody could be asked.
        diagnoses: host -> the last stored diagnosis it was part of.
        now: Unix time.
    """
    by_reason: dict[tuple[str, str], list[str]] = {}
    for host in hosts:
        said = [*_of_provider(host, cloud), *_of_verdict(host, diagnoses.get(host))]
        found = [(reason, DESPITE_PROVIDER) for reason in said]
        if change.mends:
            reason = _of_diagnosis(change, host, diagnoses.get(host), now)
            found += [(reason, NO_DIAGNOSIS)] if reason else []
        for each in dict.fromkeys(found):
            by_reason.setdefault(each, []).append(host)
    return tuple(Refusal(tuple(on), *each) for each, on in by_reason.items())


def _of_provider(host: str, cloud: CloudFacts | None) -> Iterator[str]:
    """What the provider has to do with this host now."""
    instance = None if cloud is None else cloud.instances.get(host)
    if cloud is None or instance is None:
        return
    for event in instance.events:
        if event.state is EventState.OPEN:
            begins = "" if event.not_before is None else f", not before {_utc(event.not_before)}"
            told = f": {event.description}" if event.description else ""
            yield f"the provider has an open event, {event.code}{begins}{told}"
    if instance.system is CloudStatus.IMPAIRED:
        yield "the provider's system status has failed: what is beneath the host, no change mends"
    if instance.state not in {"", "running"}:
        yield f"the instance is {instance.state}"
    places = {instance.zone, instance.zone_id} - {""}
    for zone in cloud.zones:
        if zone.state in _UNUSABLE and {zone.name, zone.id} & places:
            yield f"zone {zone.name} is {zone.state}, the provider says"
    for notice in cloud.notices:
        if notice.state is EventState.OPEN and _is_about(notice.places, instance):
            yield f"{notice.source} says: {notice.title}"


def _is_about(named: Sequence[str], instance: CloudInstance) -> bool:
    """Whether a notice names the instance's zone or region."""
    own = {place.lower() for place in (instance.zone, instance.zone_id, instance.region)} - {""}
    return bool(own & {place.lower() for place in named})


def _of_verdict(host: str, diagnosis: Comparison | None) -> Iterator[str]:
    """What the last diagnosis concluded of where the trouble is."""
    verdict = None if diagnosis is None else diagnosis.verdict
    if diagnosis is None or verdict is None or host not in verdict.hosts:
        return
    if verdict.cause in {Cause.PROVIDER, Cause.ZONE}:
        yield f"run {diagnosis.run.id} concluded: {verdict.summary}"


def _of_diagnosis(change: Change, host: str, diagnosis: Comparison | None, now: float) -> str:
    """Why the last diagnosis gives no reason for the change; empty where it does."""
    if diagnosis is None:
        return "there is no diagnosis of it: `fleetdiag run triage` first"
    run = diagnosis.run
    age_s = now - run.started_at - run.duration_s
    if age_s > MAX_AGE_S:
        return f"its last diagnosis, {run.id}, is {_age(age_s)} old: `fleetdiag run triage` again"
    if any(_mends(mend, found, host) for mend in change.mends for found in diagnosis.findings):
        return ""
    return f"run {run.id} found nothing there that this would mend"


def _mends(mend: Mend, finding: Finding, host: str) -> bool:
    if host not in finding.hosts or finding.severity is Severity.INFO:
        return False
    step = ".*".join(map(re.escape, mend.step.split("*")))
    told = "\n".join((finding.summary, finding.feature or "", *finding.evidence, *finding.also))
    return (
        re.fullmatch(step, finding.step or "") is not None
        and mend.finding in {None, finding.kind}
        and mend.mentions.lower() in told.lower()
    )


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _utc(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
