"""The files of an openssh host: a bare host's, and systemd as its first process.

Only what a host needs is started: the journal, the SSH server, and `app.service`, a unit to break.
"""

from __future__ import annotations

from pathlib import Path

from tests.fleet import debian_root, tree
from tests.fleet.identity import Identity
from tests.fleet.spec import FleetError, FleetSpec

INIT = ("/lib/systemd/systemd",)
LOWER = debian_root.LOWER
DMESG_FILE = debian_root.DMESG_FILE
# A failed unit (killed by a fault) must be forgotten before it counts as healthy again.
START_SSHD = ("sh", "-c", "systemctl reset-failed ssh.service; systemctl start ssh.service")
STOP_SSHD = ("systemctl", "stop", "ssh.service")

_UNITS = "usr/lib/systemd/system"
_SSH = """[Unit]
Description=OpenBSD Secure Shell server

[Service]
ExecStart=/usr/sbin/sshd -D
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
KillMode=process

[Install]
WantedBy=multi-user.target
"""
_APP = """[Unit]
Description=The application of this host

[Service]
ExecStart=/bin/sleep infinity

[Install]
WantedBy=multi-user.target
"""
_JOURNALD = """[Journal]
Storage=persistent
SystemMaxUse=16M
SystemMaxFileSize=4M
SplitMode=none
RateLimitIntervalSec=0
"""
_WANTED = {
    "multi-user.target": ("ssh.service", "app.service"),
    "sysinit.target": ("systemd-journald.service", "systemd-journal-flush.service"),
    "sockets.target": ("systemd-journald.socket", "systemd-journald-dev-log.socket", "dbus.socket"),
}


def prepare(
    upper: Path, identity: Identity, fleet: FleetSpec, public_key: str, hosts_file: str
) -> None:
    """Fill the upper layer of one host; raises FleetError where systemd is not installed."""
    if not Path(INIT[0]).exists():
        raise FleetError(f"{INIT[0]}: not installed (package systemd)")
    debian_root.prepare(upper, identity, fleet, public_key, hosts_file)
    for command in ("reboot", "poweroff", "halt"):
        (upper / "usr/local/sbin" / command).unlink()
    tree.fresh_dir(upper, "etc/systemd")
    for wants in Path("/", _UNITS).glob("*.wants"):
        tree.fresh_dir(upper, f"{_UNITS}/{wants.name}")
    tree.put(upper, "etc/systemd/journald.conf", _JOURNALD)
    tree.make_dir(upper / "var/log/journal")
    tree.put(upper, "etc/systemd/system/ssh.service", _SSH)
    tree.put(upper, "etc/systemd/system/app.service", _APP)
    _link(upper, "default.target", "multi-user.target")
    for target, units in _WANTED.items():
        for unit in units:
            _link(upper, f"{target}.wants/{unit}", unit)


def _link(upper: Path, path: str, unit: str) -> None:
    """`systemctl enable`: a link in /etc to the unit, the fleet's own or the distribution's."""
    link = upper / "etc/systemd/system" / path
    own = upper / "etc/systemd/system" / unit
    target = f"/etc/systemd/system/{unit}" if own.exists() else f"/{_UNITS}/{unit}"
    if own.exists() or Path(target).exists():  # dbus may not be installed
        tree.make_dir(link.parent)
        link.symlink_to(target)
