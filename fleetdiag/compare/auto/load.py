"""Load, memory and processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Forms, high, ignored, keys, lines, numbers, percent
from fleetdiag.model import Field, Rate, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

DAY_S = 86_400.0
SELDOM = 0.5 / DAY_S
"""A second: one in two days, of what a healthy host hardly has."""
QUARTER = 0.25
"""Of a whole: what memory in use differs by on equal hosts."""

# procps and busybox: `load average: 0.15, 0.10, 0.05`, `Load average: 0.15 0.10 0.05`.
_LOAD = r"[Ll]oad averages?: *"
_N = r"(\d+(?:\.\d+)?)"
LOAD = (
    high("load 1", _LOAD + _N),
    high("load 5", _LOAD + r"[\d.]+,? +" + _N),
    high("load 15", _LOAD + r"[\d.]+,? +[\d.]+,? +" + _N),
)
# A host that came up long after the others; `up 3 days,  4:02`, `up 2:03`, `up 12 min`.
UP = Field(
    "up",
    pattern=r"\bup +((?:\d+ days?, +)?(?:\d+:\d\d|\d+ min)|\d+ days?)",
    unit=Unit.SECONDS,
    floor=DAY_S,
    side=Side.LOW,
)
_PROC_UPTIME = replace(UP, pattern=r"^(\d+\.\d+) \d+\.\d+$")
_LOADAVG = (
    high("load 1", r"^([\d.]+) [\d.]+ [\d.]+ \d+/\d+"),
    high("load 5", r"^[\d.]+ ([\d.]+) [\d.]+ \d+/\d+"),
    high("load 15", r"^[\d.]+ [\d.]+ ([\d.]+) \d+/\d+"),
    high("runnable", r"^[\d.]+ [\d.]+ [\d.]+ (\d+)/", 10),
)

_UPTIME = numbers("uptime", *LOAD, UP, looks=r"\bup .*load average")


def _whole(name: str, pattern: str | None = None) -> Field:
    """An amount that equal hosts have about the same of: half as much again is odd."""
    return Field(name, pattern=pattern, unit=Unit.BYTES)


def _share(name: str, of: str, side: Side, pattern: str | None = None) -> Field:
    return Field(name, pattern=pattern, unit=Unit.BYTES, per=of, floor=QUARTER, side=side)


# In KiB, MiB or with suffixes, as asked for; a share does not care. Sizes without a suffix are
# taken as bytes: too small for the floor of bytes, so the proportion alone decides.
_FREE = numbers(
    "free",
    replace(_whole("memory", r"^Mem: +(\S+)"), floor=1.0),
    replace(_whole("swap", r"^Swap: +(\S+)"), floor=1.0),
    _share("available memory", "memory", Side.LOW, r"^Mem: +(?:\S+ +){5}(\S+)$"),
    _share("used swap", "swap", Side.HIGH, r"^Swap: +\S+ +(\S+)"),
    looks=r"^(?:Mem|Swap): +\d",
)

_MEMINFO = keys(
    "meminfo",
    *("MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "HardwareCorrupted", "Slab"),
    *("HugePages_Total", "Hugepagesize"),
    fields=(
        _whole("MemTotal"),
        _whole("SwapTotal"),
        _share("MemAvailable", "MemTotal", Side.LOW),
        _share("SwapFree", "SwapTotal", Side.LOW),
        _share("Slab", "MemTotal", Side.HIGH),
    ),
    looks=r"^(?:Mem|Swap)\w+: +\d+ kB",
)

# One moment's: only a processor that has nothing else to do for a while stands out.
_TOP = numbers(
    "top",
    *LOAD,
    high("zombies", r"(?<!\d)(\d{1,9}) zombie"),
    percent("user", r"^%?Cpu\(s\): *([\d.]+)[ %]us", 60),
    percent("system", r"^%?Cpu\(s\): .{0,120}?(?<![\d.])([\d.]{1,9})[ %]sy", 40),
    percent("waiting", r"^%?Cpu\(s\): .{0,120}?(?<![\d.])([\d.]{1,9})[ %]wa", 30),
    percent("stolen", r"^%?Cpu\(s\): .{0,120}?(?<![\d.])([\d.]{1,9})[ %]st", 10),
    Field("memory", pattern=r"^.{0,4}iB Mem *: *([\d.]+)", unit=Unit.BYTES, floor=1.0),
    Field("swap", pattern=r"^.{0,4}iB Swap: *([\d.]+)", unit=Unit.BYTES, floor=1.0),
    _share("available memory", "memory", Side.LOW, r"(?<![\d.])([\d.]{1,20}) avail Mem"),
    _share("used swap", "swap", Side.HIGH, r"^.{0,4}iB Swap:.{0,120}?(?<![\d.])([\d.]{1,20}) used"),
    looks=r"[Ll]oad average",
)

# The set of what runs, with its user: pids, times and use go. Threads of the kernel, sessions and
# what is started anew all the time go whole; so does the header.
_COMING_AND_GOING = (
    r"(?:\[|\S{0,40}sshd\S{0,40}: |-?(?:ba|da|z|a|c)?sh(?: |$)|\(sd-pam\)|\(udev-worker\)"
    r"|systemd-udevd: |\S{0,40}systemd (?:--user|--deserialize)"
    r"|postgres: (?:\S+ ){2,3}\S*[(\[]|(?:/\S*/)?"
    r"(?:ps|sleep|cron|CRON|head|tail|grep|sort|sudo|su|tee|awk|login|tmux|screen|vim?|less|man|top"
    r"|htop|agetty|systemd-userwork|kworker|dmesg)(?:[ :/]|$))"
)
# Daemons have no terminal (`?`).
_PS_AUX = (
    r"^\S+ +\d+ +\d\S* +\d\S* +\d+ +\d+ +[a-z]\S* .*",
    rf"^\S+ +\d+ +\d\S* +\d\S* +\d+ +\d+ +\S+ +\S+ +\S+ +\S+ +{_COMING_AND_GOING}.*",
    r"^USER +PID .*",
    r"(?<=\S) +\d+ +\d\S* +\d\S* +\d+ +\d+ +\S+ +\S+ +\S+ +[\d:.-]+(?= )",
)
_PS_EF = (
    r"^\S+ +\d+ +\d+ +\d+ +\S+ +[a-z]\S* .*",
    rf"^\S+ +\d+ +\d+ +\d+ +\S+ +\S+ +\S+ +{_COMING_AND_GOING}.*",
    r"^UID +PID .*",
    r"(?<=\S) +\d+ +\d+ +\d+ +\S+ +\S+ +[\d:.-]+(?= )",
)


# `ps -eo …`: whatever columns; numbers, times and states go.
_PS_COLUMNS = (
    rf"^ *(?:\S+ +){{0,12}}?{_COMING_AND_GOING}.*",
    r"^ *(?:[A-Z%+]+(?: +|$)){1,20}$",
    r"(?:^ *|(?<!\S))(?:[\d.:,-]*\d[KMGTm]?|[DIRSTtWXZ][<NLsl+]{0,4})(?: +|$)",
)


def _ps(call: Call) -> Forms:
    """`ps aux`, `ps -ef` by their headers; of other columns what is no number."""
    own = replace(lines("ps", *_PS_COLUMNS), looks="")
    if call.has("-o", "--format") or "o" in "".join(call.plain[:1]):
        return (own,)
    aux = lines("ps", *_PS_AUX, looks=r"^USER +PID +%CPU", within=3)
    full = lines("ps", *_PS_EF, looks=r"^UID +PID +PPID", within=3)
    letters = "".join(call.words)
    fallback = full if "f" in letters else aux if "u" in letters else own
    return (aux, full, replace(fallback, looks=""))


# The first line of numbers: averages since boot, apart from what runs and waits now.
_VMSTAT = numbers(
    "vmstat",
    high("runnable", r"^ *(\d+) +\d+ +(?:\d+ +){13}", 20),
    high("blocked", r"^ *\d+ +(\d+) +(?:\d+ +){13}", 10),
    high("swapped in", r"^ *(?:\d+ +){6}(\d+) +(?:\d+ +){8}", 100),
    high("swapped out", r"^ *(?:\d+ +){7}(\d+) +(?:\d+ +){7}", 100),
    percent("waiting", r"^ *(?:\d+ +){15}(\d+)(?: |$)", 25),
    percent("stolen", r"^ *(?:\d+ +){16}(\d+)(?: |$)", 10),
    looks=r"^ *r +b +swpd",
)
_IOSTAT = numbers(
    "iostat",
    percent("waiting", r"^ +(?:[\d.]+ +){3}([\d.]+) +[\d.]+ +[\d.]+$", 20),
    percent("stolen", r"^ +(?:[\d.]+ +){4}([\d.]+) +[\d.]+$", 10),
    looks=r"%iowait",
)


def _since_boot(name: str, floor: float) -> Field:
    return Field(name, rate=Rate.UPTIME, floor=floor, side=Side.HIGH)


_VMSTAT_FILE = keys(
    "vmstat",
    *("oom_kill", "pswpin", "pswpout", "allocstall_normal", "allocstall_movable"),
    fields=(
        _since_boot("oom_kill", SELDOM),
        _since_boot("pswpin", 10.0),
        _since_boot("pswpout", 10.0),
        _since_boot("allocstall_normal", 0.1),
        _since_boot("allocstall_movable", 0.1),
    ),
    looks=r"^nr_free_pages ",
)

PROGRAMS: Mapping[str, Entry] = {
    "uptime": lambda call: () if call.has("-s", "-p", "--since", "--pretty") else (_UPTIME,),
    "w": (replace(_UPTIME, name="w"),),
    "free": (_FREE,),
    "top": (_TOP,),
    "ps": _ps,
    "vmstat": lambda call: () if call.has("-d", "-D", "-m", "-s", "-f") else (_VMSTAT,),
    "iostat": (_IOSTAT,),
    "who": (ignored("who", looks=r"^\S+ +\S+ +\d{4}-\d\d-\d\d \d\d:\d\d"),),
    "last": (ignored("last", looks=r"\d\d:\d\d|^wtmp begins"),),
    "lastb": (ignored("lastb"),),
    "lastlog": (ignored("lastlog"),),
    "pstree": (ignored("pstree"),),
    "lsof": (ignored("lsof"),),
}

FILES: Mapping[str, Forms] = {
    "/proc/meminfo": (_MEMINFO,),
    "/proc/loadavg": (numbers("loadavg", *_LOADAVG, looks=r"^[\d.]+ [\d.]+ [\d.]+ \d+/\d+"),),
    "/proc/uptime": (numbers("uptime", _PROC_UPTIME, looks=r"^\d+\.\d+ \d+\.\d+$"),),
    "/proc/vmstat": (_VMSTAT_FILE,),
    **{
        f"/proc/{name}": (ignored(name),)
        for name in (
            *("interrupts", "softirqs", "stat", "diskstats", "schedstat", "slabinfo", "zoneinfo"),
            *("buddyinfo", "timer_list", "sched_debug", "pagetypeinfo", "self/status"),
        )
    },
}
