"""Fleets whose reports are kept as golden files; each is a run built by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fleetdiag.model import HostStatus, Mode, Outcome, Run, Severity
from tests.factory import Said, make_flag, make_host, make_result, make_run, make_step, names

PANIC = make_flag("Kernel panic - not syncing", "the kernel panicked")
STEPS = (
    make_step("kernel", Mode.LINES),
    make_step("uptime", Mode.IGNORE),
    make_step("kernel-log", Mode.IGNORE, flags=[PANIC]),
    make_step("sysctl"),
    make_step("disk", Mode.LINES),
    make_step("failed-units", Mode.LINES),
)
SYSCTL = "net.core.somaxconn = 4096\nvm.swappiness = 60\nvm.dirty_ratio = 20\n"


def healthy(host: str, **other: Said) -> Mapping[str, Said]:
    """What a healthy host says; `other` replaces steps, `_` for `-`."""
    said: dict[str, Said] = {
        "kernel": f"Linux {host} 6.1.0-18-amd64 x86_64\n",
        "uptime": f" 03:04:05 up {len(host)} days,  4:02,  1 user,  load average: 0.1, 0.2, 0.3\n",
        "kernel-log": "[    0.000000] Linux version 6.1.0\n[    1.204511] systemd[1]: ok\n",
        "sysctl": SYSCTL,
        "disk": "/ 40 % full\n/var 52 % full\n",
        "failed-units": "",
    }
    return said | {step.replace("_", "-"): value for step, value in other.items()}


def clean_fleet() -> Run:
    return make_run({host: healthy(host) for host in names("web-", 12)}, STEPS)


def one_odd_host() -> Run:
    hosts = {host: healthy(host) for host in names("web-", 9)}
    hosts["web-07"] = healthy("web-07", sysctl=SYSCTL.replace("= 60", "= 10"))
    return make_run({**hosts, "db-01": healthy("db-01")}, STEPS)


def panic_on_ten() -> Run:
    trace = "[  912.318204] Kernel panic - not syncing: Fatal exception in interrupt\n"
    hosts = {host: healthy(host, kernel_log=trace) for host in names("web-", 10)}
    hosts |= {host: healthy(host) for host in names("web-", 2, first=11)}
    hosts["web-12"] = healthy("web-12", sysctl=SYSCTL.replace("= 20", "= 40"))
    return make_run(hosts, STEPS, note="recorded incident: no host was asked")


def three_unreachable() -> Run:
    hosts = [make_host(host, healthy(host)) for host in names("web-", 9)]
    hosts += [
        make_host(
            "web-10", status=HostStatus.UNREACHABLE, reason="no answer from 10.0.0.10:22 in 10 s"
        ),
        make_host(
            "web-11", status=HostStatus.UNREACHABLE, reason="no answer from 10.0.0.11:22 in 10 s"
        ),
        make_host("web-12", status=HostStatus.AUTH_FAILED, reason="publickey refused for admin"),
    ]
    return make_run(hosts, STEPS)


def all_unreachable() -> Run:
    reason = "no route to host"
    hosts = [make_host(h, status=HostStatus.UNREACHABLE, reason=reason) for h in names("web-", 12)]
    return make_run(hosts, STEPS)


def no_majority() -> Run:
    kernels = ["6.1.0-18", "6.1.0-18", "6.1.0-18", "6.1.0-21", "6.1.0-21", "6.5.0-1"]
    hosts = {
        host: healthy(host, kernel=f"Linux {host} {kernel}-amd64 x86_64\n")
        for host, kernel in zip(names("web-", 6), kernels, strict=True)
    }
    return make_run(hosts, STEPS)


def one_host() -> Run:
    full = make_flag(r"\b(9\d|100) % full", "a filesystem is nearly full", Severity.WARNING)
    steps = [*STEPS[:4], make_step("disk", Mode.LINES, flags=[full]), STEPS[5]]
    return make_run({"web-01": healthy("web-01", disk="/ 40 % full\n/var 97 % full\n")}, steps)


def missing_answers() -> Run:
    denied = make_result("kernel-log", Outcome.DENIED, reason="dmesg: Operation not permitted")
    stuck = make_result("disk", Outcome.STUCK, reason="did not end after SIGKILL; given up on")
    hosts = {host: healthy(host, kernel_log=denied) for host in names("web-", 6)}
    hosts["web-02"] = healthy("web-02", kernel_log=denied, disk=stuck)
    hosts["web-05"] = healthy(
        "web-05",
        kernel_log=denied,
        sysctl=make_result("sysctl", Outcome.FAILED, exit_code=2, stderr="sysctl: bad key\n"),
    )
    return make_run(hosts, STEPS, interrupted=True)


def two_hundred_hosts() -> Run:
    hosts = {host: healthy(host) for host in (f"node-{n:03d}" for n in range(1, 201))}
    for number in range(3, 200, 7):
        host = f"node-{number:03d}"
        hosts[host] = healthy(host, failed_units="nginx.service failed\n")
    hosts["node-042"] = healthy("node-042", disk="/ 40 % full\n/var 99 % full\n")
    return make_run(hosts, STEPS)


def hostile() -> Run:
    nasty = "\x1b]0;owned\x07\x1b[2J```\n| a | <b>`x` \u202e\x00\x00\x00\x00\x00\x00\n\xff"
    reason = "banner \x1b[31m| `bad`\r\nline two"
    hosts = [make_host(host, healthy(host)) for host in names("web-", 3)]
    hosts += [
        make_host("web-04", healthy("web-04", sysctl=nasty.encode("latin-1", "replace"))),
        make_host("web\x1b[2J|05", status=HostStatus.LOST, reason=reason),
    ]
    return make_run(hosts, STEPS)


SCENARIOS: Mapping[str, Callable[[], Run]] = {
    scenario.__name__: scenario
    for scenario in (
        clean_fleet,
        one_odd_host,
        panic_on_ten,
        three_unreachable,
        all_unreachable,
        no_majority,
        one_host,
        missing_answers,
        two_hundred_hosts,
        hostile,
    )
}
