"""What a report says of the steps, before it says how: rows that stand out, and the quiet rest.

Shared by the screen and Markdown. Knows nothing of widths or markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.model import FindingKind, HostStatus, Mode, Outcome, Severity, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetdiag.model import Comparison, Finding, Shared, StepComparison


MAX_SIZES = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the step table."""

    step: str
    compared: int
    odd: str
    """How many hosts and why: `1`, `3 denied`, `no majority`."""
    hosts: tuple[str, ...] = ()
    note: str = ""
    """In place of hosts."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Every step is in exactly one of these."""

    rows: tuple[Row, ...]
    agree: tuple[str, ...]
    """Names of steps in which all hosts said the same, and something."""
    silent: tuple[str, ...]
    """Steps that printed nothing on any host: nothing was seen, which is not agreement."""
    shown: tuple[str, ...]
    """Steps that are never compared."""
    alone: tuple[str, ...]
    """Steps with fewer than two hosts to compare."""


def overview(comparison: Comparison) -> Overview:
    """The steps of `comparison`, sorted by what there is to say of them."""
    rows: list[Row] = []
    flagged = _flagged(comparison.findings)
    quiet: dict[str, list[str]] = {"agree": [], "silent": [], "shown": [], "alone": []}
    for step in comparison.steps:
        found = step_rows(step)
        if step.name in flagged:
            hosts = flagged[step.name]
            found = [row for row in found if row.hosts != hosts or row.hosts != step.odd]
            found.append(Row(step.name, step.compared, f"{len(hosts)} by rule", hosts))
        rows += found
        if not found:
            quiet[_quiet_kind(step)].append(step.name)
    return Overview(tuple(rows), **{kind: tuple(names) for kind, names in quiet.items()})


def step_rows(step: StepComparison) -> list[Row]:
    """The rows of one step; empty where there is nothing odd or missing."""
    rows = []
    majority = any(group.majority for group in step.groups)
    if step.odd:
        rows.append(Row(step.name, step.compared, str(len(step.odd)), step.odd))
    elif step.compared and not majority:
        rows.append(Row(step.name, step.compared, "no majority", note=_group_sizes(step)))
    odd = set(step.odd)
    left: dict[str, list[str]] = {}
    for group in step.groups:
        if group.outcome is not Outcome.OK and not odd.intersection(group.hosts):
            left.setdefault(group.outcome.value, []).extend(group.hosts)
        elif majority and not group.majority and not odd.intersection(group.hosts):
            left.setdefault("other command", []).extend(group.hosts)
    rows += [
        Row(step.name, step.compared, f"{len(hosts)} {word}", tuple(hosts))
        for word, hosts in left.items()
    ]
    return rows


def _group_sizes(step: StepComparison) -> str:
    """`3 groups: 4, 2, 1`: of the outcome whose hosts were compared."""
    by_outcome: dict[Outcome, list[int]] = {}
    for group in step.groups:
        by_outcome.setdefault(group.outcome, []).append(len(group.hosts))
    compared = (sizes for sizes in by_outcome.values() if sum(sizes) == step.compared)
    sizes = next(compared, by_outcome.get(Outcome.OK, []))
    more = ", …" if len(sizes) > MAX_SIZES else ""
    return f"{len(sizes)} groups: {', '.join(map(str, sizes[:MAX_SIZES]))}{more}"


def _flagged(findings: Iterable[Finding]) -> dict[str, tuple[str, ...]]:
    """Step -> the hosts on which one of its rules matched."""
    found: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.kind is FindingKind.RULE and finding.step:
            found.setdefault(finding.step, {}).update(dict.fromkeys(finding.hosts))
    return {step: tuple(hosts) for step, hosts in found.items()}


def loud(findings: Iterable[Finding]) -> list[Finding]:
    """Findings above info."""
    return [finding for finding in findings if finding.severity is not Severity.INFO]


def without_result(comparison: Comparison) -> dict[str, dict[str, list[str]]]:
    """Status but ok -> reason -> names of the hosts, in the run's order."""
    found: dict[str, dict[str, list[str]]] = {}
    for host in comparison.run.hosts:
        if host.status is not HostStatus.OK:
            reasons = found.setdefault(host.status.value, {})
            reasons.setdefault(host.reason, []).append(host.name)
    return found


def nothing_odd(comparison: Comparison) -> str:
    """In words, that there is nothing above info to say, and on what that rests."""
    answered = sum(host.status is HostStatus.OK for host in comparison.run.hosts)
    compared = sum(step.compared > 0 for step in comparison.steps)
    ruled = any(finding.kind is FindingKind.RULE for finding in comparison.findings)
    rules = "" if ruled else ", no rule matched"
    if not answered:
        return "No host gave a result: nothing was compared."
    if answered == 1:
        return f"One host answered: nothing to compare it with{rules}."
    if not compared:
        return f"Nothing was compared: {answered} hosts answered, but no step can tell them apart."
    quiet = any(finding.kind is FindingKind.DIFFERS for finding in comparison.findings)
    none = "no difference that tells" if quiet else "no difference"
    return (
        f"Nothing odd: {answered} hosts answered, {count(compared, 'step')} compared, "
        f"{none}{rules}."
    )


def shared_words(shared: Shared) -> str:
    """What odd hosts have in common, and how far it holds for the rest."""
    alike = f" (and {', '.join(shared.alike)})" if shared.alike else ""
    value = f"{shared.attribute} {shared.value}{alike}"
    common = f"shared by {shared.odd} of {shared.odd_total}: {value}"
    if not shared.rest_total:
        return f"{common}; no healthy host for contrast"
    return f"{common}; {shared.rest} of the {shared.rest_total} other hosts have it too"


def shown_number(value: float, unit: Unit) -> str:
    """A measured value in a few digits, with its unit."""
    if unit is Unit.PERCENT:
        return f"{value:.3g} %"
    if unit is Unit.SECONDS:
        return f"{value:.3g} s"
    if unit is Unit.BYTES:
        return _bytes(value)
    return f"{value:.4g}"


def _bytes(value: float) -> str:
    for suffix in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.3g} {suffix}"
        value /= 1024
    return f"{value:.3g} TiB"


def count(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _quiet_kind(step: StepComparison) -> str:
    if step.mode is Mode.IGNORE:
        return "shown"
    if not step.compared:
        return "alone"
    return "agree" if step.groups[0].sample else "silent"


def verdict_told(comparison: Comparison) -> bool:
    """Whether there is a verdict: hosts are down or in a critical state, and there are several."""
    return bool(comparison.verdict.summary)
