"""The earlier run that hosts are set against: `--baseline RUN|last|last-good`, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.cli.launch import stored_in
from fleetdiag.cli.screen import say, visible

if TYPE_CHECKING:
    from fleetdiag.model import Run
    from fleetdiag.settings import Settings


def load_baseline(
    ref: str, settings: Settings, playbook: str, *, before: float | None = None
) -> Run | None:
    """The run that `ref` means, told on stderr; None where `last` and `last-good` mean none yet.

    The very first run of a nightly job has no baseline: that is said, and no reason to stop.
    Raises ArchiveError for a run that is named and not there.

    Args:
        ref: as on the command line.
        settings: for where runs are stored.
        playbook: the name of the playbook whose runs count.
        before: only runs begun before this, Unix time; None: any.
    """
    from fleetdiag import pipeline

    run, looked_at = pipeline.find_baseline(stored_in(settings), ref, playbook, before)
    if run is None:
        kind = "good run" if ref == pipeline.LAST_GOOD else "run"
        among = f" among the newest {looked_at}" if looked_at else ""
        say(f"No stored {kind} of {visible(playbook)} to compare with{among}: no baseline.")
        return None
    looked = f", the newest good one of {looked_at}" if ref == pipeline.LAST_GOOD else ""
    hosts = "1 host" if len(run.hosts) == 1 else f"{len(run.hosts)} hosts"
    say(f"Baseline: {run.id}, {hosts}{looked}.")
    return run
