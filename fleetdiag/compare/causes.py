"""What findings have in common: attributes of their hosts, and the moment.

Attributes are the inventory's, the short answers of steps (the kernel's release), and when hosts
booted. Knows nothing of outputs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.clock import boot_time
from fleetdiag.compare.share import boot_clusters, shared_by, suggest_controls
from fleetdiag.compare.together import BOOTED, simultaneous_finding
from fleetdiag.model import Finding, FindingKind, HostStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fleetdiag.model import Run

FEWEST_ODD = 2
"""One host alone shares nothing with anybody."""
FEWEST_HOSTS = 4
DAY_S = 86_400.0
_OF_HOSTS = frozenset(
    {
        FindingKind.DIFFERS,
        FindingKind.CHANGED,
        FindingKind.RULE,
        FindingKind.MISSING,
        FindingKind.UNREACHABLE,
    }
)


def boot_times(run: Run) -> dict[str, float]:
    """Host -> when it booted, Unix time on our clock; without hosts that did not say."""
    known = {host.name: boot_time(host.facts, host.started_at) for host in run.hosts}
    return {host: booted for host, booted in known.items() if booted is not None}


class Happened(NamedTuple):
    """What a rule found, and when."""

    finding: Finding
    times: Mapping[str, float]
    """Host -> Unix time it first showed there, on our clock."""


def simultaneous(
    run: Run, findings: Sequence[Finding], events: Sequence[Happened]
) -> list[Finding]:
    """Findings for what happened on many hosts at once: boots, and the events of rules.

    Boots alone are info, as hosts are also created together, and restarted together by their
    owners; a warning where a critical finding is on half of them. Events are warnings.
    """
    told = [
        _at_once(run, event.finding.summary, event.finding.step, event.times, event.finding.of)
        for event in events
        if event.finding.severity is not Severity.INFO
    ]
    of = sum(host.status is HostStatus.OK for host in run.hosts)
    boots = _at_once(run, BOOTED, None, boot_times(run), of)
    if boots is not None:
        critical = {host for f in findings if f.severity is Severity.CRITICAL for host in f.hosts}
        half = len(critical.intersection(boots.hosts)) * 2 >= len(boots.hosts)
        told.append(boots if half else replace(boots, severity=Severity.INFO))
    return [finding for finding in told if finding is not None]


def _at_once(
    run: Run, what: str, step: str | None, times: Mapping[str, float], of: int
) -> Finding | None:
    return simultaneous_finding(
        what, step, times, of, horizon_s=DAY_S, started_at=run.started_at, severity=Severity.WARNING
    )


def with_shared(
    findings: Sequence[Finding], run: Run, facts: Mapping[str, Mapping[str, str]]
) -> tuple[Finding, ...]:
    """`findings` with what their hosts share.

    Args:
        findings: ranked.
        run: for its hosts and their attributes.
        facts: host -> step -> its short answer.
    """
    if len(run.hosts) < FEWEST_HOSTS:
        return tuple(findings)
    clusters = boot_clusters(boot_times(run))
    booted = {host: {"booted": when} for host, when in clusters.items()}
    attributes = {h.name: {**h.attributes, **booted.get(h.name, {})} for h in run.hosts}
    told_by_rules = {f.step for f in findings if f.kind is FindingKind.RULE and f.step}
    with_answers = {
        host: {
            **own,
            # Not the trouble itself: what leads to it.
            **{s: said for s, said in facts.get(host, {}).items() if s not in told_by_rules},
        }
        for host, own in attributes.items()
    }
    answered = [host.name for host in run.hosts if host.status is HostStatus.OK]
    everyone = [host.name for host in run.hosts]
    own_words = {step.name: {step.name, *step.sets} for step in run.playbook.steps}
    told = []
    for finding in findings:
        hosts = everyone if finding.kind is FindingKind.UNREACHABLE else answered
        # Where every host is odd, what all of them answer alike says nothing of the cause.
        telling = attributes if len(finding.hosts) == len(hosts) else with_answers
        besides = _besides(own_words.get(finding.step or ""), telling)
        told.append(_with_shared(finding, hosts, besides))
    return tuple(told)


def _besides(
    words: Collection[str] | None, attributes: Mapping[str, Mapping[str, str]]
) -> Mapping[str, Mapping[str, str]]:
    """`attributes` without those of these names: what a step says is not what its hosts share."""
    if not words:
        return attributes
    return {
        host: {name: value for name, value in own.items() if name not in words}
        for host, own in attributes.items()
    }


def _with_shared(
    finding: Finding, hosts: Sequence[str], attributes: Mapping[str, Mapping[str, str]]
) -> Finding:
    quiet = finding.severity is Severity.INFO or finding.kind not in _OF_HOSTS
    nobody_odd = finding.kind is FindingKind.DIFFERS and len(finding.hosts) == finding.of
    if quiet or nobody_odd or len(finding.hosts) < FEWEST_ODD:
        return finding
    shared = shared_by(finding.hosts, hosts, attributes)
    if not shared:
        return finding
    evidence = finding.evidence
    if all(one.rest_total == 0 for one in shared):
        evidence = (*evidence, suggest_controls(finding.hosts, hosts, attributes))
    return replace(finding, shared=shared, evidence=tuple(filter(None, evidence)))
