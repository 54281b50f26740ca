"""A host's own names and addresses in its output become `<self>`.

`Linux web-01` and `Linux web-02` say the same. But an `/etc/hosts` that lists the whole fleet is
the same file everywhere, and masking each host's own line in it would make every host odd: a line
that other hosts print word for word keeps its names.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleetdiag.compare.kept import Masked, kept_lines
from fleetdiag.compare.mask import SELF, STAYING, LineMasker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import Compare, HostResult

Lines = tuple[str, ...]
OwnLines = Mapping[str, str]
"""Lines in which a host names itself -> the same with `<self>`."""

PLACEHOLDER = "<self>"
SHORTEST_NAME = 2
"""A name of one letter is a word like any other."""
SHARED_BY_OTHERS = 2
"""So many other hosts printing a line word for word make it a line about the fleet."""

_EVERYWHERE = {"localhost", "localhost.localdomain", "::", "::1", "0.0.0.0"}  # noqa: S104 - text, nothing listens


@dataclass(frozen=True, slots=True)
class MaskedOutputs:
    """A step's masked lines per host, and the masks that changed something."""

    lines: Mapping[str, Lines]
    masks: tuple[str, ...]


def own_names(host: HostResult) -> tuple[str, ...]:
    """What `host` may call itself: names, short names, addresses, ids; the longest first."""
    facts = host.facts
    names = {host.name, host.address, facts.hostname, *facts.addresses}
    names |= {name.partition(".")[0] for name in names if not _is_address(name)}
    names |= {name.lower() for name in names}
    for identity in (facts.boot_id, facts.machine_id):
        names |= {identity, identity.replace("-", "")}
    telling = (name for name in names if len(name) >= SHORTEST_NAME and not name.isdigit())
    return tuple(sorted((name for name in telling if not _is_everywhere(name)), key=_longest_first))


def mask_outputs(
    outputs: Mapping[str, Lines],
    names: Mapping[str, tuple[str, ...]],
    options: Compare,
    *,
    keep: bool = True,
) -> MaskedOutputs:
    """Every host's lines of one step, masked.

    Args:
        outputs: host -> cleaned lines.
        names: host -> its own names, the longest first (`own_names`).
        options: the step's `compare`.
        keep: do not mask addresses and dates that nearly all hosts have alike (`kept.py`).
    """
    own = {host: own_lines(lines, names.get(host, ()), options) for host, lines in outputs.items()}
    masker = OutputMasker(outputs, own, options, keep=keep)
    distinct: dict[Lines, Masked] = {}
    masked: dict[str, Masked] = {}
    for host, lines in outputs.items():
        said = masker.said(host, lines)
        if said not in distinct:
            distinct[said] = masker.masked(said)
        masked[host] = distinct[said]
    found = {host: each.fully for host, each in masked.items()}
    if keep:
        hidden = {id(each): each.hidden() for each in distinct.values()}
        kept_by_host = kept_lines({host: hidden[id(each)] for host, each in masked.items()})
        for host, kept in kept_by_host.items():
            found[host] = tuple(kept.get(place, line) for place, line in enumerate(found[host]))
    return MaskedOutputs(_shared(found), masker.masks)


class OutputMasker:
    """Masks the lines of one step, host by host, knowing which lines others share."""

    def __init__(
        self,
        outputs: Mapping[str, Lines],
        own: Mapping[str, OwnLines],
        options: Compare,
        *,
        keep: bool,
    ) -> None:
        """Count who else prints what hosts say of themselves.

        Args:
            outputs: host -> cleaned lines; looked at once, and let go, where `own` has any.
            own: host -> its `own_lines`.
            options: the step's `compare`.
            keep: as for `mask_outputs`.
        """
        self._own = own
        wanted: set[str] = set().union(*own.values())
        self._shown_by = _count_hosts(outputs, wanted)
        self._needed = min(SHARED_BY_OTHERS, len(outputs) - 1)
        self._fully = LineMasker(options)
        self._partly = LineMasker(replace(options, unmask=(*options.unmask, *STAYING)))
        self._keep = keep
        self._changed = False

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks that changed something so far."""
        return (*((SELF,) if self._changed else ()), *self._fully.hits)

    def is_plain(self, host: str) -> bool:
        """Whether the host's output says the same of whichever host printed it."""
        return not self._replaced(host)

    def said(self, host: str, lines: Lines) -> Lines:
        """`lines` with `<self>` in place."""
        replaced = self._replaced(host)
        self._changed = self._changed or bool(replaced)
        return tuple(replaced.get(line, line) for line in lines) if replaced else lines

    def masked(self, said: Lines) -> Masked:
        """The other forms of `said`."""
        fully = tuple(self._fully.mask(said))
        partly = tuple(self._partly.mask(said)) if self._keep and fully != said else fully
        return Masked(said, partly, fully)

    def _replaced(self, host: str) -> dict[str, str]:
        return {
            line: own_form
            for line, own_form in self._own.get(host, {}).items()
            if self._shown_by[line] - 1 < self._needed
        }


def _shared(found: Mapping[str, Lines]) -> dict[str, Lines]:
    """Equal ones as one object."""
    same: dict[Lines, Lines] = {}
    return {host: same.setdefault(lines, lines) for host, lines in found.items()}


def own_lines(lines: Lines, names: tuple[str, ...], options: Compare) -> OwnLines:
    """Those of a host's `lines` that have one of its `names`."""
    text = "\n".join(lines) if names and SELF not in options.unmask else ""
    # Substring search is a hundred times faster than the pattern, and rarely finds anything.
    present = [name for name in names if name in text]
    if not present:
        return {}
    pattern = _pattern(present)
    replaced = {
        line: pattern.sub(PLACEHOLDER, line)
        for line in lines
        if any(name in line for name in present)
    }
    return {line: masked for line, masked in replaced.items() if masked != line}


def _count_hosts(outputs: Mapping[str, Lines], wanted: set[str]) -> Counter[str]:
    """How many hosts print each of the `wanted` lines."""
    counts: Counter[str] = Counter()
    if wanted:
        for lines in outputs.values():
            counts.update(wanted.intersection(lines))
    return counts


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Any of `names`, whole: `web-1` is not in `web-10`, nor `10.0.0.1` in `10.0.0.12`."""
    return re.compile(
        "|".join(
            rf"(?<![A-Za-z0-9.:]){re.escape(name)}(?![A-Za-z0-9]|\.\d|:[0-9a-f]*:)"
            if _is_address(name)
            else rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
            for name in names
        )
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_everywhere(name: str) -> bool:
    return name in _EVERYWHERE or name.startswith("127.")


def _longest_first(name: str) -> tuple[int, str]:
    return -len(name), name
