"""Fisher's exact test, one-sided, and how many tests to correct it for. Knows nothing of hosts.

The chance is the tail of the hypergeometric distribution (R. A. Fisher, Statistical Methods for
Research Workers, 1934, 21.02). Of several tests only those count that could come out below `ALPHA`
at all, whatever the result (R. E. Tarone, A modified Bonferroni method for discrete data, 1990).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ALPHA = 0.05
"""The chance that anything is told of hosts that share nothing, in each family of tests."""


def fisher(odd_with: int, odd: int, having: int, hosts: int) -> float:
    """The chance that `odd_with` or more of `odd` hosts have what `having` of `hosts` have.

    One-sided. The tail whose terms shrink is added up, its first term by `lgamma`: right to about
    1e-10 of itself at 10,000 hosts.
    """
    low, high = max(0, odd + having - hosts), min(odd, having)
    if odd_with <= low:
        return 1.0
    if odd_with > high:
        return 0.0
    if odd_with * (hosts + 2) > (odd + 1) * (having + 1):
        return min(1.0, math.fsum(_terms(odd_with, high, odd, having, hosts)))
    # Below the commonest outcome the other tail shrinks: the same urn, counted from the other side.
    below = _terms(odd - odd_with + 1, odd - low, odd, hosts - having, hosts)
    return min(1.0, max(0.0, 1.0 - math.fsum(below)))


def number_tried(sizes: Collection[int], odd: int, hosts: int) -> int:
    """By how much to multiply each p, where one test was made for each of `sizes`; at least 1.

    Args:
        sizes: of each test, how many of `hosts` have the value.
        odd: how many are odd; never which.
        hosts: all.
    """
    least = {size: fisher(min(odd, size), odd, size, hosts) for size in set(sizes)}
    reach = sorted(map(least.__getitem__, sizes))
    number = 1
    while number < len(reach) and reach[number] * number < ALPHA:
        number += 1
    return number


def _terms(first: int, last: int, odd: int, having: int, hosts: int) -> Iterator[float]:
    """The chances of `first` to `last`, until they add nothing."""
    rest = hosts - odd - having
    term = math.exp(
        _log_comb(having, first) + _log_comb(hosts - having, odd - first) - _log_comb(hosts, odd)
    )
    enough = term * 1e-17
    for number in range(first, last + 1):
        yield term
        term *= (odd - number) * (having - number) / ((number + 1) * (rest + number + 1))
        if term <= enough:
            return


def _log_comb(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
