"""What the steps of `previous-boot` say of other hosts: with planted files and planted commands."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS

NOTHING = "exit 1"
DAY_S = 86_400
NOW = 1_774_368_100
"""2026-03-24T16:01:40Z."""


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("previous-boot", request.param, tmp_path)


def printed(text: str) -> str:
    return f"printf '%s' '{text}'"


@pytest.mark.parametrize("form", ["old", "new"])
def test_boots_of_the_last_day_are_counted_from_the_journal(play: Planted, form: str) -> None:
    listed = recorded("previous-boot", f"list-boots-{form}.txt")
    commands = {"journalctl": printed(listed), "last": NOTHING, "date": f"echo {NOW}"}

    given = play.run("boots", {"/proc/uptime": "5000.0 1.0\n"}, commands)

    assert given.stdout == "boots in the last day: 2 (by journal)\n"
    assert raised("previous-boot", "boots", given.stdout) == set()


def test_boots_are_counted_from_wtmp_where_the_journal_is_of_one_boot(play: Planted) -> None:
    commands = {
        "journalctl": printed(" 0 5b3b Mon 2023-06-19 16:59:20 UTC—Mon 2023-06-19 17:35:00 UTC\n"),
        "last": printed(recorded("previous-boot", "last-centos7.txt")),
    }
    files = {"/proc/uptime": "2100.0 1.0\n"}
    in_june, in_april = "echo 1687195000", "echo 1681480000"

    one = play.run("boots", files, {**commands, "date": in_june})
    with_wtmp_s_end = play.run("boots", {"/proc/uptime": "99999.0 1.0\n"}, {
        "journalctl": NOTHING, "last": commands["last"], "date": in_april,
    })  # fmt: skip

    assert one.stdout == "boots in the last day: 1 (by journal)\n"
    assert with_wtmp_s_end.stdout == "boots in the last day: 1 (by wtmp)\n"


def test_boots_are_known_from_the_time_the_host_is_up_where_nothing_is_kept(play: Planted) -> None:
    commands = {"journalctl": NOTHING, "last": NOTHING}

    short = play.run("boots", {"/proc/uptime": "86399.0 1.0\n"}, commands)
    long = play.run("boots", {"/proc/uptime": "86400.0 1.0\n"}, commands)

    assert short.stdout == "boots in the last day: 1 (by time up)\n"
    assert long.stdout == "boots in the last day: 0 (by time up)\n"


@pytest.mark.parametrize(("times", "flagged"), [(2, False), (3, True)])
def test_three_boots_within_a_day_are_flagged(times: int, flagged: bool) -> None:
    said = f"boots in the last day: {times} (by journal)\n"

    assert bool(raised("previous-boot", "boots", said)) is flagged


def test_who_rebooted_is_told_without_the_arguments_of_commands(play: Planted) -> None:
    given = play.run(
        "who-rebooted", {}, {"journalctl": printed(recorded("previous-boot", "journal-end.txt"))}
    )

    lines = given.stdout.splitlines()
    assert lines[0].endswith("sudo[8841]: ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; "
                             "COMMAND=/usr/sbin/reboot")  # fmt: skip
    assert lines[1].endswith("COMMAND=/usr/bin/systemctl reboot")
    assert [line.rpartition(": ")[2] for line in lines[2:]] == [
        "The system will reboot now!",
        "System is rebooting.",
        "Shutting down.",
    ]


@pytest.mark.parametrize("step", ["previous-errors", "who-rebooted"])
def test_a_journal_that_may_not_be_read_is_denied(play: Planted, step: str) -> None:
    hint = "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1"

    assert play.run(step, {}, {"journalctl": hint}).kind == "denied"


@pytest.mark.parametrize("step", ["previous-errors", "who-rebooted"])
def test_a_journal_of_one_boot_only_says_so(play: Planted, step: str) -> None:
    gone = "echo 'Data from the specified boot (-1) is not available' >&2; exit 1"

    assert play.run(step, {}, {"journalctl": gone}).stdout == "no record of an earlier boot\n"


STORES = ("/sys/fs/pstore", "/var/lib/systemd/pstore", "/var/crash")


def test_crash_records_are_read_in_each_store_and_old_ones_are_not(play: Planted) -> None:
    panic = "<0>[   12.345678] Kernel panic - not syncing: {}\r\n"
    files = {
        "/var/lib/systemd/pstore/150/001/dmesg.txt": panic.format("archived"),
        "/sys/fs/pstore/dmesg-efi_pstore-172172172101001": panic.format("firmware"),
        "/var/crash/127.0.0.1-2026-03-24-14:32/vmcore-dmesg.txt": panic.format("dumped"),
        "/var/crash/202401010101/dmesg.202401010101": panic.format("of long ago"),
        "/var/crash/_usr_bin_app.0.crash": "ProblemType: Crash\n",
    }
    old = play.directory / "root/var/crash/202401010101/dmesg.202401010101"
    old.parent.mkdir(parents=True)
    before = time.time() - 30 * DAY_S

    play.run("crash-records", files, below=STORES)
    os.utime(old, (before, before))
    given = play.run("crash-records", below=STORES)

    for kind in ("archived", "firmware", "dumped"):
        assert f"not syncing: {kind}" in given.stdout
    assert "long ago" not in given.stdout
    assert "ProblemType" not in given.stdout
    assert given.stdout.count("record ") == 3
    assert {severity for severity, _ in raised("previous-boot", "crash-records", given.stdout)} == {
        Severity.CRITICAL
    }


def test_no_crash_record_is_none(play: Planted) -> None:
    assert play.run("crash-records", below=STORES).stdout == "none\n"


@pytest.mark.parametrize(
    ("size", "loaded", "said", "flagged"),
    [
        ("268435456", "1", "armed", False),
        ("268435456", "0", "not armed, though memory is kept for them", True),
        ("0", "0", "no memory is kept for them", False),
    ],
)
def test_a_crash_kernel_that_is_not_loaded_is_flagged(
    play: Planted, size: str, loaded: str, said: str, flagged: bool
) -> None:
    files = {
        "/sys/kernel/kexec_crash_size": f"{size}\n",
        "/sys/kernel/kexec_crash_loaded": f"{loaded}\n",
    }

    given = play.run("crash-kernel", files, below=["/sys/kernel"])

    assert given.stdout.splitlines()[0] == f"crash dumps: {said}"
    assert bool(raised("previous-boot", "crash-kernel", given.stdout)) is flagged


@pytest.mark.parametrize(
    ("panic", "said"), [("0", "stands still"), ("-1", "starts anew at once"), ("30", "30 s")]
)
def test_what_follows_a_panic_is_told_in_words(play: Planted, panic: str, said: str) -> None:
    files = {"/proc/sys/kernel/panic": f"{panic}\n"}

    given = play.run("crash-kernel", files, below=["/proc/sys/kernel"])

    (line,) = [line for line in given.stdout.splitlines() if line.startswith("after a panic: ")]
    assert line.endswith(said)


def test_a_reset_by_a_watchdog_is_told(play: Planted) -> None:
    watchdog = "/sys/class/watchdog/watchdog0"
    files = {
        f"{watchdog}/identity": "iTCO_wdt\n",
        f"{watchdog}/state": "active\n",
        f"{watchdog}/timeout": "30\n",
        f"{watchdog}/bootstatus": "32\n",
    }

    given = play.run("watchdogs", files, below=["/sys/class/watchdog"])

    assert given.stdout == ("watchdog0 iTCO_wdt, active, 30 s\nwatchdog0 iTCO_wdt reset the host\n")
    assert raised("previous-boot", "watchdogs", given.stdout)


def test_packages_that_ask_for_a_reboot_are_named(play: Planted) -> None:
    files = {
        "/var/run/reboot-required": "*** System restart required ***\n",
        "/var/run/reboot-required.pkgs": "linux-image-6.1.0-45-amd64\nlibc6\nlibc6\n",
    }

    given = play.run("reboot-required", files, below=["/var/run"])

    assert given.stdout == "a reboot is asked for by libc6 linux-image-6.1.0-45-amd64 \n"
    assert {severity for severity, _ in raised("previous-boot", "reboot-required", given.stdout)}


def test_reboots_that_unattended_upgrades_may_make_are_told(play: Planted) -> None:
    files = {
        "/etc/apt/apt.conf.d/50unattended-upgrades": (
            '//Unattended-Upgrade::Automatic-Reboot "false";\n'
            'Unattended-Upgrade::Automatic-Reboot "true"; // at night\n'
            'Unattended-Upgrade::Automatic-Reboot-Time "02:00";\n'
        ),
        "/etc/dnf/automatic.conf": "[commands]\nreboot = when-needed\n",
    }

    given = play.run("automatic-reboots", files, below=["/etc/apt", "/etc/dnf"])

    assert given.stdout.splitlines() == [
        'Unattended-Upgrade::Automatic-Reboot "true"',
        'Unattended-Upgrade::Automatic-Reboot-Time "02:00"',
        "dnf-automatic reboot = when-needed",
    ]
