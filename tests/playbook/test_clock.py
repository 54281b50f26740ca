"""What the steps of `clock` say of other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def clock(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("clock", request.param, tmp_path)


def prints(name: str) -> str:
    return f"cat <<'E'\n{recorded('clock', name)}E"


OTHER = "exit 1"
TIMESYNC = "/run/systemd/timesync"
CHRONY = f"""case $* in
*tracking) {prints("chronyc-c-tracking")}
;;
*sources) {prints("chronyc-c-sources")}
;;
esac"""
NTP = f"""case $* in
-pn) {prints("ntpq-pn")}
;;
*) echo 'associd=0 status=0615 leap_none, sync_ntp, 1 event, clock_sync,' ;;
esac"""


def source(clock: Planted, **commands: str) -> list[str]:
    """What is said where these are the only time services."""
    every = {"chronyc": OTHER, "ntpq": OTHER, "timedatectl": OTHER, **commands}
    return clock.run("source", {}, every, below=[TIMESYNC]).stdout.splitlines()


def test_chrony_tells_its_source(clock: Planted) -> None:
    assert source(clock, chronyc=CHRONY) == [
        "service chrony",
        "stratum 1",
        "off by 0.000000 s",
        "heard 4 s ago",
        "leap second none",
    ]


def test_ntpd_tells_its_source(clock: Planted) -> None:
    assert source(clock, ntpq=NTP) == [
        "service ntpd",
        "stratum 3",
        "off by 0.000448 s",
        "heard 127 s ago",
        "leap second none",
    ]


def test_ntpd_s_hours_are_seconds(clock: Planted) -> None:
    assert "heard 7200 s ago" in source(clock, ntpq=NTP.replace("u  127  128", "u   2h  128"))


def test_ntpd_without_a_source_has_never_heard(clock: Planted) -> None:
    said = source(clock, ntpq=NTP.replace("*217", " 217"))

    assert said == ["service ntpd", "stratum 16", "heard never", "leap second none"]
    assert {severity for severity, _ in raised("clock", "source", "\n".join(said))} == {
        Severity.WARNING
    }


def test_timesyncd_tells_its_source(clock: Planted) -> None:
    commands = {
        "chronyc": OTHER,
        "timedatectl": prints("timesync-status-debian"),
        "date": "echo 1000600",
        "stat": "echo 1000000",
    }

    given = clock.run("source", {f"{TIMESYNC}/synchronized": ""}, commands, below=[TIMESYNC])

    assert given.stdout.splitlines() == [
        "service systemd-timesyncd",
        "stratum 2",
        "off by 1.087495 s",
        "heard 600 s ago",
        "leap second none",
    ]
    assert {severity for severity, _ in raised("clock", "source", given.stdout)} == {
        Severity.CRITICAL
    }


@pytest.mark.parametrize(
    ("offset", "seconds"),
    [("-1.196ms", "0.001196"), ("+32us", "0.000032"), ("-2min 3.500000s", "123.500000")],
)
def test_offsets_of_timesyncd_are_read_in_their_units(
    clock: Planted, offset: str, seconds: str
) -> None:
    status = prints("timesync-status-debian").replace("-1.087495s", offset)

    given = clock.run(
        "source",
        {f"{TIMESYNC}/synchronized": ""},
        {"chronyc": OTHER, "timedatectl": status},
        below=[TIMESYNC],
    )

    assert f"off by {seconds} s" in given.stdout.splitlines()


def test_a_host_that_keeps_no_time_has_no_source(clock: Planted) -> None:
    commands = {"chronyc": OTHER, "ntpq": OTHER}

    given = clock.run("source", {}, commands, below=[TIMESYNC])

    assert (given.kind, given.stdout) == ("absent", "")


@pytest.mark.parametrize(
    ("line", "severities"),
    [
        ("off by 0.050000 s\nheard 1030 s ago", set()),
        ("off by 0.200000 s", {Severity.WARNING}),
        ("off by 3.000000 s", {Severity.CRITICAL}),
        ("stratum 3\nheard 20000 s ago", {Severity.WARNING}),
        ("stratum 3\nleap second inserted", {Severity.INFO}),
    ],
)
def test_offsets_and_silence_have_their_severity(line: str, severities: set[Severity]) -> None:
    assert {severity for severity, _ in raised("clock", "source", line)} == severities


ADJTIMEX = "echo '    return value: {}'"
BOOTED = "System has not been booted with systemd as init system (PID 1)."


@pytest.mark.parametrize(
    ("commands", "kind", "said"),
    [
        ({"adjtimex": ADJTIMEX.format("0 (clock synchronized)")}, "ok", "kept in time\n"),
        ({"adjtimex": ADJTIMEX.format("5 (clock not synchronized)")}, "ok", "not kept in time\n"),
        ({"adjtimex": ADJTIMEX.format("1 (insert leap second)")}, "ok",
         "kept in time, a leap second is to be inserted\n"),
        ({"adjtimex": OTHER, "busybox": OTHER, "timedatectl": prints("timedatectl-el7")}, "ok",
         "kept in time\n"),
        ({"adjtimex": OTHER, "busybox": OTHER, "timedatectl": prints("timedatectl-el9")}, "ok",
         "not kept in time\n"),
        ({"adjtimex": OTHER, "busybox": OTHER, "timedatectl": f"echo '{BOOTED}' >&2; exit 1"},
         "absent", ""),
    ],
)  # fmt: skip
def test_the_kernel_s_view_is_told_in_the_same_words(
    clock: Planted, commands: dict[str, str], kind: str, said: str
) -> None:
    given = clock.run("kernel-state", {}, commands)

    assert (given.kind, given.stdout) == (kind, said)
    assert {severity for severity, _ in raised("clock", "kernel-state", said or "kept")} == (
        {Severity.INFO} if said.startswith("not") else set()
    )


@pytest.mark.parametrize(
    ("now", "off", "severities"),
    [
        (1674833770, "0", set()),
        (1674833771, "0", set()),
        (1674833767, "3", {Severity.WARNING}),
        (1674840970, "7200", {Severity.CRITICAL}),
    ],
)
def test_the_clock_is_measured_by_the_provider_s(
    clock: Planted, now: int, off: str, severities: set[Severity]
) -> None:
    headers = recorded("clock", "headers-ec2").replace("\n", "\r\n")
    commands = {"curl": f"cat <<'E'\n{headers}E", "date": f"echo {now}"}

    given = clock.run("provider-clock", {}, commands)

    assert given.stdout == f"off by {off} s\n"
    assert {severity for severity, _ in raised("clock", "provider-clock", given.stdout)} == (
        severities
    )


def test_outside_a_cloud_nobody_tells_the_time(clock: Planted) -> None:
    given = clock.run("provider-clock", {}, {"curl": "exit 28"})

    assert given.stdout == "no metadata service that tells the time\n"


DATE = "case $1 in +%s) echo 1700000000 ;; *) echo +0130 ;; esac"


@pytest.mark.parametrize(
    ("rtc", "adjtime", "said", "severities"),
    [
        (1700000002, "0.0 0 0\n0\nUTC\n", "in UTC\nwithin a minute\n", set()),
        (1700000002, "", "in UTC\nwithin a minute\n", set()),
        (1700005400, "0.0 0 0\n0\nLOCAL\n", "in local time\nwithin a minute\n", set()),
        (1700000100, "0.0 0 0\n0\nUTC\n", "in UTC\nmore than a minute off\n", {Severity.INFO}),
        (1500000000, "", "in UTC\nmore than an hour off\n", {Severity.WARNING}),
    ],
)
def test_the_hardware_clock_is_compared_with_the_system_s(
    clock: Planted, rtc: int, adjtime: str, said: str, severities: set[Severity]
) -> None:
    files = {"/sys/class/rtc/rtc0/since_epoch": f"{rtc}\n", "/etc/adjtime": adjtime}

    given = clock.run("hardware-clock", files, {"date": DATE})

    assert given.stdout == said
    assert {severity for severity, _ in raised("clock", "hardware-clock", said)} == severities


@pytest.mark.parametrize(
    ("current", "flagged"),
    [
        ("tsc", 0),
        ("kvm-clock", 0),
        ("xen", 0),
        ("arch_sys_counter", 0),
        ("hpet", 1),
        ("jiffies", 1),
    ],
)
def test_a_slow_clock_is_flagged(clock: Planted, current: str, flagged: int) -> None:
    directory = "/sys/devices/system/clocksource/clocksource0"
    files = {
        f"{directory}/current_clocksource": f"{current}\n",
        f"{directory}/available_clocksource": "tsc hpet acpi_pm \n",
    }

    given = clock.run("clocksource", files, {}, below=[directory])

    assert given.stdout == f"counts with {current}\ncould count with tsc hpet acpi_pm\n"
    assert len(raised("clock", "clocksource", given.stdout)) == flagged


UNSTABLE = (
    "clocksource: timekeeping watchdog on CPU3: Marking clocksource 'tsc' as unstable because "
    "the skew is too large:"
)


def test_an_unstable_clock_in_the_kernel_s_log_is_flagged(clock: Planted) -> None:
    log = f"[    0.000000] tsc: Detected 2500.000 MHz processor\n[ 9312.123456] {UNSTABLE}"

    given = clock.run("clock-messages", {}, {"dmesg": f'echo "{log}"'})

    assert given.stdout == f"[ 9312.123456] {UNSTABLE}\n"
    assert len(raised("clock", "clock-messages", given.stdout)) == 1
    quiet = clock.run("clock-messages", {}, {"dmesg": "echo '[    0.000000] tsc: Detected'"})
    assert quiet.stdout == "none\n"
