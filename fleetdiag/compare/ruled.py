"""Rules: what is wrong with a host whatever the others say.

A rule looks at lines, or at the values of features. A crash report that a rule of the kernel's set
found is told with its stack: ten hosts with one stack have another trouble than ten with ten.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.crash import crashes, has_trace
from fleetdiag.compare.evidence import shown_feature, shown_value, whose
from fleetdiag.compare.features import Number
from fleetdiag.compare.heads import without_heads
from fleetdiag.compare.linerules import SEARCHED_CHARS
from fleetdiag.compare.units import parse_quantity
from fleetdiag.model import Finding, FindingKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleetdiag.compare.crash import Crash
    from fleetdiag.compare.features import Feature, Features, Value
    from fleetdiag.compare.reading import Reading
    from fleetdiag.model import Flag

SILENT = frozenset({Outcome.SKIPPED, Outcome.NOT_RUN, Outcome.ABSENT, Outcome.DENIED})
"""Outcomes of hosts that could not have shown what a rule looks for."""
EVIDENCE_HOSTS = 3
_NUMBERS = re.compile(r"\d+|0x[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule that is true of some hosts."""

    finding: Finding
    lines: Mapping[str, str]
    """Host -> the first line that shows it; empty for rules on features."""


def rule_findings(reading: Reading) -> list[Ruled]:
    """One finding for each flag that is true somewhere, over all hosts that show it."""
    if not reading.flags:
        return []
    searched = [a.host for a in reading.answers if a.outcome not in SILENT]
    stacks = _Stacks(reading)
    found = []
    for number, flag in enumerate(reading.flags):
        if flag.feature is None:
            lines = {
                host: line
                for host in searched
                if (line := reading.table.matches(host).get(number)) is not None
            }
            hits = {host: line.strip() for host, line in lines.items()}
        else:
            lines, hits = {}, _values(flag, reading)
        if hits:
            finding = _finding(reading.step.name, flag, hits, len(searched))
            found.append(Ruled(stacks.told(flag, finding), lines))
    return found


def _finding(step: str, flag: Flag, hits: Mapping[str, str], of: int) -> Finding:
    return Finding(
        kind=FindingKind.RULE,
        severity=flag.severity,
        summary=flag.say,
        hosts=tuple(hits),
        of=of,
        step=step,
        feature=flag.name or flag.feature,
        evidence=_evidence(hits),
    )


def _evidence(hits: Mapping[str, str]) -> tuple[str, ...]:
    """The lines of a few hosts; of many that say the same, one's."""
    alike: dict[str, list[str]] = {}
    for host, line in hits.items():
        alike.setdefault(_form(line) if len(hits) > EVIDENCE_HOSTS else host, []).append(host)
    shown = list(alike.values())[:EVIDENCE_HOSTS]
    return tuple(f"{whose(hosts)}: {clip(hits[hosts[0]])}" for hosts in shown)


def _form(line: str) -> str:
    """What lines of several hosts have in common."""
    return _NUMBERS.sub("#", without_heads(line[:SEARCHED_CHARS]))


# ------------------------------------------------------------------------------- features


def _values(flag: Flag, reading: Reading) -> dict[str, str]:
    """Host -> its feature that `flag` is true of, the worst one."""
    hits = {}
    is_true = _test(flag)
    named = re.compile(re.escape(flag.feature or "").replace(r"\*", ".*"), re.DOTALL)
    for answer in reading.answers:
        told = _worst(flag, answer.features or {}, named, is_true)
        if told is not None:
            hits[answer.host] = told
    return hits


def _worst(
    flag: Flag, features: Features, named: re.Pattern[str], is_true: Callable[[Value], bool]
) -> str | None:
    found: list[tuple[float, Feature, Value]] = [
        (_amount(value, default=0.0), feature, value)
        for feature, value in features.items()
        if named.fullmatch(shown_feature(feature)) and is_true(value)
    ]
    if not found:
        return None
    pick = min if flag.above is None and flag.below is not None else max
    _, feature, value = pick(found, key=lambda item: item[0])
    return f"{shown_feature(feature)} {shown_value(value)}"


def _test(flag: Flag) -> Callable[[Value], bool]:
    """Whether a value is what `flag` looks for: all that it says must be true."""
    pattern = re.compile(flag.matches) if flag.matches is not None else None

    def is_true(value: Value) -> bool:
        text = shown_value(value)
        return (
            (flag.above is None or _amount(value, default=-math.inf) > flag.above)
            and (flag.below is None or _amount(value, default=math.inf) < flag.below)
            and (flag.equals is None or text == flag.equals)
            and (pattern is None or pattern.search(text[:SEARCHED_CHARS]) is not None)
        )

    return is_true


def _amount(value: Value, default: float) -> float:
    if isinstance(value, Number):
        return value.value
    if isinstance(value, int):
        return float(value)
    quantity = parse_quantity(str(value))
    return default if quantity is None else quantity.value


# --------------------------------------------------------------------------------- stacks


class _Stacks:
    """The crash reports of a step, read where a rule found one."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._read: dict[str, list[Crash]] = {}

    def told(self, flag: Flag, finding: Finding) -> Finding:
        """`finding` with what its hosts' stacks have in common."""
        stacks = self._of(flag.name, finding.hosts)
        if not stacks:
            return finding
        counts = Counter(crash.signature for crash in stacks.values())
        first = next(iter(stacks.values()))
        shown: tuple[str, ...]
        where = first.function or first.frames[0]
        if len(stacks) == 1:
            said, shown = f"it happened in {where}", (first.stack,)
        elif len(counts) == 1:
            said = f"the same stack on {_all_of(len(stacks), len(finding.hosts))}: {where}"
            shown = (first.stack,)
        else:
            said = f"{len(counts)} different stacks on {len(stacks)} hosts"
            shown = tuple(
                f"{count} of {len(stacks)}: {_stack_of(signature, stacks)}"
                for signature, count in counts.most_common(EVIDENCE_HOSTS)
            )
        evidence = (*finding.evidence, *(f"stack: {clip(line)}" for line in shown))
        return replace(finding, evidence=evidence, also=(said,))

    def _of(self, rule: str, hosts: Sequence[str]) -> dict[str, Crash]:
        """Host -> its first report of that rule that has a stack."""
        found = {}
        for host in hosts if rule else ():
            crash = next((c for c in self._reports(host) if c.rule == rule and c.signature), None)
            if crash is not None:
                found[host] = crash
        return found

    def _reports(self, host: str) -> list[Crash]:
        if host not in self._read:
            output = self._reading.table.stdout(host)
            lines = self._reading.table.cleaned(host)[0] if has_trace(output) else ()
            self._read[host] = crashes(lines)
        return self._read[host]


def _all_of(count: int, hosts: int) -> str:
    return f"all {count}" if count == hosts else f"{count} of {hosts}"


def _stack_of(signature: tuple[str, ...], stacks: Mapping[str, Crash]) -> str:
    return next(crash.stack for crash in stacks.values() if crash.signature == signature)
