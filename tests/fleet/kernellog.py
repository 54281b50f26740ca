"""Kernel logs for hosts that share one kernel: text in the form `dmesg -r` has it.

The ring buffer is one for the whole machine, so each host gets a file that reads like the log of a
small virtual server, and faults are planted in it. Knows nothing of files and namespaces.
"""

from __future__ import annotations

import random
import uuid

_BOOT = (
    (5, 0.0, "Linux version 6.1.0-44-amd64 (gcc-12, GNU ld 2.40) #1 SMP PREEMPT_DYNAMIC"),
    (6, 0.0, "Command line: BOOT_IMAGE=/boot/vmlinuz root=UUID={disk} ro console=ttyS0"),
    (6, 0.0, "BIOS-provided physical RAM map:"),
    (6, 0.0, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable"),
    (6, 0.0, "BIOS-e820: [mem 0x0000000000100000-0x000000007ffdbfff] usable"),
    (6, 0.0, "NX (Execute Disable) protection: active"),
    (6, 0.0, "Hypervisor detected: KVM"),
    (6, 0.02, "tsc: Detected 2899.998 MHz processor"),
    (6, 0.05, "ACPI: Early table checksum verification disabled"),
    (6, 0.06, "Zone ranges:   DMA32 [mem 0x0000000000001000-0x000000007ffdbfff]"),
    (6, 0.07, "smpboot: Allowing 2 CPUs, 0 hotplug CPUs"),
    (6, 0.09, "Memory: 2014320K/2096616K available"),
    (6, 0.11, "rcu: Hierarchical RCU implementation."),
    (6, 0.19, "smp: Brought up 1 node, 2 CPUs"),
    (6, 0.21, "devtmpfs: initialized"),
    (6, 0.28, "PCI: Using configuration type 1 for base access"),
    (6, 0.41, "NET: Registered PF_INET protocol family"),
    (6, 0.44, "Unpacking initramfs..."),
    (6, 0.83, "workingset: timestamp_bits=36 max_order=19 bucket_order=0"),
    (6, 0.95, "Block layer SCSI generic (bsg) driver version 0.4 loaded (major 250)"),
    (6, 1.02, "Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled"),
    (6, 1.17, "rtc_cmos 00:04: setting system clock"),
    (6, 1.31, "Freeing unused kernel image (initmem) memory: 2796K"),
    (6, 1.33, "Run /init as init process"),
    (6, 1.72, "virtio_blk virtio2: [vda] 20971520 512-byte logical blocks (10.7 GB/10.0 GiB)"),
    (6, 1.74, " vda: vda1 vda14 vda15"),
    (6, 1.91, "virtio_net virtio0 eth0: MAC {mac}"),
    (6, 2.36, "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none."),
    (6, 3.05, "systemd[1]: Hostname set to <{name}>."),
    (6, 3.62, "EXT4-fs (vda1): re-mounted. Quota mode: none."),
    (6, 4.11, "input: Power Button as /devices/LNXSYSTM:00/LNXPWRBN:00/input/input0"),
    (6, 4.53, "cryptd: max_cpu_qlen set to 1000"),
    (6, 5.27, "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready"),
)

_PANIC = (
    (1, "BUG: unable to handle page fault for address: ffffffffc0a41f08"),
    (1, "#PF: supervisor write access in kernel mode"),
    (4, "Oops: 0002 [#1] PREEMPT SMP NOPTI"),
    (4, "CPU: 1 PID: 2217 Comm: kworker/1:2 Not tainted 6.1.0-44-amd64 #1"),
    (4, "Workqueue: events virtnet_config_changed_work [virtio_net]"),
    (4, "Call Trace:"),
    (4, " <TASK>"),
    (4, " virtnet_config_changed_work+0x4c/0x140 [virtio_net]"),
    (4, " process_one_work+0x1c7/0x380"),
    (4, " worker_thread+0x4d/0x380"),
    (4, " kthread+0xda/0x100"),
    (4, " </TASK>"),
    (0, "Kernel panic - not syncing: Fatal exception in interrupt"),
    (0, "Kernel Offset: 0x2c000000 from 0xffffffff81000000"),
    (0, "---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---"),
)

_OOM = (
    (4, "java invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE), order=0"),
    (4, "Mem-Info: active_anon:11203 inactive_anon:460188 isolated_anon:0"),
    (6, "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"),
    (6, "[   1873]  1001  1873  1241160   451022  4104192        0             0 java"),
    (3, "Out of memory: Killed process 1873 (java) total-vm:4964640kB, anon-rss:1804088kB"),
)


def boot_log(name: str, mac: str, seed: int) -> str:
    """The log of a healthy boot: same events on every host, own times, disk and MAC address."""
    chance = random.Random(f"{seed}/{name}")
    disk = uuid.UUID(int=chance.getrandbits(128), version=4)
    lines = []
    for level, at_s, text in _BOOT:
        jittered_s = at_s * chance.uniform(0.97, 1.06)
        lines.append(_line(level, jittered_s, text.format(disk=disk, mac=mac, name=name)))
    return "".join(lines)


def panic_log(uptime_s: float) -> str:
    """A page fault in a driver that ends in a panic."""
    return _burst(_PANIC, uptime_s)


def oom_log(uptime_s: float) -> str:
    """The kernel killing a process for want of memory."""
    return _burst(_OOM, uptime_s)


def log_line(level: int, uptime_s: float, text: str) -> str:
    """One line of the log; level 0 (emergency) to 7 (debug)."""
    return _line(level, uptime_s, text)


def _burst(lines: tuple[tuple[int, str], ...], uptime_s: float) -> str:
    return "".join(_line(level, uptime_s + n / 1e5, text) for n, (level, text) in enumerate(lines))


def _line(level: int, at_s: float, text: str) -> str:
    return f"<{level}>[{at_s:12.6f}] {text}\n"
