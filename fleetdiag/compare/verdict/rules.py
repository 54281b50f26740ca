"""The table: what may be concluded from what. The first rule that fits is the verdict.

The order is that of the questions in an incident: is anything wrong, does the provider say it is
his, is it one host, what do the bad hosts share. A rule never claims more than its conditions hold:
without a healthy host for contrast no place and no kind is to blame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fleetdiag.model import Cause, Confidence

if TYPE_CHECKING:
    from collections.abc import Collection


class So(StrEnum):
    """What may be so in a run.

    Bad hosts have a critical finding or do not answer; the others answered.
    """

    NOTHING_BAD = "no host is bad"
    ALONE = "the run is of one host"
    NO_OTHERS = "no host is there to compare with"
    NONE_ANSWERS = "no host answers, and no console shows why"
    STOPPED = "most bad hosts are instances that were stopped"
    ONE_BAD = "one host is bad"
    OTHERS = "two others and more are not"
    PROVIDER_ON_BAD = "the provider has trouble with most of the bad hosts"
    PROVIDER_SPARES = "and hardly with the others"
    PROVIDER_ON_PLACE = "the provider has trouble with the place of the bad hosts"
    ONE_PLACE = "nearly all bad hosts are in one place"
    PLACE_HIT = "most hosts there are bad"
    CONTRAST = "hosts elsewhere are not bad"
    SHARED_KIND = "the bad hosts share a kernel, image, type, …"
    KIND_IS_CLEAN = "and none of the others has it"
    SHARED_PLACE = "the bad hosts share a place, and the others do not"
    SAME_CRASH = "most bad hosts have the same crash"
    SEVERAL_PLACES = "bad hosts are in several places"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table."""

    cause: Cause
    confidence: Confidence
    needs: frozenset[So]
    excludes: frozenset[So] = frozenset()

    def fits(self, so: Collection[So]) -> bool:
        """Whether all it needs is so, and nothing that it excludes."""
        return self.needs <= set(so) and not self.excludes & set(so)


def _rule(cause: Cause, confidence: Confidence, *needs: So, but_not: Collection[So] = ()) -> Rule:
    return Rule(cause, confidence, frozenset(needs), frozenset(but_not))


_HIGH, _MEDIUM, _LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW

# fmt: off
RULES = (
    _rule(Cause.NONE,     Confidence.NONE, So.NOTHING_BAD),
    _rule(Cause.HOST,     _HIGH,   So.STOPPED),

    # The provider says so himself, of these very hosts; and not of the others.
    _rule(Cause.PROVIDER, _HIGH,   So.PROVIDER_ON_BAD, So.PROVIDER_SPARES,
          but_not=[So.SHARED_KIND]),
    _rule(Cause.PROVIDER, _MEDIUM, So.PROVIDER_ON_BAD, So.PROVIDER_SPARES),
    _rule(Cause.PROVIDER, _LOW,    So.PROVIDER_ON_BAD, So.NONE_ANSWERS),
    _rule(Cause.PROVIDER, _MEDIUM, So.PROVIDER_ON_BAD, So.NO_OTHERS),
    # Or of the place where they are. With hosts elsewhere that are well, it is that place.
    _rule(Cause.PROVIDER, _HIGH,   So.PROVIDER_ON_PLACE, So.PLACE_HIT, So.CONTRAST,
          but_not=[So.ONE_BAD, So.SHARED_KIND]),
    _rule(Cause.PROVIDER, _MEDIUM, So.PROVIDER_ON_PLACE, So.PLACE_HIT, but_not=[So.ONE_BAD]),

    # Of one host, its findings say it all.
    _rule(Cause.NONE,     Confidence.NONE, So.ALONE),
    # Nobody answers, and nobody knows why: it may well be our own network.
    _rule(Cause.UNKNOWN,  _LOW,    So.NONE_ANSWERS),

    _rule(Cause.HOST,     _HIGH,   So.ONE_BAD, So.OTHERS),
    _rule(Cause.HOST,     _LOW,    So.ONE_BAD),

    # A kind that is not also a place: hosts of that kind are bad wherever they are.
    _rule(Cause.GROUP,    _HIGH,   So.SHARED_KIND, So.KIND_IS_CLEAN, So.SEVERAL_PLACES,
          but_not=[So.SHARED_PLACE]),
    _rule(Cause.GROUP,    _MEDIUM, So.SHARED_KIND, but_not=[So.SHARED_PLACE]),

    # A place, of which the provider says nothing (or nobody asked him).
    _rule(Cause.ZONE,     _MEDIUM, So.SHARED_PLACE, So.PLACE_HIT, So.CONTRAST,
          but_not=[So.SHARED_KIND]),
    _rule(Cause.ZONE,     _LOW,    So.SHARED_PLACE, So.CONTRAST),
    _rule(Cause.ZONE,     _LOW,    So.ONE_PLACE, So.PLACE_HIT, So.CONTRAST),

    # One crash, and no place or kind that would explain it.
    _rule(Cause.SOFTWARE, _HIGH,   So.SAME_CRASH, So.SEVERAL_PLACES, So.OTHERS),
    _rule(Cause.SOFTWARE, _LOW,    So.SAME_CRASH),

    _rule(Cause.UNKNOWN,  _LOW),
)
# fmt: on
