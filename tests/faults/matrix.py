"""Many hosts, each with its own fault, in one run of the program; what it told of each."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from fleetdiag import archive
from fleetdiag.model import HostResult, Run, read_output
from tests.e2e.program import Done, Program, environment, until
from tests.fleet import Fleet

CONNECT_S = 3
_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Told:
    """What one run came to."""

    done: Done
    run: Run
    left: Sequence[str]
    """What still ran of ours on the hosts some seconds after the program's end."""
    seen: Mapping[str, str]
    """What else a test wants to know of the fleet: addresses, paths."""

    @property
    def results(self) -> Mapping[str, HostResult]:
        """By the host's name."""
        return {host.name: host for host in self.run.hosts}

    def of(self, name: str) -> tuple[str, str]:
        """Status and reason of a host."""
        result = self.results[name]
        return result.status, result.reason

    def said(self, name: str) -> list[bytes]:
        """What each step printed on a host."""
        return [read_output(step.stdout) for step in self.results[name].steps]

    def ended(self, name: str) -> float:
        """When a host had finished, Unix time."""
        return self.results[name].started_at + self.results[name].duration_s

    def must_leave_unharmed(
        self, healthy: Mapping[str, Sequence[bytes]], waiting: Collection[str]
    ) -> None:
        """Fails where a healthy host did not say what is expected of it, step by step.

        And where one of them finished later than one of the hosts `waiting` until a limit passed.
        """
        assert {name: self.said(name) for name in healthy} == healthy
        assert {self.of(name) for name in healthy} == {("ok", "")}
        assert max(map(self.ended, healthy)) < min(map(self.ended, waiting))


@dataclass
class Matrix:
    """An inventory in the making, of hosts of one fleet."""

    home: Path
    fleet: Fleet
    identity: str | None = None
    """The key to log in with; None: the fleet's. Empty: none is named."""
    _hosts: list[str] = field(default_factory=list)
    _known: list[str] = field(default_factory=list)

    def add(
        self, name: str, host: str, *, port: int = 22, address: str = "", user: str = "root"
    ) -> None:
        """A host by this name, which really is `host` of the fleet, perhaps behind a relay."""
        place = address or self.fleet.host(host).address
        self._hosts.append(f"  {name}: {{address: {place}, port: {port}, user: {user}}}")
        self._known.append(f"[{place}]:{port} {self._key(host)}")

    def add_sshd(
        self,
        name: str,
        host: str,
        port: int,
        *options: str,
        user: str = "root",
        under: Sequence[str] = (),
    ) -> None:
        """A second server on `host`, on a port of its own, `under` a command that limits it."""
        words = [word for option in options for word in ("-o", option)]
        argv = [*under, "/usr/sbin/sshd", "-p", str(port), "-o", "PidFile=none", *words]
        started = self.fleet.exec(host, argv)
        assert started.returncode == 0, started.stderr
        self.add(name, host, port=port, user=user)

    def run(self, playbook: str, variables: Mapping[str, str] | None = None) -> Done:
        """Run a playbook on all that was added."""
        known = self.home / "known_hosts"
        known.write_text("\n".join([*self._known, self.fleet.known_hosts_path.read_text()]))
        key = self.fleet.key_path if self.identity is None else self.identity
        identity = f"identity_file: {key}, " if key else ""
        inventory = self.home / "inventory.yaml"
        defaults = f"defaults: {{{identity}known_hosts: {known}}}"
        inventory.write_text("\n".join([defaults, "hosts:", *self._hosts, ""]))
        book = self.home / "matrix.yaml"
        book.write_text(playbook)
        flags = ["-i", str(inventory), "--no-cloud", "--connect-timeout", str(CONNECT_S), "-v"]
        ran = subprocess.run(
            [sys.executable, "-m", "tests.faults.hasty", "run", str(book), *flags],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**environment(self.home), **(variables or {})},
            cwd=self.home,
            timeout=_TIMEOUT_S,
            check=False,
        )
        out, err = (text.decode(errors="surrogateescape") for text in (ran.stdout, ran.stderr))
        done = Done(ran.returncode, out, err)
        done.must_be_harmless()
        return done

    def left(self, names: Collection[str], hosts: Collection[str], *, within_s: float) -> list[str]:
        """Which processes of these names still run on the hosts, when so much time has passed."""

        def running() -> list[str]:
            found = [(host, p) for host in hosts for p in self.fleet.processes(host)]
            return [f"{p.name} on {host}" for host, p in found if p.name in names]

        try:
            until(lambda: not running(), "nothing was left", within_s=within_s)
        except AssertionError:
            return running()
        return []

    def told(self, done: Done, left: Sequence[str], **seen: str) -> Told:
        """What the run came to, with the addresses of the fleet's hosts."""
        addresses = {host.name: host.address for host in self.fleet.hosts}
        return Told(done, _stored(self.home), left, {**addresses, **seen})

    def _key(self, host: str) -> str:
        lines = map(str.split, self.fleet.known_hosts_path.read_text().splitlines())
        return next(" ".join(key) for names, *key in lines if host in names.split(","))


def told_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Told]) -> Told:
    """`make(home)`, by the first of the tests' processes that asks; the others wait for it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home, result = base / f"faults-{name}", base / f"faults-{name}.json"
    with (base / f"faults-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            home.mkdir()
            made = make(home)
            kept = {"done": asdict(made.done), "left": list(made.left), "seen": dict(made.seen)}
            result.write_text(json.dumps(kept))
    kept = json.loads(result.read_text())
    return Told(Done(**kept["done"]), _stored(home), kept["left"], kept["seen"])


def _stored(home: Path) -> Run:
    runs = Program(home, home).runs_directory
    return archive.load(archive.find(runs, "last"))
