"""Commands that ask or page. Pure; with tables to be read, not a proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.playbook.doubtful import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleetdiag.playbook.doubtful.commands import Command

# ------------------------------------------------------------------------------------- asks


def asks(command: Command) -> str | None:
    """Why the command waits for somebody, to follow its name; None where it does not."""
    name = command.name
    if name in tables.names("terminal"):
        rehearsed = command.has(
            *tables.words("rehearsals").get(name, ()), *_UNATTENDED.get(name, ())
        )
        return None if rehearsed else "needs somebody at a terminal"
    check = _ASKS.get(name)
    return check(command) if check else None


_UNATTENDED = {
    "atop": ("-r",),
    "iftop": ("-s",),
    "nethogs": ("-c",),
    "powertop": ("-t", "--time"),
    "screen": ("-ls", "-list"),
    "tmux": ("ls", "list-sessions"),
}
"""Commands for a terminal -> the options with which they need none."""


def _sudo(command: Command) -> str | None:
    told = command.has("-n", "--non-interactive", "-l", "-V", "-v")
    return None if told else "can ask for a password; say `become: true`"


def _find(command: Command) -> str | None:
    return "with `-ok` asks" if {"-ok", "-okdir"} & set(command.args) else None


def _top(command: Command) -> str | None:
    return None if command.has("-b") else "needs a terminal: `top -b -n 1`"


def _ssh(command: Command) -> str | None:
    told = any("batchmode=yes" in word.replace(" ", "=").lower() for word in command.args)
    return None if told or command.has("-V", "-G", "-Q") else "can ask for a password or a host key"


def _crontab(command: Command) -> str | None:
    return "opens an editor" if command.has("-e") else None


def _mysql(command: Command) -> str | None:
    bare = any(word == "-p" or word == "--password" for word in command.args)
    return "asks for a password" if bare else None


def _psql(command: Command) -> str | None:
    return "asks for a password" if command.has("-W", "--password") else None


def _ipmitool(command: Command) -> str | None:
    told = command.has("-P", "-f", "-E", "-K", "-k") or not command.has("-H")
    return None if told else "asks for a password: `-f FILE`"


def _gcloud(command: Command) -> str | None:
    logs_in = command.operands[:2] == ("auth", "login") or command.operands[:1] == ("login",)
    return "waits for somebody to log in" if logs_in else None


def _keytool(command: Command) -> str | None:
    told = any(re.match(r"-(storepass|keypass)", word) for word in command.args)
    reads = {"-list", "-exportcert", "-importcert", "-genkeypair"} & set(command.args)
    return "asks for a password: `-storepass:file FILE`" if reads and not told else None


def _read(command: Command) -> str | None:
    return "with `-p` asks" if command.has("-p") else None


def _fdisk(command: Command) -> str | None:
    return None if command.has("-l", "-s", "-x", "--list", "--script", "-J", "-d") else "asks"


def _in_container(command: Command) -> str | None:
    own: list[str] = []
    for word in command.args[1:]:
        if not word.startswith("-"):
            break  # the container; what follows is its command's
        own.append(word)
    interactive = any(re.fullmatch(r"-[a-zA-Z]*t[a-zA-Z]*|--tty", word) for word in own)
    opens = command.operands[:1] in {("exec",), ("run",), ("attach",), ("debug",)}
    if "login" in command.operands[:1]:
        return "asks for a password"
    return "with a terminal (`-t`) waits for somebody" if opens and interactive else None


def _interactive(command: Command) -> str | None:
    waits = command.has("-i") or (not command.args and not command.piped and not command.redirects)
    return "waits for what somebody types" if waits else None


def _copy(command: Command) -> str | None:
    return "with `-i` asks" if command.has("-i", "--interactive") else None


def _systemctl_edit(command: Command) -> str | None:
    return "opens an editor" if "edit" in command.operands[:1] else None


def _gdb(command: Command) -> str | None:
    return (
        None if command.has("-batch", "--batch", "--version") else "waits for what somebody types"
    )


_ASKS: Mapping[str, Callable[[Command], str | None]] = {
    **dict.fromkeys(("ssh", "scp"), _ssh),
    "crontab": _crontab,
    **dict.fromkeys(("mysql", "mysqladmin", "mysqldump", "mariadb"), _mysql),
    **dict.fromkeys(("psql", "pg_dump"), _psql),
    "ipmitool": _ipmitool,
    **dict.fromkeys(("gcloud", "az"), _gcloud),
    "keytool": _keytool,
    "read": _read,
    **dict.fromkeys(("fdisk", "gdisk"), _fdisk),
    **dict.fromkeys(
        ("docker", "podman", "kubectl", "oc", "crictl", "nerdctl", "lxc"), _in_container
    ),
    **dict.fromkeys(
        ("python", "python3", "node", "irb", "bc", "bash", "sqlite3", "redis-cli"), _interactive
    ),
    **dict.fromkeys(("cp", "mv", "rm"), _copy),
    "systemctl": _systemctl_edit,
    "gdb": _gdb,
    **dict.fromkeys(("sudo", "doas"), _sudo),
    "find": _find,
    "top": _top,
}

# ------------------------------------------------------------------------------------ pages


def pages(command: Command) -> str | None:
    """Why the command stops at each page, to follow its name; None where it does not."""
    name = command.name
    if name in tables.names("pagers"):
        asks_only = name == "man" and command.has("-k", "-f", "-w")
        return None if asks_only or command.into else "is a pager; print the text itself"
    verbs = tables.words("page_themselves").get(name)
    if verbs is None or command.into or command.captured:
        return None
    if _goes_elsewhere(command) or command.has(
        "--no-pager", "-q", "--quiet", "--version", "--help"
    ):
        return None
    if any(re.fullmatch(r"(SYSTEMD_|GIT_)?PAGER=(cat|''|\"\")?", v) for v in command.variables):
        return None
    verb = next(_verbs(command), None)
    if verb == "show" and command.has("-p", "--property", "-P", "--value"):
        return None  # a few lines
    if verbs and verb is not None and verb not in verbs:
        return None
    if verb is None and name in {"git", "timedatectl", "resolvectl", "systemd-analyze"}:
        return None
    return "opens a pager on a terminal; add `--no-pager`"


def _verbs(command: Command) -> Iterator[str]:
    skip = False
    for word in command.args:
        if skip:
            skip = False
        elif word in {"-C", "-c", "-t", "-p", "-n", "-H", "-M", "-o"}:
            skip = True
        elif not word.startswith("-"):
            yield word


def _goes_elsewhere(command: Command) -> bool:
    outs = (
        r for r in command.redirects if r.sign.startswith((">", "&>")) and r.descriptor in {"", "1"}
    )
    return any(r.target != "/dev/stdout" for r in outs)
