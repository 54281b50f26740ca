"""Filesystems, disks and files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, Forms, ignored, keys, lines, low, numbers, table, text
from fleetdiag.model import Field, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

FULLER_PERCENT = 15.0
"""Points: what equal hosts' filesystems differ by."""

# What comes and goes with sessions, snaps, containers and pods; below these, not these themselves.
_PASSING = (
    r"/(?:run/(?:user|docker|containerd|netns|credentials|snapd)|snap|var/snap"
    r"|var/lib/(?:docker|containerd|containers/storage|kubelet/(?:pods|plugins)|lxcfs|lxd|incus))/\S+"
)
_MOUNTS = (rf"^{_PASSING}$",)


def _df(column: str) -> Form:
    used = Field(column, unit=Unit.PERCENT, floor=FULLER_PERCENT, side=Side.HIGH)
    # In 1K blocks, with suffixes or as a number of inodes: the proportion alone decides.
    size = Field("size", at="2", unit=Unit.BYTES, floor=1.0)
    # The row is named by where it is mounted: the sixth word, as no header is one word there.
    form = table(
        "df",
        "6",
        (column,),
        looks=rf"^Filesystem +(?:\S+ +){{3}}{column} +Mounted on",
        fields=(used, size),
        mask=_MOUNTS,
    )
    return replace(form, rules=("disk",))


def _df_typed(column: str) -> Form:
    form = _df(column)
    fields = tuple(replace(f, at="3") if f.at else f for f in form.compare.fields)
    looks = rf"^Filesystem +Type +(?:\S+ +){{3}}{column} +Mounted on"
    return replace(
        form,
        looks=looks,
        compare=replace(form.compare, key="7", only=("Type", column), fields=fields),
    )


_COLUMNS = ("Use%", "IUse%", "Capacity")
# Without its header (`df | grep data`) or with other columns: what is below 90 % is no difference.
_DF_LINES = lines(
    "df",
    rf"^.* {_PASSING}$",
    r"(?<=\S)\s+\d\S*\s+\d\S*\s+\d\S*\s+(?:\d|[1-8]\d)%(?=\s)",
    r"(?<=\s)(?:\d|[1-8]\d)%",
)
_DF = (*(_df(column) for column in _COLUMNS), *(_df_typed(column) for column in _COLUMNS))

_MOUNT = (
    rf"^(?:\S+ on |\S+ |[^/]{{0,20}}){_PASSING}(?: .*)?$",
    r"(?:size|nr_inodes|nr_blocks)=\w+%?",
    r"(?<=fd=)\d+|(?<=pgrp=)\d+|(?<=pipe_ino=)\d+",
    r"(?:lowerdir|upperdir|workdir)=[^,)\s]*",
    r"\b[ug]id=\d{4,}",
    r"^(?:nsfs|fuse\.portal|gvfsd-fuse) .*",
)

# Sizes as numbers: equal machines have disks of a size, snaps and logical volumes about.
_LSBLK = table(
    "lsblk",
    "NAME",
    ("SIZE", "RO", "TYPE"),
    looks=r"^NAME +MAJ:MIN +RM +SIZE +RO +TYPE",
    fields=(Field("SIZE", unit=Unit.BYTES),),
    mask=(r"^(?:loop|ram|zram)\d+$",),
    within=1,
)

_MODIFIED = (
    r"(?:[A-Z][a-z]{2} +\d{1,2} +(?:\d{1,2}:\d\d|\d{4})"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d\.\d+ [+-]\d{4})?)"
)
# How many rotated logs there are is a question of days.
_ROTATED = (
    r"^[a-z-]\S{9,10} .*(?:log|messages|secure|spooler|cron|dmesg|[bw]tmp)"
    r"(?:\.\d{1,3}|-\d{8})(?:\.(?:gz|xz|bz2|zst))?$"
)
_LS = (
    r"^total \S+$",
    _ROTATED,
    # Owner and permissions stay; links, size and time go.
    r"(?<=^[a-z-][rwxsStT-]{9})[.+@]? +\d+(?= )",
    rf"(?<=\S) +\d[\d.,]*[KMGT]?(?:, +\d+)? +{_MODIFIED}(?= )",
)
_STAT = (
    r"\bInode: \d+",
    r"\bDevice: \S+",
    r"\bBlocks: \d+ *",
    r"(?<=^ Birth: ).*",
)


def _ls(call: Call) -> Forms:
    return (lines("ls", r"^ *\d+ (?=[a-z-][rwx-])", *_LS),) if call.has("-l") else (lines("ls"),)


def _lsblk(call: Call) -> Forms:
    other = call.has("-J", "--json", "-P", "--pairs", "-O")
    return () if other else (_LSBLK, lines("lsblk", r"^loop\d.*", r"(?<=\S) +[\d.]+[KMGT]?(?= |$)"))


# `nvme1n1p2[1]` is a place in the array, no process.
# Members in whatever order; how many there are is said by `[2/1] [U_]`.
_MDSTAT = (
    r"(?<=[a-z\d])\[\d+\]|(?<=\S) [a-z]\w{0,31}(?=\[\d+\])",
    r"^ +\[[=>.]+\].*",
    r"^ *unused devices:.*",
    r"^ +bitmap:.*",
)
_MDADM = (
    r"^ *(?:Creation Time|Update Time|Events|Name|UUID|(?:Check|Resync|Rebuild) Status) :.*",
    r"(?<=State : )(?:clean|active)(?:, checking)? *$",
)
# Of swap: not how much is in use.
_SWAPS = (r"(?<=[\dKMGTB])\s+[\d.]+[KMGTB]?(?=\s+-?\d+$)",)
_SIZE = r"(?<![\w.])\d[\d.]*[KMGTPE]?i?B\b"
_FSTAB = (r"^\s*[#;].*", r"\b(?:PART)?UUID=\S+")
# Up to 90 % of a thin pool.
_LVS = (r"(?<= )(?:\d|[1-8]\d)\.\d\d(?= |$)",)
# Paths by state: hosts number their buses and disks as they find them.
_MULTIPATH = (
    r"\b\d+:\d+:\d+:\d+ +\w+ +\d+:\d+",
    r"\bdm-\d+",
    r"(?<=\()\w{16,}(?=\))|^\w{17,}(?= )",
    r"\bprio=\d+|(?<=status=)(?:active|enabled)\b",
    r"^[|` -]+",
)
_ZPOOL = (
    r"^ *scan: .*\bwith 0 errors\b.*",
    r"^ *scan: (?:none requested|scrub (?:in progress|canceled|paused)).*",
    r"^\s+[\d.]+[KMGTPB]*(?: /| scanned| repaired| issued| resilvered).*",
    r"\b(?:ata|scsi|nvme|wwn|usb)-\S+",
)
_ZPOOL_LIST = table(
    "zpool list",
    "NAME",
    ("SIZE", "CAP", "HEALTH"),
    looks=r"^NAME +SIZE +ALLOC +FREE ",
    fields=(
        Field("SIZE", unit=Unit.BYTES),
        Field("CAP", unit=Unit.PERCENT, floor=FULLER_PERCENT, side=Side.HIGH),
    ),
    within=1,
)
_NVME_LIST = (
    r"(?<=\dn\d) +(?:/dev/ng\S+ +)?\S+ +",
    r"(?<=\S) +[\d.]+ +[KMGTP]?B +/ +[\d.]+ +[KMGTP]?B",
)
_NVME_SMART = keys(
    "nvme smart-log",
    *("critical_warning", "media_errors", "percentage_used", "available_spare"),
    fields=(
        Field("media_errors", unit=Unit.NONE, floor=10, side=Side.HIGH),
        Field("percentage_used", unit=Unit.PERCENT, floor=40, side=Side.HIGH),
        Field("available_spare", unit=Unit.PERCENT, floor=20, side=Side.LOW),
    ),
    looks=r"^critical_warning\s*:",
)
_HDPARM = (r"^\s*(?:Serial Number|Logical Unit WWN|NAA|IEEE OUI|Unique ID|Media Serial)\b.*",)
_HDPARM_SPEED = numbers(
    "hdparm -t",
    low("reads, MB/s", r"buffered disk reads: .{0,80}= *([\d.]+) MB/sec", 20),
    low("cached reads, MB/s", r"cached reads: .{0,80}= *([\d.]+) MB/sec", 500),
    looks=r"^ *Timing (?:buffered disk|cached) reads:",
)


def _zpool(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if verb == "list":
        return (_ZPOOL_LIST,)
    return (text("zpool status", mask=_ZPOOL),) if verb == "status" else (ignored("zpool"),)


def _btrfs(call: Call) -> Forms:
    sizes = next(iter(call.plain), "")[:2] == "fi" or "usage" in call.plain
    return (lines("btrfs filesystem", _SIZE, r"(?<![\d.])\d{1,3}\.\d\d%"),) if sizes else ()


def _nvme(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if call.value("-o", "--output-format") == "json" or verb not in {"list", "smart-log"}:
        return ()
    return (_NVME_SMART,) if verb == "smart-log" else (lines("nvme list", *_NVME_LIST),)


def _hdparm(call: Call) -> Forms:
    timed = call.has("-t", "-T")
    return (_HDPARM_SPEED,) if timed else (lines("hdparm", *_HDPARM),)


def _du(call: Call) -> Forms:
    """KiB unless asked for people."""
    floor = None if call.has("-h", "--human-readable", "-b", "--bytes") else 100.0 * 1024
    size = Field("size", at="1", unit=Unit.BYTES, floor=floor)
    return (table("du", "2", ("2",), looks=r"^[\d.]+[KMGT]?\s+\S", fields=(size,)),)


def _find(call: Call) -> Forms:
    """A directory's own order is none; `-ls` prints what changes."""
    if "-ls" in call.words:
        return (lines("find -ls", r"^ *\d+ +\d+ (?=[a-z-][rwx-])", *_LS),)
    told = any(word.startswith(("-printf", "-fprint", "-exec", "-ok")) for word in call.words)
    return () if told else (lines("find"),)


_SUMS = ("md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum", "cksum")

# The client's calls: the first line of three numbers.
_NFSSTAT = numbers(
    "nfsstat",
    Field("calls", pattern=r"^(\d+) +\d+ +\d+ *$", compare=False),
    Field(
        "calls retransmitted",
        pattern=r"^\d+ +(\d+) +\d+ *$",
        per="calls",
        floor=0.001,
        side=Side.HIGH,
    ),
    looks=r"^calls +retrans +authrefrsh",
)

PROGRAMS: Mapping[str, Entry] = {
    "df": (*_DF, _DF_LINES),
    "mount": lambda call: () if call.plain else (lines("mount", *_MOUNT),),
    "findmnt": (lines("findmnt", *_MOUNT, r"(?<=\S) +(?=\S)", r"^[│├└─ |`-]+"),),
    "lsblk": _lsblk,
    "blkid": (lines("blkid", r"\b(?:PART|TYPE_)?(?:UU)?ID(?:_SUB)?=\"[^\"]*\""),),
    "ls": _ls,
    "find": _find,
    "du": _du,
    "mdadm": lambda call: (lines("mdadm", *_MDADM),) if call.has("-D", "--detail") else (),
    "nfsstat": lambda call: () if call.has("-m") else (_NFSSTAT, ignored("nfsstat")),
    "swapon": (lines("swapon", *_SWAPS),),
    "lvs": (lines("lvs", *_LVS),),
    "multipath": (lines("multipath", *_MULTIPATH),),
    "zpool": _zpool,
    "zfs": lambda call: (
        (table("zfs list", "1", ("5",), looks=r"^NAME +USED +AVAIL"),)
        if call.plain == ("list",)
        else ()
    ),
    "btrfs": _btrfs,
    "nvme": _nvme,
    "hdparm": _hdparm,
    "stat": (lines("stat", *_STAT),),
    **{program: (lines(program),) for program in _SUMS},
}

FILES: Mapping[str, Forms] = {
    "/proc/mounts": (lines("mounts", *_MOUNT),),
    "/proc/self/mounts": (lines("mounts", *_MOUNT),),
    "/etc/mtab": (lines("mounts", *_MOUNT),),
    "/proc/mdstat": (lines("mdstat", *_MDSTAT, unmask=("pid",)),),
    "/proc/swaps": (lines("swaps", *_SWAPS),),
    "/etc/fstab": (lines("fstab", *_FSTAB),),
}
