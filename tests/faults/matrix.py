"""Many hosts, each with its own fault, in one run of the program; what it told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleetdiag.model import HostResult, Run
from tests.e2e.program import Done, Program
from tests.fleet import Fleet

CONNECT_S = 3
LOGIN_S = 20
"""From `Limits.auth_s`; no flag changes it."""


@dataclass(frozen=True)
class Told:
    """What one run came to."""

    done: Done
    run: Run
    results: Mapping[str, HostResult]

    def of(self, *names: str) -> dict[str, tuple[str, str]]:
        """Host -> its status and reason."""
        return {name: (self.results[name].status, self.results[name].reason) for name in names}

    def must_leave_unharmed(self, healthy: Mapping[str, list[bytes]], waiting: set[str]) -> None:
        """Fails where a healthy host did not say what is expected of it, step by step.

        And where one of them finished later than one of the hosts `waiting` until a limit passed.
        """
        said = {name: [s.stdout for s in self.results[name].steps] for name in healthy}
        assert said == healthy
        assert {self.results[name].status for name in healthy} == {"ok"}
        assert max(map(self._ended, healthy)) < min(map(self._ended, waiting))

    def _ended(self, name: str) -> float:
        return self.results[name].started_at + self.results[name].duration_s


@dataclass
class Matrix:
    """An inventory in the making."""

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

    def run(self, playbook: str, *flags: str, variables: Mapping[str, str] | None = None) -> Told:
        """Run a playbook on all that was added."""
        known = self.home / "known_hosts"
        known.write_text("\n".join([*self._known, self.fleet.known_hosts_path.read_text()]))
        inventory = self.home / "inventory.yaml"
        key = self.fleet.key_path if self.identity is None else self.identity
        identity = f"identity_file: {key}, " if key else ""
        defaults = f"defaults: {{{identity}known_hosts: {known}}}"
        inventory.write_text("\n".join([defaults, "hosts:", *self._hosts, ""]))
        program = Program(self.home, inventory, variables or {})
        book = program.playbook("matrix", playbook)
        done = program.run(
            "run", book, "--no-cloud", "--connect-timeout", str(CONNECT_S), "-v", *flags
        )
        run = program.stored()
        return Told(done, run, {host.name: host for host in run.hosts})

    def _key(self, host: str) -> str:
        lines = map(str.split, self.fleet.known_hosts_path.read_text().splitlines())
        return next(" ".join(key) for names, *key in lines if host in names.split(","))
