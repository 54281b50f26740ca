"""What the steps of `packages` say of other hosts: with planted files and planted commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import Severity
from fleetdiag.playbook import load
from tests.factory import make_run
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS

NO_DPKG = {"/var/lib/dpkg/status": ""}
AMAZON = "http://amazonlinux.$awsregion.$awsdomain/$releasever/core/$pointrelease"


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("packages", request.param, tmp_path)


def test_debian_s_packages_are_told_by_name_and_a_foreign_architecture_apart(
    play: Planted,
) -> None:
    given = play.run("packages", {"/var/lib/dpkg/status": recorded("packages", "dpkg-status.txt")})

    assert given.stdout.splitlines() == [
        "apt-transport-https=2.4.9",
        "dpkg=1.21.1ubuntu2.1",
        "libc6:i386=2.35-0ubuntu3.1",
        "libc6=2.35-0ubuntu3.1",
    ]


def test_alpine_s_packages_are_told_in_the_same_form(play: Planted) -> None:
    database = recorded("packages", "apk-installed.txt")

    given = play.run("packages", {**NO_DPKG, "/lib/apk/db/installed": database})

    assert given.stdout == "alpine-baselayout=3.4.3-r1\nmusl=1.2.4-r1\n"


def test_rpm_s_packages_are_told_in_the_same_form_in_whatever_order_they_come(
    play: Planted,
) -> None:
    lines = recorded("packages", "rpm-centos8.txt")
    files = {**NO_DPKG, "/var/lib/rpm/Packages": "x"}

    given = play.run("packages", files, {"rpm": f"printf '%s' '{lines}'"}, below=["/var/lib/rpm"])

    assert given.stdout.splitlines() == [
        "bind-export-libs=32:9.11.13-3.el8",
        "glibc.i686=2.28-101.el8",
        "glibc=2.28-101.el8",
        "gpg-pubkey=8483c65d-5ccc5b19",
        "kernel-tools=4.18.0-193.6.3.el8_2",
        "kernel=4.18.0-147.8.1.el8_1",
        "kernel=4.18.0-193.6.3.el8_2",
        "rpm=4.14.2-37.el8",
        "tzdata=2020a-1.el8",
    ]


def test_a_package_that_is_there_twice_is_one_key_with_both_versions() -> None:
    (step,) = (step for step in load("packages").steps if step.name == "packages")
    both = "kernel=4.18.0-147.8.1.el8_1\nkernel=4.18.0-193.6.3.el8_2\n"
    one = "kernel=4.18.0-193.6.3.el8_2\n"
    said = {f"h{n}": {"packages": both} for n in range(4)} | {"odd": {"packages": one}}

    (finding,) = compare(make_run(said, [step])).findings

    assert finding.hosts == ("odd",)
    assert finding.evidence == (
        "- kernel = 4.18.0-147.8.1.el8_1, 4.18.0-193.6.3.el8_2",
        "+ kernel = 4.18.0-193.6.3.el8_2",
    )


def test_a_host_without_any_package_manager_is_absent(play: Planted) -> None:
    given = play.run(
        "packages", NO_DPKG, below=["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/var/lib/pacman"]
    )

    assert (given.kind, given.stdout) == ("absent", "")


def test_what_is_half_installed_or_held_is_told(play: Planted) -> None:
    files = {
        "/var/lib/dpkg/status": recorded("packages", "dpkg-status.txt"),
        "/etc/dnf/plugins/versionlock.list": "# comment\nkernel-0:4.18.0-193.el8.*\n",
        "/etc/dnf/dnf.conf": "[main]\nexclude=kernel* docker*\n",
        "/etc/apk/world": "alpine-base\nnginx=1.24.0-r6\n",
    }

    given = play.run("unfinished", files, {"pidof": "exit 1"})

    assert given.stdout.splitlines() == [
        "held: kernel* docker*",
        "kernel-0:4.18.0-193.el8.* held",
        "libc6 held",
        "nginx broken, to be installed again",
        "nginx half-installed",
        "nginx=1.24.0-r6 held",
    ]
    assert raised("packages", "unfinished", given.stdout) == {
        (Severity.WARNING, "a package is half installed"),
        (Severity.INFO, "packages are held back from updates"),
    }


@pytest.mark.parametrize(
    ("running", "installed", "said"),
    [
        (
            "6.1.0-44-amd64",
            ["6.1.0-9-amd64", "6.1.0-44-amd64", "6.1.0-45-cloud-amd64"],
            "the newest installed kernel runs",
        ),
        (
            "6.1.0-9-amd64",
            ["6.1.0-9-amd64", "6.1.0-44-amd64"],
            "6.1.0-44-amd64 is installed, 6.1.0-9-amd64 runs",
        ),
        (
            "4.18.0-147.8.1.el8_1.x86_64",
            [
                "4.18.0-193.6.3.el8_2.x86_64",
                "4.18.0-147.8.1.el8_1.x86_64",
                "0-rescue-5c1b9d3f0fca4e4c8f1e1b2a3c4d5e6f",
            ],
            "4.18.0-193.6.3.el8_2.x86_64 is installed, 4.18.0-147.8.1.el8_1.x86_64 runs",
        ),
        (
            "5.10.218-208.862.amzn2.x86_64",
            ["5.10.205-195.804.amzn2.x86_64"],
            "the running kernel, 5.10.218-208.862.amzn2.x86_64, is not installed any more",
        ),
        (
            "6.1.94-99.176.amzn2023.x86_64",
            ["6.1.94-99.176.amzn2023.x86_64", "6.1.97-104.177.amzn2023.x86_64"],
            "6.1.97-104.177.amzn2023.x86_64 is installed, 6.1.94-99.176.amzn2023.x86_64 runs",
        ),
        ("6.18.44-fc", [], "no kernel is installed for 6.18.44-fc"),
    ],
)
def test_a_newer_kernel_than_the_running_one_is_named(
    play: Planted, running: str, installed: list[str], said: str
) -> None:
    files = {f"/boot/vmlinuz-{release}": "" for release in installed}

    given = play.run(
        "running-kernel",
        files,
        {"uname": f"echo {running}"},
        below=["/boot", "/lib/modules", "/usr/lib/modules"],
    )

    assert given.stdout == f"{said}\n"
    flagged = {severity for severity, _ in raised("packages", "running-kernel", given.stdout)}
    assert flagged == ({Severity.INFO} if " is " in said and "no kernel" not in said else set())


def test_alpine_s_kernel_is_known_by_its_modules(play: Planted) -> None:
    files = {
        "/boot/vmlinuz-lts": "",
        "/lib/modules/6.6.41-0-lts/modules.builtin": "",
    }

    given = play.run(
        "running-kernel",
        files,
        {"uname": "echo 6.6.32-0-lts"},
        below=["/boot", "/lib/modules"],
    )

    assert given.stdout == "6.6.41-0-lts is installed, 6.6.32-0-lts runs\n"


def test_repositories_are_told_without_what_logs_in(play: Planted) -> None:
    files = {
        "/etc/yum.repos.d/amzn2-core.repo": recorded("packages", "amzn2-core.repo"),
        "/etc/apk/repositories": "#off\nhttps://dl-cdn.alpinelinux.org/alpine/v3.20/main\n",
        "/etc/apt/sources.list": "# none\n",
        "/etc/apt/sources.list.d/x.sources": (
            "Types: deb\nURIs: https://tok3n:@packages.example.net/x\nSuites: jammy\n"
            "Components: main\nTrusted: yes\nSigned-By:\n -----BEGIN PGP\n\n"
            "Enabled: no\nTypes: deb\nURIs: https://off.example.net\nSuites: x\n"
        ),
    }

    given = play.run("repositories", files, below=["/etc/yum.repos.d", "/etc/apt", "/etc/apk"])

    assert given.stdout.splitlines() == [
        f"amzn2-core: {AMAZON}/$basearch/mirror.list",
        "deb [trusted=yes] https://packages.example.net/x jammy main",
        "https://dl-cdn.alpinelinux.org/alpine/v3.20/main",
        "own: https://repo.example.net/el7/?arch=x86_64&access_token=... unchecked",
    ]


def test_what_updates_by_itself_is_told(play: Planted) -> None:
    files = {
        "/etc/apt/apt.conf.d/20auto-upgrades": (
            'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
        ),
        "/etc/apt/apt.conf.d/99off": 'APT::Periodic::Unattended-Upgrade "0";\n',
        "/etc/dnf/automatic.conf": "[commands]\nupgrade_type = security\napply_updates = yes\n",
    }

    given = play.run("automatic-updates", files, below=["/etc/apt", "/etc/dnf", "/run/systemd"])

    assert given.stdout.splitlines() == [
        "APT::Periodic::Unattended-Upgrade 0",
        "APT::Periodic::Update-Package-Lists 1",
        "dnf-automatic apply_updates=yes",
        "dnf-automatic upgrade_type=security",
    ]


def test_the_last_actions_come_from_the_database_where_the_log_is_root_s(play: Planted) -> None:
    files = {**NO_DPKG, "/var/lib/rpm/Packages": "x", "/var/log/dnf.rpm.log": "x"}
    rpm = "echo 'kernel-4.18.0-193.6.3.el8_2.x86_64 Tue 09 Jun 2020 10:11:12 AM UTC'"
    grep = "echo 'grep: /var/log/dnf.rpm.log: Permission denied' >&2; exit 2"

    given = play.run("last-actions", files, {"rpm": rpm, "grep": grep}, below=["/var/lib/rpm"])

    assert given.stdout.startswith("kernel-4.18.0-193.6.3.el8_2.x86_64 Tue")
