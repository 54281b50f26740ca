"""Counters printed over several lines, as rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.kernelcounters import READERS, interrupts, ip_link

LINK = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    RX:  bytes packets errors dropped  missed   mcast
          9123      81      0       0       0       0
    TX:  bytes packets errors dropped carrier collsns
          9123      81      0       0       0       0
2: eth0@if7: <BROADCAST,UP> mtu 1500 qdisc mq state UP mode DEFAULT qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff
    RX: bytes  packets  errors  dropped overrun mcast
    812334455  712345   3       84211   0       51234
    altname enp3s0
"""
INTERRUPTS = """\
            CPU0       CPU1
   1:          9          0   IO-APIC   1-edge      i8042
  24:    9123456         12   PCI-MSI 49152-edge      virtio0-input.0
 NMI:          0          0   Non-maskable interrupts
ERR:          0
"""


def test_ip_s_link_is_a_row_an_interface() -> None:
    lo, eth0 = ip_link(tuple(LINK.splitlines()))
    assert (lo["ifname"], lo["mtu"], lo["TX carrier"]) == ("lo", "65536", "0")
    assert (eth0["ifname"], eth0["state"], eth0["flags"]) == ("eth0", "UP", "BROADCAST,UP")
    assert (eth0["RX errors"], eth0["RX dropped"], eth0["RX overrun"]) == ("3", "84211", "0")
    assert "TX errors" not in eth0


def test_interrupts_are_summed_over_processors() -> None:
    assert list(interrupts(tuple(INTERRUPTS.splitlines()))) == [
        {"device": "i8042", "total": "9"},
        {"device": "virtio0-input.0", "total": "9123468"},
    ]


@given(st.lists(st.sampled_from([*LINK.splitlines(), *INTERRUPTS.splitlines(), "", "x"])))
def test_lines_in_any_order_are_read(lines: list[str]) -> None:
    for reader in READERS.values():
        for row in reader(tuple(lines)):
            assert all(isinstance(text, str) for text in row.values())
