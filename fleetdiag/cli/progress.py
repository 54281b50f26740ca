"""Progress on stderr: a live line on a terminal, else a line for each host that failed.

What is shown comes from the `Tally`; this module only writes it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import defaultdict
from enum import Enum
from typing import TYPE_CHECKING, Self

from fleetdiag.cli.screen import fold, say, visible
from fleetdiag.cli.tally import InFlight, Tally
from fleetdiag.model import ArchiveFailed, Event, HostFinished, HostResult, HostStatus, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

APPEARS_AFTER_S = 0.4
"""A run shorter than this shows no live line: it would only flicker, and rich takes 0.1 s to
import."""
REDRAWN_EVERY_S = 0.1

STOPPED = (HostStatus.CANCELLED, HostStatus.NOT_RUN)
"""Not failures of the host: somebody stopped the run."""


class Style(Enum):
    """How progress is shown."""

    SILENT = "silent"
    LINES = "lines"
    LIVE = "live"


def choose_style(*, wanted: bool) -> Style:
    """Live where stderr is a terminal that can move its cursor."""
    if not wanted:
        return Style.SILENT
    can_move = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Style.LIVE if can_move else Style.LINES


class Progress:
    """Takes the run's events, from any thread, and shows them while it is entered."""

    def __init__(self, plan: Plan, style: Style) -> None:
        self._tally = Tally(plan)
        self._style = style
        self._closed = threading.Event()
        self._drawer = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._style is Style.LIVE:
            self._drawer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __call__(self, event: Event) -> None:
        """Take an event in; the run's `on_event`."""
        self._tally.note(event)
        if isinstance(event, ArchiveFailed):
            say(f"Warning: this run is no longer stored: {visible(event.reason)}")
        if self._style is Style.LINES and isinstance(event, HostFinished) and _failed(event.result):
            say(failure_line(event.result))

    def interrupted(self) -> None:
        """Take the live line away and say who was still at what."""
        in_flight = self._tally.in_flight()
        self._close()
        say(interrupted_line(in_flight))

    def _close(self) -> None:
        self._closed.set()
        if self._drawer.is_alive():
            self._drawer.join()

    def _draw(self) -> None:
        """Redraw the live line until closed; everything of it happens in this thread."""
        if self._closed.wait(APPEARS_AFTER_S):
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            while True:
                line = Text(visible(self._tally.line()), overflow="ellipsis", no_wrap=True)
                live.update(line, refresh=True)
                if self._closed.wait(REDRAWN_EVERY_S):
                    return


def _failed(result: HostResult) -> bool:
    return result.status is not HostStatus.OK and result.status not in STOPPED


def failure_line(result: HostResult) -> str:
    """`web-03: unreachable: no route to host`."""
    told = f"{result.name}: {result.status}" + (f": {result.reason}" if result.reason else "")
    return visible(told)


def interrupted_line(in_flight: Sequence[InFlight]) -> str:
    """One line: that the run stops, and which hosts were at which step."""
    hosts_at = defaultdict[str, list[str]](list)
    for each in in_flight:
        hosts_at[each.at].append(each.host)
    running = ", ".join(f"{fold(hosts)} at {at}" for at, hosts in hosts_at.items())
    return visible(
        f"Interrupted; still running: {running or 'nothing'}. Keeping what is there;"
        " once more leaves at once."
    )
