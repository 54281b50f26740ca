"""Commands that can change a host. Pure; with tables to be read, not a proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.playbook.doubtful import tables
from fleetdiag.playbook.doubtful.commands import OPAQUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleetdiag.playbook.doubtful.commands import Command, Redirect

_HARMLESS_TARGETS = re.compile(r"/dev/(null|stdout|stderr|tty|fd/\d+|(tcp|udp)/.*)|&?\d+-?|-")
_AWK_TEXT = re.compile(r'(>>?\s*)?"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/')
"""Texts and patterns of an awk program; group 1 where it is the name of a file that is written."""
_AWK_PART = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_AWK_WRITE = re.compile(r"\bprintf?\b[^;}\n>|]*>>?(?!\s*\"/dev/(?:null|stdout|stderr))")
_METADATA = "169.254.169.254"
"""Cloud providers' own service on the host: its token is asked for with PUT."""


def change(command: Command) -> str | None:
    """What the command can change, to follow its name; None where it only tells."""
    name = command.name
    if command.has("--help", "--version") or command.args[:1] == ("-V",):
        return None
    rehearsed = tables.words("rehearsals").get(name, frozenset())
    if command.has(*rehearsed):
        return None
    if name.startswith("mkfs."):
        return "changes disks"
    if does := tables.inverted("changes").get(name):
        return None if _only_tells(command) else does
    if verb := _verb(command, tables.words("verbs").get(name, frozenset())):
        return f"with `{verb}` changes the host"
    special = _SPECIAL.get(name)
    return special(command) if special else None


def written(redirect: Redirect) -> str | None:
    """The file that a redirection writes; None where it writes none."""
    if not redirect.sign.startswith((">", "&>")) and redirect.sign != "<>":
        return None
    if _HARMLESS_TARGETS.fullmatch(redirect.target):
        return None
    return "a file" if OPAQUE in redirect.target else redirect.target


def _only_tells(command: Command) -> bool:
    """Uses of changing commands that no option tells."""
    match command.name:
        case "parted":
            return "print" in command.args
        case "swapon":
            return not command.args
        case "tee":
            return all(map(_HARMLESS_TARGETS.fullmatch, command.operands))
        case "chrt":
            return command.has("-p") and len(command.operands) < 2
        case "wipefs":
            return not command.has("-a", "-o", "--all")
    return False


def _verb(command: Command, verbs: frozenset[str]) -> str | None:
    """The word that makes the command change something."""
    anywhere = command.name in tables.names("verb_anywhere")
    value_of = _BEFORE_VERBS.get(command.name, ())
    skip = False
    for position, word in enumerate(command.args):
        if skip:
            skip = False
            continue
        if word in value_of:
            skip = True
            continue
        name = word.lower() if command.name in _ANY_CASE else word
        if name.partition("=")[0] in verbs:
            tells = tables.names("tells") & set(command.args[position + 1 : position + 4])
            return None if tells and not word.startswith("-") else word.partition("=")[0]
        joined = (option for option in verbs if len(option) == 2 and option.startswith("-"))
        if option := next((one for one in sorted(joined) if _joins(word, one)), None):
            return option
        if word.startswith("-") or anywhere or word in _MANAGED:
            continue
        break  # the first word that is no option is the verb
    return None


_BEFORE_VERBS: Mapping[str, tuple[str, ...]] = {
    "git": ("-C", "-c"),
    "kubectl": ("-n", "--namespace", "--context", "--kubeconfig"),
    "oc": ("-n", "--namespace", "--context"),
    "redis-cli": ("-h", "-p", "-n", "-a", "-u", "-s"),
    "docker": ("-H", "--context"),
    "systemctl": ("-H", "-M", "-t", "-p"),
    "helm": ("-n", "--namespace", "--kube-context"),
    "mysqladmin": ("-h", "-u", "-P"),
    "aws": ("--profile", "--region"),
}
"""Options that take a value and may stand before the verb."""
_ANY_CASE = frozenset({"redis-cli"})
_MANAGED = frozenset(("builder", "compose", "container", "image", "network", "system", "volume"))
"""What a docker verb may be about: `docker image prune`."""


def _joins(word: str, option: str) -> bool:
    """Whether a short option stands among others in one word (`-tc`)."""
    return option[1] in word[1:] if re.fullmatch(r"-[A-Za-z]{2,3}", word) else False


def _kill(command: Command) -> str | None:
    asks = command.args[:1] in {("-0",), ("-l",), ("-L",)} or command.value_of("-s") == "0"
    return None if asks else "acts on processes"


def _ip(command: Command) -> str | None:
    shows = {"show", "list", "ls", "get", "monitor"} & set(command.operands)
    acts = {"add", "del", "delete", "set", "change", "replace", "append", "flush", "prepend"}
    verb = next((word for word in command.operands[1:] if word in acts), None)
    return f"with `{verb}` changes the network" if verb and not shows else None


def _ifconfig(command: Command) -> str | None:
    return "changes the network" if len(command.operands) > 1 else None


def _route(command: Command) -> str | None:
    return "changes the network" if {"add", "del", "flush"} & set(command.args) else None


def _iptables(command: Command) -> str | None:
    acts = {f"-{letter}" for letter in "ADIRFZNXPE"}
    words = ("append", "delete", "insert", "flush", "policy", "zero", "new-chain", "replace")
    acting = command.has(*acts, *(f"--{word}" for word in words))
    return "changes the packet filter" if acting else None


def _nft(command: Command) -> str | None:
    verbs = ("add", "delete", "flush", "insert", "replace", "create", "reset", "destroy", "rename")
    acting = " ".join(command.operands).startswith(verbs) or command.has("-f", "--file")
    return "changes the packet filter" if acting else None


def _ethtool(command: Command) -> str | None:
    long = "set|change|reset|flash|config|identify|negotiate|test|rxfh|features"
    acts = re.compile(rf"-[sACGKLXNEFfprWUQ]|--({long})\S*")
    return "changes an interface" if any(map(acts.fullmatch, command.args[:1])) else None


def _sysctl(command: Command) -> str | None:
    given = any("=" in word for word in command.operands)
    sets = given or command.has("-w", "-p", "--system", "--load", "--write")
    return "sets kernel parameters" if sets else None


def _mount(command: Command) -> str | None:
    kinds = {command.value_of("-t", "--types"), command.value_of("-O")}
    acts = [word for word in command.operands if word not in kinds]
    return "changes mounts" if acts or command.has("-a", "--all") else None


def _sed(command: Command) -> str | None:
    in_place = any(re.match(r"--in-place|-[nErsuz]*i", word) for word in command.args)
    return "changes files in place" if in_place else None


def _perl(command: Command) -> str | None:
    in_place = any(re.match(r"-[a-hj-z]*i", word) for word in command.args)
    return "changes files in place" if in_place else None


def _awk(command: Command) -> str | None:
    if any(re.search(r"\bsystem\s*\(|\|\s*\"\s*(ba|da)?sh\b", word) for word in command.args):
        return "starts commands: write them in the shell, where they can be seen"
    if any(_AWK_WRITE.search(_without_parts(word)) for word in command.args):
        return "writes a file (a comparison after `print` wants parentheses)"
    return "changes files in place" if command.value_of("-i") == "inplace" else None


def _without_parts(program: str) -> str:
    """An awk program without what stands in quotes and brackets, where `>` only compares."""
    bare = _AWK_TEXT.sub(lambda match: match[0] if match[1] else "", program)
    while (inner := _AWK_PART.sub("", bare)) != bare:
        bare = inner
    return bare


def _find(command: Command) -> str | None:
    acts = {"-delete", "-fprint", "-fprintf", "-fls", "-fprint0"} & set(command.args)
    return f"with `{min(acts)}` changes files" if acts else None


def _dd(command: Command) -> str | None:
    target = next((word[3:] for word in command.args if word.startswith("of=")), "-")
    return None if _HARMLESS_TARGETS.fullmatch(target) else "writes"


def _date(command: Command) -> str | None:
    shown = {command.value_of("-d", "--date"), command.value_of("-r", "--reference")}
    words = [word for word in command.operands if word not in shown]
    given = any(re.fullmatch(r"\d{8,12}(\.\d\d)?", word) for word in words)
    return "sets the clock" if given or command.has("-s", "--set") else None


def _curl(command: Command) -> str | None:
    target = command.value_of("-o", "--output") or "-"
    named = command.has("-O", "--remote-name")
    if named or not _HARMLESS_TARGETS.fullmatch(target):
        return "writes a file"
    sends = command.has("-d", "--data", "--data-binary", "--json", "-F", "--form")
    method = (command.value_of("-X", "--request") or ("POST" if sends else "GET")).upper()
    if command.has("-T", "--upload-file"):
        return "sends a file"
    acts = method in {"POST", "PUT", "DELETE", "PATCH"}
    asks_metadata = any(_METADATA in word or OPAQUE in word for word in command.args)
    return f"sends {method}, which changes what is there" if acts and not asks_metadata else None


def _wget(command: Command) -> str | None:
    target = command.value_of("-O", "--output-document", "-qO", "-nvO")
    joined = any(re.fullmatch(r"-[a-zA-Z]*O-", word) for word in command.args)
    told = joined or (target is not None and _HARMLESS_TARGETS.fullmatch(target))
    return None if told or command.has("--spider") else "writes a file"


def _tar(command: Command) -> str | None:
    first = command.args[0] if command.args else ""
    lists = re.match(r"-?[a-zA-Z]*t", first) or command.has("--list", "-O", "--to-stdout")
    to_stdout = "c" in first and "-" in command.args
    return None if lists or to_stdout else "writes files"


def _unpack(command: Command) -> str | None:
    tells = command.has("-c", "-l", "-t", "-p", "-Z", "--stdout", "--list", "--test")
    return None if tells else "writes files"


def _sort(command: Command) -> str | None:
    return "writes a file" if command.has("-o", "--output") else None


def _dpkg(command: Command) -> str | None:
    words = ("install", "remove", "purge", "configure", "unpack")
    acts = command.has("-i", "-r", "-P", *(f"--{word}" for word in words))
    return "changes packages" if acts else None


def _rpm(command: Command) -> str | None:
    first = command.args[0] if command.args else ""
    long = "install|upgrade|erase|import|rebuilddb|freshen"
    acts = re.fullmatch(rf"-[a-zA-Z]*[iUFe][a-zA-Z]*|--({long})", first)
    asks = re.match(r"-[a-zA-Z]*[qV]|--(query|verify)", first)
    return "changes packages" if acts and not asks else None


def _init(command: Command) -> str | None:
    level = command.operands[:1]
    return "acts on the whole host" if level and len(level[0]) == 1 else None


def _fdisk(command: Command) -> str | None:
    tells = command.has("-l", "--list", "-s", "-x", "-d", "--dump", "-J", "--json")
    return None if tells else "changes disks"


def _hostname(command: Command) -> str | None:
    return "sets the host's name" if command.operands else None


def _ssh_keygen(command: Command) -> str | None:
    return None if command.has("-l", "-F", "-L", "-y", "-Q") else "writes keys"


_SQL = re.compile(
    r"(?i)\b(alter|call|create|delete|drop|flush|grant|insert|kill|reindex|rename|replace|reset|"
    r"revoke|set global|set persist|start|stop|truncate|update|vacuum)\b(?!\s*_|\s+time)"
    r"|pg_(cancel|terminate)_backend|pg_(switch_wal|reload_conf|promote)"
    r"|\.(drop|insert|update|delete|remove|createIndex|shutdownServer)\w*\("
)
"""Words of statements and calls that change a database."""
_SELECT = re.compile(r"(?is)^\s*(select|show|explain|describe|pragma|with|db\.|rs\.)")


def _sql(command: Command) -> str | None:
    text = command.value_of("-e", "--execute", "-c", "--command", "--eval") or ""
    text = text or (command.operands[-1] if command.name == "sqlite3" and command.operands else "")
    for statement in text.split(";"):
        changing = _SQL.search(re.sub(r"'[^']*'", "", statement))
        told = _SELECT.match(statement) and not (changing and changing[0].startswith(("pg_", ".")))
        if changing and not told:
            return f"with `{changing[0].strip('.(')}` changes a database"
    return None


def _puppet(command: Command) -> str | None:
    acts = command.operands[:1] == ("agent",) and command.has("-t", "--test", "--onetime")
    return "changes the system" if acts and not command.has("--noop") else None


def _salt(command: Command) -> str | None:
    acts = re.compile(
        r"(state|pkg|service|cmd|file|user|group|system|cron|mount|sysctl)\.(?!.*list|.*show)\w+"
    )
    tells = re.compile(
        r"(pkg\.(list|version|latest|info)|service\.(status|get|available)|file\.(stats|find|read)|state\.(show|running)|cmd\.which)\w*"
    )
    found = next((word for word in command.operands if acts.match(word)), None)
    rehearsed = any(word.lower() == "test=true" for word in command.args)
    return (
        f"with `{found}` changes the system"
        if found and not tells.match(found) and not rehearsed
        else None
    )


def _yum(command: Command) -> str | None:
    acts = command.operands[:1] == ("history",) and {"undo", "redo", "rollback"} & set(
        command.operands
    )
    return "changes packages" if acts else None


def _aws(command: Command) -> str | None:
    if command.operands[:1] == ("s3",):
        acts = {"cp", "mv", "rm", "sync", "mb", "rb"} & set(command.operands[1:2])
        return "changes what is stored" if acts else None
    verb = next(iter(command.operands[1:2]), "")
    reads = re.match(
        r"(describe|get|list|head|lookup|search|select|query|scan|filter|ls|wait|view)", verb
    )
    return f"with `{verb}` changes what is there" if verb and not reads else None


def _shell(command: Command) -> str | None:
    fed = command.piped and not command.args and not command.unsure
    return "runs whatever is piped into it" if fed else None


def _python(command: Command) -> str | None:
    installs = command.args[:2] == ("-m", "pip") and {"install", "uninstall"} & set(command.args)
    return "changes packages" if installs else None


def _crontab(command: Command) -> str | None:
    users = {command.value_of("-u")}
    given = [word for word in command.operands if word not in users]
    return "sets what cron does" if given else None


def _gdb(command: Command) -> str | None:
    return "stops the process" if command.has("-p", "--pid") else None


_SPECIAL: Mapping[str, Callable[[Command], str | None]] = {
    **dict.fromkeys(("awk", "gawk", "mawk"), _awk),
    "curl": _curl,
    "date": _date,
    "dd": _dd,
    "badblocks": lambda command: "writes to a disk" if command.has("-n", "-w") else None,
    "jmap": lambda command: "writes a dump" if any("dump:" in w for w in command.args) else None,
    **dict.fromkeys(("mysql", "mariadb", "psql", "sqlite3", "mongosh", "mongo"), _sql),
    "puppet": _puppet,
    **dict.fromkeys(("salt", "salt-call"), _salt),
    "yum": _yum,
    "dnf": _yum,
    "aws": _aws,
    "dpkg": _dpkg,
    "ethtool": _ethtool,
    "fdisk": _fdisk,
    "find": _find,
    "gdb": _gdb,
    "hostname": _hostname,
    "ifconfig": _ifconfig,
    "init": _init,
    "ip": _ip,
    **dict.fromkeys(("iptables", "ip6tables", "arptables", "ebtables"), _iptables),
    "kill": _kill,
    "mount": _mount,
    "nft": _nft,
    "perl": _perl,
    "route": _route,
    "rpm": _rpm,
    "sed": _sed,
    "sort": _sort,
    "ssh-keygen": _ssh_keygen,
    "sysctl": _sysctl,
    "tar": _tar,
    **dict.fromkeys(("gzip", "gunzip", "xz", "unxz", "bzip2", "bunzip2", "unzip", "zstd"), _unpack),
    "wget": _wget,
    "zip": lambda _: "writes a file",
    **dict.fromkeys(("sh", "bash", "dash", "ash", "ksh", "zsh"), _shell),
    **dict.fromkeys(("python", "python3"), _python),
    "crontab": _crontab,
    "blockdev": lambda c: "changes a disk" if any(w.startswith("--set") for w in c.args) else None,
    "sfdisk": _fdisk,
    "unattended-upgrade": lambda c: None if c.has("--dry-run") else "changes packages",
}
