"""Commands whose output has no bound, or that print nothing. Pure; a table, not a proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.playbook.doubtful import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fleetdiag.playbook.doubtful.commands import Command

_LOG = re.compile(
    r"(/var)?/log/.*|.*\.log(\.\d+)?(\.gz|\.xz|\*)?|.*/(syslog|messages|kern\.log|auth\.log|journal)\*?"
)
_QUIET = {
    **dict.fromkeys(("grep", "egrep", "fgrep", "zgrep"), ("-q", "--quiet", "--silent")),
    "cmp": ("-s", "--quiet", "--silent"),
    "pidof": ("-q",),
    "systemctl": ("-q", "--quiet"),
}
"""Commands -> the options that make them print nothing."""

# -------------------------------------------------------------------------------- unbounded


def unbounded(command: Command) -> str | None:
    """Why the command's output has no bound, to follow its name; None where it has one."""
    check = _UNBOUNDED.get(command.name)
    if check is None or command.captured or _is_bounded(command):
        return None
    return check(command)


def _is_bounded(command: Command) -> bool:
    """Whether what follows, or where it goes, leaves a bounded part of the output."""
    return any(_bounds(one) for one in command.into) or _thrown_away(command)


def _bounds(command: Command) -> bool:
    match command.name:
        case "tail":
            counts = (command.value_of("-n", "--lines", "-c", "--bytes") or "", *command.args)
            return not any(count.startswith("+") for count in counts)
        case "head":
            counts = (command.value_of("-n", "--lines", "-c", "--bytes") or "",)
            return not any(count.startswith("-") for count in counts)
        case "wc" | "md5sum" | "sha256sum" | "sha1sum" | "cksum" | "sum" | "read":
            return True
        case "grep" | "egrep" | "fgrep" | "zgrep":
            return command.has("-c", "-q", "-m", "--count", "--quiet", "--max-count")
        case "awk" | "gawk" | "mawk":
            return any(re.search(r"\bEND\b|\bexit\b|\bNR\s*[<=]", word) for word in command.args)
        case "sed":
            return any(
                re.search(r"(^|[;\d])\s*q\s*($|;)|^-?\s*\d+,\d+p$|\$p|\$!d", word)
                for word in command.args
            )
    return False


def _thrown_away(command: Command) -> bool:
    outs = [r for r in command.redirects if _is_stdout(r.sign, r.descriptor)]
    return bool(outs) and outs[0].target == "/dev/null"


def _is_stdout(sign: str, descriptor: str) -> bool:
    return sign.startswith((">", "&>")) and descriptor in {"", "1"}


def _journal(command: Command) -> str | None:
    short = ("-n", "--lines", "-N", "--fields", "-F", "--field", "--version", "--header")
    others = (
        "--list-boots",
        "--disk-usage",
        "--verify",
        "--vacuum-size",
        "--vacuum-time",
        "--rotate",
    )
    bounded = command.has(*short, *others)
    return None if bounded else "prints all there is: add `-n 200`"


def _file(command: Command) -> str | None:
    devices = re.compile(r"/dev/(sd|vd|nvme|xvd|mem|zero|urandom|random)\S*|/proc/(kcore|kmsg)")
    names = command.operands
    if any(map(_LOG.fullmatch, names)):
        return "prints a whole log: `tail -n 200`"
    if any(map(devices.fullmatch, names)):
        return "prints a whole device"
    return None


def _search(command: Command) -> str | None:
    if command.has("-c", "-q", "-m", "--count", "--quiet", "--max-count"):
        return None
    files = command.operands if command.has("-e", "-f") else command.operands[1:]
    if command.name != "zgrep" and command.has("-r", "-R", "--recursive"):
        return "prints every line of a tree that matches: add `-m 20`, or `| head -n 200`"
    if any(map(_LOG.fullmatch, files)):
        return "prints every line of a log that matches: add `-m 200`, or `| tail -n 200`"
    return None


def _filter(command: Command) -> str | None:
    if _bounds(command):
        return None
    if any(map(_LOG.fullmatch, command.operands[1:])):
        return "prints what it finds in a whole log: `| tail -n 200`"
    return None


def _find(command: Command) -> str | None:
    bounded = {"-maxdepth", "-quit", "-delete"} & set(command.args)
    acts = {"-exec", "-execdir", "-ok"} & set(command.args)
    if bounded or (acts and "-print" not in command.args and not _lists(command)):
        return None
    return "prints a whole tree: add `-maxdepth`, or `| head -n 200`"


def _lists(command: Command) -> bool:
    behind = next((n for n, word in enumerate(command.args) if word.startswith("-exec")), None)
    return (
        behind is not None
        and command.args[behind + 1 : behind + 2] in {("ls",), ("cat",), ("stat",), ("du",)}
        and (
            "{}" in command.args
            and not {"-name", "-path", "-regex", "-newer", "-size", "-mtime", "-mmin"}
            & set(command.args)
        )
    )


def _ls(command: Command) -> str | None:
    return "prints a whole tree: `| head -n 200`" if command.has("-R", "--recursive") else None


def _du(command: Command) -> str | None:
    bounded = command.has("-s", "-d", "--summarize", "--max-depth")
    return None if bounded else "prints a line for every directory: `-s`, or `-d 1`"


def _tree(command: Command) -> str | None:
    return None if command.has("-L") else "prints a whole tree: add `-L 2`"


def _last(command: Command) -> str | None:
    counted = command.has("-n", "--limit") or any(
        re.fullmatch(r"-\d+", word) for word in command.args
    )
    return None if counted else "prints all there is: add `-n 20`"


def _container(command: Command) -> str | None:
    if "logs" not in command.operands[:3] or command.has("--tail", "-n"):
        return None
    return "prints a whole log: add `--tail 200`"


def _from_start(command: Command) -> str | None:
    """Skipping a header (`df | tail -n +2`) bounds nothing and adds nothing: of a log it does."""
    if not any(map(_LOG.fullmatch, command.operands)):
        return None
    counts = (command.value_of("-n", "--lines", "-c", "--bytes") or "", *command.operands[:1])
    return (
        "prints all from there on: `tail -n 200`"
        if any(c.startswith("+") for c in counts)
        else None
    )


def _but_last(command: Command) -> str | None:
    if not any(map(_LOG.fullmatch, command.operands)):
        return None
    count = command.value_of("-n", "--lines", "-c", "--bytes") or ""
    return "prints all but the last: `head -n 200`" if count.startswith("-") else None


def _all(words: str) -> Callable[[Command], str | None]:
    return lambda _: words


def _git(command: Command) -> str | None:
    if command.operands[:1] != ("log",) and "log" not in command.operands[:2]:
        return None
    counted = command.has("-n", "--max-count", "-1") or any(
        re.fullmatch(r"-\d+", w) for w in command.args
    )
    return None if counted else "prints the whole history: add `-n 20`"


def _rpm(command: Command) -> str | None:
    return (
        "prints every file of every package"
        if any(re.fullmatch(r"-q[a-z]*", w) and {"a", "l"} <= set(w) for w in command.args)
        else None
    )


def _conntrack(command: Command) -> str | None:
    return "prints every connection: `conntrack -C`" if command.has("-L", "--dump") else None


def _aws(command: Command) -> str | None:
    every = command.operands[:2] == ("s3", "ls") and command.has("--recursive")
    return "prints every object: `| tail -n 200`" if every else None


def _etcdctl(command: Command) -> str | None:
    every = "get" in command.args and command.has("--prefix", "--from-key")
    limited = command.has("--limit", "--count-only", "--keys-only")
    return "prints every key and value: add `--limit=20`" if every and not limited else None


def _lsof(command: Command) -> str | None:
    some = command.operands or command.has("-p", "-i", "-u", "-c", "-t", "-v")
    return None if some else "prints every open file: `| head -n 200`"


_UNBOUNDED: Mapping[str, Callable[[Command], str | None]] = {
    "journalctl": _journal,
    **dict.fromkeys(("cat", "zcat", "xzcat", "bzcat", "tac", "nl", "sort", "cut", "uniq"), _file),
    **dict.fromkeys(("strings", "xxd", "hexdump", "od", "base64"), _file),
    **dict.fromkeys(("grep", "egrep", "fgrep", "zgrep", "rgrep", "xzgrep", "rg"), _search),
    **dict.fromkeys(("awk", "gawk", "mawk", "sed"), _filter),
    "find": _find,
    "ls": _ls,
    "du": _du,
    "tree": _tree,
    **dict.fromkeys(("last", "lastb"), _last),
    **dict.fromkeys(("docker", "podman", "kubectl", "oc", "crictl", "nerdctl"), _container),
    "tail": _from_start,
    "head": _but_last,
    "lsof": _lsof,
    **dict.fromkeys(("ausearch", "aureport"), _all("prints all there is: `| tail -n 200`")),
    "git": _git,
    "rpm": _rpm,
    "conntrack": _conntrack,
    "aws": _aws,
    "etcdctl": _etcdctl,
    "redis-cli": lambda c: "prints every key: `dbsize`" if "keys" in c.args else None,
}

# ---------------------------------------------------------------------------------- nothing


def prints_nothing(commands: Sequence[Command]) -> Command | None:
    """The last command of a step in which none prints anything to stdout; None where one may."""
    outer = [command for command in commands if not command.captured]
    if not outer or any(_prints(command) for command in outer):
        return None
    return next((c for c in reversed(outer) if c.name not in tables.names("silent")), outer[-1])


def _prints(command: Command) -> bool:
    if command.into:
        return False  # what follows it does, or not
    if command.wrappers and command.wrappers[-1] in {
        "xargs",
        "find",
        "timeout",
        "sh",
        "bash",
        "busybox",
    }:
        pass
    if command.name in tables.names("silent") or _stdout_lost(command):
        return False
    if command.name == "java" and command.has("-version"):
        return any(r.descriptor == "2" for r in command.redirects)  # it prints to stderr
    if command.name == "curl" and command.value_of("-o", "--output") == "/dev/null":
        return command.has("-w", "--write-out", "-v", "-i", "-I")
    return not command.has(*_QUIET.get(command.name, ()))


def _stdout_lost(command: Command) -> bool:
    """Whether stdout goes to a file or to stderr, and stderr does not come in its place."""
    lost = False
    err_is_out = False
    for redirect in command.redirects:
        if redirect.sign.startswith("&>"):
            lost = True
        elif redirect.sign == ">&" and redirect.descriptor == "2" and redirect.target == "1":
            err_is_out = not lost
        elif _is_stdout(redirect.sign, redirect.descriptor):
            lost = redirect.target not in {"&1", "/dev/stdout", "1"}
    return lost and not err_is_out


def single_word(commands: Sequence[Command]) -> bool:
    """Whether the step prints one word or number and no more: `nproc`, `… | wc -l`."""
    outer = [command for command in commands if not command.captured and not command.into]
    if len(outer) != 1:
        return False
    last = outer[0]
    match last.name:
        case "nproc" | "hostname" | "whoami" | "arch" | "pwd" | "logname":
            return True
        case "uname":
            return len(last.args) == 1 and bool(re.fullmatch(r"-[rnmspi]", last.args[0]))
        case "wc":
            return (last.piped or bool(last.redirects)) and bool(last.args)
        case "grep" | "egrep" | "fgrep":
            return last.has("-c", "--count") and (last.piped or len(last.operands) < 3)
    return False


# ------------------------------------------------------------------------------------- JSON


def is_not_json(commands: Iterable[Command]) -> Command | None:
    """The command whose output the step prints, where it is known not to be JSON."""
    outer = [command for command in commands if not command.captured and not command.into]
    for command in outer:
        if command.name in tables.names("never_json") and not command.has("--json", "-J"):
            return command
        options = tables.words("json_by").get(command.name, frozenset())
        form = command.value_of(*(options & {"-o", "--output", "--format", "--output-format"}))
        if form is not None:
            if "json" not in form.lower():
                return command
            continue
        if options and not any(command.has(option) or option in command.args for option in options):
            return command
    return None
