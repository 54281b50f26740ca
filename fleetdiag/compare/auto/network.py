"""Interfaces, routes, sockets, counters and firewalls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import (
    Form,
    Forms,
    high,
    ignored,
    json_rows,
    lines,
    numbers,
    since_boot,
    table,
    text,
)
from fleetdiag.compare.kernelcounters import SOCKET_STATES
from fleetdiag.model import Compare, Field, Mode, Side

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
    r"^[\da-f.:]{2,45}(?= dev )",  # who else is there
    rf"(?<=\S)\s{{1,4}}(?:lladdr|ref|used|probes|router|extern_learn|proxy|{_STATE})(?:\s.*|$)",
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
        return (_IP_COUNTERS, rows, lines(name, *_LINKS))
    if call.has("-j", "-json", "--json"):
        return ()
    return (lines(name, *(_NEIGHBOURS if kind == "neighbour" else _ROUTES)),)


_IFCONFIG = (
    r"\b[RT]X (?:packets|errors|bytes).*",
    rf"^{CONTAINERS}.*",
    r"\b(?:collisions|txqueuelen|device interrupt).*",
)
_ARP = (
    r"\s(?:ether|\[ether\]|\(incomplete\)).*",
    r"^\d[\d.]{6,14}(?= )",
    r"^\S+ \([\d.]+\) at \S+",
)

# ------------------------------------------------------------------------------- sockets

_EPHEMERAL = r"(?<=:)(?:327[7-9]\d|3276[89]|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|6[0-5]\d{3})(?!\d)"
"""Ports the system hands out by itself, from 32768: not the same twice."""
_X11 = r"^.{0,16}(?:127\.0\.0\.1|\[::1\]):60[1-9]\d$"
"""X11 of an SSH session."""

MANY = {"ESTAB": 500.0, "TIME-WAIT": 5000.0}
"""Connections that a busy host has more than its peers."""
HUNDREDS = 100.0
"""In other states, or without an owner, so many more are trouble."""

# Who listens, by protocol and local address.
_SS_ROWS = (
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
_SS_TABLE = Form(
    "ss",
    Compare(
        mode=Mode.TABLE,
        parse="sockets",
        key="socket",
        only=("socket",),
        fields=tuple(high(state, floor=MANY.get(state, HUNDREDS)) for state in SOCKET_STATES),
        mask=_SS_ROWS,
    ),
    looks=r"^(?:Netid\s+)?State\s+Recv-Q\s",
    within=1,
)
# `ss -s`: `TCP:   5 (estab 1, closed 0, orphaned 0, timewait 0)`.
_SS_SUMMARY = numbers(
    "ss -s",
    high("established", r"\bestab (\d+)", MANY["ESTAB"]),
    high("orphaned", r"\borphaned (\d+)", HUNDREDS),
    high("waiting to close", r"\btimewait (\d+)", MANY["TIME-WAIT"]),
    looks=r"^TCP: +\d+ \(estab ",
)
_NETSTAT = (
    r"^(?!.*\bLISTEN\b)tcp.*",
    r"^(?:unix|raw|Active UNIX|Proto RefCnt).*",
    r"(?<= )\d+ +\d+(?= +[\d\[:*])",
    r"\b\d+ {0,6}/(?=\S)",
    r"(?<=\S) {2,}(?=\S)",
    _EPHEMERAL,
)


def _ss(call: Call) -> Forms:
    if call.has("-J", "--json", "-o", "-i", "-m", "-e"):
        return (_SS_SUMMARY, ignored("ss"))
    return (_SS_SUMMARY, _SS_TABLE, lines("ss", *_SS_LINES))


# ------------------------------------------------------------------------------ counters


# In a day, on top of what the others have.
ERRORS_A_DAY = 3.0
"""Of a link: a good cable and a good card make none."""
DROPS_A_DAY = 100.0
"""Packets and connections: bursts cost a few on every host."""
RESENT_SHARE = 0.0075
"""Of the segments sent: clients on bad lines cost a healthy server half a per cent."""
RESETS_A_DAY = 8_640_000.0
"""A hundred a second: what refuses or aborts connections as a habit."""


# `ip -s link`: what the link is, and what it lost.
_IP_COUNTERS = Form(
    "ip -s link",
    Compare(
        mode=Mode.TABLE,
        parse="ip-link",
        key="ifname",
        only=("mtu", "state", "qdisc", "flags"),
        fields=(
            since_boot("RX errors", a_day=ERRORS_A_DAY),
            since_boot("RX dropped", a_day=DROPS_A_DAY),
            since_boot("RX missed", a_day=DROPS_A_DAY),
            since_boot("RX overrun", a_day=DROPS_A_DAY),
            since_boot("TX errors", a_day=ERRORS_A_DAY),
            since_boot("TX dropped", a_day=DROPS_A_DAY),
            since_boot("TX carrier", a_day=ERRORS_A_DAY),
        ),
        mask=(rf"^{CONTAINERS}.*",),
    ),
    looks=r"^ +RX: ",
)


def _of_sent(sent: str, resent: str) -> tuple[Field, Field]:
    """Segments sent again, of those sent; a little more is no fault of the host's."""
    return (
        Field("segments sent", pattern=sent, compare=False),
        Field(
            "segments retransmitted",
            pattern=resent,
            per="segments sent",
            floor=RESENT_SHARE,
            side=Side.HIGH,
        ),
    )


# Since boot.
_NETSTAT_S = numbers(
    "netstat -s",
    *_of_sent(r"^ +(\d+) segments sent out", r"^ +(\d+) segments retransmit"),
    since_boot("bad segments", r"^ +(\d+) bad segments received", DROPS_A_DAY),
    since_boot("resets sent", r"^ +(\d+) resets sent", RESETS_A_DAY),
    since_boot("listen queue overflowed", r"^ +(\d+) times the listen queue", DROPS_A_DAY),
    since_boot("SYNs dropped", r"^ +(\d+) SYNs to LISTEN sockets (?:dropped|ignored)", DROPS_A_DAY),
    since_boot("UDP receive errors", r"^ +(\d+) packet receive errors", DROPS_A_DAY),
    since_boot("receive buffer errors", r"^ +(\d+) receive buffer errors", DROPS_A_DAY),
    looks=r"^Tcp:$",
)
_NSTAT = numbers(
    "nstat",
    *_of_sent(r"^TcpOutSegs +(\d+)", r"^TcpRetransSegs +(\d+)"),
    since_boot("bad segments", r"^TcpInErrs +(\d+)", DROPS_A_DAY),
    since_boot("resets sent", r"^TcpOutRsts +(\d+)", RESETS_A_DAY),
    since_boot("listen queue overflowed", r"^TcpExtListenOverflows +(\d+)", DROPS_A_DAY),
    since_boot("SYNs dropped", r"^TcpExtListenDrops +(\d+)", DROPS_A_DAY),
    since_boot("UDP receive errors", r"^UdpInErrors +(\d+)", DROPS_A_DAY),
    since_boot("receive buffer errors", r"^UdpRcvbufErrors +(\d+)", DROPS_A_DAY),
    looks=r"^#?(?:kernel$|[A-Z]\w+ +\d)",
)
# The kernel only adds columns at the end (net/ipv4/proc.c).
_SNMP = numbers(
    "net/snmp",
    *_of_sent(r"^Tcp: (?:-?\d+ ){10}(\d+)", r"^Tcp: (?:-?\d+ ){11}(\d+)"),
    since_boot("bad segments (InErrs)", r"^Tcp: (?:-?\d+ ){12}(\d+)", DROPS_A_DAY),
    since_boot("resets sent (OutRsts)", r"^Tcp: (?:-?\d+ ){13}(\d+)", RESETS_A_DAY),
    since_boot("UDP receive errors (InErrors)", r"^Udp: (?:\d+ ){2}(\d+)", DROPS_A_DAY),
    since_boot("receive buffer errors (RcvbufErrors)", r"^Udp: (?:\d+ ){4}(\d+)", DROPS_A_DAY),
    since_boot("send buffer errors (SndbufErrors)", r"^Udp: (?:\d+ ){5}(\d+)", DROPS_A_DAY),
    looks=r"^Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ",
)
_SOCKSTAT = numbers(
    "net/sockstat",
    high("TCP in use", r"^TCP: inuse (\d+)", MANY["ESTAB"]),
    high("orphaned", r"^TCP: .{0,40}?orphan (\d+)", HUNDREDS),
    high("waiting to close", r"^TCP: .{0,60}?tw (\d+)", MANY["TIME-WAIT"]),
    looks=r"^TCP: inuse ",
)
# `  eth0: 123 …`; old kernels leave no blank before a large number. Words are counted.
_NET_DEV = table(
    "net/dev",
    "1",
    ("1",),
    looks=r"^Inter-\|",
    fields=(
        since_boot("receive errors", None, ERRORS_A_DAY, at="4"),
        since_boot("receive drops", None, DROPS_A_DAY, at="5"),
        since_boot("transmit errors", None, ERRORS_A_DAY, at="12"),
        since_boot("transmit drops", None, DROPS_A_DAY, at="13"),
    ),
    mask=(rf"^{CONTAINERS}.*", r"^(?:Inter-\||face)$", r"(?<=:)\d+$"),
    within=2,
)
_NET_DEV_LINES = lines("net/dev", rf"^ *{CONTAINERS}.*", r"(?<=:) *\d+(?: +\d+)+ *$")

_OF_DRIVER = r"(?:_phy|\.nic|_nic)?: (\d+)"
_PORT = r"^ *(?:port\.|mac_)?"
_ETHTOOL_S = numbers(
    "ethtool -S",
    Field("packets", pattern=rf"{_PORT}[rt]x_(?:packets|ucast_packets){_OF_DRIVER}", compare=False),
    *(
        since_boot(name, rf"{_PORT}(?:{counter}){_OF_DRIVER}", a_day)
        for name, counter, a_day in (
            ("receive errors", "rx_errors?|rx_error_bytes", ERRORS_A_DAY),
            ("transmit errors", "tx_errors?|tx_error_bytes", ERRORS_A_DAY),
            (
                "CRC errors (rx_crc_errors)",
                "rx_(?:crc_err(?:ors)?|fcs_err(?:ors|_frames)?)",
                ERRORS_A_DAY,
            ),
            ("symbol errors", "rx_(?:symbol_err|align_err(?:ors)?)", ERRORS_A_DAY),
            ("transmit timeouts", "tx_timeout(?:_count)?|tx_wd_timeout", ERRORS_A_DAY),
            ("receive discards", "rx_(?:discards?|missed_errors|no_buffer_count)", DROPS_A_DAY),
            ("receive overruns", "rx_(?:out_of_buffer|no_dma_resources|overruns)", DROPS_A_DAY),
            ("receive drops", "rx_(?:dropped|drops)", DROPS_A_DAY),
            ("transmit drops", "tx_(?:dropped|drops|discards?)", DROPS_A_DAY),
            ("connections over the allowance", "conntrack_allowance_exceeded", DROPS_A_DAY),
        )
    ),
    looks=rf"{_PORT}[rt]x_(?:packets|ucast_packets|errors?|crc_errors|dropped|drops|missed_errors)"
    rf"{_OF_DRIVER}",
)
_ETHTOOL = (
    r"(?<=bus-info: ).*",
    r"^\s*(?:MDI-X|SQI|Link Down Events):.*",  # as negotiated
)
_ETHTOOL_MODULE = (
    r"^\s*(?:Laser|Module|Receiver|Transmit|Rcvr)\b.*(?:power|current|temperature|voltage)\b.*",
    r"^\s*(?:Vendor SN|Date code)\s*:.*",
)


def _netstat(call: Call) -> Forms:
    routes = lines("netstat -r", *_ROUTES, looks=r"^(?:Kernel IP routing|Destination )")
    counters = ignored("netstat -i", looks=r"^(?:Kernel Interface|Iface )")
    if call.has("-s", "-r", "-i") and not call.named:
        return (_NETSTAT_S, routes, counters)
    return (_NETSTAT_S, routes, counters, lines("netstat", *_NETSTAT))


def _ethtool(call: Call) -> Forms:
    if call.has("-S", "--statistics") or (call.named and "s" in call.words):
        return (_ETHTOOL_S, ignored("ethtool -S"))
    if call.has("-m", "--dump-module-eeprom", "--module-info"):
        return (lines("ethtool -m", *_ETHTOOL_MODULE),)
    return (lines("ethtool", *_ETHTOOL),)


def _bridge(call: Call) -> Forms:
    of_links = {"link", "vlan"} & set(call.plain)
    return (lines("bridge", *_LINKS),) if of_links else (ignored("bridge"),)


def _conntrack(call: Call) -> Forms:
    if call.has("-S", "--stats"):
        return (_CONNTRACK_S,)
    return (CONNECTIONS,) if call.has("-C", "--count") else (ignored("conntrack"),)


CONNECTIONS = numbers("conntrack", high("connections", r"^(\d+)$", 20_000), looks=r"^\d+$")
# A line for each processor; of the first with such counters.
_CONNTRACK_S = numbers(
    "conntrack -S",
    *(
        since_boot(f"{name} (first CPU)", rf"(?<![\w]){name}=(\d+)", DROPS_A_DAY)
        for name in ("insert_failed", "drop", "early_drop")
    ),
    looks=r"^cpu=\d",
)
# What is queued where; the counters of `-s` go.
_TC = (rf"^.{{1,60}} dev {CONTAINERS}.*", r"^\s.*")
_IPVS = (r"(?<=\d)\s+\d+\s+\d+\s*$", r"(?<=size=)\d+")


# ------------------------------------------------------------------------------ firewall

# The order of rules counts. What containers and bans make of their own goes, also the blanks and
# headers of their chains.
_CHAINS = (
    r"^.*\b(?:KUBE|cali|CNI|f2b|fail2ban)-.*",
    r"^.*/\* [\w.-]{1,253}/[\w.-]{1,253}[: ].*",  # of a service
    r"^-A DOCKER .*",
    r"^.*\bDOCKER-(?!USER\b)[\w-]+.*",
    r"\[\d+:\d+\]",  # counters of iptables-save
    r"-c \d+ \d+(?= )",
    r"^# (?:Generated|Completed) .*",
    r"^\s*$",
)
_IPTABLES = (
    *_CHAINS,
    r"^ *(?:num +)?(?:pkts +bytes +)?target +prot .*",
    r"(?<!\d)\d+[KMGT]? packets, \d+[KMGT]? bytes",
    r"^ *(?:\d+ +)?\d+[KMGT]? +\d+[KMGT]?(?= +\S)",
    r"(?<=\() *\d+ references(?=\))",
)
_NFT = (
    *_CHAINS,
    r"^.*\bexpires \d.*",
    r"(?<=packets )\d+ bytes \d+",
    r"# handle \d+",
)

# State of the links; what is counted or negotiated goes.
_BONDING = (
    r"^\s*(?:Link Failure Count|(?:Actor|Partner) Churned Count|Aggregator ID|oper key):.*",
    r"^\s*(?:port (?:key|number|priority|state)|Partner (?:Key|Mac Address)):.*",
    r"^\s*(?:system (?:priority|mac address)|Slave queue ID):.*",
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
    "iptables": (text("iptables", mask=_IPTABLES),),
    "ip6tables": (text("ip6tables", mask=_IPTABLES),),
    "iptables-save": (text("iptables", mask=_IPTABLES),),
    "ip6tables-save": (text("ip6tables", mask=_IPTABLES),),
    "nft": lambda call: () if call.has("-j", "--json") else (text("nft", mask=_NFT),),
    "bridge": _bridge,
    "tc": (lines("tc", *_TC),),
    "conntrack": _conntrack,
    "ipvsadm": (text("ipvsadm", mask=_IPVS),),
    "resolvectl": (lines("resolvectl", r"^Link \d+ \(", unmask=("ipv4", "ipv6")),),
}

FILES: Mapping[str, Forms] = {
    # A wrong name server is what it is looked at for.
    "/etc/resolv.conf": (lines("resolv.conf", *_RESOLVER, unmask=("ipv4", "ipv6")),),
    "/etc/hosts": (lines("hosts", *_RESOLVER),),
    "/proc/net/dev": (_NET_DEV, _NET_DEV_LINES),
    "/proc/net/arp": (lines("net/arp", r"^\d[\d.]{6,14} .*(?= \S+$)"),),
    **{f"/proc/net/bonding/bond{n}": (lines("bonding", *_BONDING),) for n in range(4)},
    "/proc/net/route": (ignored("net/route"),),
    **{f"/proc/net/{name}": (ignored(f"net/{name}"),) for name in ("tcp", "tcp6", "udp", "udp6")},
    **{f"/proc/net/{name}": (ignored(f"net/{name}"),) for name in ("netstat", "softnet_stat")},
    "/proc/net/snmp": (_SNMP,),
    "/proc/net/sockstat": (_SOCKSTAT,),
    "/proc/sys/net/netfilter/nf_conntrack_count": (CONNECTIONS,),
    "/sys/class/net/bonding_masters": (text("bonding_masters"),),
}
