"""What an output of unknown origin is, by its looks: that of a known command, a log, or text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, log
from fleetdiag.compare.auto.logs import KERNEL
from fleetdiag.compare.heads import begins_with_time

if TYPE_CHECKING:
    from fleetdiag.compare.features import Lines

LOOKED_AT = 300
"""Lines."""
FEWEST_LINES = 3
"""One or two lines with a time are an answer to a question, not a log."""
MOSTLY = 0.6
"""Of the lines; stack traces and the like have no time."""
KERNEL_SHARE = 0.05
SEEN_CHARS = 200
HEADER_LINES = 5
"""Among which a known command's header stands."""

# `dmesg -T`, `dmesg -r`, web servers: [Sun Nov 22 03:04:05 2026], <6>[    1.234567],
# 10.0.0.1 - - [22/Nov/2026:…
_OTHER_TIMES = re.compile(
    r"(?:<\d{1,3}>)?\[ {0,9}(?:\d{1,10}\.\d{6}\]|[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}\d{1,2} \d\d:)"
    r"|<\d{1,3}>(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\dT)"
    r"|\S{1,64} \S{1,64} \S{1,64} \[\d\d/[A-Z][a-z]{2}/\d{4}:"
)
_OF_KERNEL = re.compile(r"(?:<\d{1,3}>)?\[ {0,11}\d{1,10}\.\d{6}\]|.{0,100}? kernel: ")

LOOKS = (
    (r"Filesystem +(?:Type +)?(?:\S+blocks|Size|Inodes) ", "df"),
    (r" +total +used +free +shared ", "free"),
    (r"MemTotal: +\d+ kB$", "cat /proc/meminfo"),
    (r"top - \d\d:\d\d:\d\d up ", "top -bn1"),
    (r" ?\d\d:\d\d:\d\d up .{1,60} load average: ", "uptime"),
    (r"\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+$", "cat /proc/loadavg"),
    (r"USER +PID +%CPU %MEM +VSZ ", "ps aux"),
    (r"UID +PID +PPID +C STIME ", "ps -ef"),
    (r"procs -+memory-+ ", "vmstat"),
    (r"avg-cpu: +%user +%nice ", "iostat -x"),
    (r"1: lo: <LOOPBACK", "ip addr"),
    (r"default via \S+ dev \S+", "ip route"),
    (r"[\d.a-f:]{3,45} dev \S+ +(?:lladdr [\da-f:]{17} )?[A-Z]{4,10} *$", "ip neigh"),
    (r"NIC statistics:$", "ethtool -S x"),
    (r"Settings for \S+:$", "ethtool x"),
    (r"(?:Netid +)?State +Recv-Q +Send-Q +Local Address", "ss -tuan"),
    (r"TCP: +\d+ \(estab \d+", "ss -s"),
    (r"Active Internet connections", "netstat -tuan"),
    (r"Ip:$", "netstat -s"),
    (r"Ip: Forwarding DefaultTTL ", "cat /proc/net/snmp"),
    (r"Inter-\| +Receive ", "cat /proc/net/dev"),
    (r" +CPU0(?: +CPU\d+)* *$", "cat /proc/interrupts"),
    (r"Module +Size +Used by", "lsmod"),
    (r"(?:Desired=Unknown|\|\|/ Name)", "dpkg -l"),
    (r"[A-Za-z]\S+-[^\s-]+-[^\s-]+\.(?:x86_64|aarch64|noarch)$", "rpm -qa"),
    (r" *UNIT +LOAD +ACTIVE +SUB +DESCRIPTION", "systemctl list-units"),
    (r"(?:\W )?\S+\.(?:service|socket|timer|mount)(?: - .*)?$", "systemctl status x"),
    (r" +Local time: \w{3} \d{4}-", "timedatectl"),
    (r"Reference ID +: ", "chronyc tracking"),
    (r"MS Name/IP address +Stratum ", "chronyc sources"),
    (r" +remote +refid +st t when ", "ntpq -p"),
    (r"Architecture: +\S+$", "lscpu"),
    (r" *Static hostname: ", "hostnamectl"),
    (r"PRETTY_NAME=", "cat /etc/os-release"),
    (r"CONTAINER ID +IMAGE ", "docker ps"),
    (r"(?:\S+ +pts/\d+|reboot +system boot) .*(?:still|\d\d:\d\d)", "last"),
    (r"\S+ on /\S* type \S+ \(\S+\)$", "mount"),
    (r"TARGET +SOURCE +FSTYPE +OPTIONS", "findmnt"),
    (r"NAME +MAJ:MIN +RM +SIZE ", "lsblk"),
    (r"Personalities : ?", "cat /proc/mdstat"),
    (r"total \d+[KMG]?$", "ls -l"),
    (r"core file size +", "ulimit -a"),
    (r"smartctl \d\.\d ", "smartctl -a x"),
    (r"Smart Log for NVME device:", "nvme smart-log"),
    (r"NEXT +LEFT +LAST +PASSED +UNIT ", "systemctl list-timers"),
    (r"nr_free_pages \d+$", "cat /proc/vmstat"),
    (r"(?:NAMESPACE +)?NAME +READY +STATUS +RESTARTS ", "kubectl get pods"),
    (r"NAME +STATUS +ROLES +AGE ", "kubectl get nodes"),
    (r"CONTAINER ID +NAME +CPU % ", "docker stats"),
    (r"#kernel$", "nstat -az"),
)
"""How one of the first lines begins -> the command.

What the commands of procps, iproute2, coreutils, util-linux and systemd print as headers.
"""
_KNOWN = tuple((re.compile(looks), command) for looks, command in LOOKS)


def sniff_command(sample: Lines) -> str | None:
    """The well-known command whose output begins as `sample` does; None where none is known."""
    said = [line[:SEEN_CHARS] for line in sample[:HEADER_LINES] if line.strip()]
    return next(
        (command for looks, command in _KNOWN if any(map(looks.match, said))),
        None,
    )


def sniff(sample: Lines) -> Form | None:
    """A log where most lines begin with a time; None where not."""
    said = [line[:SEEN_CHARS] for line in sample[:LOOKED_AT] if line]
    timed = sum(1 for line in said if _has_time(line))
    if timed < FEWEST_LINES or timed < MOSTLY * len(said):
        return None
    of_kernel = sum(1 for line in said if _OF_KERNEL.match(line))
    return log("log", KERNEL) if of_kernel > KERNEL_SHARE * len(said) else log("log")


def _has_time(line: str) -> bool:
    return begins_with_time(line) or _OTHER_TIMES.match(line) is not None
