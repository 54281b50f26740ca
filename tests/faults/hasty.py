"""`python -m tests.faults.hasty ARGUMENTS…`: the program, which waits four seconds for a login.

It is twenty in the program itself, and no flag changes that: too long for a suite of tests.
"""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from fleetdiag.__main__ import main
from fleetdiag.cli import launch
from fleetdiag.model import Limits

LOGIN_S = 4

if __name__ == "__main__":
    with patch.object(launch, "Limits", partial(Limits, auth_s=float(LOGIN_S))):
        main()
