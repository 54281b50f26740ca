"""compare(run) -> Comparison: which hosts are odd, and in what.

What does it is imported by the first call, or by `load`: a fifth of the program's start-up time,
which a run spends while its hosts are being asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetdiag.model import Comparison, Run, Trial

__all__ = ["compare", "diff_runs", "load", "told_attributes", "trials"]


def load() -> None:
    """Import it all; from any thread."""
    from fleetdiag.compare import engine, told, tried  # noqa: F401


def compare(run: Run, baseline: Run | None = None) -> Comparison:
    """What the hosts of `run` have in common and what not; the same for a live and a stored run.

    Args:
        run: what to compare.
        baseline: an earlier run; the same hosts are then also compared with themselves in it.
    """
    from fleetdiag.compare import engine

    return engine.compare(run, baseline)


def diff_runs(before: Run, after: Run) -> Comparison:
    """Only what changed on each host between two runs."""
    from fleetdiag.compare import engine

    return engine.diff_runs(before, after)


def told_attributes(run: Run) -> dict[str, dict[str, str]]:
    """Host -> attribute -> value, as the run's steps set them; hosts that told none are not in it.

    Only a step that was ok tells anything. Of two steps that set one attribute the later counts.
    """
    from fleetdiag.compare import told

    return told.told_attributes(run)


def trials(run: Run, again: Run | None = None) -> tuple[Trial, ...]:
    """Each step of the first host of `run`; of a step that it has no result of there is none.

    Args:
        run: of one host; others are not looked at.
        again: the same a moment later; its steps say what moved.
    """
    from fleetdiag.compare import tried

    return tried.trials(run, again)
