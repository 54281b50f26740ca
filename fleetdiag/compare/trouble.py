"""Whether a line of a log speaks of trouble, by its words.

An event that few hosts have is worth waking somebody for only then: healthy boots of one image
differ in a dozen harmless lines. Knows nothing of hosts.
"""

from __future__ import annotations

import re

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
    r"|shutting down|shut down|unsafe|dirty|recover(?:y|ing|ed)|lame|storm|flood(?:ing|ed)?"
    r")(?![a-z])",
    re.IGNORECASE,
)
_NOT_TROUBLE = re.compile(
    r"(?<![a-z])(?:no|0|without|zero) (?:errors?|fail(?:ed|ures?)|problems?)"
    r"|(?:errors?|failed)[:=] ?0(?!\d)"
    r"|errors=remount-ro|warning: off|reset method|dead ?line|recovery complete|dead keys",
    re.IGNORECASE,
)


def is_trouble(line: str) -> bool:
    """Whether `line` (its first 1,024 characters) has a word of trouble."""
    head = line[:SEARCHED_CHARS]
    return _TROUBLE.search(_NOT_TROUBLE.sub("", head)) is not None
