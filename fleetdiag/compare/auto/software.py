"""Packages, modules, services and containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Forms, ignored, keys, lines, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

# The header has spaces in its names on some systems; positions hold on all.
_DPKG = table("dpkg -l", "2", ("1", "3", "4"), looks=r"^\|\|/ Name ", within=5)
_DPKG_LINES = lines("dpkg -l", r"(?<=\S) {2,}(?=\S)", r"^[|+D].*")
_RPM = lines("rpm -qa")
# Loaded by whoever asked for a disk image, a stick or a list of sockets.
_ON_DEMAND = (
    r"(?:loop|fuse|cuse|isofs|udf|cdrom|sr_mod|usb_storage|uas|n?vfat|fat|msdos|nls_\w+|binfmt_misc"
    r"|(?:\w+_)?diag|nfnetlink|ufs|minix|hfs(?:plus)?|qnx4|ntfs3?)"
)
_LSMOD = table(
    "lsmod",
    "Module",
    ("Module",),
    looks=r"^Module +Size +Used",
    mask=(rf"^{_ON_DEMAND}$",),
    within=1,
)
_MODULES = (
    rf"^{_ON_DEMAND} .*",
    r"(?<=\S) +\d+ +-?\d+(?: .*)?$",
)
_PIP = table("pip list", "Package", ("Package", "Version"), looks=r"^Package +Version", within=1)

# ------------------------------------------------------------------------------- systemd

# What is named after a session, a user, a disk or a container.
_UNITS = (
    r"^[ ●*]*session-c?\d+\.scope.*",
    r"^[ ●*]*(?:user@|user-|user-runtime-dir@|run-user-)\d+.*",
    r"^.{0,4}(?:dev|sys)-.*\.(?:device|swap)\b.*",
    r"^(?:systemd-fsck|systemd-cryptsetup|blockdev)@.*",
    r"^run-.*\.(?:mount|scope|service)",
    r"^(?:docker|cri-containerd|crio|libpod|var-lib-(?:docker|containers|kubelet))-.*\.(?:scope|mount)",
    r"@\d+-\d+[\w:.-]*(?=\.service)",  # an instance for each connection
)
_LIST_UNITS = table(
    "systemctl list-units",
    "UNIT",
    ("LOAD", "ACTIVE"),
    looks=r"^ *UNIT +LOAD +ACTIVE +SUB",
    mask=(*_UNITS, r"^\d+$"),
    within=1,
)
_FAILED = lines(
    "systemctl --failed",
    *_UNITS,
    r"^ *UNIT +LOAD +ACTIVE.*",
    r"^(?:[1-9]\d*) (?:loaded )?units listed\..*",
    r"^(?:LOAD|ACTIVE|SUB|To show|Pass) .*",
    r"(?<=\S) {2,}(?=\S)",
)
_UNIT_LINES = lines("systemctl list-units", *_UNITS, r"(?<=\S) +(?:loaded|not-found|masked) .*")
_UNIT_FILES = table(
    "systemctl list-unit-files",
    "1",
    ("2",),
    looks=r"^UNIT FILE +STATE",
    mask=(*_UNITS, r"^\d+$"),
    within=1,
)
_STATUS = (
    r"(?<= since ).*",
    r"^ *(?:Process|Main PID|Tasks|Memory|CPU|IO|IP|Docs|Invocation|CGroup|Until|Trigger):.*",
    r"^ *[├└│─].*|^ *(?:\|-|`-).*",
    r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d .*",
)
# Which there are: when they ran and will run is never the same.
_TIMERS = (
    r"^.{0,200}?(?=\S+\.timer\b)",
    r"^(?:NEXT |\d+ timers listed|Pass --all).*",
    r"(?<=\S) +(?=\S)",
)
_MOVING = (
    r"^(?:\w*Timestamp\w*|\w*PID|\w*USec\w*|Memory\w*|CPUUsage\w*|IO\w*|IP\w*|Tasks\w*|InvocationID"
    r"|Exec\w+|NRestarts|StatusText|\w*NSec|Status\w*Errno|ControlGroup\w*|Effective\w*)=.*"
)


def _systemctl(call: Call) -> Forms:
    verb = next((word for word in call.plain if word.isalpha() or "-" in word), "list-units")
    if call.has("--failed", "--state=failed") or call.value("--state") == "failed":
        return (_FAILED,)
    if call.named and "failed" in call.words:
        return (_FAILED,)
    if verb == "list-units" or call.words[:2] == ("list", "units"):
        return (_LIST_UNITS, _UNIT_LINES)
    if verb == "list-unit-files":
        return (_UNIT_FILES, lines("systemctl list-unit-files", *_UNITS, r"(?<=\S) +(?=\S)"))
    if verb == "status":
        return (lines("systemctl status", *_STATUS),)
    if verb == "show":
        return (lines("systemctl show", _MOVING),)
    if verb == "list-timers":
        return (lines("systemctl list-timers", *_UNITS, *_TIMERS),)
    known = {"is-active", "is-enabled", "is-failed", "is-system-running", "get-default", "cat"}
    return (text(f"systemctl {verb}"),) if verb in known else ()


# ---------------------------------------------------------------------------- containers

_AGO = (
    r"(?:(?<!\d)\d+|About an?|Less than a|an?) "
    r"(?:second|minute|hour|day|week|month|year)s?(?: ago)?"
)
_DOCKER_PS = (
    _AGO,
    r"(?<=:)(?:3[2-9]|[45]\d|6[0-5])\d{3}(?=->)",
    r"^CONTAINER ID .*",
    r"^[0-9a-f]{12}(?= )",
    r"^.* [a-z]+_[a-z]+\d?$",  # a name docker made up: nobody means it to stay
    r"(?<=\S) {2,}(?=\S)|(?<=\S) {2,}$",
)
# The last five of a pod: letters and digits that spell no word (k8s.io/apimachinery/util/rand).
_PODS = (
    r"(?<=-)[a-z0-9]{8,10}-[a-z0-9]{5}\b|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?= )",
    _AGO,
)


_COLUMNS = r"(?<=\S) {2,}(?=\S)|(?<=\S) +$"
_KUBE_AGE = r"(?<=[ (])(?:\d+[ydhms]){1,3}(?: ago\))?(?= |$)"
_CRI_IDS = (r"(?<![\w-])[0-9a-f]{13}(?![\w-])",)
# The same tag may be another image; what has none is left over from builds.
_DOCKER_IMAGES = lines(
    "docker images", r"^<none> +<none> .*", r"^REPOSITORY .*", _AGO, _COLUMNS, unmask=("hex",)
)
_DOCKER_INFO = keys(
    "docker info",
    *("Server Version", "Storage Driver", "Backing Filesystem", "Logging Driver", "Cgroup *"),
    *("Kernel Version", "Operating System", "OSType", "Architecture", "CPUs", "Docker Root Dir"),
    *("Live Restore Enabled", "Default Runtime", "Runtimes", "Swarm", "Registry", "Experimental"),
    *("containerd version", "runc version", "init version", "Debug Mode", "HTTP Proxy"),
    *("graphDriverName", "cgroupManager", "cgroupVersion", "kernel", "logDriver", "Version"),
)
# yum says how old its lists are, and wraps long names.
_PACKAGE_LIST = (
    r"^(?:Last metadata expiration|Loaded plugins|Loading mirror|Listing\.\.\.| \* ).*",
    r"(?<=\S) +(?=\S)",
)


def _docker(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if call.has("--format", "-q", "--quiet"):
        return ()
    if verb == "ps" or call.plain[:2] == ("container", "ls"):
        return (lines("docker ps", *_DOCKER_PS, *_PODS),)
    if verb == "images" or call.plain[:2] == ("image", "ls"):
        return (_DOCKER_IMAGES,)
    if verb == "info":
        return (_DOCKER_INFO,)
    moving = verb == "stats" or call.plain[:2] == ("system", "df")
    return (ignored(f"docker {verb}"),) if moving else ()


def _crictl(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if call.has("-o", "--output", "-q", "--quiet"):
        return ()
    known = {"ps": (*_DOCKER_PS, *_PODS), "pods": (*_DOCKER_PS, *_PODS), "images": (_COLUMNS,)}
    if verb in known:
        return (lines(f"crictl {verb}", r"^(?:CONTAINER|POD ID) .*", *_CRI_IDS, *known[verb]),)
    return (ignored("crictl stats"),) if verb in {"stats", "statsp"} else ()


def _kubectl(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if verb == "top" or call.plain[:2] in (("get", "events"), ("get", "ev")):
        return (ignored(f"kubectl {verb}"),)
    if verb != "get" or call.value("-o", "--output") not in {"", "wide"}:
        return ()
    return (lines("kubectl get", r"^.* Completed +\d.*", *_PODS, _KUBE_AGE, _COLUMNS),)


def _listed_packages(call: Call) -> Forms:
    """Of `apt list`, `yum list`, `dnf repolist` and the like."""
    lists = call.plain[:1] in (("list",), ("repolist",), ("check-update",))
    return (lines("package list", *_PACKAGE_LIST),) if lists else ()


def _dpkg(call: Call) -> Forms:
    if call.has("--get-selections"):
        return (lines("dpkg --get-selections", r"(?<=\S)\s+(?=\S)"),)
    return (_DPKG, _DPKG_LINES) if call.has("-l", "--list") else ()


def _rpm(call: Call) -> Forms:
    queries = call.has("-q", "--query") and call.has("-a", "--all")
    return (_RPM,) if queries or (call.named and "qa" in call.words) else ()


def _pip(call: Call) -> Forms:
    if call.plain[:1] == ("freeze",):
        return (lines("pip freeze"),)
    return (_PIP,) if call.plain[:1] == ("list",) else ()


PROGRAMS: Mapping[str, Entry] = {
    "rpm": _rpm,
    "dpkg": _dpkg,
    "dpkg-query": lambda call: (lines("dpkg-query"),) if call.has("-W", "--show") else _dpkg(call),
    "apk": lambda call: (lines("apk info"),) if call.plain[:1] in (("info",), ("list",)) else (),
    "pacman": lambda call: (lines("pacman -Q"),) if call.has("-Q") else (),
    "pip": _pip,
    "pip3": _pip,
    "lsmod": (_LSMOD, lines("lsmod", *_MODULES)),
    "systemctl": _systemctl,
    "docker": _docker,
    "podman": _docker,
    "apt": _listed_packages,
    "yum": _listed_packages,
    "dnf": _listed_packages,
    "crictl": _crictl,
    "kubectl": _kubectl,
}

FILES: Mapping[str, Forms] = {
    "/proc/modules": (lines("modules", *_MODULES),),
}
