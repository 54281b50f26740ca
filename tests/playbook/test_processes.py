"""What the steps of `processes` say of other systems: recorded and planted outputs."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
STAT = "{pid} ({name}) {state} {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 {began} 0 0\n"


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("processes", request.param, tmp_path)


def flags(step: str, output: str) -> set[Severity]:
    return {severity for severity, _say in raised("processes", step, output)}


def stat(
    pid: int, name: str, state: str = "S", *, parent: int = 1, threads: int = 1, began: int = 0
) -> dict[str, str]:
    line = STAT.format(pid=pid, name=name, state=state, parent=parent, threads=threads, began=began)
    return {f"/proc/{pid}/stat": line}


INIT = stat(1, "systemd", parent=0, began=100)


def thread(
    pid: int, name: str, wchan: str, *, switches: int = 7, user: bool = True
) -> dict[str, str]:
    at = f"/proc/{pid}/task/{pid}"
    size = "VmSize:\t  4456 kB\n" if user else ""
    status = f"Name:\t{name}\nState:\tD (disk sleep)\n{size}voluntary_ctxt_switches:\t{switches}\n"
    return {f"{at}/status": status, f"{at}/wchan": wchan}


def stuck(processes: Planted, files: Mapping[str, str], sleep: str = "exit 0") -> str:
    given = processes.run("stuck", {**INIT, **files}, {"sleep": sleep}, below=["/proc"])
    return given.stdout


@pytest.mark.parametrize("name", ["wchan-rhel9-nfs", "wchan-al2023-nfs"])
def test_a_program_that_hangs_on_nfs_is_critical(processes: Planted, name: str) -> None:
    wchan = recorded("processes", name)

    told = stuck(processes, thread(3734491, "bash", wchan))

    assert told == f"bash is stuck in {wchan}\n"
    assert flags("stuck", told) == {CRITICAL}


def test_threads_of_the_kernel_are_told_and_break_no_rule(processes: Planted) -> None:
    files: dict[str, str] = {}
    for line in recorded("processes", "wchan-centos6-zfs").splitlines():
        pid, _state, wchan, name = line.split()
        files |= thread(int(pid), name.strip("[]"), wchan, user=False)

    told = stuck(processes, files)

    assert told.splitlines() == [
        "[nfsd] is stuck in vfs_fsync_range",
        "[txg_sync] is stuck in cv_wait_common",
        "[z_wr_int_h/0] is stuck in txg_rele_to_sync",
    ]
    assert flags("stuck", told) == set()


def test_what_ran_meanwhile_is_not_stuck(processes: Planted) -> None:
    status = processes.directory / "root/proc/9/task/9/status"

    told = stuck(processes, thread(9, "dd", "io_schedule"), f"sed -i s/7/8/ {status}")

    assert told == "none\n"


def test_a_parent_that_waits_for_its_child_to_begin_is_not_stuck(processes: Planted) -> None:
    assert stuck(processes, thread(9, "make", "wait_for_vfork_done")) == "none\n"


def test_where_a_process_waits_is_left_out_where_it_may_not_be_seen(processes: Planted) -> None:
    told = stuck(processes, thread(9, "df", "0"))

    assert told == "df is stuck\n"
    assert flags("stuck", told) == {CRITICAL}


def test_a_host_that_hides_processes_denies(processes: Planted) -> None:
    for step in ("stuck", "waiting", "zombies", "states", "restarted"):
        given = processes.run(step, stat(812, "sh"), below=["/proc"])
        assert (given.kind, given.stdout) == ("denied", ""), step


def test_zombies_that_stay_are_told_with_their_parent(processes: Planted) -> None:
    files = {**INIT, **stat(40, "my (app) x", parent=1)}
    for pid in range(100, 125):
        files |= stat(pid, "sh", "Z", parent=40)

    given = processes.run("zombies", files, {"sleep": "exit 0"}, below=["/proc"])

    assert given.stdout == "zombies 25\n25 left by my (app) x\n"
    assert flags("zombies", given.stdout) == {WARNING}
    assert flags("zombies", "zombies 3\n3 left by cron\n") == set()


def test_a_zombie_that_is_cleared_away_is_none(processes: Planted) -> None:
    files = {**INIT, **stat(40, "sh", "Z")}
    gone = f"rm {processes.directory}/root/proc/40/stat"

    given = processes.run("zombies", files, {"sleep": gone}, below=["/proc"])

    assert given.stdout == "zombies 0\n"


def test_states_are_counted_with_threads_of_the_kernel(processes: Planted) -> None:
    sleeping, idle = recorded("processes", "stat-kernel-threads").splitlines()
    files = {**INIT, **stat(7, "java", "D", threads=90), **stat(8, "vi", "T")}
    files |= {"/proc/10/stat": f"{sleeping}\n", "/proc/11/stat": f"{idle}\n"}

    given = processes.run("states", files, below=["/proc"])

    assert given.stdout.splitlines() == [
        "5 processes, 94 threads",
        "running 0",
        "sleeping 3",
        "uninterruptible 1",
        "stopped 1",
        "zombies 0",
    ]


def test_the_oldest_of_those_that_wait_comes_first(processes: Planted) -> None:
    files = {**INIT, "/proc/uptime": "1000.00 1.0\n"}
    files |= {**stat(9, "df", "D", began=90000), **stat(7, "cp", "D", parent=9, began=50000)}

    given = processes.run("waiting", files, below=["/proc"])

    assert given.stdout.splitlines() == [
        "D 7 cp, 500 s old, child of df (9)",
        "D 9 df, 100 s old, child of systemd (1)",
    ]


def status(pid: int, name: str, uid: int, *, threads: int = 1, slots: int = 64) -> dict[str, str]:
    text = (
        f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nFDSize:\t{slots}\nThreads:\t{threads}\n"
    )
    return {f"/proc/{pid}/status": text, f"/proc/{pid}/limits": recorded("processes", "limits")}


@pytest.mark.parametrize(
    ("threads", "said", "severities"),
    [
        (70, "none\n", set()),
        (78, "user app: 80 % and more of its processes\n", {WARNING}),
        (97, "user app: 95 % and more of its processes\n", {CRITICAL}),
    ],
)
def test_a_user_near_the_limit_of_processes_is_named(
    processes: Planted, threads: int, said: str, severities: set[Severity]
) -> None:
    files = {**status(50, "worker", 1000, threads=threads), **status(51, "worker", 1000, threads=3)}
    files |= {**status(52, "many", 0, threads=99), "/proc/mounts": ""}
    files["/etc/passwd"] = "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"

    given = processes.run("process-limits", files, below=["/proc"])

    assert given.stdout == said
    assert flags("process-limits", given.stdout) == severities


def test_a_service_near_its_limit_of_tasks_is_named(processes: Planted) -> None:
    at = f"{processes.directory}/root/cg"
    files = {
        "/proc/mounts": f"cgroup2 {at} cgroup2 rw 0 0\n",
        "/cg/system.slice/pids.max": "max\n",
        "/cg/system.slice/app.service/pids.max": "100\n",
        "/cg/system.slice/app.service/pids.current": "96\n",
    }

    given = processes.run("process-limits", files, below=["/proc"])

    assert given.stdout == "system.slice/app.service: 95 % and more of its processes\n"


@pytest.mark.parametrize(
    ("opened", "said", "severities"),
    [
        (700, "none\n", set()),
        (830, "nginx has 80 % and more of its 1024 files open\n", {WARNING}),
        (1000, "nginx has 95 % and more of its 1024 files open\n", {CRITICAL}),
    ],
)
def test_a_program_near_the_limit_of_open_files_is_named(
    processes: Planted, opened: int, said: str, severities: set[Severity]
) -> None:
    files = {**INIT, "/proc/1/fd/0": "", **status(50, "nginx", 33, slots=1024)}
    files |= {f"/proc/50/fd/{number}": "" for number in range(opened)}
    files |= status(51, "quiet", 33, slots=64)

    given = processes.run("descriptors", files, below=["/proc"])

    assert given.stdout == said
    assert flags("descriptors", given.stdout) == severities


def test_a_daemon_that_was_started_late_is_named_and_a_login_is_not(processes: Planted) -> None:
    late = 100 * 90_000
    files = {**INIT, "/proc/uptime": "90100.00 1.0\n", **stat(40, "cron", began=500)}
    files |= {
        **stat(50, "nginx", began=late),
        "/proc/50/cgroup": "0::/system.slice/nginx.service\n",
    }
    files |= {**stat(60, "systemd", began=late), "/proc/60/cgroup": "0::/user.slice/user-0.slice\n"}
    files |= stat(51, "worker", parent=50, began=late)

    given = processes.run("restarted", files, below=["/proc"])

    assert given.stdout == "nginx started in the last ten minutes\n"
    assert flags("restarted", given.stdout) == {INFO}


def test_a_host_that_came_up_with_its_daemons_says_none(processes: Planted) -> None:
    files = {**INIT, "/proc/uptime": "300.00 1.0\n", **stat(40, "cron", began=500)}

    assert processes.run("restarted", files, below=["/proc"]).stdout == "none\n"


MAPS = (
    "7f00 r-xp 00000000 fd:00 1234    /usr/lib64/libssl.so.1.1.1k (deleted)\n"
    "7f10 r--p 00000000 fd:00 1235    /usr/lib64/libz.so.1 (deleted)\n"
    "7f20 r-xp 00000000 00:01 9       /memfd:jit (deleted)\n"
)


def test_a_library_that_was_replaced_is_told_of_those_that_are_not_stuck(
    processes: Planted,
) -> None:
    files = {"/proc/1/fd/0": ""}
    for pid, name, state in ((50, "sshd", "S (sleeping)"), (51, "hung", "D (disk sleep)")):
        files |= {
            f"/proc/{pid}/maps": MAPS,
            f"/proc/{pid}/comm": f"{name}\n",
            f"/proc/{pid}/task/{pid}/status": f"State:\t{state}\n",
        }

    given = processes.run("replaced", files, below=["/proc"])

    assert given.stdout == ("sshd runs /usr/lib64/libssl.so.1.1.1k, which is no longer there\n")
    assert flags("replaced", given.stdout) == {INFO}


def test_a_program_that_was_deleted_is_worse_from_a_temporary_directory(
    processes: Planted,
) -> None:
    files = {"/proc/1/fd/0": "", "/proc/50/comm": "x\n", "/proc/51/comm": "runc\n"}
    for path in files:
        (processes.directory / "root" / path[1:]).parent.mkdir(parents=True, exist_ok=True)
    root = processes.directory / "root/proc"
    (root / "50/exe").symlink_to("/dev/shm/x (deleted)")
    (root / "51/exe").symlink_to("/memfd:runc_cloned:/proc/self/exe (deleted)")

    given = processes.run("replaced", files, below=["/proc"])

    assert given.stdout == "x runs /dev/shm/x, which is no longer there\n"
    assert flags("replaced", given.stdout) == {WARNING}
