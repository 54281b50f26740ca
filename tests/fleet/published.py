"""The files a running fleet leaves for its users: keys, ssh_config, inventory, state."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fleet.identity import Identity
from tests.fleet.keys import KeyPair
from tests.fleet.network import Addresses
from tests.fleet.spec import FleetSpec

KEY = "id_ed25519"
KNOWN_HOSTS = "known_hosts"
SSH_CONFIG = "ssh_config"
INVENTORY = "inventory.yaml"
STATE = "state.json"


def hosts_file(identities: Sequence[Identity]) -> str:
    """/etc/hosts of every host."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{one.address} {one.name}" for one in identities]
    return "\n".join(lines) + "\n"


def write_access_files(directory: Path, identities: Sequence[Identity], key: KeyPair) -> None:
    """All that is needed to log in; written once."""
    _write(directory / KEY, key.private.decode())
    _write(directory / f"{KEY}.pub", f"{key.public}\n")
    known = [f"{one.name},{one.address} {one.host_key.public}\n" for one in identities]
    _write(directory / KNOWN_HOSTS, "".join(known))
    _write(directory / SSH_CONFIG, _ssh_config(directory, identities))
    _write(directory / INVENTORY, _inventory(directory, identities))


def write_state(
    directory: Path, spec: FleetSpec, addresses: Addresses, pids: Mapping[str, int]
) -> None:
    """What may change while the fleet runs (pids, on a reboot), with what clients need to know."""
    state: dict[str, Any] = {
        "supervisor": os.getpid(),
        "owner": spec.owner_pid,
        "label": spec.label,
        "rtt_ms": spec.rtt_ms,
        "loss": spec.loss,
        "users": ["root", *(user.name for user in spec.users)],
        "hosts": [
            {
                "name": one.name,
                "kind": one.kind,
                "address": str(addresses.host(position)),
                "attributes": dict(one.attributes),
                "pid": pids[one.name],
            }
            for position, one in enumerate(spec.hosts)
        ],
    }
    _write(directory / STATE, json.dumps(state, indent=1))


def remove(directory: Path) -> None:
    """Take a fleet's directory away; what is mounted in it lives in other mount namespaces."""
    shutil.rmtree(directory, ignore_errors=True)


def _ssh_config(directory: Path, identities: Sequence[Identity]) -> str:
    head = [
        "Host *",
        "    User root",
        f"    IdentityFile {directory / KEY}",
        "    IdentitiesOnly yes",
        f"    UserKnownHostsFile {directory / KNOWN_HOSTS}",
        "    GlobalKnownHostsFile /dev/null",
        "    StrictHostKeyChecking yes",
        "    BatchMode yes",
    ]
    hosts = [f"Host {one.name}\n    HostName {one.address}" for one in identities]
    return "\n".join([*hosts, *head]) + "\n"


def _inventory(directory: Path, identities: Sequence[Identity]) -> str:
    lines = ["defaults:", f"  known_hosts: {directory / KNOWN_HOSTS}", "hosts:"]
    for one in identities:
        attributes = ", ".join(f"{key}: {value}" for key, value in one.spec.attributes.items())
        lines.append(
            f"  {one.name}: {{address: {one.address}, port: 22, user: root, "
            f"identity_file: {directory / KEY}, attributes: {{{attributes}}}}}"
        )
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for readers at any moment; private."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
