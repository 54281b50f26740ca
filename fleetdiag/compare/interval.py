"""What became of the hosts themselves between two runs: rebooted, new, vanished, silent, back.

Knows nothing of what the steps said, only whether they answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.units import span
from fleetdiag.model import Finding, FindingKind, HostStatus, Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetdiag.model import HostResult, Run, StepResult

CLOCK_SLACK_S = 60.0
"""A boot is later than the earlier run only by more than this: clocks and uptimes are coarse."""
EVIDENCE_HOSTS = 3
ANSWERED = frozenset({Outcome.OK, Outcome.FAILED, Outcome.TRUNCATED})
NOT_ASKED = frozenset({Outcome.SKIPPED, Outcome.NOT_RUN})


def run_findings(before: Run, after: Run) -> list[Finding]:
    """Reboots, new and vanished hosts, hosts and steps that answer in one run only.

    A vanished host stands in the evidence of its finding: it is no host of the later run.
    """
    earlier = {host.name: host for host in before.hosts}
    both = [(earlier[host.name], host) for host in after.hosts if host.name in earlier]
    if not both:
        return [_nothing_in_common(before, after)]
    return [
        *_rebooted(before, both),
        *_statuses(before, both),
        *_membership(before, after, earlier),
        *_asked(before, after),
        *_outcomes(before, after, both),
    ]


def rebooted(before: HostResult, after: HostResult) -> bool:
    """Whether the host booted between the two: by its boot id, else by its uptime."""
    then, now = before.facts, after.facts
    if then.boot_id and now.boot_id:
        return then.boot_id != now.boot_id
    if now.uptime_s is None:
        return False
    if then.uptime_s is not None and now.uptime_s < then.uptime_s - CLOCK_SLACK_S:
        return True
    booted_at = after.started_at - now.uptime_s
    return bool(before.started_at) and booted_at > before.started_at + CLOCK_SLACK_S


# ---------------------------------------------------------------------------- whole hosts


def _nothing_in_common(before: Run, after: Run) -> Finding:
    return _finding(
        Severity.WARNING,
        f"no host in common with {before.id}: nothing to compare with",
        (host.name for host in after.hosts),
        len(after.hosts),
    )


def _rebooted(before: Run, both: Sequence[tuple[HostResult, HostResult]]) -> list[Finding]:
    found = [now for then, now in both if rebooted(then, now)]
    lines = [
        f"{host.name}: up {span(host.facts.uptime_s)}"
        for host in found
        if host.facts.uptime_s is not None
    ]
    return _some(Severity.INFO, f"rebooted since {before.id}", found, len(both), lines)


def _statuses(before: Run, both: Sequence[tuple[HostResult, HostResult]]) -> list[Finding]:
    def was_ok(host: HostResult) -> bool:
        return host.status is HostStatus.OK

    lost = [now for then, now in both if was_ok(then) and not was_ok(now)]
    back = [(then, now) for then, now in both if was_ok(now) and not was_ok(then)]
    said = [_labelled(host.name, host.status.value, host.reason) for host in lost]
    were = [_labelled(then.name, f"was {then.status}", then.reason) for then, _ in back]
    return [
        *_some(Severity.WARNING, f"answered in {before.id}, not now", lost, len(both), said),
        *_some(
            Severity.INFO,
            f"answers now, not in {before.id}",
            [now for _, now in back],
            len(both),
            were,
        ),
    ]


def _membership(before: Run, after: Run, earlier: dict[str, HostResult]) -> list[Finding]:
    new = [host for host in after.hosts if host.name not in earlier]
    there = {host.name for host in after.hosts}
    gone = [name for name in earlier if name not in there]
    findings = _some(Severity.INFO, f"new, not in {before.id}", new, len(after.hosts), ())
    if gone:
        many = "1 host" if len(gone) == 1 else f"{len(gone)} hosts"
        summary = f"{many} of {before.id} not asked this time"
        findings.append(_finding(Severity.INFO, summary, (), len(after.hosts), _first(gone)))
    return findings


# --------------------------------------------------------------------------------- steps


def _asked(before: Run, after: Run) -> list[Finding]:
    """Steps that only one of the runs has, or that ask otherwise by now."""
    then = {step.name: step.commands for step in before.playbook.steps}
    now = {step.name: step.commands for step in after.playbook.steps}
    hosts = [host.name for host in after.hosts]
    told = {
        f"steps not in {before.id}": [name for name in now if name not in then],
        f"steps only in {before.id}": [name for name in then if name not in now],
        f"steps whose commands are others than in {before.id}": [
            name for name in now if then.get(name) and now[name] and then[name] != now[name]
        ],
    }
    return [
        _finding(Severity.INFO, f"{what}: {_enumeration(steps)}", hosts, len(hosts))
        for what, steps in told.items()
        if steps
    ]


def _outcomes(
    before: Run, after: Run, both: Sequence[tuple[HostResult, HostResult]]
) -> list[Finding]:
    """Steps that gave an answer in one of the runs only, one finding a step and outcome."""
    lost: dict[tuple[str, Outcome], list[tuple[HostResult, StepResult]]] = {}
    back: dict[tuple[str, Outcome], list[tuple[HostResult, StepResult]]] = {}
    for earlier, later in both:
        then = {result.name: result for result in earlier.steps}
        for now in later.steps:
            was = then.get(now.name)
            if was is None or NOT_ASKED & {was.outcome, now.outcome}:
                continue
            if was.outcome in ANSWERED and now.outcome not in ANSWERED:
                lost.setdefault((now.name, now.outcome), []).append((later, now))
            elif now.outcome in ANSWERED and was.outcome not in ANSWERED:
                back.setdefault((now.name, was.outcome), []).append((later, was))
    order = {step.name: number for number, step in enumerate(after.playbook.steps)}
    return [
        finding
        for severity, words, found in (
            (Severity.WARNING, "{} is {}, it gave an answer in {}", lost),
            (Severity.INFO, "{} gives an answer, it was {} in {}", back),
        )
        for (step, outcome), some in sorted(
            found.items(), key=lambda item: order.get(item[0][0], 0)
        )
        for finding in _some(
            severity,
            words.format(step, outcome.value, before.id),
            [host for host, _ in some],
            len(both),
            [_labelled(host.name, result.outcome.value, result.reason) for host, result in some],
            step,
        )
    ]


# ------------------------------------------------------------------------------ sentences


def _some(
    severity: Severity,
    summary: str,
    hosts: Sequence[HostResult],
    of: int,
    evidence: Sequence[str],
    step: str | None = None,
) -> list[Finding]:
    """A finding over `hosts`; none where there are none."""
    if not hosts:
        return []
    return [_finding(severity, summary, (h.name for h in hosts), of, _first(evidence), step)]


def _finding(
    severity: Severity,
    summary: str,
    hosts: Iterable[str],
    of: int,
    evidence: Sequence[str] = (),
    step: str | None = None,
) -> Finding:
    return Finding(
        kind=FindingKind.CHANGED,
        severity=severity,
        summary=summary,
        hosts=tuple(hosts),
        of=of,
        step=step,
        evidence=tuple(evidence),
    )


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - EVIDENCE_HOSTS
    return [*map(clip, lines[:EVIDENCE_HOSTS]), *([f"… {more} more"] if more > 0 else [])]


def _enumeration(names: Sequence[str]) -> str:
    more = len(names) - EVIDENCE_HOSTS
    return ", ".join([*names[:EVIDENCE_HOSTS], *([f"{more} more"] if more > 0 else [])])


def _labelled(host: str, *said: str) -> str:
    return ": ".join([host, *(one_line(text) for text in said if text)])
