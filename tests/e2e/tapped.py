"""`python -m tests.e2e.tapped ARGUMENTS…`: the program itself, which also tells what it has done.

To the descriptor in the environment variable `TELL` it writes a line `begun` when it takes up the
first host, and a host's name when that host has finished. The lines come after the archive's
commit, as everything that hears of events does.
"""

from __future__ import annotations

import os
from unittest.mock import patch

from fleetdiag.__main__ import main
from fleetdiag.cli.progress import Progress
from fleetdiag.model import Event, HostFinished, HostStarted


def tapped(tell: int) -> None:
    heard = Progress.__call__
    begun = False

    def hear(progress: Progress, event: Event) -> None:
        nonlocal begun
        heard(progress, event)
        if isinstance(event, HostStarted) and not begun:
            begun = True
            os.write(tell, b"begun\n")
        if isinstance(event, HostFinished):
            os.write(tell, f"{event.result.name}\n".encode())

    with patch.object(Progress, "__call__", hear):
        main()


if __name__ == "__main__":
    tapped(int(os.environ["TELL"]))
