"""One running host: its namespaces, its root, its first process. Used by the supervisor only."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from tests.fleet import busybox_root, cgroups, debian_root, network, systemd_root, tree
from tests.fleet import namespaces as ns
from tests.fleet.identity import Identity
from tests.fleet.processes import PATH, enter_command
from tests.fleet.spec import FleetError

DISK_MIB = 256
DATA_MIB = 16
SSH_PORT = 22

# What would reach past the host into this machine: modules, raw I/O, clock, kernel log, device
# nodes, MAC policy. The numbers are those of linux/capability.h.
_DROPPED_CAPABILITIES = frozenset((16, 17, 25, 27, 32, 33, 34))
_DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
_FOR_CHILDREN = ("pid", "time")
"""Namespaces that a process which unshares them gives to its children, not to itself."""

_FILES = {"openssh": systemd_root, "bare": debian_root, "dropbear": busybox_root}

Undo = Callable[[], object]


@dataclass(eq=False)
class RunningHost:
    """A host and what was done to it."""

    identity: Identity
    home: Path
    """On the controller: `disk/` (its files, kept over reboots)."""
    cgroup: Path
    """Its freezer cgroup; `stuck` in it is frozen for good."""
    units_cgroup: Path
    """Its part of the cgroup v2 tree, where systemd keeps its units; used by systemd hosts."""
    lower: str
    pid: int = 0
    """Of its first process, as the controller sees it."""
    boots: int = 0
    undo: dict[str, Undo] = field(default_factory=dict)
    """Faults in force, in the order they were made, with what takes each back."""

    @property
    def name(self) -> str:
        """As in the inventory."""
        return self.identity.name

    @property
    def files(self) -> ModuleType:
        """The module that knows this kind's files and how its SSH server starts."""
        return _FILES[self.identity.spec.kind]

    @property
    def has_systemd(self) -> bool:
        """Whether its first process is systemd."""
        return self.identity.spec.kind == "openssh"

    def uptime_s(self) -> float:
        """Seconds since it booted, by its own clock."""
        shown = self.run("cat", "/proc/uptime").stdout
        return float(shown.split()[0])

    def run(
        self, *argv: str, stdin: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host, as root, in none of its cgroups; raises FleetError."""
        done = subprocess.run(
            enter_command(self.pid, argv), input=stdin, capture_output=True, check=False
        )
        if check and done.returncode != 0:
            text = done.stderr.decode(errors="replace").strip()
            raise FleetError(f"{self.name}: {' '.join(argv)}: exit {done.returncode}: {text}")
        return done

    def write(self, path: str, content: bytes, mode: str = "644", owner: str = "0:0") -> None:
        """Write a file on the host, directories included."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chown "$3" "$1"'
        self.run("sh", "-c", script, "sh", path, mode, owner, stdin=content)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Run the block in the host's network (this whole process is there meanwhile)."""
        descriptor = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with ns.inside(descriptor, "net"):
                yield
        finally:
            os.close(descriptor)

    def ip(self, *lines: str) -> None:
        """Run `ip` commands in the host's network; raises FleetError."""
        with self.network():
            network.ip_batch(list(lines))

    def skip_address_probe(self) -> None:
        """Let IPv6 addresses count at once, so that `ip address` is the same from the start."""
        probes = Path("/proc/sys/net/ipv6/conf/eth0/dad_transmits")
        with self.network():
            if probes.exists():  # not where the kernel has no IPv6
                probes.write_text("0\n")

    def nft(self, rules: str) -> None:
        """Load packet filter rules in the host's network; raises FleetError."""
        with self.network():
            done = subprocess.run(
                ["nft", "-f", "-"], input=rules, capture_output=True, text=True, check=False
            )
        if done.returncode != 0:
            raise FleetError(f"{self.name}: nft: {done.stderr.strip()}")

    def wait_listening(self, wanted: bool = True, timeout_s: float = 10.0) -> None:
        """Return once its SSH port is open (or closed, if not wanted); raises FleetError."""
        deadline = time.monotonic() + timeout_s
        while network.is_listening(self.pid, SSH_PORT) is not wanted:
            if time.monotonic() > deadline:
                state = "open" if wanted else "closed"
                raise FleetError(f"{self.name}: port {SSH_PORT} is not {state} after {timeout_s} s")
            time.sleep(0.01)


def make_disk(host: RunningHost) -> Path:
    """Its empty disk, a tmpfs of its own; the upper layer to be filled."""
    disk = host.home / "disk"
    disk.mkdir(parents=True)
    ns.mount("disk", disk, "tmpfs", 0, f"size={DISK_MIB}m,mode=755")
    for name in ("upper", "work", "root"):
        tree.make_dir(disk / name)
    (host.cgroup / "stuck").mkdir(parents=True)
    if host.has_systemd:
        host.units_cgroup.mkdir(parents=True)
    (host.cgroup / "stuck" / "tasks").chmod(0o666)
    (host.cgroup / "stuck" / "freezer.state").write_text("FROZEN")
    return disk / "upper"


def begin_boot(host: RunningHost) -> int:
    """Fork the host's first process, in its new namespaces, and return the descriptor of its leash:
    it goes on with the boot when a byte is written there. Its `pid` and network are there already.
    """
    own = {
        kind: os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in _FOR_CHILDREN
    }
    leash_read, leash_write = os.pipe()
    ready_read, ready_write = os.pipe()
    try:
        ns.unshare(ns.CLONE_NEWPID | ns.CLONE_NEWTIME)
        _set_uptime(host.identity.booted_s_ago)
        host.pid = os.fork()
        if host.pid == 0:
            os.close(leash_write)
            _first_process(host, ready_write, leash_read)
    finally:
        for descriptor in own.values():
            ns.setns(descriptor)
            os.close(descriptor)
        os.close(ready_write)
        os.close(leash_read)
    if os.read(ready_read, 1) != b"+":
        raise FleetError(f"{host.name}: namespaces refused, see the supervisor's log")
    os.close(ready_read)
    host.boots += 1
    (host.cgroup / "cgroup.procs").write_text(str(host.pid))
    if host.has_systemd:
        (host.units_cgroup / "cgroup.procs").write_text(str(host.pid))
    return leash_write


def kill(host: RunningHost) -> None:
    """End every process of the host, wait for that, and reap its first process."""
    cgroups.thaw(host.cgroup)
    try:
        os.kill(host.pid, signal.SIGKILL)
        os.waitpid(host.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it ended by itself (a reboot asked for on the host)
    (host.cgroup / "stuck" / "freezer.state").write_text("FROZEN")


def _set_uptime(booted_s_ago: int) -> None:
    """In the new time namespace, boot was so long ago; must happen before its first process."""
    machine_s = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    offset = booted_s_ago - machine_s
    Path("/proc/self/timens_offsets").write_text(f"boottime {offset} 0\n")


def _first_process(host: RunningHost, ready: int, leash: int) -> None:
    """In the child: never returns."""
    try:
        ns.die_with_parent()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWNET | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC)
        socket.sethostname(host.name)
        os.write(ready, b"+")
        if os.read(leash, 1) == b"+":
            _build_root(host)
            ns.drop_capabilities(_DROPPED_CAPABILITIES)
            quiet = os.open("/dev/null", os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(quiet, descriptor)
            os.closerange(3, 1024)
            program, *name = host.files.INIT
            # systemd looks for `container` to leave alone what is this machine's.
            environment = {"PATH": PATH, "container": "fleet"}
            os.execve(program, name or [program], environment)  # noqa: S606 - no shell wanted
    except OSError as error:
        os.write(2, f"{host.name}: {error}\n".encode())
    finally:
        os._exit(70)


def _build_root(host: RunningHost) -> None:
    ns.mount("", "/", "", ns.MS_REC | ns.MS_PRIVATE)
    disk = host.home / "disk"
    os.chdir(disk)
    # Relative names: /proc/mounts shows them, and they must not differ between hosts.
    layers = f"lowerdir={host.lower},upperdir=upper,workdir=work"
    root = disk / "root"
    ns.mount("overlay", root, "overlay", 0, layers)
    _mount_devices(root)
    _mount_kernel_files(root)
    secure = ns.MS_NOSUID | ns.MS_NODEV
    ns.mount("tmpfs", root / "run", "tmpfs", secure, "size=16m,mode=755")
    for directory in ("run/sshd", "run/lock"):
        tree.make_dir(root / directory)
    ns.mount("data", root / "srv/data", "tmpfs", secure, f"size={DATA_MIB}m,mode=755")
    # From /run, so that df shows no file system more.
    tree.put(root, "run/boot_id", host.identity.boot_id + "\n", 0o444)
    ns.bind(root / "run/boot_id", root / "proc/sys/kernel/random/boot_id", read_only=True)
    if host.has_systemd:
        ns.unshare(ns.CLONE_NEWCGROUP)
        ns.mount("cgroup2", root / "sys/fs/cgroup", "cgroup2", secure | ns.MS_NOEXEC)
    ns.bind(host.cgroup / "stuck", root / tree.MARKER_DIR / "stuck")
    ns.make_root(root)


def _mount_kernel_files(root: Path) -> None:
    """/proc and /sys; of the kernel's parameters only the network's can be set on a host, since the
    others belong to the whole machine."""
    no_programs = ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC
    ns.mount("proc", root / "proc", "proc", no_programs)
    ns.mount("sysfs", root / "sys", "sysfs", no_programs | ns.MS_RDONLY)
    second = root / "mnt"
    ns.mount("proc", second, "proc", no_programs)
    ns.bind(root / "proc/sys", root / "proc/sys", read_only=True)
    ns.bind(second / "sys/net", root / "proc/sys/net")
    ns.unmount(second)
    for danger in ("sysrq-trigger", "kcore", "kmsg"):
        if (root / "proc" / danger).exists():
            ns.bind(root / "dev/null", root / "proc" / danger)


def _mount_devices(root: Path) -> None:
    dev = root / "dev"
    ns.mount("dev", dev, "tmpfs", ns.MS_NOSUID, "size=1m,mode=755")
    os.umask(0)
    for name, minor in _DEVICES.items():
        os.mknod(dev / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    os.mknod(dev / "tty", stat.S_IFCHR | 0o666, os.makedev(5, 0))
    os.umask(0o022)
    for directory, fstype, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5"),
        ("shm", "tmpfs", "size=16m,mode=1777"),
    ):
        (dev / directory).mkdir()
        ns.mount(directory, dev / directory, fstype, ns.MS_NOSUID | ns.MS_NOEXEC, options)
    (dev / "ptmx").symlink_to("pts/ptmx")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (dev / name).symlink_to(f"/proc/self/fd{target}")
