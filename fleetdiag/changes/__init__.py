"""The stages wired for a change: what speaks against it, then the rollout, kept as it goes.

    before checks ─► locks ─► canary ─► batch ─► … ─► locks given back ─► Run
                                 └► each host: written down, launched, gone on, proved

As `pipeline.py` is for diagnoses; see there for the rest.
"""

from __future__ import annotations

from fleetdiag.changes.against import speaks_against
from fleetdiag.changes.looking import asked, otherwise
from fleetdiag.changes.rolling import Earlier, planned, run

__all__ = ["Earlier", "asked", "otherwise", "planned", "run", "speaks_against"]
