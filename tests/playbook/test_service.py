"""What the steps of `service` say of other hosts: with planted files and planted commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import FindingKind, Severity
from fleetdiag.playbook import load
from tests.factory import make_run
from tests.playbook.planted import Planted, recorded
from tests.playbook.shells import SHELLS, Answer

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
NAME = {"name": "nginx"}
STEPS = {step.name: step for step in load("service", NAME).steps}
SYSTEMD = {"/run/systemd/system/x": ""}


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("service", request.param, tmp_path)


def printed(text: str) -> str:
    return f"printf '%s' '{text}'"


def raised(step: str, output: str) -> set[Severity]:
    comparison = compare(make_run({"h": {step: output}}, [STEPS[step]]))
    rules = [one for one in comparison.findings if one.kind is FindingKind.RULE]
    return {finding.severity for finding in rules}


def shown(play: Planted, text: str) -> Answer:
    """What `unit` makes of systemd's properties."""
    return play.run(
        "unit", SYSTEMD, {"systemctl": printed(text)}, below=["/run/systemd/system"], params=NAME
    )


RUNNING = recorded("service", "show-el8-running.txt").replace("PID=PID", "PID=0")


def test_a_running_unit_is_told_as_keys(play: Planted) -> None:
    given = shown(play, RUNNING)

    assert given.stdout.splitlines() == [
        "state: active (running)",
        "at boot: enabled",
        "result: success",
        "last exit: none",
    ]
    assert raised("unit", given.stdout) == set()


def test_a_unit_that_is_not_there_is_not_found_and_nothing_else(play: Planted) -> None:
    given = shown(play, recorded("service", "show-not-found.txt"))

    assert given.stdout == "state: not found\n"
    assert raised("unit", given.stdout) == {WARNING}


@pytest.mark.parametrize(
    ("changed", "line", "severities"),
    [
        (
            {"ActiveState=active": "ActiveState=failed", "SubState=running": "SubState=failed"},
            "state: failed (failed)",
            {CRITICAL},
        ),
        (
            {
                "ActiveState=active": "ActiveState=activating",
                "SubState=running": "SubState=auto-restart",
                "ExecMainCode=0": "ExecMainCode=1",
                "ExecMainStatus=0": "ExecMainStatus=3",
            },
            "last exit: with code 3",
            {CRITICAL},
        ),
        (
            {"ActiveState=active": "ActiveState=inactive", "SubState=running": "SubState=dead"},
            "trouble: does not run, though enabled",
            {WARNING},
        ),
        (
            {
                "ActiveState=active": "ActiveState=inactive",
                "SubState=running": "SubState=dead",
                "Type=forking": "Type=oneshot",
            },
            "state: inactive (dead)",
            set(),
        ),
        (
            {
                "ActiveState=active": "ActiveState=inactive",
                "SubState=running": "SubState=dead",
                "TriggeredBy=": "TriggeredBy=nginx.socket",
            },
            "state: inactive (dead)",
            set(),
        ),
        (
            {
                "ActiveState=active": "ActiveState=inactive",
                "SubState=running": "SubState=dead",
                "ConditionResult=yes": "ConditionResult=no",
            },
            "trouble: not started, a condition of its unit is not met",
            {INFO},
        ),
        (
            {
                "ActiveState=active": "ActiveState=inactive",
                "SubState=running": "SubState=dead",
                "LoadState=loaded": "LoadState=masked",
                "UnitFileState=enabled": "UnitFileState=masked",
            },
            "state: masked, inactive (dead)",
            set(),
        ),
        (
            {"LoadState=loaded": "LoadState=not-found"},
            "state: active (running), its definition is gone",
            {WARNING},
        ),
        (
            {"LoadState=loaded": "LoadState=bad-setting"},
            "state: active (running), its definition cannot be loaded: bad-setting",
            {WARNING},
        ),
        (
            {"NeedDaemonReload=no": "NeedDaemonReload=yes"},
            "definition: changed since systemd read it",
            {INFO},
        ),
    ],
)
def test_what_is_wrong_with_a_unit_is_a_line_and_a_flag(
    play: Planted, changed: dict[str, str], line: str, severities: set[Severity]
) -> None:
    text = RUNNING
    for old, new in changed.items():
        assert f"{old}\n" in text
        text = text.replace(f"{old}\n", f"{new}\n")

    given = shown(play, text)

    assert line in given.stdout.splitlines()
    assert raised("unit", given.stdout) == severities


@pytest.mark.parametrize(
    ("status", "code", "state", "severities"),
    [
        (" * status: started", 0, "active", set()),
        (" * status: crashed", 32, "failed", {CRITICAL}),
        (" * status: stopped", 0, "inactive", {WARNING}),
        (" * status: stopped", 3, "inactive", {WARNING}),
    ],
)
def test_openrc_s_status_is_told_in_the_same_form(
    play: Planted, status: str, code: int, state: str, severities: set[Severity]
) -> None:
    files = {"/etc/runlevels/default/nginx": ""}
    openrc = f"[ $1 != -e ] || exit 0\necho '{status}'\nexit {code}"

    given = play.run(
        "unit",
        files,
        {"rc-service": openrc},
        below=["/etc/runlevels", "/run/systemd/system", "/etc/rc", "/etc/init.d"],
        params=NAME,
    )

    assert given.stdout.splitlines()[:2] == [f"state: {state}", "at boot: enabled"]
    assert raised("unit", given.stdout) == severities


def test_without_any_service_manager_a_process_of_the_name_counts(play: Planted) -> None:
    elsewhere = ["/etc/init.d", "/run/systemd", "/etc/service", "/var/service", "/etc/rc"]
    pidof = '[ "$1" = nginx ] || exit 1; echo 17'

    there = play.run(
        "unit", {}, {"pidof": pidof}, below=elsewhere, params={"name": "nginx.service"}
    )
    gone = play.run("unit", {}, {"pidof": "exit 1"}, below=elsewhere, params=NAME)

    assert there.stdout.startswith("state: active (a process of that name)\n")
    assert gone.stdout == "state: not found\n"


def test_a_systemd_that_counts_no_restarts_is_absent_not_zero(play: Planted) -> None:
    old = play.run(
        "restarts", SYSTEMD, {"systemctl": "exit 0"}, below=["/run/systemd"], params=NAME
    )
    new = play.run(
        "restarts", SYSTEMD, {"systemctl": "echo NRestarts=7"}, below=["/run/systemd"], params=NAME
    )

    assert old.kind == "absent"
    assert new.stdout == "restarts 7\n"
    assert raised("restarts", new.stdout) == {WARNING, INFO}
    assert raised("restarts", "restarts 1\n") == {INFO}
    assert raised("restarts", "restarts 0\n") == set()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_what_a_service_listens_on_is_told_in_triage_s_words(play: Planted) -> None:
    below = ["/proc", "/run/systemd"]
    files = {
        "/proc/17/net/tcp": recorded("service", "net-tcp.txt"),
        "/proc/17/net/tcp6": recorded("service", "net-tcp6.txt"),
    }
    sockets = "\n".join(
        f"lrwx------ 1 root root 64 Nov 22 03:04 {n} -> socket:[{inode}]"
        for n, inode in enumerate((34000, 140054, 23556, 149098))
    )
    (play.directory / "root/proc/17/fd").mkdir(parents=True)

    given = play.run(
        "listening",
        files,
        {"pidof": "echo 17", "ls": printed(sockets + "\n")},
        below=below,
        params=NAME,
    )

    assert given.stdout.splitlines() == [
        "tcp port 22 on anywhere",
        "tcp port 53 on loopback",
        "tcp port above 32767 on loopback",
    ]


LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units     
Max processes             63432                63432                processes 
Max open files            1024                 524288               files     
Max locked memory         65536                unlimited            bytes     
Max nice priority         0                    0                    
"""  # noqa: W291


def test_limits_are_told_alike_of_a_process_and_of_a_unit_that_does_not_run(
    play: Planted,
) -> None:
    properties = "MainPID={}\nLoadState=loaded\nTasksMax=4915\nMemoryMax=infinity\n"
    properties += "LimitNOFILE=524288\nLimitNOFILESoft=1024\nLimitNPROC=63432\n"
    properties += "LimitNPROCSoft=63432\nLimitMEMLOCK=infinity\nLimitMEMLOCKSoft=65536\n"
    properties += "OOMScoreAdjust=-500\n"
    files = {**SYSTEMD, "/proc/17/limits": LIMITS, "/proc/17/oom_score_adj": "-500\n"}

    runs, stopped = (
        play.run(
            "limits",
            files,
            {"systemctl": printed(properties.format(pid))},
            below=["/proc", "/run/systemd"],
            params=NAME,
        )
        for pid in (17, 0)
    )

    assert runs.stdout == stopped.stdout
    assert runs.stdout.splitlines() == [
        "open files: 1024",
        "open files at most: 524288",
        "processes: 63432",
        "processes at most: 63432",
        "locked memory: 65536",
        "locked memory at most: unlimited",
        "memory of the unit: unlimited",
        "tasks of the unit: 4915",
        "preference of the memory killer: -500",
    ]


def test_a_process_that_has_hardly_a_descriptor_left_is_flagged(play: Planted) -> None:
    files = {
        "/proc/17/limits": LIMITS.replace("1024  ", "10    "),
        "/proc/17/status": "Name:\tnginx\nPid:\t17\nVmRSS:\t 20480 kB\nThreads:\t3\n",
        **{f"/proc/17/fd/{number}": "" for number in range(9)},
    }

    given = play.run(
        "processes", files, {"pidof": "echo 17"}, below=["/proc", "/run/systemd"], params=NAME
    )

    assert given.stdout.splitlines() == [
        "processes 1",
        "threads 3",
        "memory 20 MiB",
        "open files 90 % of the limit",
    ]
    assert raised("processes", given.stdout) == {WARNING}


UNIT = """\
# /usr/lib/systemd/system/nginx.service
[Service]
Environment=TOKEN=s3cret \\
  OTHER=s3cret
ExecStart=/usr/sbin/nginx -g 'daemon on; \\
  key s3cret'
# a comment
LimitNOFILE=1024

# /etc/systemd/system/nginx.service.d/own.conf
[Service]
LimitNOFILE=64
"""


def test_a_definition_is_told_without_arguments_and_environment(play: Planted) -> None:
    quoted = UNIT.replace("'", "'\\''")

    given = play.run(
        "definition", SYSTEMD, {"systemctl": printed(quoted)}, below=["/run/systemd"], params=NAME
    )

    lines = given.stdout.splitlines()
    assert lines[:-1] == [
        "file /usr/lib/systemd/system/nginx.service",
        "[Service]",
        "Environment=TOKEN=...",
        "ExecStart=/usr/sbin/nginx ...",
        "LimitNOFILE=1024",
        "file /etc/systemd/system/nginx.service.d/own.conf",
        "[Service]",
        "LimitNOFILE=64",
    ]
    assert lines[-1].startswith("the text of it all: ")


def test_a_service_of_no_package_and_of_one_are_told_apart(play: Planted) -> None:
    show = printed(
        "MainPID=0\nExecStart={ path=/opt/app/app ; argv[]=/opt/app/app --key s3cret }\n"
    )
    rpm = 'echo "file $4 is not owned by any package"; exit 1'
    files = {**SYSTEMD, "/opt/app/app": "12345", "/var/lib/dpkg/status": "", "/var/lib/rpm/x": ""}

    none = play.run(
        "program",
        files,
        {"systemctl": show.replace("/opt", f"{play.directory}/root/opt"), "rpm": rpm},
        below=["/run/systemd", "/var/lib/rpm"],
        params=NAME,
    )
    owned = play.run(
        "program",
        files,
        {"rpm": "echo nginx 1.24.0-4.el9"},
        below=["/run/systemd", "/var/lib/rpm"],
        params=NAME,
    )

    assert none.stdout.splitlines()[1:] == ["package: none", "size: 5 bytes"]
    assert owned.stdout.splitlines()[1] == "package: nginx 1.24.0-4.el9"
    assert "s3cret" not in none.stdout


def test_a_program_that_was_replaced_or_is_gone_is_flagged() -> None:
    assert raised("program", "runs: what was there before an update\n") == {INFO}
    assert raised("program", "size: there is no such file\n") == {WARNING}
