"""The files of a bare host, and most of an openssh host's.

This machine's system, without its people and its traces.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.fleet import accounts, kernellog, tree
from tests.fleet.identity import Identity
from tests.fleet.spec import FleetSpec

SSHD = "/usr/sbin/sshd"
DMESG_FILE = "var/log/dmesg-fleet"
INIT = ("/bin/busybox", "init")
START_SSHD = (SSHD,)
STOP_SSHD = ("sh", "-c", "kill $(cat /run/sshd.pid)")
LOWER = "/"

# Of this machine's top level only these show on a host; the rest is empty or not there.
_SHOWN = frozenset(("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "var"))
_EMPTY = {
    **dict.fromkeys(("boot", "dev", "home", "media", "mnt", "opt", "proc", "run", "sys"), 0o755),
    **dict.fromkeys(("srv", "etc/ssh", "usr/local", "var/log", "var/spool", "var/mail"), 0o755),
    **dict.fromkeys(("tmp", "var/tmp"), 0o1777),
    "root": 0o700,
}
# util-linux's dmesg reads this form from a file (-F) with all its options working.
_DMESG = f"""#!/bin/sh
# The kernel's ring buffer belongs to the whole machine: this host's log is a file.
if [ ! -r /{DMESG_FILE} ]; then
    echo "dmesg: read kernel buffer failed: Operation not permitted" >&2
    exit 1
fi
exec /usr/libexec/dmesg-of-the-machine -F /{DMESG_FILE} "$@"
"""
_INITTAB = f"""::once:{SSHD}
::ctrlaltdel:/bin/true
"""


def prepare(
    upper: Path, identity: Identity, fleet: FleetSpec, public_key: str, hosts_file: str
) -> None:
    """Fill the upper layer of one host."""
    for path, mode in _EMPTY.items():
        tree.fresh_dir(upper, path, mode)
    for entry in Path("/").iterdir():
        if entry.name not in _SHOWN and entry.name not in _EMPTY:
            tree.hide(upper, entry.name)
    for path in ("usr/local/bin", "usr/local/sbin", "srv/data"):
        tree.make_dir(upper / path)
    tree.put_names(upper, identity, hosts_file)
    tree.put_homes(upper, fleet.users, public_key)
    tree.put_stuck_command(upper, "usr/local/bin/stuck")
    _put_accounts(upper, fleet)
    _put_sshd(upper, identity, fleet)
    _put_kernel_log(upper, identity)
    tree.put(upper, "etc/inittab", _INITTAB)
    for path in ("etc/motd", "etc/environment", "etc/fstab"):
        tree.put(upper, path, "")
    for command in ("reboot", "poweroff", "halt"):  # systemd's would look for systemd
        (upper / "usr/local/sbin" / command).symlink_to("/bin/busybox")


def sshd_config(fleet: FleetSpec) -> str:
    """The configuration of every openssh host."""
    config = f"""HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin yes
PasswordAuthentication {"yes" if fleet.password_login else "no"}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 1000:30:2000
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
"""
    if _sshd_version() >= (9, 8):  # no ban on sources that connect and leave: tests do that
        config = with_option(config, "PerSourcePenalties no")
    for key, value in fleet.sshd_options.items():
        config = with_option(config, f"{key} {value}")
    return config


def with_option(config: str, line: str) -> str:
    """The sshd_config with this line for its keyword, and no other: of most keywords sshd takes
    the first line, of MaxStartups the last."""
    keyword = line.split()[0].lower()
    kept = [one for one in config.splitlines() if one.split()[0].lower() != keyword]
    return "\n".join([line, *kept]) + "\n"


def _put_sshd(upper: Path, identity: Identity, fleet: FleetSpec) -> None:
    tree.put(upper, "etc/ssh/sshd_config", sshd_config(fleet))
    tree.put(upper, "etc/ssh/ssh_host_ed25519_key", identity.host_key.private, 0o600)
    tree.put(upper, "etc/ssh/ssh_host_ed25519_key.pub", identity.host_key.public + "\n")


def _put_accounts(upper: Path, fleet: FleetSpec) -> None:
    etc = Path("/etc")
    users = fleet.users
    system = (etc / "passwd").read_text()
    tree.put(upper, "etc/passwd", accounts.passwd(system, users, "/bin/bash"))
    tree.put(upper, "etc/shadow", accounts.shadow(system, users), 0o600)
    tree.put(upper, "etc/group", accounts.group((etc / "group").read_text(), users))
    tree.put(upper, "etc/sudoers", accounts.sudoers(users), 0o440)


def _put_kernel_log(upper: Path, identity: Identity) -> None:
    """The log, readable to all only where this machine's own would be."""
    restricted = Path("/proc/sys/kernel/dmesg_restrict").read_text().strip() == "1"
    log = kernellog.boot_log(identity.name, identity.mac, identity.kernel_seed)
    tree.put(upper, DMESG_FILE, log, 0o600 if restricted else 0o644)
    real = shutil.which("dmesg", path="/usr/bin:/bin")
    if real is not None:
        tree.put(upper, "usr/libexec/dmesg-of-the-machine", Path(real).read_bytes(), 0o755)
        tree.put(upper, "usr/bin/dmesg", _DMESG, 0o755)


@cache
def _sshd_version() -> tuple[int, int]:
    """(9, 2) for OpenSSH_9.2p1; older ones name it in the usage text of an unknown option."""
    done = subprocess.run([SSHD, "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", done.stdout + done.stderr)
    return (int(found[1]), int(found[2])) if found else (0, 0)
