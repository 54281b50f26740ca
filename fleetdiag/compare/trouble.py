"""Whether a line of a log speaks of trouble, by its words.

An event that few hosts have is worth waking somebody for only then: healthy boots of one image
differ in a dozen harmless lines. Knows nothing of hosts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetdiag.compare.contrast import Deviation

SEARCHED_CHARS = 1024

# Words as kernels and daemons use them; those that healthy hosts print on every boot (`warning` in
# passing, `not found` of optional firmware) are there on all hosts and so never odd.
_TROUBLE = re.compile(
    r"(?<![a-z])(?:"
    r"errors?|errored|fail(?:s|ed|ing|ures?)?|fatal|crit(?:ical)?|emerg(?:ency)?|alert|panic\w*|oops"
    r"|warn(?:ing)?s?|tim(?:ed|ing)[ -]?out|timeouts?|denied|refus(?:ed|ing)|reject(?:ed|ing)?"
    r"|reset(?:s|ting)?|abort(?:s|ed|ing)?|corrupt\w*|down|lost|lockup|stall(?:s|ed)?|hung|hangs?"
    r"|kill(?:s|ed|ing)?|invalid|unable|can(?:not|'t)|could(?: not|n't)|unreachable"
    r"|exceed(?:s|ed)?"
    r"|overflow\w*|overrun|full|degraded|broken|bad|exception|segfault|trap|core[ -]?dump\w*"
    r"|unexpected\w*|exhausted|throttl\w+|missing|no such|no space"
    r"|disconnect\w*|flapp?ing|retr(?:y|ies|ying)"
    r"|dropp(?:ed|ing)|violation|mismatch|expired|restart(?:s|ed|ing)? (?:counter|too)|respawn\w*"
    r"|out of|blocked|leak(?:s|ed)?|unhealthy|unresponsive|not respond\w*|giving up|gave up|stopped"
    r"|unstable|skew\w*|stepp(?:ed|ing)|offline|removed?|tainted|bug|deadlock\w*|crash\w*|died|dead"
    r"|wrong|backwards?|unreliable|unavailable"
    r"|not (?:available|respond\w*|permitted|allowed|healthy)"
    r"|conflict\w*|duplicate|forbidden|unauthori[sz]ed|starv\w+|fro(?:ze|zen)|insufficient"
    r"|illegal|has been changed|shutting down|shut down|unsafe|dirty|recover(?:y|ing|ed)|lame|storm"
    r"|flood(?:ing|ed)?"
    r")(?![a-z])",
    re.IGNORECASE,
)
_NOT_TROUBLE = re.compile(
    r"(?<![a-z])(?:no|0|without|zero) (?:errors?|fail(?:ed|ures?)|problems?)"
    r"|(?:errors?|failed)[:=] ?0(?!\d)"
    r"|received disconnect|disconnected by user|errors=remount-ro|warning: off|reset method"
    r"|invalid user|possible syn flooding|dead ?line|recovery complete|dead keys",
    re.IGNORECASE,
)


def is_trouble(line: str) -> bool:
    """Whether `line` (its first 1,024 characters) has a word of trouble."""
    head = line[:SEARCHED_CHARS]
    return _TROUBLE.search(_NOT_TROUBLE.sub("", head)) is not None


# What a kernel counts at boot and a machine does not change by itself.
_CAPACITY = re.compile(
    r"(?<![A-Za-z])(?:CPUs?|processors?|cores?|sockets?|nodes?|DIMMs?|[GM]T/s|[GM]b(?:ps|/s)|lanes?|width"
    r"|queues?|logical blocks|capacity|disks?|x\d{1,2} link)(?![A-Za-z])"
)
_CLOCK_RATE = re.compile(r"\d [MG]Hz\b")
"""As measured at boot: not the same twice."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def other_number_features(deviations: Iterable[Deviation]) -> set[object]:
    """Of a host's events those that say a common line of its hardware with other numbers.

    `Brought up 1 node, 7 CPUs` where the others brought up 8: both the line it has and the one it
    lacks.
    """
    lacks: dict[str, object] = {}
    has: dict[str, list[object]] = {}
    for deviation in deviations:
        line = str(deviation.feature)[:SEARCHED_CHARS]
        if not _CAPACITY.search(line) or _CLOCK_RATE.search(line):
            continue
        shape = _NUMBER.sub("#", line)
        if deviation.got is None:
            lacks[shape] = deviation.feature
        elif deviation.want is None:
            has.setdefault(shape, []).append(deviation.feature)
    return {
        feature
        for shape, common in lacks.items()
        if len(has.get(shape, ())) == 1
        for feature in (common, *has[shape])
    }
