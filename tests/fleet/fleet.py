"""The fleet as tests use it: starts a supervisor, and asks it for things."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fleet import published
from tests.fleet.claims import STATE_ROOT
from tests.fleet.processes import Process, enter_command, processes_of
from tests.fleet.spec import FleetError, Kind, User, make_spec, spec_to_json

_REPOSITORY = Path(__file__).resolve().parents[2]
_PACKAGES = {
    "/usr/sbin/sshd": "openssh-server",
    "ssh": "openssh-client",
    "ip": "iproute2",
    "nft": "nftables",
    "busybox": "busybox",
    "dropbear": "dropbear-bin",
    "sudo": "sudo",
    "nsenter": "util-linux",
    "/lib/systemd/systemd": "systemd",
    "zsh": "zsh",
    "fish": "fish",
    "csh": "csh",
}


@dataclass(frozen=True, slots=True)
class FleetHost:
    """One host of a running fleet."""

    name: str
    address: str
    port: int
    kind: str
    users: tuple[str, ...]
    """Who can log in with the fleet's key: root first."""
    attributes: Mapping[str, str]


class RunningFleet:
    """A fleet that runs, found by its directory; any process of root may break and heal it."""

    directory: Path

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def number(self) -> int:
        """0 to 63: the one on the command line, and in its addresses."""
        return int(self.directory.name)

    @property
    def key_path(self) -> Path:
        """The private key every account accepts."""
        return self.directory / published.KEY

    @property
    def known_hosts_path(self) -> Path:
        """Every host's key, under its name and its address, as they were at the start."""
        return self.directory / published.KNOWN_HOSTS

    @property
    def ssh_config_path(self) -> Path:
        """For `ssh -F`: the hosts by name, as root, with key and known_hosts of the fleet."""
        return self.directory / published.SSH_CONFIG

    @property
    def inventory_path(self) -> Path:
        """A fleetdiag inventory of the hosts, as root."""
        return self.directory / published.INVENTORY

    @property
    def label(self) -> str:
        """Who started it."""
        return str(self._state()["label"])

    @property
    def hosts(self) -> tuple[FleetHost, ...]:
        """In the order of their names."""
        state = self._state()
        users = tuple(state["users"])
        return tuple(
            FleetHost(one["name"], one["address"], 22, one["kind"], users, one["attributes"])
            for one in state["hosts"]
        )

    def host(self, name: str) -> FleetHost:
        """The host of that name; raises FleetError."""
        for one in self.hosts:
            if one.name == name:
                return one
        raise FleetError(f"host {name!r}: not in this fleet")

    def fault(self, host: str, name: str, **values: str | float) -> None:
        """Break a host (see `tests.fleet.faults`); returns once it is broken."""
        self._ask({"do": "fault", "host": host, "name": name, "values": values})

    def heal(self, host: str | None = None) -> None:
        """Undo every fault of a host, or of all hosts."""
        for name in [host] if host else [one.name for one in self.hosts]:
            self._ask({"do": "heal", "host": name})

    def faults(self) -> dict[str, list[str]]:
        """Host -> the faults in force there."""
        found: dict[str, list[str]] = self._ask({"do": "status"})["faults"]
        return found

    def write(
        self, host: str, path: str, content: bytes, *, mode: str = "644", owner: str = "0:0"
    ) -> None:
        """Write a file on one host; it stays when the host is healed."""
        request = {"do": "write", "host": host, "path": path, "mode": mode, "owner": owner}
        self._ask({**request, "content": content.decode("latin-1")})

    def exec(
        self, host: str, argv: Sequence[str], *, timeout_s: float | None = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host as root, without SSH: it works whatever the host's state."""
        return subprocess.run(
            self.enter_command(host, argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )

    def enter_command(self, host: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` on a host as root, without SSH."""
        return enter_command(self._pid(host), argv)

    def processes(self, host: str) -> list[Process]:
        """What runs on a host."""
        return processes_of(self._pid(host))

    def down(self) -> None:
        """End the fleet; returns once it is gone."""
        supervisor = int(self._state()["supervisor"])
        self._ask({"do": "down"})
        _wait_gone(supervisor)

    def _pid(self, host: str) -> int:
        for one in self._state()["hosts"]:
            if one["name"] == host:
                return int(one["pid"])
        raise FleetError(f"host {host!r}: not in this fleet")

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.directory / published.STATE).read_text())
        except FileNotFoundError:
            raise FleetError(f"{self.directory}: no fleet runs there") from None
        return state

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as control:
            try:
                control.connect(str(self.directory / "control"))
            except OSError as error:
                raise FleetError(f"{self.directory}: no fleet runs there ({error})") from error
            with control.makefile("rw") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                reply: dict[str, Any] = json.loads(stream.readline() or '{"ok": true}')
        if not reply["ok"]:
            raise FleetError(reply["error"])
        return reply


class Fleet(RunningFleet):
    """A fleet of the caller's own: up when the `with` block begins, gone when it ends, or when this
    process dies in whatever way.

    Args:
        hosts: how many; 4 where neither this nor `names` is given.
        names: node-set syntax, `web-[01-10]`; that is also the form of the names by default.
        kind: `openssh` (this machine's system, with systemd), `bare` (without), or `dropbear`
            (busybox and nothing else).
        kinds: for some of the hosts, node set -> kind.
        attributes: host -> further attributes in the inventory; each has a `zone`.
        rtt_ms: round-trip time between this machine and the hosts.
        loss: share of packets lost each way, 0.01 for one in a hundred; the seed decides which.
        users: accounts besides root on every host.
        sshd_options: lines of sshd_config, as `{"KexAlgorithms": "curve25519-sha256"}`.
        password_login: let users log in with `PASSWORD` too.
        label: who started it, shown by `python -m tests.fleet status`.
        keep: leave it running when this process ends (the command line's `up --background`).
    """

    def __init__(
        self,
        hosts: int | None = None,
        *,
        names: str | None = None,
        kind: Kind = "openssh",
        kinds: Mapping[str, Kind] | None = None,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        rtt_ms: float = 0.0,
        loss: float = 0.0,
        seed: int = 1,
        users: Sequence[User] = (User(),),
        sshd_options: Mapping[str, str] | None = None,
        password_login: bool = False,
        label: str = "a test",
        keep: bool = False,
    ) -> None:
        self._spec = make_spec(
            hosts, names=names, kind=kind, kinds=kinds, attributes=attributes, rtt_ms=rtt_ms,
            loss=loss, seed=seed, users=users, sshd_options=sshd_options,
            password_login=password_login, label=label, owner_pid=None if keep else os.getpid(),
        )  # fmt: skip
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Bring it up; returns once every host accepts logins. Raises FleetError."""
        if missing := missing_parts():
            raise FleetError(f"the test fleet needs {', '.join(missing)}")
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.supervisor"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=_REPOSITORY, text=True, start_new_session=True,
        )  # fmt: skip
        assert supervisor.stdin is not None
        assert supervisor.stdout is not None
        supervisor.stdin.write(spec_to_json(self._spec) + "\n")
        supervisor.stdin.flush()
        said = supervisor.stdout.readline()
        supervisor.stdout.close()
        answer = json.loads(said) if said else {"error": "its supervisor died"}
        self._supervisor = supervisor
        if "error" in answer:
            self.close()
            raise FleetError(answer["error"])
        self.directory = Path(answer["directory"])
        return self

    def close(self) -> None:
        """End the fleet; nothing is left of it afterwards."""
        if self._supervisor is not None:
            assert self._supervisor.stdin is not None
            self._supervisor.stdin.close()
            self._supervisor.wait()
            self._supervisor = None

    def detach(self) -> None:
        """Forget a fleet started with `keep`: it runs on until somebody takes it down."""
        self._supervisor = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


def running_fleets() -> list[RunningFleet]:
    """Every fleet that runs on this machine now, by number."""
    return [
        RunningFleet(state.parent)
        for state in sorted(STATE_ROOT.glob(f"*/{published.STATE}"))
        if Path(f"/proc/{json.loads(state.read_text())['supervisor']}").exists()
    ]


def missing_parts() -> list[str]:
    """What this machine lacks for a fleet, in words; empty when one can be started."""
    missing = [
        f"{Path(program).name} (package {package})"
        for program, package in _PACKAGES.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    if sys.platform != "linux":
        return ["Linux"]
    if os.geteuid() != 0:
        missing.insert(0, "root")
    if not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun")
    return missing


def _wait_gone(pid: int) -> None:
    """Return once a process, which need not be a child of this one, has ended."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.02)
