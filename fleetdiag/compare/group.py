"""Hosts by outcome and value, and which group is the majority.

Only like is compared with like: hosts with the step's usual outcome whose output came from the same
command. The others (absent, denied, failed, cut, answered by a fallback, …) are groups of their own
and never count as agreeing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip, one_line
from fleetdiag.compare.diff import unified_diff
from fleetdiag.compare.read import Features, canonical_lines
from fleetdiag.model import Group, Mode, Outcome, StepComparison

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

VALUED = frozenset({Outcome.OK, Outcome.FAILED, Outcome.TRUNCATED})
"""Outcomes whose output is a whole answer, or the beginning of one."""
FEWEST_OK = 2
"""So many ok hosts make ok the usual outcome, however many failed."""
MAX_SAMPLE_CHARS = 65536
MAX_EXACT_DIFFS = 50
"""So many groups get a diff with context; the rest the linear form."""

Peers = tuple[Outcome, int]
"""Outcome and command index: what makes outputs comparable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one host gave for one step, ready to compare."""

    host: str
    outcome: Outcome
    command: int
    exit_code: int | None
    reason: str
    lines: tuple[str, ...]
    """Masked, in the form they are shown; of stderr, those that start with `stderr: `."""
    features: Features | None
    """None where there is nothing to compare."""

    @property
    def peers(self) -> Peers:
        return self.outcome, self.command


@dataclass(frozen=True, slots=True)
class Cluster:
    """Answers that are the same."""

    answers: tuple[Answer, ...]
    compared: bool
    """Is one of those compared with each other; False for every other outcome or command."""
    majority: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(answer.host for answer in self.answers)

    @property
    def first(self) -> Answer:
        return self.answers[0]


@dataclass(frozen=True, slots=True)
class Grouping:
    """One step's answers in the run's order, and their clusters, the largest first."""

    answers: tuple[Answer, ...]
    clusters: tuple[Cluster, ...]

    @property
    def compared(self) -> int:
        """How many hosts were compared; one host alone is not."""
        count = sum(len(cluster.hosts) for cluster in self.clusters if cluster.compared)
        return count if count > 1 else 0

    @property
    def majority(self) -> Cluster | None:
        return next((cluster for cluster in self.clusters if cluster.majority), None)

    @property
    def odd(self) -> tuple[Cluster, ...]:
        """Compared clusters outside the majority; empty where there is no majority."""
        if self.majority is None:
            return ()
        return tuple(c for c in self.clusters if c.compared and not c.majority)

    def in_order(self, clusters: Sequence[Cluster]) -> tuple[str, ...]:
        """The hosts of `clusters` in the run's order."""
        hosts = {host for cluster in clusters for host in cluster.hosts}
        return tuple(answer.host for answer in self.answers if answer.host in hosts)


def group(answers: Sequence[Answer]) -> Grouping:
    """Cluster `answers`; the majority has strictly more than half of the hosts compared."""
    peers = usual_peers(answers)
    found: dict[Hashable, list[Answer]] = {}
    for answer in answers:
        found.setdefault(_key(answer), []).append(answer)
    total = sum(answer.features is not None and answer.peers == peers for answer in answers)
    clusters = []
    for members in found.values():
        compared = members[0].features is not None and members[0].peers == peers
        majority = compared and total > 1 and len(members) * 2 > total
        clusters.append(Cluster(tuple(members), compared, majority))
    return Grouping(tuple(answers), tuple(sorted(clusters, key=_largest_first)))


def usual_peers(answers: Sequence[Answer]) -> Peers | None:
    """Outcome and command of the hosts that are compared: ok where two are, else the commonest."""
    counts = Counter(answer.peers for answer in answers if answer.features is not None)
    ok = {peers: count for peers, count in counts.items() if peers[0] is Outcome.OK}
    pool = ok if sum(ok.values()) >= FEWEST_OK else counts
    return max(pool, key=lambda peers: (pool[peers], _preference(peers)), default=None)


def step_comparison(
    name: str, mode: Mode, masks: tuple[str, ...], grouping: Grouping
) -> StepComparison:
    """The public form of `grouping`, with samples and diffs."""
    majority = grouping.majority
    common = majority.first.lines if majority else None
    return StepComparison(
        name=name,
        mode=mode,
        masks=masks,
        groups=tuple(
            Group(
                hosts=cluster.hosts,
                outcome=cluster.first.outcome,
                majority=cluster.majority,
                sample=_sample(cluster),
                diff=(
                    unified_diff(common, cluster.first.lines, exact=number <= MAX_EXACT_DIFFS)
                    if common is not None and cluster.compared and not cluster.majority
                    else ()
                ),
            )
            for number, cluster in enumerate(grouping.clusters)
        ),
        odd=grouping.in_order(grouping.odd),
        compared=grouping.compared,
    )


def answer_lines(
    mode: Mode, lines: tuple[str, ...], outcome: Outcome, cap_lines: int | None
) -> tuple[str, ...]:
    """`lines` as they are compared: of a cut output only `cap_lines` lines, its last one not."""
    if outcome is Outcome.TRUNCATED:
        lines = lines[:-1][:cap_lines]
    return canonical_lines(mode, lines)


def _key(answer: Answer) -> Hashable:
    if answer.features is None:
        return (answer.outcome,)
    exit_code = answer.exit_code if answer.outcome is Outcome.FAILED else None
    return (answer.outcome, answer.command, exit_code, frozenset(answer.features.items()))


def _preference(peers: Peers) -> tuple[bool, int, str]:
    outcome, command = peers
    return outcome is Outcome.OK, -command, outcome.value


def _largest_first(cluster: Cluster) -> tuple[int, bool, str]:
    return -len(cluster.hosts), cluster.first.outcome is not Outcome.OK, min(cluster.hosts)


def _sample(cluster: Cluster) -> str:
    answer = cluster.first
    if answer.features is None:
        reasons = dict.fromkeys(one_line(member.reason) for member in cluster.answers)
        return clip("; ".join(filter(None, reasons)), MAX_SAMPLE_CHARS)
    return clip("\n".join(answer.lines), MAX_SAMPLE_CHARS)
