"""Rules: a step's `flag` patterns on each host's output, whatever the other hosts say.

They see cleaned but unmasked lines. What a rule says of a line is remembered by the line without
its leading time: kernel logs of a fleet are mostly the same lines at other times, and twenty rules
on each would cost more than all the rest. So a rule may ask for a time, not for a certain one.
Knows nothing of groups.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.mask import leading_time
from fleetdiag.model import Finding, FindingKind, Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SEARCHED_CHARS = 4096
"""A line is searched so far: a playbook's pattern may be quadratic, a host's line endless."""
EVIDENCE_HOSTS = 3

Lines = tuple[str, ...]


def rule_findings(
    step: str, flags: Sequence[Flag], outputs: Mapping[str, Lines], order: Sequence[str]
) -> list[Finding]:
    """One finding for each flag that matches somewhere, over all hosts that show it.

    Args:
        step: its name.
        flags: its rules.
        outputs: host -> lines of both streams.
        order: the hosts that could have shown it, in the run's order.
    """
    if not flags:
        return []
    book = RuleBook(flags)
    distinct: dict[Lines, dict[int, str]] = {}
    for lines in outputs.values():
        if lines not in distinct:
            distinct[lines] = book.first_matches(lines)
    findings = []
    for number, flag in enumerate(flags):
        shown = {host: distinct[outputs[host]].get(number) for host in order if host in outputs}
        hits = {host: line for host, line in shown.items() if line is not None}
        if hits:
            findings.append(_finding(step, flag, hits, of=len(order)))
    return findings


class RuleBook:
    """The rules of one step, and what they said of the lines seen so far."""

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._searches = [re.compile(flag.matches).search for flag in flags]
        self._known: dict[str, tuple[int, ...]] = {}

    def first_matches(self, lines: Lines) -> dict[int, str]:
        """Index of each flag that matches -> the first line that it matches."""
        found: dict[int, str] = {}
        for line in lines:
            for number in self._matching(line):
                found.setdefault(number, line)
        return found

    def _matching(self, line: str) -> tuple[int, ...]:
        _, end = leading_time(line)
        tail = line[end:]
        known = self._known.get(tail)
        if known is None:
            head = line[:SEARCHED_CHARS]
            known = tuple(n for n, search in enumerate(self._searches) if search(head))
            self._known[tail] = known
        return known


def _finding(step: str, flag: Flag, hits: Mapping[str, str], of: int) -> Finding:
    return Finding(
        kind=FindingKind.RULE,
        severity=flag.severity,
        summary=flag.say,
        hosts=tuple(hits),
        of=of,
        step=step,
        evidence=tuple(_evidence(hits.items())),
    )


def _evidence(hits: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{host}: {clip(line.strip())}" for host, line in list(hits)[:EVIDENCE_HOSTS]]
