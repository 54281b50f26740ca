"""Groups and statuses -> findings: what a person should read, the most telling first.

Severity: a difference, a missing answer, a host without a result are warnings. It is info where
hosts do not differ by it (an outcome all hosts share, a fallback command); a step that hangs is a
warning even if it hangs everywhere. Hosts without a result are critical where they are over half
of the fleet: then nothing else in the report stands on much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.evidence import differing_lines, group_lines
from fleetdiag.compare.mask import MASK_NAMES, SELF
from fleetdiag.compare.own import mask_outputs, own_names
from fleetdiag.model import (
    Compare,
    Finding,
    FindingKind,
    HostResult,
    HostStatus,
    Outcome,
    Run,
    Severity,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fleetdiag.compare.group import Answer, Cluster, Grouping

MAX_SEPARATE = 3
"""So many odd groups of a step get a finding each; more are one finding."""
EVIDENCE_HOSTS = 3
HANGING = frozenset({Outcome.STUCK, Outcome.TIMED_OUT})
NEVER_BEGUN = frozenset({HostStatus.CANCELLED, HostStatus.NOT_RUN})

_ALL_BUT_ADDRESSES = tuple(name for name in MASK_NAMES if name not in {SELF, "ipv4", "ipv6"})

_STATUS_WORDS = {
    HostStatus.UNREACHABLE: "unreachable",
    HostStatus.REFUSED: "refused the connection",
    HostStatus.DNS: "name does not resolve",
    HostStatus.THROTTLED: "login dropped by the server (throttled)",
    HostStatus.KEY_UNKNOWN: "host key unknown",
    HostStatus.KEY_CHANGED: "host key has changed",
    HostStatus.AUTH_FAILED: "login failed",
    HostStatus.LOST: "connection lost midway",
    HostStatus.TIMED_OUT: "ran out of time",
    HostStatus.CANCELLED: "cancelled",
    HostStatus.NOT_RUN: "not run",
}
_OUTCOME_WORDS = {
    Outcome.FAILED: " failed",
    Outcome.ABSENT: ": no such command or file",
    Outcome.DENIED: " was denied",
    Outcome.TIMED_OUT: " ran out of time",
    Outcome.STUCK: " hung and could not be killed",
    Outcome.TRUNCATED: " printed more than is kept, the rest was cut",
    Outcome.UNPARSED: ": output could not be read",
    Outcome.SKIPPED: " was skipped",
    Outcome.NOT_RUN: " was not run",
}
_KIND_ORDER = (
    FindingKind.RULE,
    FindingKind.UNREACHABLE,
    FindingKind.DIFFERS,
    FindingKind.MISSING,
)


def rank(findings: Iterable[Finding], steps: Sequence[str]) -> tuple[Finding, ...]:
    """`findings`, the most telling first.

    By severity; critical ones then by number of hosts; then by kind, what has a majority before
    what has none, the share of hosts, and the order of the steps.
    """
    position = {name: number for number, name in enumerate(steps)}

    def key(finding: Finding) -> tuple[float, ...]:
        share = len(finding.hosts) / max(finding.of, 1)
        everyone = finding.kind is FindingKind.DIFFERS and len(finding.hosts) == finding.of
        return (
            finding.severity.rank,
            -share if finding.severity is Severity.CRITICAL else 0,
            _KIND_ORDER.index(finding.kind),
            everyone,
            -share if finding.kind in {FindingKind.RULE, FindingKind.UNREACHABLE} else 0,
            position.get(finding.step or "", -1),
        )

    return tuple(sorted(findings, key=key))


# ----------------------------------------------------------------------------- hosts


def unreachable_findings(run: Run) -> list[Finding]:
    """One finding for each status but ok, over the hosts that have it."""
    silent = [host for host in run.hosts if host.status is not HostStatus.OK]
    gone = sum(host.status not in NEVER_BEGUN for host in silent)
    critical = gone * 2 > len(run.hosts)
    by_status: dict[HostStatus, list[HostResult]] = {}
    for host in silent:
        by_status.setdefault(host.status, []).append(host)
    return [
        _unreachable(status, hosts, len(run.hosts), critical=critical and status not in NEVER_BEGUN)
        for status, hosts in by_status.items()
    ]


def _unreachable(
    status: HostStatus, hosts: Sequence[HostResult], of: int, *, critical: bool
) -> Finding:
    shared = _shared_reason(hosts)
    words = _STATUS_WORDS[status]
    return Finding(
        kind=FindingKind.UNREACHABLE,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        summary=f"{words}: {clip(shared)}" if shared and shared != words else words,
        hosts=tuple(host.name for host in hosts),
        of=of,
        evidence=()
        if shared
        else _labelled((host.name, host.reason) for host in hosts[:EVIDENCE_HOSTS]),
    )


def _shared_reason(hosts: Sequence[HostResult]) -> str:
    """The reason of all `hosts`, with `<self>` and `<ip>` where it names each of them."""
    reasons: Mapping[str, tuple[str, ...]] = {h.name: (one_line(h.reason),) for h in hosts}
    if len(set(reasons.values())) > 1:
        names = {host.name: own_names(host) for host in hosts}
        reasons = mask_outputs(reasons, names, Compare(unmask=_ALL_BUT_ADDRESSES)).lines
    distinct = set(reasons.values())
    return distinct.pop()[0] if len(distinct) == 1 else ""


# ----------------------------------------------------------------------------- one step


def step_findings(step: str, grouping: Grouping) -> list[Finding]:
    """What differs and what is missing in one step."""
    compared = tuple(cluster for cluster in grouping.clusters if cluster.compared)
    return [*_differs(step, grouping, compared), *_missing(step, grouping, compared)]


def _differs(step: str, grouping: Grouping, compared: tuple[Cluster, ...]) -> list[Finding]:
    if len(compared) < 2:
        return []
    majority = grouping.majority
    if majority is None:
        return [_no_majority(step, grouping, compared)]
    of = grouping.compared
    if len(grouping.odd) > MAX_SEPARATE:
        return [_many_odd(step, grouping, majority)]
    return [_odd(step, majority, cluster, of) for cluster in grouping.odd]


def _odd(step: str, majority: Cluster, cluster: Cluster, of: int) -> Finding:
    common, lines = majority.first.lines, cluster.first.lines
    if not lines:
        return Finding(
            kind=FindingKind.MISSING,
            severity=Severity.WARNING,
            summary=f"{step} printed nothing, unlike {len(majority.hosts)} of {of} hosts",
            hosts=cluster.hosts,
            of=of,
            step=step,
            evidence=tuple(f"- {clip(line)}" for line in common[:EVIDENCE_HOSTS]),
        )
    return Finding(
        kind=FindingKind.DIFFERS,
        severity=Severity.WARNING,
        summary=f"{step} differs from {len(majority.hosts)} of {of} hosts",
        hosts=cluster.hosts,
        of=of,
        step=step,
        evidence=differing_lines(common, lines),
    )


def _many_odd(step: str, grouping: Grouping, majority: Cluster) -> Finding:
    odd, of = grouping.odd, grouping.compared
    return Finding(
        kind=FindingKind.DIFFERS,
        severity=Severity.WARNING,
        summary=f"{step} differs from {len(majority.hosts)} of {of} hosts, in {len(odd)} ways",
        hosts=grouping.in_order(odd),
        of=of,
        step=step,
        evidence=differing_lines(majority.first.lines, odd[0].first.lines),
    )


def _no_majority(step: str, grouping: Grouping, compared: tuple[Cluster, ...]) -> Finding:
    of = grouping.compared
    sizes = [len(cluster.hosts) for cluster in compared]
    how = (
        f"all {of} hosts differ from each other"
        if max(sizes) == 1
        else f"{len(sizes)} groups of {_enumeration(sizes)} hosts"
    )
    return Finding(
        kind=FindingKind.DIFFERS,
        severity=Severity.WARNING,
        summary=f"{step}: no majority, {how}",
        hosts=grouping.in_order(compared),
        of=of,
        step=step,
        evidence=group_lines(compared),
    )


def _missing(step: str, grouping: Grouping, compared: tuple[Cluster, ...]) -> list[Finding]:
    usual = compared[0].first.peers if compared else None
    by_outcome: dict[Outcome, list[Answer]] = {}
    for answer in grouping.answers:
        if answer.outcome is not Outcome.OK or _fallback(answer, usual):
            by_outcome.setdefault(answer.outcome, []).append(answer)
    return [
        _one_missing(step, outcome, tuple(members), len(grouping.answers))
        for outcome, members in by_outcome.items()
    ]


def _fallback(answer: Answer, usual: tuple[Outcome, int] | None) -> bool:
    return answer.features is not None and usual is not None and answer.command != usual[1]


def _one_missing(step: str, outcome: Outcome, answers: tuple[Answer, ...], of: int) -> Finding:
    everywhere = len(answers) == of
    if outcome is Outcome.OK:
        summary = f"{step} was answered by another of its commands, not compared"
    else:
        summary = f"{step}{_OUTCOME_WORDS[outcome]}{_exit_code(answers)}"
    harmless = outcome in {Outcome.OK, Outcome.SKIPPED, Outcome.NOT_RUN}
    info = harmless or (everywhere and outcome not in HANGING)
    return Finding(
        kind=FindingKind.MISSING,
        severity=Severity.INFO if info else Severity.WARNING,
        summary=f"{summary} on every host" if everywhere and of > 1 else summary,
        hosts=tuple(answer.host for answer in answers),
        of=of,
        step=step,
        evidence=_labelled((a.host, a.reason or _last_line(a)) for a in answers[:EVIDENCE_HOSTS]),
    )


def _exit_code(answers: tuple[Answer, ...]) -> str:
    codes = {answer.exit_code for answer in answers}
    code = codes.pop() if len(codes) == 1 else None
    return f" with exit code {code}" if code and answers[0].outcome is Outcome.FAILED else ""


def _last_line(answer: Answer) -> str:
    return next((line for line in reversed(answer.lines) if line), "")


def _labelled(said: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{host}: {clip(one_line(text))}" for host, text in said if text)


def _enumeration(sizes: Sequence[int]) -> str:
    """`4, 3 and 2`; of many groups the largest."""
    shown = [str(size) for size in sizes[:4]]
    if len(sizes) > len(shown):
        return f"{', '.join(shown)}, …"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
