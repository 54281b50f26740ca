"""Filesystems, disks and files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, Forms, lines, table
from fleetdiag.model import Field, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

FULLER_PERCENT = 15.0
"""Points: what equal hosts' filesystems differ by."""

# Of mount points: what a session, a snap or a pod is called. The shipped masks know uuids and hex.
_MOUNTS = (
    r"(?<=/run/user/)\d+",
    r"(?<=^/snap/)\S+",
    r"(?<=~projected/)\S+",
    r"(?<=/sandboxes/)\w+",
    r"(?<=/overlay2/)\w+",
)


def _df(column: str) -> Form:
    used = Field(column, unit=Unit.PERCENT, floor=FULLER_PERCENT, side=Side.HIGH)
    # The row is named by where it is mounted: the sixth word, as no header is one word there.
    return table(
        "df",
        "6",
        (column,),
        looks=rf"^Filesystem +(?:\S+ +){{3}}{column} +Mounted on",
        fields=(used,),
        mask=_MOUNTS,
    )


def _df_typed(column: str) -> Form:
    form = _df(column)
    looks = rf"^Filesystem +Type +(?:\S+ +){{3}}{column} +Mounted on"
    return replace(form, looks=looks, compare=replace(form.compare, key="7", only=("Type", column)))


_COLUMNS = ("Use%", "IUse%", "Capacity")
# Without its header (`df | grep data`) or with other columns: what is below 90 % is no difference.
_DF_LINES = lines(
    "df",
    *_MOUNTS,
    r"(?<=\S)\s+\d\S*\s+\d\S*\s+\d\S*\s+(?:\d|[1-8]\d)%(?=\s)",
    r"(?<=\s)(?:\d|[1-8]\d)%",
)
_DF = (*(_df(column) for column in _COLUMNS), *(_df_typed(column) for column in _COLUMNS))

_MOUNT = (
    *_MOUNTS,
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
    mask=(r"^loop\d+",),
    within=1,
)

_MODIFIED = (
    r"(?:[A-Z][a-z]{2} +\d{1,2} +(?:\d{1,2}:\d\d|\d{4})"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d\.\d+ [+-]\d{4})?)"
)
_LS = (
    r"^total \S+$",
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


_SUMS = ("md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum", "cksum")

PROGRAMS: Mapping[str, Entry] = {
    "df": (*_DF, _DF_LINES),
    "mount": lambda call: () if call.plain else (lines("mount", *_MOUNT),),
    "findmnt": (lines("findmnt", *_MOUNT, r"(?<=\S) +(?=\S)", r"^[│├└─ |`-]+"),),
    "lsblk": _lsblk,
    "blkid": (lines("blkid", r"\b(?:PART|TYPE_)?(?:UU)?ID(?:_SUB)?=\"[^\"]*\""),),
    "ls": _ls,
    "stat": (lines("stat", *_STAT),),
    **{program: (lines(program),) for program in _SUMS},
}

FILES: Mapping[str, Forms] = {
    "/proc/mounts": (lines("mounts", *_MOUNT),),
    "/proc/self/mounts": (lines("mounts", *_MOUNT),),
    "/etc/mtab": (lines("mounts", *_MOUNT),),
    "/proc/mdstat": (lines("mdstat", r"^ +\[[=>.]+\].*", r"^ *unused devices:.*"),),
}
