"""The lines of one step over the fleet: cleaned, split and masked, equal outputs and lines once.

Lines of logs lose their heads (time, host, process id) before they are split, so that a thousand
hosts' logs share most of their lines. Of an output only that is kept, and what the rules found in
it; its raw lines are read again for the few hosts that somebody asks about.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fleetdiag.compare.clean import clean, clean_lines, split_lines, visible
from fleetdiag.compare.heads import masked_times, without_heads
from fleetdiag.compare.mask import MASK_NAMES
from fleetdiag.compare.own import mask_outputs
from fleetdiag.model import Mode, output_key, read_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fleetdiag.compare.features import Lines
    from fleetdiag.compare.linerules import LineRules
    from fleetdiag.model import Compare, Output

EXACT = "all"
"""In `unmask`: no mask, no generalising; equal bytes."""
STDERR_LABEL = "stderr: "
LONG_LINES = 100
"""Of a text as long as a log the time that lines begin with is masked first: then they are
shared."""
READ_AGAIN = 256
"""So many hosts' raw lines are kept once they were asked for."""

Streams = tuple["Output", "Output"]
"""stdout and stderr."""
Key = tuple[bytes | str, bytes | str]
"""What tells outputs apart."""


class _Output(NamedTuple):
    """One distinct output."""

    forms: Lines
    """What is compared of each line: its text, without its head in a log, its time masked
    elsewhere."""
    matches: Mapping[int, str]


class LineTable:
    """Lines by host."""

    def __init__(
        self, streams: Mapping[str, Streams], compare: Compare, rules: LineRules | None = None
    ) -> None:
        """Split every output, and search it with `rules`.

        Args:
            streams: host -> its outputs; each distinct one is read once, and let go.
            compare: the step's, its mode chosen.
            rules: on lines.
        """
        self._compare = compare
        self._rules = rules
        self._texts: dict[str, str] = {}
        self._looks: dict[str, bytes] = {}
        self._hits: set[str] = set()
        self._masked: dict[str, Lines] = {}
        self._names: Mapping[str, tuple[str, ...]] = {}
        self.masks: tuple[str, ...] = ()
        """Names of the masks that changed something."""
        self._keys = {host: (output_key(o), output_key(e)) for host, (o, e) in streams.items()}
        self._streams = dict(zip(self._keys.values(), streams.values(), strict=True))
        distinct = {key: self._split(*map(read_output, o)) for key, o in self._streams.items()}
        self._outputs = {host: distinct[key] for host, key in self._keys.items()}
        self._read_again = lru_cache(maxsize=READ_AGAIN)(self._read)

    @property
    def is_exact(self) -> bool:
        return EXACT in self._compare.unmask

    # -------------------------------------------------------------------------- asked for

    def identity(self, host: str) -> object:
        """Equal for hosts whose unmasked output is the same."""
        return self._keys[host]

    def stdout(self, host: str) -> bytes:
        """The bytes, as the host gave them."""
        return read_output(self._streams[self._keys[host]][0])

    def lines(self, host: str) -> Lines:
        """Both streams' lines as they are compared; those of stderr marked as such."""
        return self._masked.get(host, self._outputs[host].forms)

    def cleaned(self, host: str) -> tuple[Lines, Lines]:
        """The lines of stdout and of stderr, as the host gave them."""
        return self._read_again(self._keys[host])

    def matches(self, host: str) -> Mapping[int, str]:
        """Position of each line rule that matches -> the first such line, as the host gave it."""
        return self._outputs[host].matches

    def counts(self, host: str) -> dict[str, int]:
        """How often each line is there, blank ones left out."""
        counts = Counter(self.lines(host))
        counts.pop("", None)
        return dict(counts)

    def with_raw(self, host: str) -> Iterator[tuple[str, str]]:
        """Each line as it is compared, and as `host` gave it."""
        stdout, stderr = self.cleaned(host)
        return zip(self.lines(host), (*stdout, *filter(None, stderr)), strict=False)

    # --------------------------------------------------------------------------- building

    def mask(self, hosts: Iterable[str], names: Mapping[str, tuple[str, ...]]) -> None:
        """Mask the lines of `hosts`, which are compared.

        Args:
            hosts: some of the table's.
            names: host -> its own names, the longest first (`own_names`).
        """
        if self.is_exact:
            return
        self._names = names
        forms = {host: self._outputs[host].forms for host in hosts}
        keep = self._compare.mode is not Mode.LOG
        masked = mask_outputs(forms, names, self._compare, keep=keep)
        self._masked = dict(masked.lines)
        hits = {*masked.masks, *self._hits}
        own = tuple(name for name in masked.masks if name not in MASK_NAMES)
        self.masks = (*own, *(name for name in MASK_NAMES if name in hits))

    def lines_with(self, hosts: Iterable[str], *shown: str) -> Mapping[str, Lines]:
        """The lines of `hosts`, masked but for the masks `shown`."""
        forms = {host: self._outputs[host].forms for host in hosts}
        compare = replace(self._compare, unmask=(*self._compare.unmask, *shown))
        return mask_outputs(forms, self._names, compare).lines

    def _split(self, stdout: bytes, stderr: bytes) -> _Output:
        if self.is_exact:
            forms, errors = self._exact(stdout), self._exact(stderr)
            return self._searched(forms, errors, forms)
        text = clean(stdout)
        lines = split_lines(text)
        found = self._forms(text, lines)
        forms = list(map(self._texts.setdefault, found, found))
        return self._searched(forms, list(clean_lines(stderr)), lines)

    def _searched(self, forms: list[str], errors: list[str], raw: list[str]) -> _Output:
        """With what the rules find; `raw` are the lines of stdout as the host gave them."""
        matches: Mapping[int, str] = {}
        if self._rules:
            matches = self._rules.first_matches([*forms, *errors], [*raw, *errors])
        return _Output((*forms, *self._labelled(errors)), matches)

    def _forms(self, text: str, lines: list[str]) -> list[str]:
        """Of each of `lines` what is compared; `text` is what they were split from."""
        if self._compare.mode is Mode.LOG:
            return _as_many(split_lines(without_heads(text)), len(lines))
        if self._compare.mode in {Mode.TEXT, Mode.LINES} and len(lines) >= LONG_LINES:
            masked, hits = masked_times(text, frozenset(self._compare.unmask))
            self._hits |= hits
            return _as_many(split_lines(masked), len(lines)) if hits else lines
        return lines

    @staticmethod
    def _labelled(lines: Iterable[str]) -> Lines:
        return tuple(f"{STDERR_LABEL}{line}" for line in lines if line)

    def _exact(self, data: bytes) -> list[str]:
        """The lines of `data`, controls visible; other bytes never look the same."""
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        shown = list(map(self._exact_line, lines))
        return list(map(self._texts.setdefault, shown, shown))

    def _exact_line(self, line: bytes) -> str:
        text = visible(line)
        number = 1
        shown = text
        while self._looks.setdefault(shown, line) != line:
            number += 1
            shown = f"{text} (other bytes, {number})"
        return shown

    def _read(self, key: Key) -> tuple[Lines, Lines]:
        stdout, stderr = map(read_output, self._streams[key])
        return clean_lines(stdout), clean_lines(stderr)


def _as_many(lines: list[str], count: int) -> list[str]:
    """`lines` with blank ones at the end, as there were: a line may be no more than its head."""
    return [*lines, *[""] * (count - len(lines))]
