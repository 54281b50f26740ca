"""Load, memory and processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import (
    DAY_S,
    Form,
    Forms,
    high,
    ignored,
    keys,
    lines,
    numbers,
    percent,
    since_boot,
    table,
)
from fleetdiag.model import Compare, Field, Mode, Rate, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

SELDOM_A_DAY = 0.5
"""One in two days, of what a healthy host hardly has."""
PAGES_A_DAY = 864_000.0
"""Ten a second: less swapping nobody notices."""
STALLS_A_DAY = 8_640.0
WAITING = 0.03
"""Of memory: what waits to be written is seldom more."""
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
    *("Dirty", "Writeback"),
    *("HugePages_Total", "Hugepagesize"),
    fields=(
        _whole("MemTotal"),
        _whole("SwapTotal"),
        _share("MemAvailable", "MemTotal", Side.LOW),
        replace(_share("Dirty", "MemTotal", Side.HIGH), floor=WAITING),
        replace(_share("Writeback", "MemTotal", Side.HIGH), floor=WAITING),
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
    percent("iowait", r"^%?Cpu\(s\): .{0,120}?(?<![\d.])([\d.]{1,9})[ %]wa", 30),
    percent("steal", r"^%?Cpu\(s\): .{0,120}?(?<![\d.])([\d.]{1,9})[ %]st", 10),
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
    r"|(?:/\S*/)?(?:ba|da|z|a|c)?sh -c |nginx: (?:worker process is |cache loader)"
    r"|systemd-udevd: |\S{0,40}systemd (?:--user|--deserialize)|(?:/\S*/)?systemd-"
    r"(?:hostnamed|localed|timedated|tmpfiles|coredump|userwork|socket-proxyd)"
    r"|postgres: (?:\S+ ){2,4}\S*[(\[]|postgres: (?:autovacuum|parallel) worker"
    r"|(?:smtpd?|cleanup|trivial-rewrite|bounce|local|anvil|tlsmgr|proxymap|scache|showq|pickup)"
    r" -[lnz] "
    r"|(?:/\S*/)?"
    r"(?:ps|sleep|CROND?|head|tail|grep|sort|sudo|su|tee|awk|login|tmux|screen|vim?|less|man|top"
    r"|htop|agetty|systemd-userwork|kworker|dmesg|anacron|run-parts|logrotate|updatedb|mandb|fstrim"
    r"|sadc)(?:[ :/]|$))"
)
# Rows by user, terminal and command; the processes of one are added up. Daemons have no terminal
# (`?`); `\\_` is of `ps auxf`.
_PS_ROWS = table(
    "ps",
    "USER+TTY+COMMAND",
    ("%CPU", "%MEM"),
    looks=r"^USER +PID +%CPU +%MEM .* TTY .* COMMAND",
    fields=(percent("%CPU", floor=60), percent("%MEM", floor=15)),
    mask=(
        r"^\S+ [^?\s]\S* .*",
        rf"^\S+ \S+ [|\\_ ]{{0,200}}{_COMING_AND_GOING}.*",
        r"(?<=--deserialize[ =])\d+",
    ),
)
# Of `--sort`, maybe cut short: the first row has the most of something.
_PS_SORTED = numbers(
    "ps --sort",
    percent("%CPU of the first", r"^(?!USER)\S+ +\d+ +([\d.]+) ", 60),
    percent("%MEM of the first", r"^(?!USER)\S+ +\d+ +[\d.]+ +([\d.]+) ", 15),
    looks=r"^\S+ +\d+ +[\d.]+ +[\d.]+ +\d+ +\d+ ",
)
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


# `ps -eo …,comm` and the like: rows by command, whatever stands before it.
_PS_OWN = table(
    "ps",
    "COMMAND",
    ("USER",),
    looks=r"^ *(?:[A-Z%+]+ +){0,12}COMMAND *$",
    fields=(
        percent("%CPU", floor=60),
        percent("%MEM", floor=15),
        Field("RSS", unit=Unit.NONE, floor=2.0**20, side=Side.HIGH),  # KiB
    ),
    mask=(rf"^{_COMING_AND_GOING}.*", r"^ps$"),
    within=1,
)


def _ps(call: Call) -> Forms:
    """`ps aux`, `ps -ef` by their headers; of other columns what is no number."""
    own = replace(lines("ps", *_PS_COLUMNS), looks="")
    if call.has("-o", "--format") or "o" in "".join(call.plain[:1]):
        return (_PS_OWN, own)
    aux = lines("ps", *_PS_AUX, looks=r"^USER +PID +%CPU", within=3)
    if call.has("--sort"):
        return (_PS_SORTED, replace(aux, looks=""))
    full = lines("ps", *_PS_EF, looks=r"^UID +PID +PPID", within=3)
    letters = "".join(call.words)
    fallback = full if "f" in letters else aux if "u" in letters else own
    return (_PS_ROWS, full, replace(fallback, looks=""))


# The first line of numbers: averages since boot, apart from what runs and waits now.
_VMSTAT = numbers(
    "vmstat",
    high("runnable", r"^ *(\d+) +\d+ +(?:\d+ +){13}", 20),
    high("blocked", r"^ *\d+ +(\d+) +(?:\d+ +){13}", 10),
    high("swapped in", r"^ *(?:\d+ +){6}(\d+) +(?:\d+ +){8}", 100),
    high("swapped out", r"^ *(?:\d+ +){7}(\d+) +(?:\d+ +){7}", 100),
    percent("iowait", r"^ *(?:\d+ +){15}(\d+)(?: |$)", 25),
    percent("steal", r"^ *(?:\d+ +){16}(\d+)(?: |$)", 10),
    looks=r"^ *r +b +swpd",
)
_IOSTAT = numbers(
    "iostat",
    percent("iowait", r"^ +(?:[\d.]+ +){3}([\d.]+) +[\d.]+ +[\d.]+$", 20),
    percent("steal", r"^ +(?:[\d.]+ +){4}([\d.]+) +[\d.]+$", 10),
    looks=r"%iowait",
)
# `iostat -x` of all versions: `await` and `avgqu-sz` are the older ones' names. Milliseconds.
_IOSTAT_X = table(
    "iostat -x",
    "1",
    ("%util",),
    looks=r"^Device:? .* %util",
    fields=(
        *(high(column, floor=20) for column in ("await", "r_await", "w_await")),
        *(high(column, floor=20) for column in ("aqu-sz", "avgqu-sz")),
        percent("%util", floor=60),
    ),
    mask=(r"^(?:loop|ram|zram|dm-|sr|fd|nbd|md)\d+$", r"^(?:Linux|avg-cpu:|Device:?|[\d.,]+)$"),
    within=12,
)


def _iostat(call: Call) -> Forms:
    return (_IOSTAT_X, _IOSTAT) if call.has("-x") else (_IOSTAT,)


_STALLED = (("avg10", 20.0), ("avg60", 15.0), ("avg300", 15.0))
"""Points of time that something (`some`) or everything (`full`) waits."""


def _pressure(name: str, before: str) -> tuple[Field, ...]:
    return tuple(
        percent(f"{name}{who} {span}", rf"^{before}{who} .{{0,60}}?\b{span}=([\d.]{{1,9}})", points)
        for who in ("some", "full")
        for span, points in _STALLED
    )


_PRESSURES = (
    numbers(
        "pressure",
        *(
            field
            for what in ("cpu", "memory", "io")
            for field in _pressure(f"{what} ", f"/proc/pressure/{what}:")
        ),
        looks=r"^/proc/pressure/\w+:some ",
    ),
    numbers("pressure", *_pressure("", ""), looks=r"^some avg10="),
)

# Since boot, but for what is in use.
_VMSTAT_S = numbers(
    "vmstat -s",
    Field("memory", pattern=r"^ *(\d+) \S+ total memory", unit=Unit.BYTES, floor=1.0),
    Field("swap", pattern=r"^ *(\d+) \S+ total swap", unit=Unit.BYTES, floor=1.0),
    _share("used swap", "swap", Side.HIGH, r"^ *(\d+) \S+ used swap"),
    since_boot("swapped in", r"^ *(\d+) pages swapped in", PAGES_A_DAY),
    since_boot("swapped out", r"^ *(\d+) pages swapped out", PAGES_A_DAY),
    looks=r"^ *\d+ \S+ total memory",
)
# `Average:` or one moment's; of all processors.
_MPSTAT = numbers(
    "mpstat",
    percent("iowait", r"\ball +(?:[\d.]+ +){3}([\d.]+)", 20),
    percent("soft interrupts", r"\ball +(?:[\d.]+ +){5}([\d.]+)", 20),
    percent("steal", r"\ball +(?:[\d.]+ +){6}([\d.]+)", 10),
    looks=r"%iowait +%irq +%soft +%steal",
)
_SAR = numbers(
    "sar",
    percent("iowait", r"^Average: +all +(?:[\d.]+ +){3}([\d.]+) ", 20),
    percent("steal", r"^Average: +all +(?:[\d.]+ +){4}([\d.]+) ", 10),
    looks=r"%user +%nice +%system +%iowait +%steal",
)


def _vmstat(call: Call) -> Forms:
    if call.has("-s", "--stats"):
        return (_VMSTAT_S,)
    return (ignored("vmstat"),) if call.has("-d", "-D", "-m", "-f", "-p") else (_VMSTAT,)


# Only that a host crashed counts, not who was logged in when.
_LAST = lines(
    "last",
    r"^(?!.* - crash\b).*",
    r"^(?!reboot)\S.*(?= - crash)",
    r"(?<=^reboot) .*(?= - crash)",
    r"(?<= - crash).*",
)


_VMSTAT_FILE = keys(
    "vmstat",
    *("oom_kill", "pswpin", "pswpout", "allocstall_normal", "allocstall_movable"),
    fields=(
        since_boot("oom_kill", a_day=SELDOM_A_DAY),
        since_boot("pswpin", a_day=PAGES_A_DAY),
        since_boot("pswpout", a_day=PAGES_A_DAY),
        since_boot("allocstall_normal", a_day=STALLS_A_DAY),
        since_boot("allocstall_movable", a_day=STALLS_A_DAY),
    ),
    looks=r"^nr_free_pages ",
)

INTERRUPTS_A_SECOND = 200.0
"""What a device's queue may have more than the others' without being busy."""

# By device, over all processors: a queue that gets all the packets, or none.
_INTERRUPTS = Form(
    "interrupts",
    Compare(
        mode=Mode.TABLE,
        parse="interrupts",
        key="device",
        only=("device",),
        fields=(Field("total", rate=Rate.UPTIME, floor=INTERRUPTS_A_SECOND),),
    ),
    looks=r"^ +CPU0\b",
    within=1,
)

PROGRAMS: Mapping[str, Entry] = {
    "uptime": lambda call: () if call.has("-s", "-p", "--since", "--pretty") else (_UPTIME,),
    "w": (replace(_UPTIME, name="w"),),
    "free": (_FREE,),
    "top": (_TOP,),
    "ps": _ps,
    "vmstat": _vmstat,
    "iostat": _iostat,
    "mpstat": (_MPSTAT, ignored("mpstat")),
    "sar": (_SAR, ignored("sar")),
    "pidstat": (ignored("pidstat"),),
    **{
        name: (ignored(name),)
        for name in ("slabtop", "lsns", "lslocks", "iotop", "dstat", "numastat", "users", "atop")
    },
    "loginctl": lambda call: (
        (ignored("loginctl"),) if call.plain in ((), ("list-sessions",), ("list-users",)) else ()
    ),
    "who": (ignored("who", looks=r"^\S+ +\S+ +\d{4}-\d\d-\d\d \d\d:\d\d"),),
    "last": (_LAST,),
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
    "/proc/interrupts": (_INTERRUPTS, ignored("interrupts")),
    **{f"/proc/pressure/{name}": _PRESSURES for name in ("cpu", "memory", "io", "irq", "*")},
    **{
        f"/proc/{name}": (ignored(name),)
        for name in (
            *("softirqs", "stat", "diskstats", "schedstat", "slabinfo", "zoneinfo"),
            *("buddyinfo", "timer_list", "sched_debug", "pagetypeinfo", "self/status"),
        )
    },
}
