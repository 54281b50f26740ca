"""OpenSSH servers of other Debian releases, unpacked beside this system and run on loopback.

Needs root, apt-get and Debian's package servers; takes four seconds and 25 MB a release.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fleet.loopback import LoopbackSshd

_PACKAGES = ("openssh-server", "dash", "coreutils")
_LINKED = ("bin", "sbin", "lib", "lib64")
_ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


class UnpackedSshd(LoopbackSshd):
    """The server of a tree, in that tree: its shell and its commands are that release's."""

    def __init__(self, root: Path) -> None:
        # In the tree and outside alike, the files have the same path.
        super().__init__(root.parent / "sshd")
        self._root = root

    def _argv(self, config: Path) -> list[str]:
        inside = self._root / self.directory.relative_to("/")
        inside.parent.mkdir(parents=True)
        inside.symlink_to(Path("/in"))
        (self._root / "in").mkdir()
        for path in self.directory.iterdir():
            copy = self._root / "in" / path.name
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
        start = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER]
        sshd = ["/usr/sbin/sshd", "-D", "-f", str(config), "-E", str(self.directory / "log")]
        return [*start, str(self._root), *sshd]


@contextmanager
def openssh_of(release: str, directory: Path) -> Iterator[LoopbackSshd]:
    """A running sshd of that Debian release; CalledProcessError where it cannot be had."""
    root = directory / release
    _unpack(release, directory / "apt", root)
    _furnish(root)
    with UnpackedSshd(root) as server:
        yield server


def _unpack(release: str, apt: Path, root: Path) -> None:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    sources = apt / "sources.list"
    keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    sources.write_text(f"deb {keys} http://deb.debian.org/debian {release} main\n")
    where = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in where.items() for word in ("-o", f"{name}={value}")]
    install = ["install", "-y", "--no-install-recommends", "--download-only", *_PACKAGES]
    for command in (["update"], install):
        subprocess.run(["apt-get", "-qq", *options, *command], check=True, capture_output=True)
    root.mkdir()
    for name in _LINKED:  # as base-files has it since bookworm
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=-1).stdout
        subprocess.run(["tar", "-x", "-C", root, "--keep-directory-symlink"], input=tar, check=True)


def _furnish(root: Path) -> None:
    """What installation scripts would have made."""
    for name in ("proc", "dev", "run/sshd", "root", "tmp", "etc", "var/empty"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(root / "dev" / name, 0o020666, os.makedev(1, minor))
        (root / "dev" / name).chmod(0o666)
    users = "root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    (root / "etc/passwd").write_text(users)
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    if not (root / "bin/sh").exists():
        (root / "bin/sh").symlink_to("dash")
