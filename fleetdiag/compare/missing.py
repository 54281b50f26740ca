"""Hosts without a result, and steps without an answer that can be compared -> findings.

Missing data is never agreement. Severity: a warning; info where hosts do not differ by it (an
outcome all hosts share, a fallback command); a step that hangs is a warning even if it hangs
everywhere. Hosts without a result are critical where they are over half of the fleet: then nothing
else in the report stands on much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.group import usual_peers
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
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fleetdiag.compare.group import Answer, Grouping, Peers

    LastLine = Callable[[str], str]

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
        reasons = mask_outputs(reasons, names, Compare(unmask=_ALL_BUT_ADDRESSES), keep=False).lines
    distinct = set(reasons.values())
    return distinct.pop()[0] if len(distinct) == 1 else ""


# ----------------------------------------------------------------------------- one step


def missing_findings(step: str, grouping: Grouping, last_line: LastLine) -> list[Finding]:
    """Hosts without a comparable answer, by outcome.

    Args:
        step: its name.
        grouping: its answers.
        last_line: host -> the last line it printed, for where no reason says more.
    """
    usual = usual_peers(grouping.answers)
    by_outcome: dict[Outcome, list[Answer]] = {}
    for answer in grouping.answers:
        if answer.outcome is not Outcome.OK or _fallback(answer, usual):
            by_outcome.setdefault(answer.outcome, []).append(answer)
    return [
        _one_missing(step, outcome, tuple(members), len(grouping.answers), last_line)
        for outcome, members in by_outcome.items()
    ]


def _fallback(answer: Answer, usual: Peers | None) -> bool:
    return answer.features is not None and usual is not None and answer.command != usual[1]


def _one_missing(
    step: str, outcome: Outcome, answers: tuple[Answer, ...], of: int, last_line: LastLine
) -> Finding:
    everywhere = len(answers) == of
    if outcome is Outcome.OK:
        summary = f"{step} was answered by another of its commands, not compared"
    else:
        summary = f"{step}{_OUTCOME_WORDS[outcome]}{_exit_code(answers)}"
    harmless = outcome in {Outcome.OK, Outcome.SKIPPED}
    info = harmless or (everywhere and outcome not in HANGING)
    return Finding(
        kind=FindingKind.MISSING,
        severity=Severity.INFO if info else Severity.WARNING,
        summary=f"{summary} on every host" if everywhere and of > 1 else summary,
        hosts=tuple(answer.host for answer in answers),
        of=of,
        step=step,
        evidence=_labelled(
            (a.host, a.reason or last_line(a.host)) for a in answers[:EVIDENCE_HOSTS]
        ),
    )


def _exit_code(answers: tuple[Answer, ...]) -> str:
    codes = {answer.exit_code for answer in answers}
    code = codes.pop() if len(codes) == 1 else None
    return f" with exit code {code}" if code and answers[0].outcome is Outcome.FAILED else ""


def _labelled(said: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{host}: {clip(one_line(text))}" for host, text in said if text)
