"""The sources besides files: this machine and the recorded fleet."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory import load
from fleetdiag.inventory.recorded import recorded_records
from fleetdiag.inventory.records import Overrides
from fleetdiag.inventory.resolve import resolve
from fleetdiag.inventory.ssh_config import SshConfig
from fleetdiag.model import TransportKind

if TYPE_CHECKING:
    from pathlib import Path


def never() -> SshConfig:
    raise AssertionError("ssh_config was read for recorded hosts")


def write(directory: Path, data: Any) -> Path:
    (directory / "hosts.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return directory


def test_local_is_this_machine_without_ssh() -> None:
    (host,) = load(["local"]).hosts
    assert host.name == socket.gethostname().partition(".")[0]
    assert (host.transport, host.endpoint) == (TransportKind.LOCAL, None)


def test_the_recorded_fleet_has_groups_attributes_and_says_it_is_recorded(tmp_path: Path) -> None:
    hosts = {
        "web-01": {"groups": ["web"], "attributes": {"zone": "a"}},
        "db-01": {"groups": [], "attributes": {}},
    }
    directory = write(tmp_path, {"note": "recorded in March", "hosts": hosts})
    inventory = resolve([recorded_records(directory)], never, Overrides(user="x"))
    assert inventory.note == "recorded in March"
    assert inventory.groups == {"web": ("web-01",)}
    web = inventory.hosts[0]
    assert (web.transport, web.recording, web.endpoint) == (
        TransportKind.REPLAY,
        str(tmp_path),
        None,
    )
    assert web.attributes == {"zone": "a"}
    assert web.origins["attributes.zone"] == f"{tmp_path.name}/hosts.json"


@pytest.mark.parametrize(
    "data",
    ["{", "[]", {"hosts": {}}, {"note": "x", "hosts": []}, {"note": "x", "hosts": {"../a": {}}}],
)
def test_a_recording_that_is_none_is_an_error_with_the_file(tmp_path: Path, data: Any) -> None:
    with pytest.raises(InventoryError, match=r"hosts\.json"):
        recorded_records(write(tmp_path, data))


def test_a_missing_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="the recorded fleet is not there"):
        recorded_records(tmp_path)
