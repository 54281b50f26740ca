"""What masks hide although most hosts agree on it: kept, so that the one that does not is seen.

A mask hides what differs on every healthy host. An address that nearly all have alike (the gateway,
the database in `/etc/hosts`) is no such thing, nor is a date that nearly all give within minutes (a
certificate's end, the clock): a host with another is odd. So are two hosts with one machine id.
Knows nothing of steps or findings.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median_low
from typing import TYPE_CHECKING

from fleetdiag.compare.clock import time_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleetdiag.compare.features import Lines

ODD_SHARE = 0.2
"""At most so many of the hosts may have another, or one of a few."""
FEWEST_ALIKE = 2
FEWEST_OWN = 10
"""So many hosts, nearly all with an id of their own, make it one that no two should share."""
OWN_IDS = frozenset({"<hex>", "<mac>"})
FEWEST_TIMED = 4
MOST_HIDDEN = 40
"""A line with more addresses is compared as one."""
NEAR_S = 600.0
"""Times so close are the same time."""
FAR_S = 3000.0
"""A time so far from the others' is another."""


@dataclass(frozen=True, slots=True)
class Masked:
    """The lines of a host in three forms, as many of each."""

    said: Lines
    """With `<self>` in place."""
    partly: Lines
    """Without what changes by itself; addresses are there."""
    fully: Lines

    def hidden(self) -> Hidden:
        """What the masks hid."""
        addresses = {place: self.partly[place] for place in _places(self.fully, self.partly)}
        times = {
            place: self.said[place]
            for place in _places(self.fully, self.said)
            if "<time>" in self.fully[place]
        }
        full = {place: self.fully[place] for place in (*addresses, *times)}
        return Hidden(full, addresses, times)


@dataclass(frozen=True, slots=True)
class Hidden:
    """The lines of a host in which masks hid an address or a time, by their places."""

    fully: Mapping[int, str]
    addresses: Mapping[int, str]
    """Without what changes by itself; addresses are there."""
    times: Mapping[int, str]
    """With `<self>` in place."""


_ADDRESS = re.compile(r"<(?:ip|mac|hex|port)>")
_SPACES = re.compile(r" {2,}")

Kept = dict[int, str]
"""Place of a line -> what is compared instead of its masked form."""


def kept_lines(hosts: Mapping[str, Hidden]) -> dict[str, Kept]:
    """Host -> the lines in which something is kept; hosts without any are not in it."""
    if len(hosts) <= FEWEST_ALIKE:
        return {}
    found: dict[str, Kept] = {}
    for host, place, text in (*_addresses(hosts), *_times(hosts)):
        found.setdefault(host, {})[place] = text
    return found


def _addresses(hosts: Mapping[str, Hidden]) -> Iterator[tuple[str, int, str]]:
    """Lines with an address that nearly all hosts have alike, and what stands there instead."""
    lines: dict[str, dict[str, list[int]]] = {}
    for host, hidden in hosts.items():
        for place in hidden.addresses:
            lines.setdefault(hidden.fully[place], {}).setdefault(host, []).append(place)
    for full, places in lines.items():
        partly = {host: hosts[host].addresses for host in places}
        if all(len(some) == 1 for some in places.values()):
            yield from _one_line(full, {host: some[0] for host, some in places.items()}, partly)
        else:
            yield from _several_lines(places, partly)


def _one_line(
    full: str, places: Mapping[str, int], partly: Mapping[str, Mapping[int, str]]
) -> Iterator[tuple[str, int, str]]:
    """A line that each host has once: each address in it for itself."""
    values = {host: _hidden(full, partly[host][place]) for host, place in places.items()}
    aligned = {host: found for host, found in values.items() if found is not None}
    if len(aligned) < len(places):
        return
    parts = _ADDRESS.split(full)
    marks = _ADDRESS.findall(full)
    columns = zip(*aligned.values(), strict=True)
    kept = [_kept_of(Counter(column), mark) for column, mark in zip(columns, marks, strict=True)]
    for host, place in places.items():
        shown = [
            value if kept_values is None or value in kept_values else mark
            for value, mark, kept_values in zip(aligned[host], marks, kept, strict=True)
        ]
        yield host, place, "".join(map("".join, zip_longest(parts, shown, fillvalue="")))


def _kept_of(counts: Counter[str], mark: str) -> set[str] | None:
    """The values at one place that are kept; None for all, where nearly all hosts have the same.

    An id that two hosts share where every other has its own is kept, too: one is a clone.
    """
    hosts = counts.total()
    if _is_common(max(counts.values()), hosts):
        return None
    twice = {value for value, count in counts.items() if count > 1}
    clones = sum(counts[value] for value in twice)
    own = mark in OWN_IDS and hosts >= FEWEST_OWN and clones <= ODD_SHARE * hosts
    return twice if own else set()


def _several_lines(
    places: Mapping[str, Sequence[int]], partly: Mapping[str, Mapping[int, str]]
) -> Iterator[tuple[str, int, str]]:
    """Lines that are the same once masked: the common ones, and what stands in their place."""
    own = {host: {partly[host][place] for place in some} for host, some in places.items()}
    having = Counter(line for lines in own.values() for line in lines)
    common = {line for line, count in having.items() if _is_common(count, len(places))}
    for host, some in places.items():
        # A line besides the common ones is the host's own; one in their place is another value.
        lacking = bool(common - own[host])
        for place in some:
            line = partly[host][place]
            if line in common or lacking:
                yield host, place, line


def _hidden(full: str, part: str) -> tuple[str, ...] | None:
    """What stands in `part` where `full` has placeholders; None where that is not clear."""
    head, *texts = _ADDRESS.split(_SPACES.sub(" ", full), maxsplit=MOST_HIDDEN + 1)
    rest = _SPACES.sub(" ", part)
    if not rest.startswith(head) or len(texts) > MOST_HIDDEN:
        return None
    values = []
    at = len(head)
    for number, text in enumerate(texts, 1):
        end = rest.find(text, at) if text else len(rest) if number == len(texts) else -1
        if end <= at:
            return None
        values.append(rest[at:end])
        at = end + len(text)
    return tuple(values) if at == len(rest) else None


def _times(hosts: Mapping[str, Hidden]) -> Iterator[tuple[str, int, str]]:
    """Lines with a time far from the one that nearly all hosts give there."""
    given: dict[str, dict[str, tuple[int, float]]] = {}
    twice: set[tuple[str, str]] = set()
    for host, hidden in hosts.items():
        for place, said in hidden.times.items():
            full = hidden.fully[place]
            if (at := time_in(said)) is None:
                continue
            if host in given.setdefault(full, {}):
                twice.add((full, host))
            given[full][host] = place, at
    several = {full for full, _ in twice}
    for full, times in given.items():
        if full in several or len(times) < FEWEST_TIMED:
            continue
        middle = median_low([at for _, at in times.values()])
        near = sum(abs(at - middle) <= NEAR_S for _, at in times.values())
        if not _is_common(near, len(times)):
            continue
        for host, (place, at) in times.items():
            if abs(at - middle) > FAR_S:
                yield host, place, hosts[host].times[place]


def _places(one: Sequence[str], other: Sequence[str]) -> Iterator[int]:
    """Where the two differ."""
    if one is not other:
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                yield place


def _is_common(count: int, hosts: int) -> bool:
    return (
        count >= FEWEST_ALIKE and count * 2 > hosts and hosts - count <= max(1, ODD_SHARE * hosts)
    )
