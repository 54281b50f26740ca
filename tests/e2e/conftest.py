"""Ten real hosts, and the program pointed at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.fleet import Fleet


@pytest.fixture(scope="package")
def ten() -> Iterator[Fleet]:
    """web-01 to web-10, five in each of two zones, shared by the package's tests."""
    with Fleet(hosts=10) as running:
        yield running


@pytest.fixture
def program(ten: Fleet, tmp_path: Path) -> Iterator[Program]:
    """The program on the ten; they are healed afterwards."""
    yield Program(tmp_path, ten.inventory_path)
    ten.heal()
