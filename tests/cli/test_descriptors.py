"""The limit of open files: raised where that is allowed, fewer hosts at once where it is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIT = """
import resource
import sys

soft, hard, hosts, fanout = map(int, sys.argv[1:])
from dataclasses import replace
from fleetdiag.cli.descriptors import fitted
from tests.cli.plans import plan_of, ssh_host
plan = replace(plan_of([ssh_host(f"h{n}") for n in range(hosts)]), fanout=fanout)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(fitted(plan).fanout, *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "hosts", "fanout", "expected"),
    [
        (1024, 4096, 500, 64, "64 1024 4096"),  # enough: nothing is touched
        (1024, 8192, 500, 500, "500 4128 8192"),  # raised, and by no more than is needed
        (1024, 4096, 3, 9999, "9999 1024 4096"),  # three hosts need little, whatever the fanout
        (256, 928, 500, 500, "100 928 928"),  # not enough: fewer at once
    ],
)
def test_the_limit_is_raised_as_far_as_the_run_needs(
    soft: int, hard: int, hosts: int, fanout: int, expected: str
) -> None:
    numbers = [str(number) for number in (soft, hard, hosts, fanout)]
    done = subprocess.run(
        [sys.executable, "-c", FIT, *numbers], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == expected
    told = (
        "500 hosts at once need 4128 open files, and this machine allows 928 (ulimit -Hn): 100 at"
        " once.\n"
    )
    assert done.stderr == (told if hard == 928 else "")
