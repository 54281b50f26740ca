"""What the program exits with."""

from __future__ import annotations

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import ExitCode, HostStatus, Outcome, Run, Severity
from fleetdiag.report import exit_code
from tests.factory import make_host, make_result, make_run, names

EQUAL = make_run({host: {"s": "x"} for host in names("w-", 3)})
ODD = make_run({host: {"s": str(host == "w-02")} for host in names("w-", 3)})
INFO = make_run({host: {"s": make_result("s", Outcome.DENIED)} for host in names("w-", 3)})
GONE = make_run([*ODD.hosts, make_host("w-04", status=HostStatus.DNS)])
STOPPED = make_run(GONE.hosts, interrupted=True)


@pytest.mark.parametrize(
    ("run", "fail_on", "code"),
    [
        (EQUAL, Severity.INFO, ExitCode.CLEAN),
        (ODD, Severity.WARNING, ExitCode.FINDINGS),
        (ODD, Severity.CRITICAL, ExitCode.CLEAN),
        (INFO, Severity.WARNING, ExitCode.CLEAN),
        (INFO, Severity.INFO, ExitCode.FINDINGS),
        (GONE, Severity.CRITICAL, ExitCode.INCOMPLETE),
        (GONE, Severity.INFO, ExitCode.INCOMPLETE),
        (STOPPED, Severity.INFO, ExitCode.INTERRUPTED),
    ],
)
def test_the_gravest_state_decides(run: Run, fail_on: Severity, code: ExitCode) -> None:
    assert exit_code(compare(run), fail_on) is code
