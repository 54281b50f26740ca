"""A run -> its comparison: read each step, group, conclude; then what findings share. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.baseline import changed_findings, run_findings
from fleetdiag.compare.causes import Happened, simultaneous, with_shared
from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.clock import line_time
from fleetdiag.compare.consoles import with_consoles
from fleetdiag.compare.diff import bounded, unified_diff
from fleetdiag.compare.differences import Seen, difference_findings, harmless
from fleetdiag.compare.group import Grouping, group
from fleetdiag.compare.linetable import STDERR_LABEL
from fleetdiag.compare.logs import BROKE_OFF, CRASHES, log_findings
from fleetdiag.compare.missing import missing_findings, unreachable_findings
from fleetdiag.compare.offsets import offset_findings
from fleetdiag.compare.own import own_names
from fleetdiag.compare.rank import rank
from fleetdiag.compare.reading import Reading, read_step
from fleetdiag.compare.ruled import rule_findings
from fleetdiag.compare.told import with_told
from fleetdiag.compare.verdict import concluded
from fleetdiag.model import (
    Comparison,
    FindingKind,
    Group,
    HostStatus,
    Mode,
    Outcome,
    StepComparison,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fleetdiag.compare.contrast import Deviation
    from fleetdiag.compare.features import Features, Lines
    from fleetdiag.compare.group import Cluster
    from fleetdiag.model import Finding, Run, Step, StepResult

MAX_SAMPLE_CHARS = 65536
MOST_TIMED = 200
"""Hosts with an event whose times are looked at: more are no handful."""
LATER_LINES = 20
"""Of groups after the first `MAX_EXACT_DIFFS`: a thousand hosts may be a thousand groups."""
MAX_EXACT_DIFFS = 50
"""So many groups get a diff with context; the rest the linear form."""


def compare(run: Run, baseline: Run | None = None) -> Comparison:
    """As `fleetdiag.compare.compare`."""
    return _Engine(run, baseline).comparison()


def diff_runs(before: Run, after: Run) -> Comparison:
    """As `fleetdiag.compare.diff_runs`."""
    comparison = compare(after, before)
    changes = tuple(f for f in comparison.findings if f.kind is FindingKind.CHANGED)
    return replace(comparison, findings=changes)


class _Engine:
    """One pass over the steps, each read, concluded from, and let go."""

    def __init__(self, run: Run, baseline: Run | None) -> None:
        self._run = run = with_consoles(with_told(run))
        self._baseline = baseline
        earlier = () if baseline is None else baseline.hosts
        self._earlier_hosts = {host.name: host for host in earlier}
        self._earlier_names = {host.name: own_names(host) for host in earlier}
        self._hosts = {host.name: host for host in run.hosts}
        self._names = {host.name: own_names(host) for host in run.hosts}
        self._explains: dict[str, tuple[str, ...]] = {}
        self._facts: dict[str, dict[str, str]] = {}
        self._events: list[Happened] = []

    def comparison(self) -> Comparison:
        findings = [*unreachable_findings(self._run), *offset_findings(self._run)]
        if self._baseline is not None:
            findings += run_findings(self._baseline, self._run)
        steps: list[StepComparison] = []
        for step in self._run.playbook.steps:
            compared, found = self._step(step)
            steps.append(compared)
            findings += found
        for crash in set(CRASHES).intersection(self._explains):
            self._explains[crash] = (*self._explains[crash], BROKE_OFF)
        findings += simultaneous(self._run, findings, self._events)
        order = [step.name for step in self._run.playbook.steps]
        ranked = rank(findings, order, self._explains)
        shared = with_shared(ranked, self._run, self._facts)
        verdict = concluded(self._run, shared, self._events)
        return Comparison(self._run, tuple(steps), shared, verdict)

    def _step(self, step: Step) -> tuple[StepComparison, list[Finding]]:
        reading = read_step(step, results_of(self._run, step.name), self._hosts, self._names)
        mode = reading.compare.mode
        grouping = group(
            reading.answers,
            self._kind,
            reading.settle,
            eager=reading.is_unknown,
            harmless=lambda part: harmless(part, mode),
        )
        self._explains.update((flag.name, flag.explains) for flag in reading.flags if flag.name)
        self._keep_facts(reading)
        findings = [
            *self._ruled(reading),
            *log_findings(reading),
            *self._differences(reading, grouping),
            *missing_findings(step.name, grouping, reading.last_line),
        ]
        if self._baseline is not None:
            findings += self._changes(step, reading, self._baseline)
        return step_comparison(reading, grouping), findings

    def _ruled(self, reading: Reading) -> list[Finding]:
        """What rules found, and when the lines they found were written."""
        found = rule_findings(reading)
        for ruled in found:
            times = {
                name: line_time(line, self._hosts[name].facts, self._asked_at(name))
                for name, line in ruled.lines.items()
            }
            known = {name: at for name, at in times.items() if at is not None}
            self._events.append(Happened(ruled.finding, known))
        return [ruled.finding for ruled in found]

    def _differences(self, reading: Reading, grouping: Grouping) -> list[Finding]:
        """What differs between hosts; of a log also when events of few hosts were written."""

        def seen_of(host: str, events: Collection[str]) -> Mapping[str, Seen]:
            found = reading.occurrences(host, events)
            return {event: self._seen(host, *lines) for event, lines in found.items()}

        def raw_of(host: str) -> Mapping[str, str]:
            few = {Mode.TEXT, Mode.LINES} if not reading.table.is_exact else set()
            both = reading.table.with_raw(host) if mode in few else ()
            return {line: raw for line, raw in both if not line.startswith(STDERR_LABEL)}

        mode, step = reading.compare.mode, reading.step.name
        found = difference_findings(step, mode, grouping, reading.lines, seen_of, raw_of)
        for finding in found if mode is Mode.LOG else ():
            if finding.feature is None or len(finding.hosts) > MOST_TIMED:
                continue
            at = {host: seen_of(host, {finding.feature}) for host in finding.hosts}
            firsts = {host: seen[finding.feature].first_s for host, seen in at.items() if seen}
            known = {host: first_s for host, first_s in firsts.items() if first_s is not None}
            self._events.append(Happened(finding, known))
        return found

    def _seen(self, host: str, first: str, last: str) -> Seen:
        facts, asked_at = self._hosts[host].facts, self._asked_at(host)
        first_s, last_s = (line_time(line, facts, asked_at) for line in (first, last))
        return Seen(first, first_s, last_s)

    def _asked_at(self, host: str) -> float:
        return self._hosts[host].started_at or self._run.started_at

    def _kind(self, host: str) -> str:
        """The value of the attribute within which hosts are compared."""
        peers = self._run.peers
        return self._hosts[host].attributes.get(peers, "") if peers else ""

    def _changes(self, step: Step, reading: Reading, baseline: Run) -> list[Finding]:
        before_step = next((s for s in baseline.playbook.steps if s.name == step.name), None)
        if before_step is None:
            return []
        same = replace(before_step, compare=step.compare)
        results = results_of(baseline, step.name)
        before = read_step(same, results, self._earlier_hosts, self._earlier_names)
        return changed_findings(
            step.name, reading.compare.mode, _features(before), _features(reading)
        )

    def _keep_facts(self, reading: Reading) -> None:
        for host, value in reading.facts().items():
            self._facts.setdefault(host, {})[reading.step.name] = value


def results_of(run: Run, step: str) -> dict[str, StepResult]:
    """Host -> its result of `step`; without hosts that never got so far (they have a finding)."""
    return {
        host.name: result
        for host in run.hosts
        for result in host.steps
        if result.name == step
        and (host.status is HostStatus.OK or result.outcome is not Outcome.NOT_RUN)
    }


def _features(reading: Reading) -> dict[str, Features]:
    return {
        answer.host: answer.features for answer in reading.answers if answer.features is not None
    }


# ------------------------------------------------------------------------- the public form


def step_comparison(reading: Reading, grouping: Grouping) -> StepComparison:
    """The public form of one step, with samples and diffs."""
    return StepComparison(
        name=reading.step.name,
        mode=reading.compare.mode,
        masks=reading.masks,
        groups=tuple(
            Group(
                hosts=cluster.hosts,
                outcome=cluster.first.outcome,
                majority=cluster.majority,
                sample=_sample(cluster, reading, number),
                diff=_diff(cluster, reading, grouping, exact=number <= MAX_EXACT_DIFFS),
            )
            for number, cluster in enumerate(grouping.clusters)
        ),
        odd=grouping.odd,
        compared=grouping.compared,
        chosen=reading.chosen,
        measures=tuple(measure for part in grouping.contrasts for measure in part.measures),
        varying=tuple(
            dict.fromkeys(str(name) for part in grouping.contrasts for name in part.varying)
        ),
    )


def _diff(cluster: Cluster, reading: Reading, grouping: Grouping, *, exact: bool) -> Lines:
    if not cluster.compared or cluster.majority:
        return ()
    if reading.compare.mode is Mode.LOG:
        return _events(grouping.deviations(cluster.first.host))
    majority = grouping.majority_of(cluster.first.host)
    if majority is None:
        return ()
    common, lines = reading.lines(majority.first.host), reading.lines(cluster.first.host)
    return unified_diff(common, lines, exact=exact)


def _events(deviations: Iterable[Deviation]) -> Lines:
    """Of a log what sets a host apart; it has no order to show a context by."""
    lacking = [f"-{d.feature}" for d in deviations if d.got is None]
    having = [f"+{d.feature}" for d in deviations if d.got is not None]
    return bounded([*lacking, *having])


def _sample(cluster: Cluster, reading: Reading, number: int) -> str:
    if cluster.first.features is None:
        reasons = dict.fromkeys(one_line(member.reason) for member in cluster.answers)
        return clip("; ".join(filter(None, reasons)), MAX_SAMPLE_CHARS)
    if number < MAX_EXACT_DIFFS:
        return clip("\n".join(reading.lines(cluster.first.host)), MAX_SAMPLE_CHARS)
    lines = reading.lines(cluster.first.host, LATER_LINES + 1)
    more = ("…",) if len(lines) > LATER_LINES else ()
    return clip("\n".join((*lines[:LATER_LINES], *more)), MAX_SAMPLE_CHARS)
