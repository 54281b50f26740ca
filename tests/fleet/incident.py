"""What the recorded incident tells beyond what was recorded: every edit, and nothing else.

Ten hosts crashed in one minute, two did not. Pure; `tests.fleet.record` runs the hosts and writes
the files, docs/recorded-incident.md lists these edits for readers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

Answers = dict[str, str]
"""Step -> what it said."""
KERNEL = r"Linux version (\S+)"


@dataclass(frozen=True, slots=True)
class Crash:
    """How the boot before ended; Unix times, this machine's clock."""

    booted_at: float
    panicked_at: float


@dataclass(frozen=True, slots=True)
class Story:
    """What one host's answers are made to tell."""

    name: str
    kernel_log: str
    """Of this boot, as recorded: which kernel it is, and what a boot of this host looks like."""
    up_s: float
    crash: Crash | None
    """None for the two that never went down."""


def edited(answers: Answers, story: Story) -> Answers:
    """The answers with every edit that applies to this host."""
    edits = EDITS["every host"] | (EDITS["the ten"] if story.crash else {})
    return answers | {step: edit(answers[step], story) for step, edit in edits.items()}


def _release(_: str, story: Story) -> str:
    """The kernel that the host's log names; recorded is that of the machine beneath all twelve."""
    return f"release {_found(KERNEL, story.kernel_log)}\nmachine x86_64\n"


def _options(_: str, story: Story) -> str:
    words = _found(r"Command line: (.+)", story.kernel_log).split()
    return "".join(f"{word}\n" for word in sorted(set(words)))


def _ages(recorded: str, story: Story) -> str:
    """What runs for longer than a login takes runs since boot. (A test host that says it is up for
    weeks was started with its processes a minute ago.)"""
    days, seconds = divmod(int(story.up_s), 86_400)
    minutes, seconds = divmod(seconds, 60)
    clock = f"{minutes:02}:{seconds:02}"
    if story.up_s >= 3600:
        clock = f"{days}-{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return re.sub(r" {6}(?!00:0\d)\d\d:\d\d(?= )", f"{clock:>11}", recorded)


def _minutes_up(recorded: str, story: Story) -> str:
    head, tail = _found(r"^(.* up )", recorded), _found(r"(,\s+\d+ user.*)", recorded)
    return f"{head}{int(story.up_s // 60)} min{tail}\n"


def _previous_boot(_: str, story: Story) -> str:
    """The log of the boot before, in the form of journalctl: the host's own, then the crash."""
    assert story.crash is not None
    stamped = re.findall(r"^\[ *([\d.]+)\] (.*)$", story.kernel_log, re.MULTILINE)
    lines = [(story.crash.booted_at + float(at_s), text) for at_s, text in stamped]
    lines += [(story.crash.panicked_at - before_s, text) for before_s, text in _last_words(story)]
    return "".join(f"{_iso(at)} {story.name} {_tagged(text)}\n" for at, text in lines)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _tagged(text: str) -> str:
    return text if re.match(r"systemd\[\d+\]: ", text) else f"kernel: {text}"


def _last_words(story: Story) -> Iterator[tuple[float, str]]:
    """(Seconds before the panic, line): program after program segfaults, then the kernel panics.

    Our own writing, in the form of a 6.1 kernel. One program, one headline and one stack on all
    ten; what differs is what would: process, processor, addresses, registers.
    """
    chance = random.Random(story.name)
    processor = chance.randrange(2)
    values = {f"r{number}": f"ffff9{chance.getrandbits(44):011x}" for number in range(11)}
    values["offset"] = f"{chance.randrange(1, 0x3F):x}000000"
    for before_s in (5.2, 2.6):
        base = 0x550000000000 + (chance.getrandbits(28) << 12)
        segfault = (
            f"app[{chance.randrange(1800, 30000)}]: segfault at 18 ip {base + 0x4A17:016x}"
            f" sp {0x7FFD00000000 + (chance.getrandbits(28) << 4):016x} error 4"
            f" in app[{base + 0x2000:x}+9000]"
            f" likely on CPU {processor} (core {processor}, socket 0)"
        )
        yield from ((before_s, segfault), (before_s, APP_CODE))
    for line in PANIC.strip("\n").splitlines():
        yield 0.0, line.format(cpu=processor, kernel=_found(KERNEL, story.kernel_log), **values)


APP_CODE = (
    "Code: 00 00 48 89 e5 53 48 83 ec 08 48 89 fb e8 d2 f4 ff ff 48 85 c0 74 1e 48 8b 7b 08 e8 64"
    " f1 ff ff 48 8b 43 10 48 85 c0 74 0c <48> 8b 50 18 48 39 d3 75 0d 48 83 c4 08 5b 5d c3 0f 1f"
    " 44 00 00 48 89 de"
)

PANIC = """
BUG: unable to handle page fault for address: {r0}
#PF: supervisor read access in kernel mode
#PF: error_code(0x0000) - not-present page
PGD 100000067 P4D 100000067 PUD 0
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: {cpu} PID: 0 Comm: swapper/{cpu} Not tainted {kernel} #1
RIP: 0010:skb_gro_receive+0x1b6/0x400
RSP: 0018:ffffb0b9800{cpu}8c50 EFLAGS: 00010286
RAX: {r2} RBX: {r3} RCX: 00000000000005a8
RDX: {r0} RSI: {r4} RDI: {r5}
RBP: {r6} R08: 0000000000000001 R09: {r7}
R10: 0000000000000000 R11: {r8} R12: {r9}
R13: {r10} R14: 0000000000000042 R15: {r1}
Call Trace:
 <IRQ>
 tcp_gro_receive+0x29f/0x3c0
 inet_gro_receive+0x2a4/0x320
 dev_gro_receive+0x3d4/0x750
 napi_gro_receive+0x66/0x1c0
 receive_buf+0x21e/0xea0 [virtio_net]
 virtnet_poll+0x1c2/0x4d0 [virtio_net]
 __napi_poll+0x2b/0x160
 net_rx_action+0x2a5/0x360
 __do_softirq+0xc6/0x2a0
 __irq_exit_rcu+0xb3/0xe0
 common_interrupt+0xb5/0xd0
 </IRQ>
 <TASK>
 asm_common_interrupt+0x22/0x40
 default_idle+0xe/0x20
 do_idle+0x22c/0x2c0
 cpu_startup_entry+0x26/0x30
 secondary_startup_64_no_verify+0xe0/0xeb
 </TASK>
CR2: {r0}
---[ end trace 0000000000000000 ]---
RIP: 0010:skb_gro_receive+0x1b6/0x400
Kernel panic - not syncing: Fatal exception in interrupt
Kernel Offset: 0x{offset} from 0xffffffff81000000
"""


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise ValueError(f"nothing like {pattern!r} to edit in {text!r}")
    return found[1]


Edit = Callable[[str, Story], str]
EDITS: dict[str, dict[str, Edit]] = {
    "every host": {"kernel": _release, "kernel-options": _options, "top": _ages},
    "the ten": {"previous-boot": _previous_boot, "uptime": _minutes_up},
}
"""Whose -> step -> what makes its answer; everything else is as it was recorded."""
