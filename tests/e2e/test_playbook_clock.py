"""`fleetdiag run clock` on ten real hosts: silent on healthy ones, right about wrong clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e import metadata
from tests.e2e.program import Program
from tests.e2e.told import must_be_first, must_be_silent_twice, notable
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

Break = Callable[[Fleet, str], None]

SHIFTED = """#!/bin/sh
# The clock belongs to the whole machine: on this host, what reads it is two hours ahead.
exec /bin/date -d '+2 hours' "$@"
"""
SERVER = "/run/metadata.py"


def ahead(ten: Fleet, host: str) -> None:
    ten.fault(host, "file", path="/usr/local/bin/date", content=SHIFTED, mode="755")


def ahead_of_the_cloud(ten: Fleet, host: str) -> None:
    ten.write(host, SERVER, Path(metadata.__file__).read_bytes())
    ten.exec(host, ["ip", "address", "replace", f"{metadata.ADDRESS}/32", "dev", "lo"])
    ten.fault(host, "run", command=f"exec /usr/bin/python3 {SERVER} '{{}}'")
    wait = f"until ss -tln | grep -q {metadata.ADDRESS}:80; do sleep 0.05; done"
    ten.exec(host, ["sh", "-c", wait])
    ahead(ten, host)


def zone(ten: Fleet, host: str) -> None:
    ten.exec(host, ["ln", "-sf", "/usr/share/zoneinfo/Asia/Tokyo", "/etc/localtime"])


@pytest.fixture
def mended(ten: Fleet) -> Iterator[None]:
    """Undoes on web-07 what `heal` does not."""
    was = ten.exec("web-07", ["readlink", "/etc/localtime"]).stdout.strip()
    yield
    ten.exec("web-07", ["ln", "-sf", was or "/usr/share/zoneinfo/Etc/UTC", "/etc/localtime"])
    ten.exec("web-07", ["ip", "address", "delete", f"{metadata.ADDRESS}/32", "dev", "lo"])


def test_a_healthy_fleet_shows_nothing_twice(program: Program) -> None:
    must_be_silent_twice(program, "clock")


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(
    ("broken", "step", "severity", "said"),
    [
        (ahead, None, "critical", "web-07: 120 min ahead"),
        (ahead_of_the_cloud, None, "critical", "web-07: 120 min ahead"),
        (zone, "clock", "warning", "+ time zone JST +0900"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_clock_is_the_first_finding(
    program: Program, ten: Fleet, broken: Break, step: str, severity: str, said: str
) -> None:
    broken(ten, "web-07")
    told = program.told("run", "clock", exits=1)
    must_be_first(told, step, severity, said)
    if broken is ahead_of_the_cloud:
        cloud = next(one for one in told["findings"] if one["step"] == "provider-clock")
        assert (cloud["severity"], cloud["hosts"]) == ("critical", ["web-07"])
        assert "off by 7200 s" in " ".join(cloud["evidence"])
    assert {host for finding in notable(told) for host in finding["hosts"]} == {"web-07"}


def test_every_step_ends_well_on_busybox_and_for_plain_users_too(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    for user in ("root", "ops"):
        mixed.run("run", "clock", "-u", user)
        for host in mixed.stored().hosts:
            assert host.status == "ok", host
            assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
