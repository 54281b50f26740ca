"""What the steps of `network` say of other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("network", request.param, tmp_path)


PROC = "/proc/net"
COUNTERS = {
    f"{PROC}/{path}": recorded("network", path.rpartition("/")[2])
    for path in ("snmp", "netstat", "dev", "softnet_stat", "stat/nf_conntrack")
}


def second_look(path: Path, old: str, new: str) -> str:
    """A `sleep` during which something is counted."""
    return f"sed -i 's/{old}/{new}/' {path}"


def test_what_an_old_kernel_has_lost_is_counted_since_boot(network: Planted) -> None:
    given = network.run("losses", COUNTERS, {"sleep": ":"}, below=[PROC])

    assert given.stdout.splitlines() == [
        "sent again 0.0 % of segments in a second",
        "sent again 0.0 % of segments since boot",
        "link errors 0/s, 0 since boot",
        "link drops 0/s, 0 since boot",
        "backlog drops 0/s, 41 since boot",
        "backlog squeezed 0/s, 146 since boot",
        "listen queue overflows 0/s, 0 since boot",
        "listen drops 0/s, 0 since boot",
        "SYN cookies 0/s, 0 since boot",
        "UDP receive buffer full 0/s, 0 since boot",
        "connections not tracked 0/s, 0 since boot",
    ]
    assert raised("network", "losses", given.stdout) == set()


@pytest.mark.parametrize(
    ("path", "old", "new", "line", "said"),
    [
        ("snmp", "54915039 227", "54916039 427", "sent again 20.0 % of segments in a second",
         "more than a tenth of the TCP segments had to be sent again"),
        ("snmp", "54915039 227", "54915049 237", "sent again 0.0 % of segments in a second", ""),
        ("dev", "520993275    0", "520993275  200", "link errors 200/s, 200 since boot",
         "a network card counts errors now"),
        ("dev", "1832522    0", "1832522  200", "link errors 0/s, 0 since boot", ""),
        ("netstat", "17 9 0 0", "17 9 7 9", "listen queue overflows 7/s, 7 since boot",
         "a listener's queue is full, and connections to it are dropped"),
        ("netstat", "TcpExt: 0 0 2", "TcpExt: 5 0 2", "SYN cookies 5/s, 5 since boot",
         "a listener's queue of half-open connections is full, as in a SYN flood"),
        ("softnet_stat", "00000029", "000000a9", "backlog drops 128/s, 169 since boot",
         "the kernel drops packets, as its processors do not keep up"),
        ("stat/nf_conntrack", "000056a4 00000000 00000000 00000000 00000000",
         "000056a4 00000000 00000000 00000000 00000010",
         "connections not tracked 16/s, 16 since boot",
         "connections are dropped, as they cannot be tracked"),
    ],
)  # fmt: skip
def test_what_is_lost_in_a_second_is_flagged(
    network: Planted, path: str, old: str, new: str, line: str, said: str
) -> None:
    target = network.directory / "root/proc/net" / path
    given = network.run("losses", COUNTERS, {"sleep": second_look(target, old, new)}, below=[PROC])

    assert line in given.stdout.splitlines()
    rules = raised("network", "losses", given.stdout)
    assert rules == ({(Severity.WARNING, said)} if said else set())


def test_an_interface_with_many_errors_since_boot_is_told_by_their_share(network: Planted) -> None:
    bad = recorded("network", "dev").replace("520993275    0", "520993275 60000")

    given = network.run("link-errors", {f"{PROC}/dev": bad}, {}, below=[PROC, "/sys/class/net"])

    assert given.stdout == "eth0 more than 0.01 % of packets received with errors since boot\n"
    assert len(raised("network", "link-errors", given.stdout)) == 1
    good = {f"{PROC}/dev": recorded("network", "dev")}
    assert network.run("link-errors", good, {}, below=[PROC, "/sys/class/net"]).stdout == "none\n"


def table(*rows: tuple[str, str, str]) -> str:
    """A table such as /proc/net/tcp, of local and remote ends and states."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    line = "{:4}: {} {} {} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"
    return head + "".join(line.format(n, *row) + "\n" for n, row in enumerate(rows))


def test_sockets_are_counted_by_state_with_the_port_of_most(network: Planted) -> None:
    any_end, peer = "00000000:0000", "0100007F:C350"
    rows = [("0100007F:1F90", any_end, "0A"), ("0100007F:0016", peer, "01")]
    rows += [("0100007F:1F90", f"0100007F:{port:04X}", "03") for port in range(300)]
    rows += [("0100007F:C350", "0200007F:01BB", "08")] * 90
    files = {
        f"{PROC}/tcp": table(*rows),
        f"{PROC}/tcp6": table(("0" * 24 + "0100007F:1F90", "0" * 24 + "0100007F:C350", "0C")),
        f"{PROC}/sockstat": "sockets: used 9\nTCP: inuse 2 orphan 5 tw 0 alloc 9 mem 95\n",
        "/proc/sys/net/ipv4/ip_local_port_range": "32768 32867\n",
        "/proc/sys/net/ipv4/tcp_mem": "10 20 100\n",
        "/proc/sys/net/ipv4/tcp_max_orphans": "100\n",
    }

    given = network.run("sockets", files, {}, below=[PROC])

    assert given.stdout.splitlines() == [
        "established 1",
        "syn-sent 0",
        "syn-recv 301 (most on port 8080)",
        "fin-wait-1 0",
        "fin-wait-2 0",
        "time-wait 0",
        "close-wait 90 (most on port 50000)",
        "last-ack 0",
        "closing 0",
        "ports used to one destination 90 %",
        "TCP memory 95 %",
        "orphaned sockets 5 %",
    ]
    assert raised("network", "sockets", given.stdout) == {
        (Severity.WARNING,
         "many half-open connections, which is a SYN flood or a listener that does not accept"),
        (Severity.WARNING, "the local ports towards one destination are nearly used up"),
        (Severity.CRITICAL, "the memory for TCP is nearly used up"),
    }  # fmt: skip


IP = """case $* in
  '-4 route show') cat <<'E'
{}
E
  ;;
  'neigh show') echo '10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 {}' ;;
esac"""
DEFAULT = "default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.7 metric 100"
ECMP = """default proto static metric 20
\tnexthop via 10.0.0.1 dev eth0 weight 1
\tnexthop via 10.0.1.1 dev eth1 weight 1
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.7"""
SILENT = "echo '1 packets transmitted, 0 received, 100% packet loss'; exit 1"
NOT_FOR_US = "echo 'ping: permission denied (are you root?)' >&2; exit 1"


@pytest.mark.parametrize(
    ("route", "state", "ping", "said"),
    [
        (DEFAULT, "REACHABLE", "exit 0", "gateway 10.0.0.1 on eth0 answers\n"),
        # As the router of a VPC.
        (DEFAULT, "REACHABLE", SILENT, "gateway 10.0.0.1 on eth0 is there and answers no ping\n"),
        (DEFAULT, "FAILED", SILENT, "gateway 10.0.0.1 on eth0 does not answer, not even to ARP\n"),
        (DEFAULT, "REACHABLE", NOT_FOR_US, "gateway 10.0.0.1 on eth0 answers\n"),
        (DEFAULT, "FAILED", NOT_FOR_US,
         "gateway 10.0.0.1 on eth0 does not answer, not even to ARP\n"),
        ("default dev tun0 scope link", "STALE", SILENT, "tun0 needs no gateway\n"),
        ("default via inet6 fe80::1 dev eth0", "STALE", "exit 0",
         "gateway fe80::1 on eth0 answers\n"),
        (ECMP, "STALE", "exit 0",
         "gateway 10.0.0.1 on eth0 answers\ngateway 10.0.1.1 on eth1 answers\n"),
        ("10.0.0.0/24 dev eth0 scope link", "STALE", "exit 0", "no default gateway\n"),
    ],
)  # fmt: skip
def test_the_gateway_is_told_by_ping_or_by_its_neighbour_entry(
    network: Planted, route: str, state: str, ping: str, said: str
) -> None:
    commands = {"ip": IP.format(route, state), "ping": ping, "ping6": ping}

    given = network.run("gateway", {}, commands)

    assert given.stdout == said
    assert len(raised("network", "gateway", said)) == ("not even" in said)


def test_a_gateway_nobody_may_ask_for_is_denied_not_well(network: Planted) -> None:
    given = network.run("gateway", {}, {"ip": IP.format(DEFAULT, "STALE"), "ping": NOT_FOR_US})

    assert (given.kind, given.stdout) == ("denied", "")


RESOLV = "/etc/resolv.conf"
BEHIND = "/run/systemd/resolve/resolv.conf"
# In the place of bash: it would ask real servers. `timeout 1 bash -c SCRIPT SERVER QUESTION`.
BASH = r"""
[ "$1 $2" = "-c exec timeout 1 true" ] && exit
case $3 in
  10.0.0.2) dead=yes ;;
  10.0.0.3) code=2 ;;
esac
case $4 in
  *in-addr*) code=0 ;;
esac
[ -n "$dead" ] || printf '  18  52 129 %3d\n' $((128 + ${code:-0}))
"""
NSLOOKUP = r"""
for last; do :; done
case $* in
  '-timeout=1 -retry=1') exit 1 ;;
  *' 10.0.0.2') printf ';; connection timed out; no servers could be reached\n\n'; exit 1 ;;
  *'-type=ns . 10.0.0.3') printf "Server: $last\n\n** server can't find .: SERVFAIL\n"; exit 1 ;;
  *) printf "Server: $last\nAddress: $last:53\n\n1.0.0.127.in-addr.arpa\tname = localhost\n" ;;
esac
"""
BY_BASH = {"bash": BASH}
BY_NSLOOKUP = {"bash": "exit 127", "nslookup": NSLOOKUP}


@pytest.mark.parametrize("commands", [BY_BASH, BY_NSLOOKUP], ids=["bash", "nslookup"])
@pytest.mark.parametrize(
    ("resolv", "behind", "said", "severities"),
    [
        ("nameserver 10.0.0.1\n", "",
         ["10.0.0.1 answers", "the root of all names is found"], set()),
        ("# none\n", "", ["none"], set()),
        ("nameserver 10.0.0.2\nnameserver 10.0.0.1\n", "",
         ["10.0.0.2 does not answer", "10.0.0.1 answers", "the root of all names is found"],
         {Severity.WARNING}),
        ("nameserver 10.0.0.2\n", "", ["10.0.0.2 does not answer", "no name server answers"],
         {Severity.CRITICAL}),
        ("nameserver 10.0.0.3\n", "",
         ["10.0.0.3 answers", "the root of all names is not found: SERVFAIL"], {Severity.INFO}),
        ("nameserver 127.0.0.53\n", "nameserver 10.0.0.2\n",
         ["127.0.0.53 answers", "10.0.0.2 does not answer", "the root of all names is found"],
         {Severity.WARNING}),
    ],
)  # fmt: skip
def test_each_name_server_is_asked(
    network: Planted,
    commands: dict[str, str],
    resolv: str,
    behind: str,
    said: list[str],
    severities: set[Severity],
) -> None:
    given = network.run("name-servers", {RESOLV: resolv, BEHIND: behind}, commands)

    assert given.stdout.splitlines() == said
    assert {severity for severity, _ in raised("network", "name-servers", given.stdout)} == (
        severities
    )


def cards(network: Planted, driver: str) -> None:
    """A network card with that driver."""
    link = network.directory / "root/sys/class/net/eth0"
    (link / "device").mkdir(parents=True)
    (link / "device/driver").symlink_to(f"../../../bus/pci/drivers/{driver}")


@pytest.mark.parametrize(
    ("files", "said", "flagged"),
    [
        ({"speed": "10000\n", "duplex": "full\n"}, "speed 10000 duplex full driver ixgbe", 0),
        ({"speed": "-1\n", "duplex": "unknown\n"}, "speed unknown duplex unknown driver ixgbe", 0),
        ({"speed": "100\n", "duplex": "half\n"}, "speed 100 duplex half driver ixgbe", 2),
    ],
)
def test_slow_and_half_duplex_links_are_flagged(
    network: Planted, files: dict[str, str], said: str, flagged: int
) -> None:
    cards(network, "ixgbe")
    planted = {f"/sys/class/net/eth0/{name}": text for name, text in files.items()}

    given = network.run("cards", planted, {}, below=["/sys/class/net", "/sys/module"])

    assert given.stdout == f"eth0 {said}\n"
    assert len(raised("network", "cards", given.stdout)) == flagged


def allowance(network: Planted, name: str, later: str = "") -> str:
    cards(network, "ena")
    said = network.directory / "ethtool"
    said.write_text(recorded("network", name))
    commands = {"ethtool": f"cat {said}", "sleep": later.format(said) or ":"}
    return network.run("cloud-allowance", {}, commands, below=["/sys/class/net"]).stdout


def test_what_ec2_held_back_long_ago_is_info(network: Planted) -> None:
    given = allowance(network, "ethtool-S-ena")

    assert given.splitlines() == [
        "bw_in exceeded by 0/s, 3241329 since the driver began",
        "bw_out exceeded by 0/s, 530 since the driver began",
        "pps exceeded by 0/s, 784 since the driver began",
        "conntrack exceeded by 0/s, 0 since the driver began",
        "linklocal exceeded by 0/s, 0 since the driver began",
    ]
    assert {severity for severity, _ in raised("network", "cloud-allowance", given)} == {
        Severity.INFO
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3241329", "3241999", "bandwidth"),
        ("784", "790", "more a second than the instance may have"),
        ("conntrack_allowance_exceeded: 0", "conntrack_allowance_exceeded: 3", "may track"),
        ("linklocal_allowance_exceeded: 0", "linklocal_allowance_exceeded: 3", "name server"),
    ],
)
def test_what_ec2_holds_back_now_is_flagged(
    network: Planted, old: str, new: str, said: str
) -> None:
    given = allowance(network, "ethtool-S-ena", f"sed -i 's/{old}/{new}/' {{}}")

    warnings = [
        text
        for severity, text in raised("network", "cloud-allowance", given)
        if severity is Severity.WARNING
    ]
    assert len(warnings) == 1
    assert said in warnings[0]


def test_a_driver_without_these_counters_says_so(network: Planted) -> None:
    assert allowance(network, "ethtool-S-ena-2018") == "the driver does not say\n"


@pytest.mark.parametrize(("entries", "flagged"), [(50, 0), (81, 0), (90, 1)])
def test_a_full_table_of_neighbours_is_critical(
    network: Planted, entries: int, flagged: int
) -> None:
    arp = "IP address       HW type     Flags       HW address            Mask     Device\n"
    arp += "10.0.0.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    line = "10.0.1.{}         0x1         0x2         02:00:00:00:00:01     *        eth0\n"
    arp += "".join(line.format(n) for n in range(1, entries))
    files = {
        f"{PROC}/arp": arp,
        "/proc/sys/net/ipv4/neigh/default/gc_thresh3": "101\n",
        "/proc/sys/net/ipv6/neigh/default/gc_thresh3": "",
    }

    given = network.run("neighbours", files, {})

    assert f"IPv4 neighbours {100 * entries // 101} % of 101" in given.stdout
    assert given.stdout.endswith("neighbours that do not answer 1\n")
    assert len(raised("network", "neighbours", given.stdout)) == flagged


ETHTOOL = """case $1 in
  -i) printf 'driver: ixgbe\\nversion: 5.1\\nfirmware-version: 0x800003e7\\nbus-info: 0000:02\\n' ;;
  -k) printf 'Features for eth0:\\nrx-checksumming: on\\ntx-checksumming: on\\n'
    printf '\\ttx-checksum-ipv4: off\\n'
    printf 'generic-receive-offload: off\\nlarge-receive-offload: off [fixed]\\n' ;;
esac"""


def test_what_a_card_does_by_itself_is_told(network: Planted) -> None:
    cards(network, "ixgbe")

    given = network.run("card-settings", {}, {"ethtool": ETHTOOL}, below=["/sys/class/net"])

    assert given.stdout.splitlines() == [
        "eth0 firmware 0x800003e7",
        "eth0 rx-checksumming: on",
        "eth0 tx-checksumming: on",
        "eth0 generic-receive-offload: off",
        "eth0 large-receive-offload: off",
    ]
