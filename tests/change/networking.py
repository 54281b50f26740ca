"""Hosts of the fleet with a real way to restart networking: interfaces go down and up.

Debian's ifupdown and Red Hat's network scripts are not installed here; what is written to a host is
as small as may be, and does to the interface what they do.
"""

from __future__ import annotations

from tests.fleet import Fleet

_DOWN = """\
ip addr flush dev eth0
ip link set eth0 down
echo down >>/var/log/interfaces
"""
_UP = """\
address=$(sed -n 's/^ *address //p' {file}) gateway=$(sed -n 's/^ *gateway //p' {file})
[ -n "$address" ] || exit 1
ip link set eth0 up
ip addr add "$address" dev eth0 2>/dev/null
ip route replace default via "$gateway"
echo up >>/var/log/interfaces
"""
_INTERFACES = "/etc/network/interfaces"
_SCRIPTS = "/etc/sysconfig/network-scripts/ifcfg-eth0"
_INIT = """\
#!/bin/sh
# Of Red Hat's network service, what it does to eth0.
case $1 in
stop | restart)
{down}sleep 0.3
;;
esac
case $1 in
start | restart)
{up};;
esac
"""


def has_ifupdown(fleet: Fleet, host: str) -> None:
    """`ifup` and `ifdown`, and eth0 in their file."""
    address, gateway = _addresses(fleet, host)
    stanza = f"auto eth0\niface eth0 inet static\n  address {address}\n  gateway {gateway}\n"
    fleet.write(host, _INTERFACES, stanza.encode())
    up = f"#!/bin/sh\n{_UP.format(file=_INTERFACES)}"
    # A host whose network is to stay broken has this file.
    down = f"#!/bin/sh\n{_DOWN}[ ! -e /etc/network/broken ] || sed -i d {_INTERFACES}\n"
    fleet.write(host, _bin(fleet, host, "ifup"), up.encode(), mode="755")
    fleet.write(host, _bin(fleet, host, "ifdown"), down.encode(), mode="755")


def has_network_scripts(fleet: Fleet, host: str) -> None:
    """`/etc/init.d/network`, and eth0 in a file of its own."""
    address, gateway = _addresses(fleet, host)
    fleet.write(host, _SCRIPTS, f"address {address}\ngateway {gateway}\n".encode())
    script = _INIT.format(down=_DOWN, up=_UP.format(file=_SCRIPTS))
    fleet.write(host, "/etc/init.d/network", script.encode(), mode="755")


def _bin(fleet: Fleet, host: str, name: str) -> str:
    if fleet.host(host).kind != "dropbear":
        return f"/usr/local/sbin/{name}"
    fleet.exec(host, ["rm", f"/bin/{name}"])  # a link to busybox, which is not to be overwritten
    return f"/bin/{name}"


def _addresses(fleet: Fleet, host: str) -> tuple[str, str]:
    shown = fleet.exec(host, ["ip", "-4", "-o", "addr", "show", "dev", "eth0"]).stdout
    return shown.split()[3], fleet.exec(host, ["ip", "route", "show", "default"]).stdout.split()[2]


def cycles(fleet: Fleet, host: str) -> list[str]:
    """What its interface did: `down`, `up`, in order."""
    return fleet.exec(host, ["cat", "/var/log/interfaces"]).stdout.split()
