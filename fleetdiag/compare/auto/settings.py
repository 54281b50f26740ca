"""Settings: kernel parameters, limits, environment, accounts, files below /etc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, Forms, keys, lines
from fleetdiag.model import Field, Unit

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
    fields = tuple(Field(name, unit=Unit.NONE) for name in _BY_MEMORY)
    everything = call.has("-a", "-A", "-X", "--all") or not call.plain or call.named
    if call.has("-n", "--values", "-N", "--names"):
        return ()
    return (keys("sysctl", *(SETTINGS if everything else ()), fields=fields, looks=looks),)


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


PROGRAMS: Mapping[str, Entry] = {
    "sysctl": _sysctl,
    "ulimit": (_ULIMIT,),
    "env": (_ENV,),
    "printenv": (_ENV,),
    "getent": (lines("getent"),),
    "alternatives": (lines("alternatives"),),
}


def etc_file(path: str) -> Form:
    """How a file below /etc is compared: its lines, without comments."""
    return lines(path.removeprefix("/etc/"), *_COMMENTS)
