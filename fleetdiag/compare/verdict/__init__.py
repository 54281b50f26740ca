"""From all that a run found, and what the provider said, to one verdict.

    findings, attributes, cloud ─► evidence (what is so) ─► rules (the table) ─► words ─► Verdict

Pure. The table says what may be concluded from what; nothing else decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.verdict.evidence import gathered
from fleetdiag.compare.verdict.rules import RULES
from fleetdiag.compare.verdict.words import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.compare.causes import Happened
    from fleetdiag.model import Finding, Run, Verdict

__all__ = ["concluded"]


def concluded(run: Run, findings: Sequence[Finding], events: Sequence[Happened]) -> Verdict:
    """The verdict of the first rule of the table that fits.

    Args:
        run: its hosts with all attributes, and what the provider said.
        findings: all of them.
        events: what of them has a time.
    """
    evidence = gathered(run, findings, events)
    rule = next(rule for rule in RULES if rule.fits(evidence.so))
    return told(rule, evidence)
