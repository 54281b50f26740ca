"""An account to test with: a server of EC2 on loopback, and an environment that knows no other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cloud.ec2_answers import Instance, Zone
from tests.cloud.ec2_server import Ec2Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.health_answers import Notice

NOBODY = {
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An environment in which no credentials are to be found, and nobody is asked for them."""


@contextmanager
def account(
    tmp_path: Path,
    instances: Sequence[Instance] = (),
    zones: Sequence[Zone] = (),
    health: Sequence[Notice] | None = None,
) -> Iterator[Ec2Server]:
    """A running server; every AWS call and every cache file of the block is the test's own."""
    with clean_environment(tmp_path) as patch, Ec2Server(instances, zones, health) as server:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@contextmanager
def clean_environment(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment without any account, and with its own cache directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield patch


def ids(instances: Sequence[Instance]) -> dict[str, tuple[str, str]]:
    """Host -> region and id, of instances that are named."""
    return {each.name: (each.its_region, each.its_id) for each in instances}
