"""Fixtures every test may use: fleets of real hosts, and one unprivileged sshd on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fleet import Fleet, missing_parts
from tests.fleet.loopback import LoopbackSshd, missing_for_loopback

MakeFleet = Callable[..., Fleet]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses a fleet is marked `fleet`, so that `-m 'not fleet'` leaves it out."""
    for item in items:
        if {"fleet", "make_fleet"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("fleet")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `fleet` where no fleet can be started; fail instead where one must be."""
    if item.get_closest_marker("fleet") and (missing := missing_parts()):
        _skip_or_fail(f"the test fleet needs {', '.join(missing)}")


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Four openssh hosts, web-01 to web-04, shared by all tests: heal what you break."""
    if missing := missing_parts():
        _skip_or_fail(f"the test fleet needs {', '.join(missing)}")
    with Fleet(hosts=4) as running:
        yield running


@pytest.fixture
def make_fleet() -> Iterator[MakeFleet]:
    """`make_fleet(hosts=2, rtt_ms=100, …)`: a fleet of the test's own, with `Fleet`'s arguments."""
    with ExitStack() as stack:
        yield lambda *args, **named: stack.enter_context(Fleet(*args, **named))


@pytest.fixture
def loopback_sshd(tmp_path: Path) -> Iterator[LoopbackSshd]:
    """A real sshd on 127.0.0.1 that lets this user in with a key: no root, no namespaces."""
    if missing := missing_for_loopback():
        _skip_or_fail(f"an sshd on loopback needs {', '.join(missing)}")
    with LoopbackSshd(tmp_path / "sshd") as server:
        yield server


def _skip_or_fail(reason: str) -> None:
    """In CI a skipped fleet test is a failure: there the machine is ours to equip."""
    if os.environ.get("FLEETDIAG_REQUIRE_FLEET") == "1" or os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
