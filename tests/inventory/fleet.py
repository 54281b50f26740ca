"""Shorthand for tests: write an inventory file, load it, look a host up in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.inventory import Overrides, load

if TYPE_CHECKING:
    from pathlib import Path

    from fleetdiag.model import Endpoint, Host, Inventory


def load_text(
    tmp_path: Path, text: str, *, ssh: str = "", overrides: Overrides | None = None
) -> Inventory:
    """The inventory that `text` is, with `ssh` as the only ssh_config."""
    (tmp_path / "inv.yaml").write_text(text)
    config = ssh_file(tmp_path, ssh)
    source = str(tmp_path / "inv.yaml")
    return load([source], ssh_config=config, overrides=overrides or Overrides())


def ssh_file(tmp_path: Path, text: str) -> Path:
    """A file with `text` that ssh_config's rules accept."""
    path = tmp_path / "ssh_config"
    path.write_text(text)
    path.chmod(0o600)
    return path


def host(inventory: Inventory, name: str) -> Host:
    (found,) = [host for host in inventory.hosts if host.name == name]
    return found


def endpoint(inventory: Inventory, name: str) -> Endpoint:
    found = host(inventory, name).endpoint
    assert found is not None
    return found


def route(inventory: Inventory, name: str) -> list[str]:
    """The hops to a host, as `user@address:port`."""
    return [f"{hop.user}@{hop.address}:{hop.port}" for hop in endpoint(inventory, name).via]
