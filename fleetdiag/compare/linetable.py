"""The lines of one step over the fleet: cleaned, split and masked, equal outputs and lines once.

Lines of logs lose their heads (time, host, process id) before they are split, so that a thousand
hosts' logs share most of their lines. Of an output only that is kept, and what the rules found in
it; its raw lines are read again for the few hosts that somebody asks about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from fleetdiag.compare.clean import clean, clean_lines, split_lines, visible
from fleetdiag.compare.features import Lines, LongText
from fleetdiag.compare.heads import masked_times, without_heads
from fleetdiag.compare.kept import kept_lines
from fleetdiag.compare.mask import MASK_NAMES, MASKED
from fleetdiag.compare.own import OutputMasker, mask_outputs, own_lines
from fleetdiag.compare.pool import LinePool
from fleetdiag.model import Mode, output_key, read_output

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from fleetdiag.compare.kept import Hidden, Kept
    from fleetdiag.compare.linerules import LineRules
    from fleetdiag.compare.own import OwnLines
    from fleetdiag.compare.pool import Numbers, Texts
    from fleetdiag.model import Compare, Output

Taken = TypeVar("Taken")

EXACT = "all"
"""In `unmask`: no mask, no generalising; equal bytes."""
STDERR_LABEL = "stderr: "
LINED = frozenset({Mode.TEXT, Mode.LINES, Mode.LOG})
"""Of these modes lines are compared."""
LONG_LINES = 100
"""Of a text as long as a log the time that lines begin with is masked first: then they are
shared."""
MOST_HELD_BYTES = 64 << 20
"""Where the distinct outputs of a step are no more than this, their lines stay in memory; of more
they are read again."""
LONG_BYTES = 1 << 15
"""A mean output above this is more lines than a second look is taken at (`MOST_UNKNOWN_LINES`)."""
SHORT_CHARS = 1024
"""A text no longer than this is held all the same."""
READ_AGAIN = 256
"""So many hosts' raw lines are kept once they were asked for; of outputs larger than
`MOST_HELD_BYTES` so few that they are half of that."""

Streams = tuple["Output", "Output"]
"""stdout and stderr."""
Key = tuple[bytes | str, bytes | str]
"""What tells outputs apart."""


class _Long(NamedTuple):
    """Masked lines that are not held."""

    lines: int
    text: str | bytes
    """Of `whole_text` the digest; itself, where it is short."""

    @classmethod
    def of(cls, lines: Lines) -> _Long:
        text = whole_text(lines)
        return cls(len(lines), LongText.digest(text) if len(text) > SHORT_CHARS else text)


def whole_text(lines: Iterable[str]) -> str:
    """Lines as one text that is compared."""
    return "\n".join(line for line in lines if line != MASKED)


class LineTable:
    """Lines by host."""

    def __init__(
        self,
        streams: Mapping[str, Streams],
        compare: Compare,
        rules: LineRules | None = None,
        names: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        """Split every output, and search it with `rules`, and for what hosts call themselves.

        Args:
            streams: host -> its outputs; each distinct one is read once, and let go.
            compare: the step's, its mode chosen.
            rules: on lines.
            names: host -> its own names, the longest first (`own_names`).
        """
        self._compare = compare
        self._rules = rules
        self._texts: dict[str, str] = {}
        self._looks: dict[str, bytes] = {}
        self._hits: set[str] = set()
        self._names = names
        self._own: dict[str, OwnLines] = {}
        self.masks: tuple[str, ...] = ()
        """Names of the masks that changed something."""
        self._keys = {host: (output_key(o), output_key(e)) for host, (o, e) in streams.items()}
        self._streams = dict(zip(self._keys.values(), streams.values(), strict=True))
        size = sum(len(o) + len(e) for o, e in self._streams.values())
        self._is_small = size <= MOST_HELD_BYTES
        self._are_long = size > LONG_BYTES * len(self._streams)
        most = READ_AGAIN if self._is_small else max(2, READ_AGAIN * MOST_HELD_BYTES // (2 * size))
        self._read_again = lru_cache(maxsize=most)(self._read)
        self._forms: dict[Key, Lines] = {}
        """What is compared of each line: its text, without its head in a log, its time masked
        elsewhere. Of small outputs."""
        hosts: dict[Key, list[str]] = {}
        for host, key in self._keys.items():
            hosts.setdefault(key, []).append(host)
        self._matches = {key: self._take_in(key, some) for key, some in hosts.items()}
        self.texts: Texts = []
        """Masked lines by their numbers."""
        self._masked: dict[str, Numbers] = {}
        self._distinct: dict[int, Numbers] = {}
        """Those of `_masked` by their identity."""
        self._long: dict[str, _Long] = {}
        """Instead of `_masked`: of texts that are not held."""
        self._kept: dict[str, Kept] = {}
        self._masker: OutputMasker | None = None
        self._masked_again = lru_cache(maxsize=most)(self._mask_again)
        self._shown = lru_cache(maxsize=None if self._is_small else most)(self._show)

    @property
    def is_exact(self) -> bool:
        return EXACT in self._compare.unmask

    @property
    def is_long(self) -> bool:
        """Whether these are texts that are not held: they have no numbers, and are masked again."""
        return self._compare.mode is Mode.TEXT and self._are_long and not self._is_small

    # -------------------------------------------------------------------------- asked for

    def identity(self, host: str) -> object:
        """Equal for hosts whose unmasked output is the same."""
        return self._keys[host]

    def stdout(self, host: str) -> bytes:
        """The bytes, as the host gave them."""
        return read_output(self._streams[self._keys[host]][0])

    def lines(self, host: str) -> Lines:
        """Both streams' lines as they are compared; those of stderr marked as such."""
        if host in self._masked:
            return self._shown(id(self._masked[host]))
        return self._masked_again(host) if host in self._long else self._formed(host)

    def first_lines(self, host: str, most: int) -> Lines:
        """Some lines from the beginning, at least `most` if there are so many."""
        return self._mask_again(host, most) if host in self._long else self.lines(host)[:most]

    def size(self, host: str) -> int:
        """How many masked lines there are."""
        return self._long[host].lines if host in self._long else len(self._masked[host])

    def alike(self, host: str) -> Hashable:
        """Equal for hosts whose masked lines are the same."""
        if host not in self._long:
            return id(self._masked[host])
        return host if host in self._kept else self._long[host]

    def long_text(self, host: str, cut: int | None) -> LongText | str:
        """The masked lines as one text, only the first `cut`; None: all."""
        told = self._long[host]

        def text() -> str:
            return whole_text(self.lines(host)[:cut])

        if cut is not None or host in self._kept:
            told = _Long.of(self.lines(host)[:cut])
        return told.text if isinstance(told.text, str) else LongText(told.text, text)

    def cleaned(self, host: str) -> tuple[Lines, Lines]:
        """The lines of stdout and of stderr, as the host gave them."""
        return self._read_again(self._keys[host])

    def matches(self, host: str) -> Mapping[int, str]:
        """Position of each line rule that matches -> the first such line, as the host gave it."""
        return self._matches[self._keys[host]]

    def numbers(self, host: str) -> Numbers:
        """The numbers of `lines`; hosts whose lines are the same have one object."""
        return self._masked[host]

    def with_raw(self, host: str) -> Iterator[tuple[str, str]]:
        """Each line as it is compared, and as `host` gave it."""
        stdout, stderr = self.cleaned(host)
        return zip(self.lines(host), (*stdout, *filter(None, stderr)), strict=False)

    # --------------------------------------------------------------------------- building

    def mask(self, hosts: Iterable[str]) -> None:
        """Mask the lines of `hosts`, which are compared."""
        chosen = list(hosts)
        if self.is_long:
            self._long, kept = self._mask_each(chosen, _Long.of)
            self._kept.update(kept)
            return
        pool = LinePool()
        self._masked, kept = self._mask_each(chosen, pool.numbers)
        for host, lines in kept.items():
            self._masked[host] = self._masked[host][:]
            for place, number in zip(lines, pool.numbers(lines.values()), strict=True):
                self._masked[host][place] = number
        self.texts = pool.seal(self._masked)
        self._distinct = {id(numbers): numbers for numbers in self._masked.values()}

    def _mask_each(
        self, hosts: Sequence[str], taken: Callable[[Lines], Taken]
    ) -> tuple[dict[str, Taken], dict[str, Kept]]:
        """What is `taken` of each host's masked lines, and what is compared in place of some."""
        if self.is_exact:
            return {host: taken(self._formed(host)) for host in hosts}, {}
        keep = self._compare.mode is not Mode.LOG
        own = {host: self._own.get(host, {}) for host in hosts}
        masker = OutputMasker(_Formed(self._formed, hosts), own, self._compare, keep=keep)
        done: dict[Key, tuple[Taken, Hidden | None]] = {}
        hidden: dict[str, Hidden] = {}
        found: dict[str, Taken] = {}
        for host in hosts:
            key = self._keys[host]
            known = done.get(key) if masker.is_plain(host) else None
            if known is None:
                masked = masker.masked(masker.said(host, self._formed(host)))
                known = taken(masked.fully), masked.hidden() if keep else None
                if masker.is_plain(host):
                    done[key] = known
            found[host], hid = known
            if hid is not None:
                hidden[host] = hid
        self._masker = masker
        hits = {*masker.masks, *self._hits}
        first = tuple(name for name in masker.masks if name not in MASK_NAMES)
        self.masks = (*first, *(name for name in MASK_NAMES if name in hits))
        return found, kept_lines(hidden)

    def lines_with(self, hosts: Iterable[str], *shown: str) -> Mapping[str, Lines]:
        """The lines of `hosts`, masked but for the masks `shown`."""
        forms = {host: self._formed(host) for host in hosts}
        compare = replace(self._compare, unmask=(*self._compare.unmask, *shown))
        return mask_outputs(forms, self._names, compare).lines

    def _take_in(self, key: Key, hosts: Sequence[str]) -> Mapping[int, str]:
        """Read an output of `hosts` for the first time: what the rules find in it."""
        forms, errors, raw = self._split(key)
        lines = (*forms, *self._labelled(errors))
        if self._is_small:
            self._forms[key] = lines
        if self._compare.mode in LINED and not self.is_exact:
            for host in hosts:
                self._own[host] = own_lines(lines, self._names.get(host, ()), self._compare)
        if not self._rules:
            return {}
        return self._rules.first_matches([*forms, *errors], [*raw, *errors])

    def _formed(self, host: str) -> Lines:
        key = self._keys[host]
        if key in self._forms:
            return self._forms[key]
        forms, errors, _ = self._split(key)
        return (*forms, *self._labelled(errors))

    def _split(self, key: Key) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """The forms of an output's lines, those of stderr, and those of stdout as it gave them."""
        stdout, stderr = map(read_output, self._streams[key])
        if self.is_exact:
            forms = self._exact(stdout)
            return forms, self._exact(stderr), forms
        text = clean(stdout)
        lines = split_lines(text)
        forms = self._forms_of(text, lines)
        if self._is_small:
            forms = list(map(self._texts.setdefault, forms, forms))
        return forms, clean_lines(stderr), lines

    def _mask_again(self, host: str, most: int | None = None) -> Lines:
        lines = self._formed(host)[:most]
        if self._masker is None:
            return lines
        masked = self._masker.masked(self._masker.said(host, lines)).fully
        kept = self._kept.get(host, {})
        return tuple(kept.get(place, line) for place, line in enumerate(masked)) if kept else masked

    def _show(self, same: int) -> Lines:
        return tuple(map(self.texts.__getitem__, self._distinct[same]))

    def _forms_of(self, text: str, lines: list[str]) -> list[str]:
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


class _Formed(Mapping[str, Lines]):
    """Lines of hosts, made when they are looked at."""

    def __init__(self, formed: Callable[[str], Lines], hosts: Sequence[str]) -> None:
        self._formed = formed
        self._hosts = hosts

    def __getitem__(self, host: str) -> Lines:
        return self._formed(host)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)


def _as_many(lines: list[str], count: int) -> list[str]:
    """`lines` with blank ones at the end, as there were: a line may be no more than its head."""
    return [*lines, *[""] * (count - len(lines))]
