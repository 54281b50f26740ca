"""compare(run) -> Comparison: which hosts are odd, and in what."""

from fleetdiag.compare.engine import compare

__all__ = ["compare"]
