"""Interfaces, routes, sockets, counters and firewalls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import (
    Forms,
    high,
    ignored,
    json_rows,
    lines,
    numbers,
    table,
    text,
)
from fleetdiag.model import Field, Rate, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

CONTAINERS = (
    r"(?:veth|cali|lxc|cni|tap|vnet|fwbr|fwpr|fwln|ifb|lxdbr|docker_gwbridge|nodelocaldns|kube-)"
)
"""Interfaces that come and go with containers and guests."""

# ---------------------------------------------------------------------------------- ip

_LINKS = (
    rf"^\d+: {CONTAINERS}.*",
    rf"^{CONTAINERS}\S*\s.*",  # ip -br
    r"^\d+:(?= )",  # the index, which counts interfaces that are long gone
    r"(?<=link-netnsid )\d+",
    r"(?<=@)if\d+",
    r"^ +(?:\d+ +){3,}\d+ *$",  # counters of ip -s
    r" (?:temporary|mngtmpaddr|deprecated)\b",
)
_STATE = r"(?:REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP)"
_NEIGHBOURS = (
    rf"^\S+ dev {CONTAINERS}.*",
    rf"(?<=\s)(?:lladdr|ref|used|probes|router|extern_learn|proxy|{_STATE})(?:\s.*|$)",
)
_ROUTES = (
    rf"^.{{1,200}}? dev {CONTAINERS}.*",
    r"(?<=expires )\d+sec|(?<=users )\d+|(?<=age )\d+sec",
)
_IP_OBJECTS = {
    **dict.fromkeys(("address", "addr", "addrs", "a"), "address"),
    **dict.fromkeys(("link", "l"), "link"),
    **dict.fromkeys(("route", "r", "ro"), "route"),
    **dict.fromkeys(("neighbour", "neighbor", "neigh", "n"), "neighbour"),
    **dict.fromkeys(("rule", "ru"), "rule"),
}


def _ip(call: Call) -> Forms:
    kind = next((_IP_OBJECTS[word] for word in call.plain if word in _IP_OBJECTS), "")
    asks = not set(call.plain) & {"get", "monitor", "add", "del", "set", "flush"}
    if not kind or not asks:
        return ()
    name = f"ip {kind}"
    rows = json_rows(name, "ifname", "operstate", "mtu", "flags", "qdisc", "link_type")
    if kind in {"address", "link"}:
        return (rows, lines(name, *_LINKS))
    if call.has("-j", "-json", "--json"):
        return ()
    return (lines(name, *(_NEIGHBOURS if kind == "neighbour" else _ROUTES)),)


_IFCONFIG = (
    r"\b[RT]X (?:packets|errors|bytes).*",
    rf"^{CONTAINERS}.*",
    r"\b(?:collisions|txqueuelen|device interrupt).*",
)
_NET_DEV = (rf"^ *{CONTAINERS}.*", r"(?<=:) *\d+(?: +\d+)+ *$")
_ARP = (r"\s(?:ether|\[ether\]|\(incomplete\)).*",)

# ------------------------------------------------------------------------------- sockets

_EPHEMERAL = r"(?<=:)(?:327[7-9]\d|3276[89]|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|6[0-5]\d{3})(?!\d)"
"""Ports the system hands out by itself, from 32768: not the same twice."""
_X11 = r"^.{0,16}(?:127\.0\.0\.1|\[::1\]):60[1-9]\d$"
"""X11 of an SSH session."""

# Rows by protocol, state and local address; what does not listen is one row for all hosts.
_SS_ROWS = (
    r"^(?!.{0,12}\b(?:LISTEN|UNCONN)\b).*",
    r"^(?:u_|nl|p_|v_|icmp|\?\?\?).*",
    _X11,
    _EPHEMERAL,
    r"%\w+(?=:)",
)
_SS_LINES = (
    r"^(?!.{0,12}\b(?:LISTEN|UNCONN)\b).*",
    r"^(?:u_|nl|p_|v_|icmp|\?\?\?).*",
    r"(?<=\S)\s+\d+\s+\d+(?=\s)",
    r"(?<=\S) +\S+:(?:\*|\d+) *(?:users:.*)?$",
    _EPHEMERAL,
)
_SS = (
    table("ss", "1+2+5", ("1", "2", "5"), looks=r"^Netid\s+State\s", mask=_SS_ROWS, within=1),
    table("ss", "1+4", ("1", "4"), looks=r"^State\s+Recv-Q\s", mask=_SS_ROWS, within=1),
)
# `ss -s`: `TCP:   5 (estab 1, closed 0, orphaned 0, timewait 0)`.
_SS_SUMMARY = numbers(
    "ss -s",
    high("established", r"\bestab (\d+)", 500),
    high("orphaned", r"\borphaned (\d+)", 100),
    high("waiting to close", r"\btimewait (\d+)", 5000),
    looks=r"^TCP: +\d+ \(estab ",
)
_NETSTAT = (
    r"^(?!.*\bLISTEN\b)tcp.*",
    r"^(?:unix|raw|Active UNIX|Proto RefCnt).*",
    r"(?<= )\d+ +\d+(?= +[\d\[:*])",
    r"\b\d+/(?=\S)",
    _EPHEMERAL,
)


def _ss(call: Call) -> Forms:
    if call.has("-J", "--json", "-o", "-i", "-m", "-e"):
        return (_SS_SUMMARY, ignored("ss"))
    return (_SS_SUMMARY, *_SS, lines("ss", *_SS_LINES))


# ------------------------------------------------------------------------------ counters


def _per_second(name: str, pattern: str, floor: float) -> Field:
    return Field(name, pattern=pattern, rate=Rate.UPTIME, floor=floor, side=Side.HIGH)


def _of_sent(sent: str, resent: str) -> tuple[Field, Field]:
    """Segments sent again, of those sent; up to 2 % more is no fault of the host's."""
    return (
        Field("segments sent", pattern=sent, compare=False),
        Field(
            "segments sent again",
            pattern=resent,
            per="segments sent",
            floor=0.02,
            side=Side.HIGH,
        ),
    )


# Since boot; the floors are a second. A healthy host drops nearly nothing.
_NETSTAT_S = numbers(
    "netstat -s",
    *_of_sent(r"^ +(\d+) segments sent out", r"^ +(\d+) segments retransmit"),
    _per_second("bad segments", r"^ +(\d+) bad segments received", 0.1),
    _per_second("resets sent", r"^ +(\d+) resets sent", 5),
    _per_second("listen queue overflowed", r"^ +(\d+) times the listen queue", 0.1),
    _per_second("SYNs dropped", r"^ +(\d+) SYNs to LISTEN sockets (?:dropped|ignored)", 0.1),
    _per_second("UDP receive errors", r"^ +(\d+) packet receive errors", 1),
    _per_second("receive buffer errors", r"^ +(\d+) receive buffer errors", 1),
    looks=r"^Tcp:$",
)
_NSTAT = numbers(
    "nstat",
    *_of_sent(r"^TcpOutSegs +(\d+)", r"^TcpRetransSegs +(\d+)"),
    _per_second("bad segments", r"^TcpInErrs +(\d+)", 0.1),
    _per_second("resets sent", r"^TcpOutRsts +(\d+)", 5),
    _per_second("listen queue overflowed", r"^TcpExtListenOverflows +(\d+)", 0.1),
    _per_second("SYNs dropped", r"^TcpExtListenDrops +(\d+)", 0.1),
    _per_second("UDP receive errors", r"^UdpInErrors +(\d+)", 1),
    _per_second("receive buffer errors", r"^UdpRcvbufErrors +(\d+)", 1),
    looks=r"^#?(?:kernel$|[A-Z]\w+ +\d)",
)
_NIC = r"^ *(?:NIC statistics|[rt]x_(?:errors|dropped|crc_errors|missed_errors|packets)):"
_ETHTOOL_S = numbers(
    "ethtool -S",
    Field("packets", pattern=r"^ *[rt]x_packets: (\d+)", compare=False),
    *(
        _per_second(name, rf"^ *{counter}: (\d+)", 0.01)
        for name, counter in (
            ("receive errors", "rx_errors"),
            ("transmit errors", "tx_errors"),
            ("checksum errors", "rx_crc_errors(?:_phy)?"),
            ("receive discards", "rx_(?:discards|missed_errors|no_buffer_count)(?:_phy)?"),
            ("transmit timeouts", "tx_timeout(?:_count)?"),
        )
    ),
    looks=r"^ *(?:rx_errors|tx_errors|rx_crc_errors|rx_discards|rx_missed_errors)\w*: ",
)


def _netstat(call: Call) -> Forms:
    routes = lines("netstat -r", *_ROUTES, looks=r"^(?:Kernel IP routing|Destination )")
    counters = ignored("netstat -i", looks=r"^(?:Kernel Interface|Iface )")
    if call.has("-s", "-r", "-i") and not call.named:
        return (_NETSTAT_S, routes, counters)
    return (_NETSTAT_S, routes, counters, lines("netstat", *_NETSTAT))


def _ethtool(call: Call) -> Forms:
    if call.has("-S", "--statistics") or (call.named and "s" in call.words):
        return (_ETHTOOL_S, ignored("ethtool -S", looks=_NIC))
    return (lines("ethtool", r"(?<=bus-info: ).*"),)


# ------------------------------------------------------------------------------ firewall

_CHAINS = (
    r"\b(?:KUBE-(?:SEP|SVC|FW|XLB|EXT|SVL)-|cali-\w+-|DOCKER-\w*)[\w-]+",
    r"^.*\b(?:f2b|fail2ban)-.*",
    r"\[\d+:\d+\]",  # counters of iptables-save
    r"-c \d+ \d+(?= )",
    r"^# (?:Generated|Completed) .*",
)
_IPTABLES = (
    *_CHAINS,
    r"(?<!\d)\d+[KMGT]? packets, \d+[KMGT]? bytes",
    r"^ *(?:\d+ +)?\d+[KMGT]? +\d+[KMGT]?(?= +\S)",
    r"(?<=\() *\d+ references(?=\))",
)
_NFT = (
    *_CHAINS,
    r"(?<=packets )\d+ bytes \d+",
    r"# handle \d+",
    r"(?<=expires )\w+",
)

_RESOLVER = (r"^\s*[#;].*",)

PROGRAMS: Mapping[str, Entry] = {
    "ip": _ip,
    "ifconfig": (lines("ifconfig", *_IFCONFIG),),
    "route": (lines("route"),),
    "arp": (lines("arp", *_ARP),),
    "ss": _ss,
    "netstat": _netstat,
    "nstat": (_NSTAT,),
    "ethtool": _ethtool,
    "iptables": (lines("iptables", *_IPTABLES),),
    "ip6tables": (lines("ip6tables", *_IPTABLES),),
    "iptables-save": (lines("iptables", *_IPTABLES),),
    "ip6tables-save": (lines("ip6tables", *_IPTABLES),),
    "nft": (lines("nft", *_NFT),),
    "resolvectl": (lines("resolvectl", r"^Link \d+ \(", unmask=("ipv4", "ipv6")),),
}

FILES: Mapping[str, Forms] = {
    # A wrong name server is what it is looked at for.
    "/etc/resolv.conf": (lines("resolv.conf", *_RESOLVER, unmask=("ipv4", "ipv6")),),
    "/etc/hosts": (lines("hosts", *_RESOLVER),),
    "/proc/net/dev": (lines("net/dev", *_NET_DEV),),
    "/proc/net/route": (ignored("net/route"),),
    **{f"/proc/net/{name}": (ignored(f"net/{name}"),) for name in ("tcp", "tcp6", "udp", "udp6")},
    **{f"/proc/net/{name}": (ignored(f"net/{name}"),) for name in ("snmp", "netstat", "sockstat")},
    "/sys/class/net/bonding_masters": (text("bonding_masters"),),
}
