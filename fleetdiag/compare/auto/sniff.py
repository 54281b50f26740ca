"""What an output of unknown origin is, by its looks: a log, or text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, log
from fleetdiag.compare.auto.logs import KERNEL
from fleetdiag.compare.heads import begins_with_time

if TYPE_CHECKING:
    from fleetdiag.compare.features import Lines

LOOKED_AT = 300
"""Lines."""
FEWEST_LINES = 3
"""One or two lines with a time are an answer to a question, not a log."""
MOSTLY = 0.6
"""Of the lines; stack traces and the like have no time."""
KERNEL_SHARE = 0.05
SEEN_CHARS = 200

# `dmesg -T`, `dmesg -r`, web servers: [Sun Nov 22 03:04:05 2026], <6>[    1.234567],
# 10.0.0.1 - - [22/Nov/2026:…
_OTHER_TIMES = re.compile(
    r"(?:<\d{1,3}>)?\[ {0,9}(?:\d{1,10}\.\d{6}\]|[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}\d{1,2} \d\d:)"
    r"|<\d{1,3}>(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\dT)"
    r"|\S{1,64} \S{1,64} \S{1,64} \[\d\d/[A-Z][a-z]{2}/\d{4}:"
)
_OF_KERNEL = re.compile(r"(?:<\d{1,3}>)?\[ {0,11}\d{1,10}\.\d{6}\]|.{0,100}? kernel: ")


def sniff(sample: Lines) -> Form | None:
    """A log where most lines begin with a time; None where not."""
    said = [line[:SEEN_CHARS] for line in sample[:LOOKED_AT] if line]
    timed = sum(1 for line in said if _has_time(line))
    if timed < FEWEST_LINES or timed < MOSTLY * len(said):
        return None
    of_kernel = sum(1 for line in said if _OF_KERNEL.match(line))
    return log("log", KERNEL) if of_kernel > KERNEL_SHARE * len(said) else log("log")


def _has_time(line: str) -> bool:
    return begins_with_time(line) or _OTHER_TIMES.match(line) is not None
