"""`fleetdiag run packages` on ten real hosts: silent on equal ones, and right about the odd one.

The hosts' package database is this machine's, seen through an overlay: what is really installed
on one host is on no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeFleet
from tests.e2e.program import Program
from tests.e2e.told import must_be_first, must_be_silent_twice
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet


BUILD = """
mkdir -p /tmp/deb/DEBIAN
printf '%s\\n' 'Package: fleet-app' 'Version: {version}' 'Architecture: all' 'Maintainer: x' \\
  'Description: x' >/tmp/deb/DEBIAN/control
printf '#!/bin/sh\\nexit {code}\\n' >/tmp/deb/DEBIAN/postinst
chmod 755 /tmp/deb/DEBIAN/postinst
dpkg-deb --build /tmp/deb /tmp/fleet-app.deb >/dev/null
dpkg -i /tmp/fleet-app.deb >/dev/null 2>&1 || [ {code} = 1 ]
"""


def must(ten: Fleet, host: str, script: str) -> None:
    """Run it as root there."""
    done = ten.exec(host, ["sh", "-ec", script])
    assert done.returncode == 0, done


def install(ten: Fleet, host: str, version: str, *, fails: bool = False) -> None:
    must(ten, host, BUILD.format(version=version, code=int(fails)))


@pytest.fixture
def without_the_app(ten: Fleet) -> Iterator[None]:
    """The package is taken away from all hosts afterwards."""
    yield
    for host in ten.hosts:
        ten.exec(host.name, ["dpkg", "--purge", "fleet-app"])


def test_a_healthy_fleet_shows_no_difference_twice(program: Program) -> None:
    must_be_silent_twice(program, "packages")


@pytest.mark.usefixtures("without_the_app")
def test_a_package_of_another_version_is_named_with_both(program: Program, ten: Fleet) -> None:
    for host in ten.hosts:
        install(ten, host.name, "1.2.3.5" if host.name == "web-07" else "1.2.3.4")

    told = program.told("run", "packages", exits=1)

    must_be_first(told, "packages", "warning", "+ fleet-app = 1.2.3.5")
    assert "- fleet-app = 1.2.3.4" in told["findings"][0]["evidence"]


@pytest.mark.usefixtures("without_the_app")
def test_a_package_whose_installation_broke_off_is_named(program: Program, ten: Fleet) -> None:
    install(ten, "web-07", "1.0", fails=True)

    told = program.told("run", "packages", exits=1)

    must_be_first(told, "unfinished", "warning", "fleet-app half-configured")


def test_a_repository_of_its_own_is_named_without_its_password(
    program: Program, ten: Fleet
) -> None:
    ten.fault(
        "web-07",
        "file",
        path="/etc/apt/sources.list.d/own.list",
        content="deb https://us:s3cret@deb.example.net/x bookworm main\n",
    )

    told = program.told("run", "packages", exits=1)

    must_be_first(told, "repositories", "warning", "+ deb https://deb.example.net/x bookworm main")
    assert "s3cret" not in str(told)


@pytest.mark.parametrize("user", ["root", "ops"])
def test_every_step_ends_well_on_busybox_and_for_a_plain_user(
    make_fleet: MakeFleet, tmp_path: Path, user: str
) -> None:
    running = make_fleet(hosts=4, kinds={"web-[03-04]": "dropbear"})
    mixed = Program(tmp_path, running.inventory_path)
    mixed.run("run", "packages", "-u", user)
    for host in mixed.stored().hosts:
        assert host.status == "ok", host
        assert {step.outcome for step in host.steps} <= {"ok", "absent", "denied"}, host
