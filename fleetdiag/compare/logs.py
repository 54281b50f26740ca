"""What only logs have: an end. A previous boot's log that breaks off is a crash nobody could log.

A host that shuts down says so, at the end of its journal; one that loses power, is reset by its
provider or crashes does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.group import VALUED
from fleetdiag.model import Finding, FindingKind, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.compare.reading import Reading
    from fleetdiag.model import Step

BROKE_OFF = "log-end"
"""The rule's name, for what explains it."""
CRASHES = ("panic", "oops", "hard-lockup", "soft-lockup")
"""Rules of the kernel's set that explain such an end."""
SAYING = "the boot before broke off without a shutdown (crash, reset or power loss)"
FEWEST_LINES = 5
"""A log of fewer lines has no end to speak of."""
LAST_LINES = 300
EVIDENCE_HOSTS = 2

_PREVIOUS = re.compile(r"journalctl\b.*(?:-b|--boot)[ =]?-1\b", re.DOTALL)
_KERNEL_ONLY = re.compile(r"journalctl\b.*(?: -k\b|--dmesg|_TRANSPORT=kernel)", re.DOTALL)
# systemd (pid 1, journald, shutdown), sysvinit and OpenRC, the kernel's last words, kexec, cloud
# agents.
_SHUTDOWN = re.compile(
    r"journal stopped|shutting down\.|system is (?:rebooting|powering down|halting)"
    r"|reached target.{0,40}(?:reboot|power.?off|shutdown|halt)|systemd-shutdow|kexec"
    r"|received sigterm from pid 1|sending sig(?:term|kill) to|reboot: "
    r"|power(?:ing)? (?:key|off|down)|system halted|restarting system"
    r"|acpi: pm: preparing to enter|init: switching to runlevel: [06]"
    r"|shutdown\[\d+\]: shutting down|signal 15; terminating|stopped target (?:basic|multi-user)",
    re.IGNORECASE,
)


def broke_off(lines: Sequence[str]) -> bool:
    """Whether a log ends without a word of a shutdown."""
    told = [line for line in lines[-LAST_LINES:] if line]
    return len(told) >= FEWEST_LINES and not any(_SHUTDOWN.search(line[:1024]) for line in told)


def log_findings(reading: Reading) -> list[Finding]:
    """Hosts whose previous boot broke off, for steps that print its log.

    Info where the step has the kernel's messages only: they need not hold the end of a good
    shutdown.
    """
    if not _is_previous_boot(reading.step):
        return []
    valued = [
        a.host for a in reading.answers if a.outcome in VALUED and reading.table.lines(a.host)
    ]
    hosts = [host for host in valued if broke_off(reading.table.cleaned(host)[0])]
    if not hosts:
        return []
    kernel_only = any(map(_KERNEL_ONLY.search, reading.step.commands))
    return [
        Finding(
            kind=FindingKind.RULE,
            severity=Severity.INFO if kernel_only else Severity.WARNING,
            summary=SAYING,
            hosts=tuple(hosts),
            of=len(valued),
            step=reading.step.name,
            feature=BROKE_OFF,
            evidence=tuple(
                f"{host}, its last line: {clip(reading.table.cleaned(host)[0][-1])}"
                for host in hosts[:EVIDENCE_HOSTS]
            ),
        )
    ]


def _is_previous_boot(step: Step) -> bool:
    if step.commands:
        return any(map(_PREVIOUS.search, step.commands))
    return "previous-boot" in step.name or _PREVIOUS.search(step.name) is not None
