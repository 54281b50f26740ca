"""What the steps of `memory` say of other systems: recorded and planted outputs."""

from pathlib import Path

import pytest

from fleetdiag.model import Severity
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("memory", request.param, tmp_path)


def flags(step: str, output: str) -> set[Severity]:
    return {severity for severity, _say in raised("memory", step, output)}


def test_the_log_is_cut_to_what_is_of_memory(memory: Planted) -> None:
    log = recorded("memory", "dmesg-amazon-linux-eks")

    given = memory.run("kernel-memory", {}, {"dmesg": f"cat <<'E'\n{log}E"})

    assert given.stdout.splitlines() == log.splitlines()[:2]
    assert flags("kernel-memory", given.stdout) == {WARNING}


def test_a_log_that_may_not_be_read_falls_back_to_the_journal(memory: Planted) -> None:
    denied = "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1"
    journal = recorded("memory", "journal-ubuntu")

    given = memory.run(
        "kernel-memory", {}, {"dmesg": denied, "journalctl": f"cat <<'E'\n{journal}E"}
    )

    assert given.stdout == journal
    assert flags("kernel-memory", given.stdout) == {CRITICAL}
    empty = memory.run("kernel-memory", {}, {"dmesg": denied, "journalctl": "exit 0"})
    assert empty.kind == "denied"


def test_kills_are_counted_where_the_kernel_counts(memory: Planted) -> None:
    given = memory.run("kills", {"/proc/vmstat": "pgfault 12\noom_kill 2\n"})

    assert given.stdout == "killed for want of memory: 2\n"
    assert flags("kills", given.stdout) == {INFO}
    rhel7 = memory.run("kills", {"/proc/vmstat": "pgfault 12\n"})
    assert rhel7.kind == "absent"


@pytest.mark.parametrize("name", ["meminfo-kernel-3.19", "meminfo-openwrt"])
def test_healthy_memory_breaks_no_rule_whatever_the_kernel(memory: Planted, name: str) -> None:
    files = {
        "/proc/sys/vm/overcommit_memory": "0\n",
        "/proc/vmstat": "nr_dirty 367\n",
        "/proc/meminfo": recorded("memory", name),
    }

    given = memory.run("usage", files)

    assert "committed" in given.stdout
    assert "unreclaimable kernel objects" in given.stdout
    assert raised("memory", "usage", given.stdout) == set()


def test_a_limit_on_what_may_be_promised_counts_only_where_enforced(memory: Planted) -> None:
    files = {
        "/proc/vmstat": "nr_dirty 98\nnr_dirty_threshold 100\n",
        "/proc/meminfo": "MemTotal: 1000 kB\nMemFree: 900 kB\n"
        "CommitLimit: 100 kB\nCommitted_AS: 99 kB\n",
    }

    lax = memory.run("usage", {**files, "/proc/sys/vm/overcommit_memory": "0\n"})
    strict = memory.run("usage", {**files, "/proc/sys/vm/overcommit_memory": "2\n"})

    assert lax.stdout.splitlines()[:2] == [
        "committed 99 % of the limit (not enforced)",
        "to be written 98 % of what may wait",
    ]
    assert flags("usage", lax.stdout) == {WARNING}
    assert flags("usage", strict.stdout) == {WARNING, CRITICAL}


def test_what_the_kernel_does_for_memory_is_counted_within_a_second(memory: Planted) -> None:
    before = "nr_free_pages 100\npswpin 5\npswpout 9\npgmajfault 20\nallocstall_dma 1\n"
    before += "allocstall_normal 4\noom_kill 0\n"
    later = before.replace("pswpin 5", "pswpin 6005").replace("oom_kill 0", "oom_kill 1")
    later = later.replace("allocstall_normal 4", "allocstall_normal 8")
    root = memory.directory / "root/proc"

    given = memory.run(
        "activity",
        {"/proc/vmstat": before, "/proc/later": later},
        {"sleep": f"cp {root}/later {root}/vmstat"},
        below=["/proc"],
    )

    assert given.stdout.splitlines() == [
        "swapped in 6000 pages a second",
        "swapped out 0 pages a second",
        "read from disk because they were not in memory: 0 pages a second",
        "had to free memory first: 4 requests a second",
        "killed within this second: 1",
    ]
    assert flags("activity", given.stdout) == {WARNING, CRITICAL}


@pytest.mark.parametrize(
    ("name", "said"),
    [("swaps-zram", "zram of 8 GiB\n"), ("swaps-lxcfs", "virtual of 512 MiB\n")],
)
def test_swap_is_told_by_kind_and_size(memory: Planted, name: str, said: str) -> None:
    assert memory.run("swap", {"/proc/swaps": recorded("memory", name)}).stdout == said


V2 = """\
low 0
high 0
max {max}
oom 1
oom_kill {kills}
oom_group_kill 0
"""


def test_limits_that_were_hit_are_told_by_service_and_slice(memory: Planted) -> None:
    at = "/sys/fs/cgroup"
    files = {
        "/proc/mounts": f"cgroup2 {at} cgroup2 rw,nosuid 0 0\n",
        f"{at}/system.slice/memory.events": V2.format(max=12, kills=3),
        f"{at}/system.slice/app.service/memory.events": V2.format(max=12, kills=3),
        f"{at}/user.slice/memory.events": V2.format(max=0, kills=0),
    }
    root = memory.directory / "root"
    files["/proc/mounts"] = files["/proc/mounts"].replace(at, f"{root}{at}")

    given = memory.run("cgroup-limits", files)

    assert given.stdout.splitlines() == [
        "system.slice/app.service: 3 killed at a memory limit",
        "system.slice/app.service: reached its memory limit 12 times",
        "system.slice: 3 killed at a memory limit",
        "system.slice: reached its memory limit 12 times",
    ]
    assert flags("cgroup-limits", given.stdout) == {WARNING}


def test_limits_of_cgroups_v1_are_told_in_the_same_form(memory: Planted) -> None:
    at = f"{memory.directory}/root/cg"
    files = {
        "/proc/mounts": f"cgroup {at} cgroup rw,relatime,memory 0 0\n",
        "/cg/docker/memory.failcnt": "0\n",
        "/cg/docker/a/memory.failcnt": "7\n",
        "/cg/docker/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    }

    given = memory.run("cgroup-limits", files)

    assert given.stdout.splitlines() == [
        "docker/a: 1 killed at a memory limit",
        "docker/a: reached its memory limit 7 times",
    ]


EDAC = "/sys/devices/system/edac/mc"


def test_errors_of_a_module_are_told_with_its_label(memory: Planted) -> None:
    files = {
        f"{EDAC}/mc0/ce_count": "512\n",
        f"{EDAC}/mc0/ue_count": "0\n",
        f"{EDAC}/mc0/dimm0/dimm_ce_count": "512\n",
        f"{EDAC}/mc0/dimm0/dimm_ue_count": "0\n",
        f"{EDAC}/mc0/dimm0/dimm_label": "CPU_SrcID#0_MC#0_Chan#1_DIMM#0\n",
        f"{EDAC}/mc0/dimm1/dimm_ce_count": "0\n",
        f"{EDAC}/mc0/dimm1/dimm_ue_count": "0\n",
        f"{EDAC}/mc1/ce_count": "0\n",
        f"{EDAC}/mc1/ue_count": "0\n",
    }

    given = memory.run("memory-controllers", files, below=[EDAC])

    assert given.stdout.splitlines() == [
        "memory controllers that report: 2",
        "all: corrected 512, uncorrected 0",
        "CPU_SrcID#0_MC#0_Chan#1_DIMM#0: corrected 512, uncorrected 0",
    ]
    assert flags("memory-controllers", given.stdout) == {WARNING}


def test_an_uncorrected_error_is_critical_and_a_few_corrected_are_nothing() -> None:
    head = "memory controllers that report: 2\nall: corrected "

    assert flags("memory-controllers", f"{head}20, uncorrected 1\n") == {CRITICAL}
    assert flags("memory-controllers", f"{head}20, uncorrected 0\n") == set()


def test_no_controller_is_none(memory: Planted) -> None:
    given = memory.run("memory-controllers", {}, below=[EDAC])

    assert given.stdout == "memory controllers that report: 0 (none)\n"
    assert raised("memory", "memory-controllers", given.stdout) == set()


@pytest.mark.parametrize(
    ("kib", "said", "severities"),
    [("0", "none\n", set()), ("8", "8 KiB taken out of use\n", {CRITICAL})],
)
def test_memory_taken_out_of_use_is_critical(
    memory: Planted, kib: str, said: str, severities: set[Severity]
) -> None:
    given = memory.run("bad-memory", {"/proc/meminfo": f"HardwareCorrupted: {kib} kB\n"})

    assert given.stdout == said
    assert flags("bad-memory", given.stdout) == severities


def test_the_largest_kinds_of_kernel_objects_come_first(memory: Planted) -> None:
    given = memory.run("slab", {"/proc/slabinfo": recorded("memory", "slabinfo")})

    assert given.stdout == "     1 MiB kmalloc-8192\n     1 MiB dmaengine-unmap-128\n"


AVAILABLE = {"/proc/meminfo": "MemAvailable: 1048576 kB\n"}


def memtester(memory: Planted, mib: str, script: str) -> str:
    params = {"memtester_mib": mib}
    return memory.run("memtester", AVAILABLE, {"memtester": script}, params=params).stdout


def test_memory_is_tested_only_where_it_was_asked_for(memory: Planted) -> None:
    assert memory.run("memtester", AVAILABLE).stdout == "not asked for\n"


def test_the_test_gets_what_was_asked_for_and_one_loop(memory: Planted) -> None:
    assert memtester(memory, "512", '[ "$*" = "512M 1" ]') == "passed\n"


def test_more_than_half_of_what_is_available_is_refused(memory: Planted) -> None:
    told = memtester(memory, "513", "exit 0")

    assert told == "refused: more than half of the 1024 MiB that are available\n"
    assert flags("memtester", told) == {INFO}


def test_broken_memory_is_critical(memory: Planted) -> None:
    text = recorded("memory", "memtester-failure")

    told = memtester(memory, "64", f"cat <<'E' >&2\n{text}E\nexit 6")

    assert "FAILURE: possible bad address line at offset 0x19eac7e8." in told
    assert told.splitlines()[-1] == "FAILURE: memtester ended with 6"
    assert flags("memtester", told) == {CRITICAL}


def test_a_test_that_cannot_begin_says_so(memory: Planted) -> None:
    told = memtester(memory, "64", "echo 'ERROR: malloc() failed' >&2; exit 1")

    assert told == "ERROR: malloc() failed\nmemtester could not begin\n"
    assert flags("memtester", told) == set()
