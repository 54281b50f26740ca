"""The lines of many hosts in little memory: each distinct line once, a host's lines as numbers.

Knows nothing of what lines mean.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from functools import lru_cache
from hashlib import sha256
from itertools import chain, count, repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from fleetdiag.compare.features import PRESENT, Feature, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

Numbers: TypeAlias = "array[int]"
"""Four bytes a line."""


Key = TypeVar("Key")

MOST_KNOWN = 200_000
"""Of more distinct lines those that one output alone had are packed away."""
PACKED_LINES = 4096
"""So many together take a tenth of what they take as texts."""
UNPACKED = 16
"""So many packs stay unpacked once somebody looked into them."""
PARTS = 8


class LinePool:
    """Distinct lines, numbered from 0 in the order in which they came."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most_known = most_known
        self._next = count()
        self._numbers = defaultdict[str, int](self._next.__next__)
        """Lines that may come again, in the order of their numbers."""
        self._outputs = array("I")
        """Number -> how many outputs had it."""
        self._packs: list[bytes] = []
        self._hashes = array("q")
        """Of the packed lines."""

    def numbers(self, lines: Iterable[str]) -> Numbers:
        """The numbers of an output's `lines`; one that was packed away gets another."""
        found = array("I", map(self._numbers.__getitem__, lines))
        new = max(found, default=-1) + 1 - len(self._outputs)
        self._outputs.frombytes(bytes(self._outputs.itemsize * max(0, new)))
        for number in set(found):
            self._outputs[number] += 1
        if len(self._numbers) > self._most_known:
            self._pack()
        return found

    def seal(self, outputs: MutableMapping[Key, Numbers]) -> Texts:
        """The lines by their numbers; equal ones of `outputs` become one object.

        A line that was given two numbers has one in `outputs` from now on; no more is taken in.
        """
        only = None
        texts: Texts = list(self._numbers)
        if self._packs:
            known = {number: text for text, number in self._numbers.items()}
            self._hashes.extend(
                hash(text) for number, text in known.items() if self._is_new(number)
            )
            only = _first_of_equal(self._hashes)
            texts = PackedTexts(self._packs, known, len(self._hashes))
        self._numbers.clear()
        shared: dict[bytes, Numbers] = {}
        for key, numbers in outputs.items():
            told = numbers if only is None else array("I", map(only.__getitem__, numbers))
            outputs[key] = shared.setdefault(sha256(told.tobytes()).digest(), told)
        return texts

    def _is_new(self, number: int) -> bool:
        return number >= len(self._packs) * PACKED_LINES

    def _pack(self) -> None:
        """Pack all lines but the last few; of those that one output alone had keep no more."""
        new = [text for text, number in self._numbers.items() if self._is_new(number)]
        for start in range(0, len(new) - PACKED_LINES + 1, PACKED_LINES):
            pack = new[start : start + PACKED_LINES]
            self._packs.append(zlib.compress("\n".join(pack).encode("utf-8", "surrogatepass"), 1))
            self._hashes.extend(map(hash, pack))
        kept = {
            text: number
            for text, number in self._numbers.items()
            if self._is_new(number) or self._outputs[number] > 1
        }
        self._numbers = defaultdict(self._next.__next__, kept)
        self._most_known = max(self._most_known, 2 * len(kept))


def _first_of_equal(hashes: array[int]) -> Numbers | None:
    """Number -> the first number of the same hash (of 64 bits, with a key nobody knows)."""
    found = array("I", range(len(hashes)))
    again = False
    for part in range(PARTS):
        first: dict[int, int] = {}
        for number, value in enumerate(hashes):
            if value % PARTS == part and first.setdefault(value, number) != number:
                found[number] = first[value]
                again = True
    return found if again else None


class PackedTexts:
    """Lines by their numbers, as a list has them; few of them in memory."""

    def __init__(self, packs: Sequence[bytes], texts: Mapping[int, str], size: int) -> None:
        """`texts` are those that are looked up at once: all that are in no pack, and some."""
        self._packs = packs
        self._texts = dict(texts)
        self._size = size
        self._unpacked = lru_cache(maxsize=UNPACKED)(self._unpack)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: int) -> str:
        text = self._texts.get(number)
        if text is None:
            return self._unpacked(number // PACKED_LINES)[number % PACKED_LINES]
        return text

    def __iter__(self) -> Iterator[str]:
        for pack in range(len(self._packs)):
            yield from self._unpack(pack)
        yield from (self[number] for number in range(len(self._packs) * PACKED_LINES, self._size))

    def copy(self) -> PackedTexts:
        """One that may be added to."""
        return PackedTexts(self._packs, self._texts, self._size)

    def append(self, text: str) -> None:
        self._texts[self._size] = text
        self._size += 1

    def _unpack(self, pack: int) -> list[str]:
        return zlib.decompress(self._packs[pack]).decode("utf-8", "surrogatepass").split("\n")


Texts = list[str] | PackedTexts
"""Lines by their numbers."""


class NumberedLines(Mapping[Feature, Value]):
    """The lines of a host as features, and how often each is there; or that it is there."""

    __slots__ = ("_more", "_texts", "counts", "numbers")

    def __init__(
        self,
        texts: Texts,
        numbers: Numbers,
        counts: Numbers | None = None,
        more: Mapping[Feature, Value] = MappingProxyType({}),
    ) -> None:
        """A host's features.

        Args:
            texts: lines by their numbers.
            numbers: each once.
            counts: as many; None: the lines are just there.
            more: features besides them.
        """
        self._texts = texts
        self.numbers = numbers
        self.counts = counts
        self._more = more

    def __iter__(self) -> Iterator[Feature]:
        return chain(map(self._texts.__getitem__, self.numbers), self._more)

    def __len__(self) -> int:
        return len(self.numbers) + len(self._more)

    def __getitem__(self, feature: Feature) -> Value:
        """Looks at each line: meant for the few times that one is asked for."""
        for text, value in self.items():
            if text == feature:
                return value
        raise KeyError(feature)

    def items(self) -> ItemsView[Feature, Value]:
        return _Items(self)

    def values(self) -> ValuesView[Value]:
        return _Values(self)

    def each_value(self) -> Iterator[Value]:
        """As many as there are features, in their order."""
        present = repeat(PRESENT, len(self.numbers)) if self.counts is None else self.counts
        return chain(present, self._more.values())


class _Items(ItemsView[Feature, Value]):
    _mapping: NumberedLines

    def __iter__(self) -> Iterator[tuple[Feature, Value]]:
        return zip(self._mapping, self._mapping.each_value(), strict=True)


class _Values(ValuesView[Value]):
    _mapping: NumberedLines

    def __iter__(self) -> Iterator[Value]:
        return self._mapping.each_value()


def counted(numbers: Iterable[int]) -> tuple[Numbers, Numbers]:
    """Each number once, in order of appearance, and how often it is there."""
    counts = Counter(numbers)
    return array("I", counts.keys()), array("I", counts.values())
