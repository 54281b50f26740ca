"""Findings in the order a senior engineer would say them, each root once.

What follows from a finding is folded under it (`Finding.also`), by these rules:

- the same rule in another step (the kernel's log and the journal), on the same hosts or fewer;
- a rule that the root's rule explains (`explains` in the rule set: the panic explains the oops);
- a difference in the root's own step, on the same hosts or fewer: the rule says it better; or the
  other way round where the rule is no more than info;
- what happened at one moment, under what happened, with its time line as evidence;
- several steps with the same sort of missing answer on the same hosts;
- a difference of all the other hosts: what tells them from those of a critical rule;
- further differences of exactly the hosts that a critical rule names, and from the third
  difference on exactly the same hosts: one host odd in eight steps has one trouble, not eight.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.model import Finding, FindingKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MANY_DIFFERENCES = 3
"""So many findings of differences over exactly the same hosts are one."""


_KIND_ORDER = (
    FindingKind.CLOUD,
    FindingKind.SIMULTANEOUS,
    FindingKind.RULE,
    FindingKind.UNREACHABLE,
    FindingKind.CHANGED,
    FindingKind.DIFFERS,
    FindingKind.MISSING,
    FindingKind.SHARED,
)
_DIFFERENCES = frozenset({FindingKind.DIFFERS, FindingKind.CHANGED, FindingKind.MISSING})


def rank(
    findings: Iterable[Finding],
    steps: Sequence[str],
    explains: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Finding, ...]:
    """`findings`, the most telling first, consequences folded.

    By severity; critical ones then by number of hosts; then by kind, what has a majority before
    what has none, the share of hosts, and the order of the steps.

    Args:
        findings: in any order.
        steps: the playbook's, in order.
        explains: rule name (`Finding.feature` of a rule) -> the rules it explains.
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
            share if finding.severity is Severity.INFO else 0,
            position.get(finding.step or "", -1),
        )

    return _folded(sorted(findings, key=key), explains or {})


def _folded(
    findings: Sequence[Finding], explains: Mapping[str, tuple[str, ...]]
) -> tuple[Finding, ...]:
    differences = Counter(
        (finding.hosts, finding.severity) for finding in findings if finding.kind in _DIFFERENCES
    )
    roots: list[Finding] = []
    under: dict[int, list[Finding]] = {}
    for finding in _heads_first(findings, explains):
        number = next(
            (
                number
                for number, root in enumerate(roots)
                if _follows(
                    finding, root, explains, many=differences[finding.hosts, finding.severity]
                )
            ),
            None,
        )
        if number is None:
            roots.append(finding)
        else:
            under.setdefault(number, []).append(finding)
    order = {id(finding): place for place, finding in enumerate(findings)}
    found = [
        (order[id(root)], _with_consequences(root, under.get(number, ())))
        for number, root in enumerate(roots)
    ]
    return tuple(finding for _, finding in sorted(found, key=lambda pair: pair[0]))


def _with_consequences(root: Finding, under: Sequence[Finding]) -> Finding:
    moments = [finding for finding in under if finding.kind is FindingKind.SIMULTANEOUS]
    others = [finding for finding in under if finding.kind is not FindingKind.SIMULTANEOUS]
    return replace(
        root,
        also=(*root.also, *(_told(finding, root) for finding in others)),
        evidence=(*root.evidence, *(_moment_told(finding, root) for finding in moments)),
    )


def _moment_told(moment: Finding, root: Finding) -> str:
    """What happened at one moment, with its time line, in a line."""
    told = moment.summary.removeprefix(f"{root.summary}: ")
    return f"{told} ({', '.join(moment.evidence[:-1])})"


def _heads_first(
    findings: Sequence[Finding], explains: Mapping[str, tuple[str, ...]]
) -> list[Finding]:
    """Rules before those they explain, then all else, moments last; whatever their rank."""
    # `explains` holds what is explained at any distance: the further down, the more explain it.
    depth = Counter(name for names in explains.values() for name in set(names))

    def turn(finding: Finding) -> int:
        if finding.kind is FindingKind.RULE and finding.severity is not Severity.INFO:
            return depth[finding.feature or ""]
        kinds = (FindingKind.RULE, FindingKind.SIMULTANEOUS)
        return len(explains) + 1 + (finding.kind in kinds)

    return sorted(findings, key=turn)


def _follows(
    finding: Finding, root: Finding, explains: Mapping[str, tuple[str, ...]], *, many: int
) -> bool:
    """Whether `finding` is a consequence of `root` or the same again."""
    if _is_the_rest(finding, root):
        return True
    if not set(finding.hosts) <= set(root.hosts):
        return False
    if finding.kind is FindingKind.RULE:
        if root.kind is not FindingKind.RULE:
            quiet = finding.severity is Severity.INFO and root.severity is not Severity.INFO
            return quiet and finding.step == root.step and finding.hosts == root.hosts
        again = finding.summary == root.summary and finding.step != root.step
        return again or finding.feature in explains.get(root.feature or "", ())
    if finding.kind is FindingKind.SIMULTANEOUS:
        critical = root.severity is Severity.CRITICAL and finding.step is None
        return root.kind is FindingKind.RULE and (critical or finding.step == root.step)
    if finding.kind not in _DIFFERENCES:
        return False
    same_hosts = finding.hosts == root.hosts
    if finding.severity.rank < root.severity.rank:
        return False
    if root.kind is FindingKind.RULE:
        serious = root.severity is Severity.CRITICAL
        return finding.step == root.step or (same_hosts and serious)
    if root.kind not in _DIFFERENCES or not same_hosts or root.severity != finding.severity:
        return False
    if finding.kind is root.kind is FindingKind.MISSING:
        return _sort_of_missing(finding) == _sort_of_missing(root)
    return many >= MANY_DIFFERENCES


def _is_the_rest(finding: Finding, root: Finding) -> bool:
    """Whether `finding` sets all hosts apart that a critical rule does not name."""
    return (
        root.kind is FindingKind.RULE
        and root.severity is Severity.CRITICAL
        and finding.kind is FindingKind.DIFFERS
        and len(finding.hosts) + len(root.hosts) == finding.of == root.of
        and set(finding.hosts).isdisjoint(root.hosts)
    )


def _sort_of_missing(finding: Finding) -> str:
    """Its summary without the step's name: `was denied`."""
    return finding.summary.removeprefix(finding.step or "")


def _told(finding: Finding, root: Finding) -> str:
    """A consequence in a line."""
    if _is_the_rest(finding, root):
        return f"{finding.step} tells these hosts from the {len(finding.hosts)} others"
    if finding.summary == root.summary and finding.step:
        return f"the same in {finding.step}"
    if finding.kind is FindingKind.RULE and finding.hosts != root.hosts:
        return f"{finding.summary} ({len(finding.hosts)} of {len(root.hosts)})"
    return finding.summary
