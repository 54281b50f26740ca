"""Which workers the hosts of a plan go to, by what workers say they are near to. Pure.

A worker says so with resources named `ATTRIBUTE:VALUE`, in any number (`region:eu`, also
`region=eu`): it gets hosts whose attribute has that value, or one of its values.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import HostPlan

Labels = Mapping[str, frozenset[str]]
"""Attribute -> the values that a worker is near to; empty for a worker that is anywhere."""
Place = tuple[tuple[str, str], ...]
"""Of a host: the attributes that any worker names, with the host's values; empty: anywhere."""

_LABEL = re.compile(r"([\w.-]+)[:=](.+)")


def labels_of(resources: Iterable[str]) -> Labels:
    """What a worker's resources say; those that are no labels (`GPU`) say nothing."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in resources:
        if label := _LABEL.fullmatch(name):
            found[label[1]].add(label[2])
    return {attribute: frozenset(values) for attribute, values in found.items()}


def near(labels: Labels, place: Place) -> bool:
    """Whether a worker with these labels is for hosts of this place."""
    values = dict(place)
    if not values:
        return True
    return bool(labels) and all(values.get(name) in allowed for name, allowed in labels.items())


def places(
    hosts: Sequence[HostPlan], workers: Sequence[Labels]
) -> tuple[dict[Place, list[HostPlan]], tuple[str, ...]]:
    """The hosts by place, and in words which of them no worker is for: those go anywhere.

    Places come first that have workers of their own.
    """
    attributes = sorted({name for labels in workers for name in labels})
    found: dict[Place, list[HostPlan]] = defaultdict(list)
    astray: Counter[str] = Counter()
    for each in hosts:
        values = each.host.attributes
        place = tuple((name, values[name]) for name in attributes if name in values)
        if not place or not any(near(labels, place) for labels in workers):
            if attributes:
                astray[_words(place, attributes)] += 1
            place = ()
        found[place].append(each)
    notes = tuple(
        f"{words}: no worker is for it; {_go(count)} to any" for words, count in astray.items()
    )
    return dict(sorted(found.items(), reverse=True)), notes


def _words(place: Place, attributes: Sequence[str]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in place)
    return shown or f"no {' and no '.join(attributes)}"


def _go(count: int) -> str:
    return "1 host goes" if count == 1 else f"{count} hosts go"
