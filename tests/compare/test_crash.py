"""Crash reports folded to where they happened."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.crash import crashes, has_trace

X86 = """\
[  912.318101] BUG: kernel NULL pointer dereference, address: 0000000000000028
[  912.318110] #PF: supervisor read access in kernel mode
[  912.318120] Oops: 0000 [#1] PREEMPT SMP NOPTI
[  912.318130] CPU: 1 PID: 812 Comm: nginx Not tainted 6.1.0-13-amd64 #1
[  912.318140] RIP: 0010:skb_gro_receive+0x5c/0x2c0
[  912.318150] Code: 48 8b 42 28
[  912.318160] Call Trace:
[  912.318170]  <IRQ>
[  912.318171]  ? __die+0x20/0x70
[  912.318172]  ? page_fault_oops+0x15a/0x460
[  912.318173]  tcp_gro_receive+0x1b2/0x2d0
[  912.318174]  inet_gro_receive+0x22d/0x2a0 [nf_conntrack]
[  912.318175]  dev_gro_receive+0x46f/0x790
[  912.318176]  napi_gro_receive+0x64/0x220
[  912.318177]  ena_clean_rx_irq+0x3a0/0x890 [ena]
[  912.318178]  </IRQ>
[  912.318190] ---[ end trace 0000000000000000 ]---
[  912.318204] Kernel panic - not syncing: Fatal exception in interrupt
"""
OLD = """\
[10.000001] kernel BUG at net/core/skbuff.c:1433!
[10.000002] invalid opcode: 0000 [#1] SMP
[10.000003] RIP: 0010:[<ffffffff81577a3c>]  [<ffffffff81577a3c>] skb_put+0x5c/0x70
[10.000004] Call Trace:
[10.000005]  [<ffffffff8157a3ce>] ? foo+0x1/0x2
[10.000006]  [<ffffffff8157a3ce>] bar+0x1e/0x90
"""
ARM = """\
[ 5.000001] Unable to handle kernel paging request at virtual address ffff0000
[ 5.000002] Internal error: Oops: 96000004 [#1] SMP
[ 5.000003] pc : ext4_readdir+0x1c/0x80
[ 5.000004] Call trace:
[ 5.000005]  ext4_readdir+0x1c/0x80
[ 5.000006]  iterate_dir+0x90/0x1a0
"""


def test_a_panic_has_the_stack_of_the_oops_before_it() -> None:
    oops, panic = crashes(X86.splitlines())
    assert (oops.rule, panic.rule) == ("oops", "panic")
    assert oops.function == "skb_gro_receive"
    assert oops.frames == (
        "tcp_gro_receive", "inet_gro_receive", "dev_gro_receive", "napi_gro_receive",
    )  # fmt: skip
    assert panic.signature == oops.signature


def test_old_kernels_and_arm_are_read_too() -> None:
    (old,) = crashes(OLD.splitlines())
    assert (old.function, old.frames) == ("skb_put", ("bar",))
    (arm,) = crashes(ARM.splitlines())
    assert arm.stack == "ext4_readdir ← iterate_dir"


def test_addresses_and_processes_do_not_tell_crashes_apart() -> None:
    other = X86.replace("0x5c", "0x9c").replace("PID: 812", "PID: 7").replace("CPU: 1", "CPU: 3")
    assert crashes(other.splitlines())[0].signature == crashes(X86.splitlines())[0].signature


def test_two_reports_are_two() -> None:
    assert [crash.rule for crash in crashes((OLD + "\n" * 3 + OLD).splitlines())] == ["oops"] * 2


def test_a_panic_without_a_stack_has_no_signature() -> None:
    (panic,) = crashes(["Kernel panic - not syncing: VFS: Unable to mount root fs"])
    assert panic.signature == ()


def test_only_outputs_with_a_trace_are_worth_reading() -> None:
    assert has_trace(X86.encode())
    assert has_trace(ARM.encode())
    assert not has_trace(b"Linux version 6.1\n")


@given(st.lists(st.sampled_from([*X86.splitlines(), *ARM.splitlines(), ""]), max_size=40))
def test_lines_in_any_order_are_read(lines: list[str]) -> None:
    for crash in crashes(lines):
        assert crash.headline in lines
