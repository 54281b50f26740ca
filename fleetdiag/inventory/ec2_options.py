"""What stands behind `-i ec2:`: regions, then options after a `?`, as in a URL.

`us-east-1,us-west-2?profile=prod&address=private&filter=tag:env=prod&groups=tag:role`. Values may
be percent-encoded, as a comma in `$FLEETDIAG_INVENTORY` has to be (`%2C`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fleetdiag.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CACHE_S = 300.0
TAG = "tag:"
ADDRESSES = ("public", "private")
NAMES = ("id", "private-dns")
EVERY_STATE = "all"
_STATES = ("running", EVERY_STATE)
_KEYS = ("address", "attributes", "cache", "filter", "groups", "name", "profile", "state")
_MANY = frozenset({"attributes", "filter", "groups"})
"""What may be said several times."""
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,20}){1,3}-\d{1,2}")
_FORM = "expected ec2:REGION[,REGION…][?OPTION=VALUE&…]"


@dataclass(frozen=True, slots=True)
class Ec2Options:
    """What one `ec2:` source asks for."""

    regions: tuple[str, ...] = ()
    """Empty: the one of the profile or the environment."""
    profile: str | None = None
    address: str | None = None
    """`public`, `private`, `tag:X`; None: public where there is one, else private."""
    name: str = f"{TAG}Name"
    """`tag:X`, `id`, `private-dns`; the id where that is empty."""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """As EC2 has them: name -> values, of which one must fit."""
    groups: tuple[str, ...] = ()
    """Keys of tags."""
    attributes: tuple[str, ...] = ()
    """Keys of tags."""
    cache_s: float | None = DEFAULT_CACHE_S
    """A younger answer is used as it is; None: always ask."""
    every_state: bool = False

    @property
    def tags(self) -> frozenset[str]:
        """The keys of all tags that are needed."""
        named = (each.removeprefix(TAG) for each in (self.name, self.address or "") if TAG in each)
        return frozenset((*named, *self.groups, *self.attributes))


def parse_options(argument: str) -> Ec2Options:
    """The options that `argument`, what follows `ec2:`, gives; raises InventoryError."""
    regions, _, query = argument.partition("?")
    given: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = (unquote(text) for text in part.partition("="))
        if key not in _KEYS or not equals or not value:
            raise _wrong(f"{part!r}", _advice(key, said=bool(value)))
        given.setdefault(key, []).append(value)
    for key, values in given.items():
        if len(values) > 1 and key not in _MANY:
            raise _wrong(f"`{key}` is given {len(values)} times", "expected it once")
    return Ec2Options(
        regions=_regions(unquote(regions)),
        profile=_only(given, "profile"),
        address=_choice(given, "address", ADDRESSES, None),
        name=_choice(given, "name", NAMES, f"{TAG}Name") or f"{TAG}Name",
        filters=_filters(given.get("filter", ())),
        groups=_tags(given, "groups"),
        attributes=_tags(given, "attributes"),
        cache_s=_seconds(_only(given, "cache")),
        every_state=_state(_only(given, "state")),
    )


def _wrong(what: str, expected: str) -> InventoryError:
    return InventoryError(f"-i ec2: {what}, {expected}")


def _advice(key: str, *, said: bool) -> str:
    if key in _KEYS and not said:
        return f"expected {key}=VALUE"
    if near := get_close_matches(key, _KEYS, n=1):
        return f"did you mean {near[0]}=…?"
    return f"expected one of {', '.join(_KEYS)}"


def _regions(text: str) -> tuple[str, ...]:
    regions = tuple(dict.fromkeys(filter(None, (each.strip() for each in text.split(",")))))
    for region in regions:
        if not _REGION.fullmatch(region):
            raise _wrong(f"{region!r} is no region", f"such as us-east-1; {_FORM}")
    return regions


def _only(given: Mapping[str, list[str]], key: str) -> str | None:
    return given[key][0] if key in given else None


def _choice(
    given: Mapping[str, list[str]], key: str, words: tuple[str, ...], default: str | None
) -> str | None:
    """One of the words, or a tag."""
    value = _only(given, key)
    if value is None:
        return default
    if value in words or (value.startswith(TAG) and value != TAG):
        return value
    raise _wrong(f"{key}={value!r}", f"expected {', '.join(words)} or tag:KEY")


def _tags(given: Mapping[str, list[str]], key: str) -> tuple[str, ...]:
    """Keys of tags, from `tag:a,tag:b`, each once."""
    found: dict[str, None] = {}
    for value in given.get(key, ()):
        for each in value.split(","):
            tag = each.strip().removeprefix(TAG)
            if not each.strip().startswith(TAG) or not tag:
                raise _wrong(f"{key}={value!r}", f"expected {key}=tag:KEY[,tag:KEY…]")
            found[tag] = None
    return tuple(found)


def _filters(values: tuple[str, ...] | list[str]) -> dict[str, tuple[str, ...]]:
    r"""Filters by name; several values with commas (`\,` for one in a value), or the name again."""
    found: dict[str, tuple[str, ...]] = {}
    for value in values:
        name, equals, wanted = value.partition("=")
        if not name or not equals or not wanted:
            raise _wrong(f"filter={value!r}", "expected filter=NAME=VALUE, as EC2's filters")
        parts = tuple(each.replace("\\,", ",") for each in re.split(r"(?<!\\),", wanted))
        found[name] = (*found.get(name, ()), *parts)
    return found


def _seconds(text: str | None) -> float | None:
    if text is None:
        return DEFAULT_CACHE_S
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise _wrong(f"cache={text!r}", "expected a whole number of seconds; 0 for none")
    return float(text) or None


def _state(text: str | None) -> bool:
    if text is None or text in _STATES:
        return text == EVERY_STATE
    raise _wrong(f"state={text!r}", f"expected {' or '.join(_STATES)}")
