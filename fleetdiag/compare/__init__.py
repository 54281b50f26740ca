"""compare(run) -> Comparison: which hosts are odd, and in what."""

from fleetdiag.compare.engine import compare
from fleetdiag.compare.told import told_attributes
from fleetdiag.compare.tried import trials

__all__ = ["compare", "told_attributes", "trials"]
