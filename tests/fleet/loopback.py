"""One real sshd on 127.0.0.1, as any user and without namespaces."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fleet.debian_root import SSHD
from tests.fleet.keys import make_key
from tests.fleet.spec import FleetError

_ADDRESS = "127.0.0.1"


class LoopbackSshd:
    """An sshd with its own key, port and files in `directory`; up inside the `with` block.

    It lets in the user who runs it, and nobody else. Faults and other hosts: see `Fleet`.
    """

    address = _ADDRESS

    def __init__(self, directory: Path, options: str = "") -> None:
        """`options`: further lines of sshd_config; they win over the ones set here."""
        self.directory = directory
        self.options = options
        self.user = getpass.getuser()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def key_path(self) -> Path:
        """The private key it accepts."""
        return self.directory / "id_ed25519"

    @property
    def known_hosts_path(self) -> Path:
        """Its host key, under `[127.0.0.1]:port`."""
        return self.directory / "known_hosts"

    @property
    def ssh_config_path(self) -> Path:
        """For `ssh -F`: the host `loopback`."""
        return self.directory / "ssh_config"

    def __enter__(self) -> Self:
        self.directory.mkdir(mode=0o700)
        self.port = _free_port()
        self._write_files()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # root's sshd insists on it
        config = self.directory / "sshd_config"
        self._process = subprocess.Popen(self._argv(config), stdin=subprocess.DEVNULL)
        self._wait_listening()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _argv(self, config: Path) -> list[str]:
        return [_sshd_path(), "-D", "-f", str(config), "-E", str(self.directory / "log")]

    def _write_files(self) -> None:
        host_key, user_key = make_key(), make_key()
        _private(self.directory / "host_key", host_key.private)
        _private(self.key_path, user_key.private)
        _private(self.directory / "authorized_keys", f"{user_key.public}\n".encode())
        known = f"[{_ADDRESS}]:{self.port} {host_key.public}\n"
        _private(self.known_hosts_path, known.encode())
        _private(self.directory / "sshd_config", self._sshd_config().encode())
        _private(self.ssh_config_path, self._ssh_config().encode())

    def _sshd_config(self) -> str:
        return f"""{self.options}
ListenAddress {_ADDRESS}:{self.port}
HostKey {self.directory}/host_key
AuthorizedKeysFile {self.directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 1000
Subsystem sftp internal-sftp
"""

    def _ssh_config(self) -> str:
        return f"""Host loopback
    HostName {_ADDRESS}
    Port {self.port}
    User {self.user}
    IdentityFile {self.key_path}
    IdentitiesOnly yes
    UserKnownHostsFile {self.known_hosts_path}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
"""

    def _wait_listening(self) -> None:
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((_ADDRESS, self.port), timeout=1.0) as probe:
                    probe.recv(1)
                    return
            except OSError:
                time.sleep(0.02)
        log = (self.directory / "log").read_text(errors="replace")
        raise FleetError(f"sshd on {_ADDRESS}:{self.port} does not answer: {log}")


def missing_for_loopback() -> list[str]:
    """What this machine lacks, in words; empty when a loopback sshd can be started."""
    return [] if _sshd_path() else ["sshd (package openssh-server)"]


def _sshd_path() -> str:
    return shutil.which("sshd", path=f"{Path(SSHD).parent}:{os.environ.get('PATH', '')}") or ""


def _private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_ADDRESS, 0))
        return int(probe.getsockname()[1])
