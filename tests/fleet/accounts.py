"""The account files of a host: passwd, shadow, group, sudoers and the like, as text."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fleet.spec import User

FIRST_UID = 1001
SHELL_PATHS = {
    "sh": "/bin/sh",
    "bash": "/bin/bash",
    "zsh": "/usr/bin/zsh",
    "fish": "/usr/bin/fish",
    "csh": "/bin/csh",
    "rbash": "/bin/rbash",
}
# SHA-512 crypt of spec.PASSWORD (openssl passwd -6): hashing it anew for each fleet is slow.
_HASH = (
    "$6$fleetfleet$FTYgLwX8kr6buBL7n/6gZ.Pu3vlzuTN6XXIfaPha2jY7HKsQV9HwLJXuMBLfwqKeQVbNxxD08zXC"
    "gNGdLQP501"
)


def passwd(system: str, users: Sequence[User], root_shell: str, *, only_sh: bool = False) -> str:
    """`system` (a passwd file) without root and people, then root and the fleet's users."""
    kept = [
        line
        for line in system.splitlines()
        if len(fields := line.split(":")) == 7 and 0 < int(fields[2]) < 1000
    ]
    lines = [f"root:x:0:0:root:/root:{root_shell}", *kept]
    for uid, user in enumerate(users, FIRST_UID):
        shell = "/bin/sh" if only_sh else SHELL_PATHS[user.login_shell]
        lines.append(f"{user.name}:x:{uid}:{uid}::/home/{user.name}:{shell}")
    return "\n".join(lines) + "\n"


def shadow(system: str, users: Sequence[User]) -> str:
    """Root without a password (keys only), the users with `PASSWORD`, nobody else locked out."""
    kept = [line.split(":")[0] for line in system.splitlines() if not line.startswith("root:")]
    # "*" is no valid hash; "!" would mean a locked account, which sshd refuses keys for too.
    names = {"root": "*", **dict.fromkeys(kept, "*"), **{user.name: _HASH for user in users}}
    return "".join(f"{name}:{field}:20000:0:99999:7:::\n" for name, field in names.items())


def group(system: str, users: Sequence[User]) -> str:
    """`system` (a group file) with a group for each user."""
    kept = [line for line in system.splitlines() if line.count(":") == 3]
    own = [f"{user.name}:x:{gid}:" for gid, user in enumerate(users, FIRST_UID)]
    return "\n".join([*kept, *own]) + "\n"


def sudoers(users: Sequence[User]) -> str:
    """Root may do all; users as their `sudo` says."""
    rules = {"nopasswd": "ALL=(ALL:ALL) NOPASSWD: ALL", "password": "ALL=(ALL:ALL) ALL"}
    granted = [f"{user.name} {rules[user.sudo]}" for user in users if user.sudo != "none"]
    head = ["Defaults env_reset", "Defaults mail_badpass", "root ALL=(ALL:ALL) ALL"]
    return "\n".join([*head, *granted]) + "\n"
