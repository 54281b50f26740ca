"""Settings: kernel parameters, limits, environment, accounts, files below /etc."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import (
    Form,
    Forms,
    high,
    ignored,
    keys,
    lines,
    low,
    numbers,
    since_boot,
)
from fleetdiag.model import Field, Side, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

# ------------------------------------------------------------------------------- sysctl

# What the kernel works out from the memory it finds: a few MiB more make it another number, so only
# half as much again is odd. (mm/page_alloc.c, fs/file_table.c, fs/eventpoll.c, kernel/fork.c and
# net/netfilter/nf_conntrack_core.c of Linux 6.1.)
_BY_MEMORY = (
    *("fs.file-max", "fs.epoll.max_user_watches", "fs.inotify.max_user_watches"),
    *("fs.fanotify.max_user_marks", "kernel.threads-max"),
    *("vm.min_free_kbytes", "vm.user_reserve_kbytes", "vm.admin_reserve_kbytes"),
    *("net.netfilter.nf_conntrack_max", "net.nf_conntrack_max"),
    "net.netfilter.nf_conntrack_buckets",
    *(
        f"user.max_{kind}"
        for kind in (
            *("cgroup_namespaces", "ipc_namespaces", "mnt_namespaces", "net_namespaces"),
            *("pid_namespaces", "time_namespaces", "user_namespaces", "uts_namespaces"),
            *("inotify_instances", "inotify_watches", "fanotify_groups", "fanotify_marks"),
        )
    ),
)
# Everything that somebody sets. Not: what counts (`fs.file-nr`, `kernel.pty.nr`, `fs.aio-nr`,
# `fs.quota.*`), random numbers, the last pid, `tcp_mem` and `udp_mem` (by memory, three in one),
# `tcp_fastopen_key`, `netdev_rss_key`, what the kernel lowers by itself
# (`perf_event_max_sample_rate`), scheduler domains, and interfaces of containers.
_KERNEL = (
    *("acct", "arch", "auto_msgmni", "core_*", "ctrl-alt-del", "dmesg_restrict", "exec-shield"),
    *("domainname", "ftrace_*", "hardlockup_*", "hostname", "hotplug", "hung_task_all*"),
    *(
        "hung_task_check_*",
        "hung_task_panic",
        "hung_task_timeout_secs",
        "io_*",
        "kexec_*",
        "keys.*",
    ),
    *("kptr_restrict", "latencytop", "max_*", "modprobe", "modules_disabled", "msgm*", "nmi_*"),
    *("numa_balancing*", "oops_*", "osrelease", "ostype", "panic*", "perf_cpu_*"),
    *(
        "perf_event_max_stack",
        "perf_event_mlock_kb",
        "perf_event_paranoid",
        "pid_max",
        "poweroff_*",
    ),
    *("print*", "pty.max", "randomize_va_space", "sched_autogroup_*", "sched_c*", "sched_energy_*"),
    *("sched_latency_ns", "sched_m*", "sched_nr_*", "sched_r*", "sched_schedstats", "sched_t*"),
    *("sched_util*", "sched_w*", "seccomp.*", "sem", "shm*", "soft*", "split_lock_mitigate"),
    *("sysctl_writes_strict", "sysrq", "tainted", "task_delayacct", "timer_migration", "unknown_*"),
    *("unprivileged_*", "usermodehelper.*", "version", "warn_limit", "watchdog*", "yama.*"),
    "apparmor_*",
)
_FS = (
    *("aio-max-nr", "dir-notify-enable", "fanotify.max_user_groups", "fanotify.max_queued_events"),
    *("inotify.max_queued_events", "inotify.max_user_instances", "lease*", "mount-max", "mqueue.*"),
    *("nr_open", "overflow*", "pipe-*", "protected_*", "suid_dumpable", "nfs.*", "verity.*"),
)
_IPV4 = (
    *("ip_*", "icmp_*", "igmp_*", "ipfrag_*", "fib_multipath_hash_p*", "fib_multipath_use_*"),
    *("conf.all.*", "conf.default.*", "conf.lo.*", "conf.eth*", "conf.en*", "conf.bond*"),
    *("neigh.default.*", "ping_group_range", "route.gc_*", "route.m*", "inet_peer_*"),
    *("tcp_a*", "tcp_b*", "tcp_c*", "tcp_d*", "tcp_e*", "tcp_fack", "tcp_fastopen"),
    *("tcp_fastopen_b*", "tcp_fi*", "tcp_fr*", "tcp_fw*", "tcp_i*", "tcp_k*", "tcp_l*"),
    *("tcp_ma*", "tcp_mi*", "tcp_mo*", "tcp_mt*", "tcp_n*", "tcp_o*", "tcp_p*", "tcp_r*", "tcp_s*"),
    *("tcp_t*", "tcp_w*", "udp_e*", "udp_r*", "udp_w*", "xfrm4_*"),
)
_IPV6 = (
    *("bindv6only", "conf.all.*", "conf.default.*", "conf.lo.*", "conf.eth*", "conf.en*"),
    *("conf.bond*", "icmp.*", "ip6frag_*", "ip_nonlocal_bind", "neigh.default.*", "route.*"),
    *("auto_flowlabels", "mld_*", "flowlabel_*"),
)
_CORE = (
    *("bpf_*", "busy_*", "default_qdisc", "dev_*", "netdev_b*", "netdev_max_*", "netdev_t*"),
    *("optmem_max", "rmem_*", "wmem_*", "rps_*", "somaxconn", "high_order_*", "max_skb_*"),
    *("message_*", "flow_limit_table_len"),
)
_CONNTRACK = (
    *("acct", "checksum", "events", "*_timeout", "expect_max", "helper", "tcp_*", "timestamp"),
    *("udp_timeout*", "sctp_*", "gre_*", "log_invalid", "dccp_*"),
)
SETTINGS = (
    *(f"kernel.{name}" for name in _KERNEL),
    *(f"fs.{name}" for name in _FS),
    *(f"net.ipv4.{name}" for name in _IPV4),
    *(f"net.ipv6.{name}" for name in _IPV6),
    *(f"net.core.{name}" for name in _CORE),
    *(f"net.netfilter.nf_conntrack_{name}" for name in _CONNTRACK),
    *("net.bridge.*", "net.mptcp.*", "net.unix.*", "vm.*", "abi.*", "dev.tty.*", "debug.*"),
    "crypto.*",
    *_BY_MEMORY,
)


def _sysctl(call: Call) -> Forms:
    """All parameters but those that move by themselves; of named ones, these."""
    looks = r"^[a-z]\w*[./][\w./:@-]+ ?[=:]"
    fields = (*(Field(name, unit=Unit.NONE) for name in _BY_MEMORY), *_tracked(call))
    everything = call.has("-a", "-A", "-X", "--all") or not call.plain or call.named
    if call.has("-n", "--values", "-N", "--names"):
        return ()
    if call.plain == ("fs.file-nr",):
        return (_OPEN_FILES,)
    return (keys("sysctl", *(SETTINGS if everything else ()), fields=fields, looks=looks),)


def _tracked(call: Call) -> tuple[Field, ...]:
    """Tracked connections: as a share where the most that are possible are asked for, too."""
    named = [word for word in call.plain if word.endswith("conntrack_count")]
    if named and not call.named and not any(word.endswith("_max") for word in call.plain):
        return tuple(high(name, floor=20_000) for name in named)
    return tuple(  # in bytes, as a share of a size is told and judged as one
        Field(f"{net}_count", unit=Unit.BYTES, per=f"{net}_max", floor=0.25, side=Side.HIGH)
        for net in ("net.netfilter.nf_conntrack", "net.nf_conntrack")
    )


_OPEN_FILES = numbers(
    "fs.file-nr",
    high("open files", r"^(?:fs\.file-nr *= *)?(\d+)\s+\d+\s+\d+$", 20_000),
    looks=r"^(?:fs\.file-nr *= *)?\d+\s+\d+\s+\d+$",
)
_ENTROPY = numbers("entropy", low("entropy", r"^(\d+)$", 150), looks=r"^\d+$")
_ONE = r"^(\d+)$"
_COUNTED = r"/sys/class/net/[^/]+/statistics/\w*(?:error|drop|crc|missed|fifo|over)\w*"
_HEAT = r"/sys/(?:class/thermal/thermal_zone\d+/temp|class/hwmon/hwmon\d+/temp\d+_input)"
_MOVES = (
    r"/sys/class/net/[^/]+/statistics/\w+|/sys/devices/system/cpu/.*/(?:scaling|cpuinfo)_cur_freq"
    r"|/sys/(?:class/)?block/[^/]+/(?:[^/]+/)?(?:stat|inflight)"
)


def sys_file(path: str) -> Form | None:
    """How a file below /sys is compared: counters and temperatures as numbers."""
    if re.fullmatch(_COUNTED, path):
        return numbers("statistics", since_boot("counted", _ONE, 100.0), looks=_ONE)
    if re.fullmatch(_HEAT, path):
        return numbers("temperature", high("thousandths of a degree", _ONE, 15_000), looks=_ONE)
    return ignored(path.rpartition("/")[2]) if re.fullmatch(_MOVES, path) else None


# -------------------------------------------------------------------------------- others

# `pending signals` is by memory; so is `max user processes` unless somebody set it.
_ULIMIT = lines(
    "ulimit",
    r"^(?:pending signals|-i: ).*",
    r"^(?:max user processes|process\b|-u: )(?!.*\s(?:1024|2048|4096|8192)$).*\s\d{4,6}$",
)
_ENV = lines(
    "env",
    r"^(?:SSH_\w+|XDG_\w+|_|PWD|OLDPWD|SHLVL|INVOCATION_ID|JOURNAL_STREAM|MAIL|LS_COLORS|TERM"
    r"|SUDO_\w+|DBUS_\w+|HOSTNAME|PPID|MEMORY_PRESSURE_\w+|SYSTEMD_EXEC_PID|LINES|COLUMNS)=.*",
)
_COMMENTS = (r"^\s*[#;].*",)
CRON_MINUTE = r"^\s*[0-5]?\d(?=\s+[\d*])"
"""Drawn for each host, so that not all begin at once."""
_AUDIT = keys(
    "auditctl -s",
    *("enabled", "failure", "rate_limit", "backlog_limit", "loginuid_immutable"),
    fields=(Field("lost", unit=Unit.NONE, floor=1000, side=Side.HIGH),),
    looks=r"^enabled \d",
)

PROGRAMS: Mapping[str, Entry] = {
    "sysctl": _sysctl,
    "ulimit": (_ULIMIT,),
    "env": (_ENV,),
    "printenv": (_ENV,),
    "getent": (lines("getent"),),
    "alternatives": (lines("alternatives"),),
    "auditctl": lambda call: (_AUDIT,) if call.has("-s") else (),
    "crontab": lambda call: (lines("crontab", r"^\s*#.*", CRON_MINUTE),) if call.has("-l") else (),
}

FILES: Mapping[str, Forms] = {
    "/proc/sys/fs/file-nr": (_OPEN_FILES,),
    "/proc/sys/kernel/random/entropy_avail": (_ENTROPY,),
    **{
        f"/proc/sys/{name}": (ignored(name.rpartition("/")[2]),)
        for name in (
            *("fs/inode-nr", "fs/inode-state", "fs/dentry-state", "fs/aio-nr"),
            *("kernel/random/uuid", "kernel/random/boot_id", "kernel/ns_last_pid"),
        )
    },
}


def etc_file(path: str) -> Form:
    """How a file below /etc is compared: its lines, without comments."""
    minute = (CRON_MINUTE,) if path.startswith("/etc/cron") else ()
    return lines(path.removeprefix("/etc/"), *_COMMENTS, *minute)
