"""Hosts by outcome and by what sets them apart; which group is the majority.

Only like is compared with like: hosts with the step's usual outcome whose output came from the same
command, and, where the inventory names an attribute for it (`peers`), of the same kind. The others
(absent, denied, failed, cut, answered by a fallback, …) are groups of their own and never count as
agreeing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fleetdiag.compare.contrast import Contrast, Deviation, Split, contrast
from fleetdiag.compare.features import Features
from fleetdiag.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

VALUED = frozenset({Outcome.OK, Outcome.FAILED, Outcome.TRUNCATED})
"""Outcomes whose output is a whole answer, or the beginning of one."""
FEWEST_OK = 2
"""So many ok hosts make ok the usual outcome, however many failed."""

Settle = Callable[[Mapping[str, Features], Contrast], Contrast]
"""Features by host, and their contrast -> the contrast that counts."""
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
    features: Features | None
    """None where there is nothing to compare; equal ones are one object."""

    @property
    def peers(self) -> Peers:
        return self.outcome, self.command


@dataclass(frozen=True)
class Cluster:
    """Answers that are the same, or differ from the majority in the same way."""

    answers: tuple[Answer, ...]
    compared: bool
    """Is one of those compared with each other; False for every other outcome or command."""
    majority: bool = False

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        return tuple(answer.host for answer in self.answers)

    @cached_property
    def first(self) -> Answer:
        """The one that is shown for all, whatever the order of the hosts: numbers may differ."""
        return min(self.answers, key=lambda answer: answer.host)


@dataclass(frozen=True)
class Grouping:
    """One step's answers in the run's order, and their clusters, the largest first."""

    answers: tuple[Answer, ...]
    clusters: tuple[Cluster, ...]
    contrasts: tuple[Contrast, ...]
    """One for each kind of host (`peers`) that was compared."""
    harmless: frozenset[Deviation] = frozenset()
    """Deviations that make nobody odd."""

    @property
    def compared(self) -> int:
        """How many hosts were compared; one host alone is not."""
        return sum(len(part.hosts) for part in self.contrasts if len(part.hosts) > 1)

    @property
    def odd(self) -> tuple[str, ...]:
        """Hosts that deviate, in the run's order."""
        odd = {host for part in self.contrasts for host in part.odd if self.deviations(host)}
        return tuple(answer.host for answer in self.answers if answer.host in odd)

    def majority_of(self, host: str) -> Cluster | None:
        """The majority among the hosts that `host` was compared with."""
        return self._majorities.get(self._part_of.get(host))

    def deviations(self, host: str) -> tuple[Deviation, ...]:
        """What sets `host` apart and is not harmless; empty where nothing does."""
        found = next((part.odd[host] for part in self.contrasts if host in part.odd), ())
        return tuple(deviation for deviation in found if deviation not in self.harmless)

    @cached_property
    def _part_of(self) -> dict[str, int]:
        """Host -> the place of its contrast; of hosts that were compared."""
        return {host: n for n, part in enumerate(self.contrasts) for host in part.hosts}

    @cached_property
    def _majorities(self) -> dict[int | None, Cluster]:
        """By the place of the contrast; no two majorities are of one."""
        return {self._part_of[c.first.host]: c for c in self.clusters if c.majority}

    def in_order(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """`hosts` in the run's order, each once."""
        wanted = set(hosts)
        return tuple(answer.host for answer in self.answers if answer.host in wanted)


def group(
    answers: Sequence[Answer],
    kind_of: Callable[[str], str] = lambda _: "",
    settle: Settle | None = None,
    *,
    eager: bool = False,
    harmless: Callable[[Contrast], frozenset[Deviation]] = lambda _: frozenset(),
) -> Grouping:
    """Contrast the answers that can be compared, and cluster all of them.

    Args:
        answers: in the run's order.
        kind_of: host -> its kind; only hosts of one kind are compared.
        settle: a second look at features some of which have no majority.
        eager: look a second time in any case.
        harmless: the deviations of a contrast that make nobody odd.
    """
    peers = usual_peers(answers)
    kinds: dict[str, dict[str, Features]] = {}
    for answer in answers:
        if answer.features is not None and answer.peers == peers:
            kinds.setdefault(kind_of(answer.host), {})[answer.host] = answer.features
    contrasts = []
    for features in kinds.values():
        found = contrast(features)
        unsettled = eager or found.splits or len(found.odd) * 2 > len(found.hosts)
        contrasts.append(settle(features, found) if unsettled and settle else found)
    quiet = frozenset(deviation for part in contrasts for deviation in harmless(part))
    clusters = tuple(_clusters(answers, contrasts, quiet))
    return Grouping(tuple(answers), clusters, tuple(contrasts), quiet)


def _clusters(
    answers: Sequence[Answer], contrasts: Sequence[Contrast], quiet: frozenset[Deviation]
) -> list[Cluster]:
    part_of = {host: number for number, part in enumerate(contrasts) for host in part.hosts}
    split_values = [_split_values(part.splits) for part in contrasts]
    found: dict[Hashable, list[Answer]] = {}
    for answer in answers:
        part = part_of.get(answer.host)
        if part is None:
            key: Hashable = _uncompared_key(answer)
        else:
            deviations = contrasts[part].odd.get(answer.host, ())
            key = (part, frozenset(deviations) - quiet, split_values[part].get(answer.host, ()))
        found.setdefault(key, []).append(answer)
    clusters = []
    for members in found.values():
        part = part_of.get(members[0].host)
        total = 0 if part is None else len(contrasts[part].hosts)
        majority = total > 1 and len(members) * 2 > total
        clusters.append(Cluster(tuple(members), part is not None, majority))
    return sorted(clusters, key=_largest_first)


def _split_values(splits: Sequence[Split]) -> dict[str, tuple[int, ...]]:
    """Host -> in which group of each split it is."""
    found: dict[str, tuple[int, ...]] = {}
    for split in splits:
        for number, hosts in enumerate(split.values.values()):
            for host in hosts:
                found[host] = (*found.get(host, ()), number)
    return found


def _uncompared_key(answer: Answer) -> Hashable:
    if answer.features is None:
        return (answer.outcome,)
    return (answer.outcome, answer.command, frozenset(answer.features.items()))


def usual_peers(answers: Sequence[Answer]) -> Peers | None:
    """Outcome and command of the hosts that are compared: ok where two are, else the commonest."""
    counts = Counter(answer.peers for answer in answers if answer.features is not None)
    ok = {peers: count for peers, count in counts.items() if peers[0] is Outcome.OK}
    pool = ok if sum(ok.values()) >= FEWEST_OK else counts
    return max(pool, key=lambda peers: (pool[peers], _preference(peers)), default=None)


def _preference(peers: Peers) -> tuple[bool, int, str]:
    outcome, command = peers
    return outcome is Outcome.OK, -command, outcome.value


def _largest_first(cluster: Cluster) -> tuple[int, bool, str]:
    return -len(cluster.hosts), cluster.first.outcome is not Outcome.OK, min(cluster.hosts)
