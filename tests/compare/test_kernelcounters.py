"""Counters printed over several lines, as rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.kernelcounters import READERS, interrupts, ip_link, sockets

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


SS = """\
Netid State      Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN     0      0          127.0.0.1:323       0.0.0.0:*
tcp   LISTEN     0      511          0.0.0.0:443       0.0.0.0:*
tcp   CLOSE-WAIT 1      0          10.0.0.5:41200    10.0.0.9:443
tcp   CLOSE-WAIT 1      0          10.0.0.5:41202    10.0.0.9:443
tcp   TIME-WAIT  0      0          10.0.0.5:443      10.0.0.7:51234
"""


def test_sockets_that_listen_are_rows_and_connections_are_counted_by_state() -> None:
    *listening, connections = sockets(tuple(SS.splitlines()))
    assert [row["socket"] for row in listening] == [
        "udp UNCONN 127.0.0.1:323",
        "tcp LISTEN 0.0.0.0:443",
    ]
    assert connections["socket"] == "connections"
    told = (connections["CLOSE-WAIT"], connections["TIME-WAIT"], connections["ESTAB"])
    assert told == ("2", "1", "0")


def test_sockets_of_one_protocol_have_no_name_for_it() -> None:
    head = "State Recv-Q Send-Q Local Address:Port Peer Address:Port"
    row, connections = sockets((head, "LISTEN 0 128 [::]:22 [::]:*", "ESTAB 0 0 a:1 b:2"))
    assert (row["socket"], connections["ESTAB"]) == ("LISTEN [::]:22", "1")


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
