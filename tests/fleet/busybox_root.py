"""The files of a dropbear host: busybox, dropbear, their libraries, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.fleet import accounts, kernellog, tree
from tests.fleet.identity import Identity
from tests.fleet.spec import FleetError, FleetSpec

HOST_KEY = "/etc/dropbear/dropbear_ed25519_host_key"
INIT = ("/bin/busybox", "init")
START_SSHD = ("/usr/sbin/dropbear", "-r", HOST_KEY, "-p", "22", "-P", "/run/dropbear.pid")
STOP_SSHD = ("sh", "-c", "kill $(cat /run/dropbear.pid)")
DMESG_FILE = "var/log/dmesg-fleet"

_INITTAB = f"""::once:{" ".join(START_SSHD)}
::ctrlaltdel:/bin/true
"""
_DMESG = f"""#!/bin/sh
# The kernel's ring buffer belongs to the whole machine: this host's log is a file.
if [ ! -r /{DMESG_FILE} ]; then
    echo "dmesg: klogctl: Operation not permitted" >&2
    exit 1
fi
exec sed 's/^<[0-9]*>//' /{DMESG_FILE}
"""
_GROUPS = "root:x:0:\ntty:x:5:\n"
_SYSTEM = "nobody:x:65534:65534:nobody:/:/bin/false\n"


def build_lower(lower: Path) -> None:
    """The system all dropbear hosts of a fleet share; raises FleetError."""
    busybox = _find("busybox")
    for program, target in ((busybox, "bin/busybox"), (_find("dropbear"), "usr/sbin/dropbear")):
        tree.put(lower, target, Path(program).read_bytes(), 0o755)
        for library in _libraries(program):
            tree.put(lower, library.lstrip("/"), Path(library).read_bytes(), 0o755)
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in set(listed.stdout.split()) - {"busybox", "dmesg"}:
        (lower / "bin" / applet).symlink_to("busybox")
    (lower / "sbin").symlink_to("bin")
    (lower / "usr/bin").symlink_to("../bin")
    for path in ("dev", "proc", "sys", "run", "mnt", "home", "srv/data", "var/log", "etc"):
        tree.make_dir(lower / path)
    (lower / "var/run").symlink_to("../run")
    for path in ("tmp", "var/tmp"):
        tree.make_dir(lower / path, 0o1777)


def prepare(
    upper: Path, identity: Identity, fleet: FleetSpec, public_key: str, hosts_file: str
) -> None:
    """Fill the upper layer of one host."""
    tree.put_names(upper, identity, hosts_file)
    tree.put_homes(upper, fleet.users, public_key)
    tree.put_stuck_command(upper, "bin/stuck")
    log = kernellog.boot_log(identity.name, identity.mac, identity.kernel_seed)
    tree.put(upper, DMESG_FILE, log)
    tree.put(upper, "bin/dmesg", _DMESG, 0o755)
    tree.put(upper, "etc/inittab", _INITTAB)
    tree.put(upper, "etc/shells", "/bin/sh\n")
    users = fleet.users
    tree.put(upper, "etc/passwd", accounts.passwd(_SYSTEM, users, "/bin/sh", only_sh=True))
    tree.put(upper, "etc/shadow", accounts.shadow(_SYSTEM, users), 0o600)
    tree.put(upper, "etc/group", accounts.group(_GROUPS, users))
    tree.put(upper, HOST_KEY.lstrip("/"), convert_key(identity.host_key.private), 0o600)


def convert_key(private: bytes) -> bytes:
    """An OpenSSH private key in dropbear's form."""
    done = subprocess.run(
        ["dropbearconvert", "openssh", "dropbear", "/dev/stdin", "/dev/stdout"],
        input=private,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise FleetError(f"dropbearconvert: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _find(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        raise FleetError(f"{program}: not installed (packages busybox, dropbear-bin)")
    return path


def _libraries(program: str) -> list[str]:
    """Absolute paths of the shared libraries and the loader; none for a static program."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)
