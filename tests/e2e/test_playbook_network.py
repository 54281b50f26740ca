"""`fleetdiag run network` on ten hosts that have a name server: silent, and right about faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e import nameserver
from tests.e2e.program import Program
from tests.e2e.told import must_be_first, must_be_silent_twice, notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

Break = Callable[[Fleet, str], None]

SERVER = "/run/nameserver.py"
NOBODY = 250
"""Last number of an address that no host of the fleet has."""
HALF_OPEN = """
import socket, time
server = socket.create_server(("127.0.0.1", 8080), backlog=1024)
clients = [socket.socket() for _ in range(400)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", 8080))
open("/run/ready", "w").close()
time.sleep(60)
"""
NOT_CLOSED = """
import socket, time
server = socket.create_server(("127.0.0.1", 8080), backlog=1024)
kept = []
for _ in range(600):
    client = socket.create_connection(("127.0.0.1", 8080))
    kept.append(server.accept()[0])
    client.close()
open("/run/ready", "w").close()
time.sleep(60)
"""
NEVER_ACCEPTS = """
import socket, time
server = socket.create_server(("127.0.0.1", 8080), backlog=1)
clients = []
for number in range(900):
    clients.append(socket.socket())
    clients[-1].setblocking(False)
    clients[-1].connect_ex(("127.0.0.1", 8080))
    if number == 10:
        open("/run/ready", "w").close()
    if number > 10:
        time.sleep(0.03)
        clients.pop().close()
"""
DROP_ANSWERS = """
table inet half_open {
  chain output {
    type filter hook output priority 0
    tcp sport 8080 tcp flags & (syn | ack) == syn | ack drop
  }
}
"""


def beside(ten: Fleet, host: str) -> str:
    """The address of nobody in the host's network."""
    own = next(one.address for one in ten.hosts if one.name == host)
    return f"{own.rpartition('.')[0]}.{NOBODY}"


@pytest.fixture
def resolved(ten: Fleet, program: Program) -> Iterator[Program]:
    """The program on the ten, each of which has a name server of its own."""
    source = Path(nameserver.__file__).read_bytes()
    for host in ten.hosts:
        ten.write(host.name, SERVER, source)
        ten.fault(host.name, "run", command=f"exec /usr/bin/python3 {SERVER} 127.0.0.1")
        ten.fault(host.name, "file", path="/etc/resolv.conf", content="nameserver 127.0.0.1\n")
    for host in ten.hosts:
        ten.exec(
            host.name, ["sh", "-c", "until ss -uln | grep -q 127.0.0.1:53; do sleep 0.05; done"]
        )
    yield program
    ten.heal()
    ten.exec("web-07", ["rm", "-f", "/run/ready"])


def python(ten: Fleet, host: str, script: str) -> None:
    """Have it run on the host, and return once it is ready."""
    ten.write(host, "/run/script.py", script.encode())
    ten.fault(host, "run", command="exec /usr/bin/python3 /run/script.py")
    ten.exec(host, ["sh", "-c", "until [ -e /run/ready ]; do sleep 0.02; done"])


def bad_resolver(ten: Fleet, host: str) -> None:
    line = f"nameserver {beside(ten, host)}\n"
    ten.write(host, "/etc/resolv.conf", line.encode())


def half_open(ten: Fleet, host: str) -> None:
    ten.write(host, "/run/drop.nft", DROP_ANSWERS.encode())
    ten.exec(host, ["nft", "-f", "/run/drop.nft"])
    python(ten, host, HALF_OPEN)


def not_closed(ten: Fleet, host: str) -> None:
    python(ten, host, NOT_CLOSED)


def never_accepts(ten: Fleet, host: str) -> None:
    python(ten, host, NEVER_ACCEPTS)


def dead_gateway(ten: Fleet, host: str) -> None:
    gateway = beside(ten, host)
    ten.exec(host, ["ip", "route", "add", "default", "via", gateway, "metric", "200"])


def mtu(ten: Fleet, host: str) -> None:
    ten.exec(host, ["ip", "link", "set", "eth0", "mtu", "1400"])


@pytest.fixture
def mended(ten: Fleet) -> Iterator[None]:
    """Undoes on web-07 what `heal` does not."""
    yield
    gateway = beside(ten, "web-07")
    ten.exec("web-07", ["ip", "route", "delete", "default", "via", gateway])
    ten.exec("web-07", ["ip", "link", "set", "eth0", "mtu", "1500"])
    ten.exec("web-07", ["nft", "delete", "table", "inet", "half_open"])


def test_a_healthy_fleet_shows_nothing_twice(resolved: Program) -> None:
    must_be_silent_twice(resolved, "network")


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(
    ("broken", "step", "severity", "said"),
    [
        (bad_resolver, "name-servers", "critical", "no name server answers"),
        (half_open, "sockets", "warning", "syn-recv 400 (most on port 8080)"),
        (not_closed, "sockets", "warning", "close-wait 600 (most on port 8080)"),
        (never_accepts, "losses", "warning", "listen queue overflows"),
        (dead_gateway, "gateway", "critical", "does not answer, not even to ARP"),
        (mtu, "links", "warning", "+ eth0 up carrier mtu 1400"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_that_is_really_there_is_the_first_finding(
    resolved: Program, ten: Fleet, broken: Break, step: str, severity: str, said: str
) -> None:
    broken(ten, "web-07")
    told = resolved.told("run", "network", exits=1)
    must_be_first(told, step, severity, said)
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-07"}


def test_every_step_ends_well_on_busybox_and_for_plain_users_too(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    for user in ("root", "ops"):
        mixed.run("run", "network", "-u", user)
        for host in mixed.stored().hosts:
            assert host.status == "ok", host
            assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
