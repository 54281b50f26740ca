"""What the steps of `kernel` say of other hosts: with planted files and planted commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import Severity
from fleetdiag.playbook import load
from tests.factory import make_run
from tests.playbook.planted import Planted, raised, recorded
from tests.playbook.shells import SHELLS


@pytest.fixture(params=SHELLS[:3], ids=lambda shell: shell.name)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Planted:
    return Planted("kernel", request.param, tmp_path)


def test_a_build_s_date_tells_two_kernels_of_one_release_apart() -> None:
    (step,) = (step for step in load("kernel").steps if step.name == "release")
    said = (
        "release: 5.14.0-427.el9.x86_64\nbuild: #1 SMP PREEMPT_DYNAMIC {}\narchitecture: x86_64\n"
    )
    days = dict.fromkeys(map(str, range(9)), "Wed Apr 10 12:00:00 UTC 2024")
    outputs = {
        host: said.format(day) for host, day in {**days, "9": "Fri Feb 2 12:00:00 UTC 2024"}.items()
    }

    comparison = compare(
        make_run({host: {"release": out} for host, out in outputs.items()}, [step])
    )

    assert [finding.hosts for finding in comparison.findings] == [("9",)]


def test_modules_that_come_and_go_are_left_out_and_foreign_ones_are_marked(play: Planted) -> None:
    given = play.run("modules", {"/proc/modules": recorded("kernel", "modules-ubuntu-nvidia.txt")})

    assert given.stdout.splitlines() == [
        "coretemp",
        "going Unloading",
        "kvm",
        "kvm_intel",
        "nvidia_drm (POE)",
        "nvidia_uvm (OE)",
        "snd_hda_core",
    ]
    assert raised("kernel", "modules", given.stdout) == {
        (Severity.WARNING, "a module is stuck while it is loaded or unloaded")
    }


def test_a_processor_is_told_once_and_without_what_moves(play: Planted) -> None:
    virtual = play.run("processor", {"/proc/cpuinfo": recorded("kernel", "cpuinfo-vm.txt")})
    arm = play.run("processor", {"/proc/cpuinfo": recorded("kernel", "cpuinfo-arm64.txt")})

    assert virtual.stdout.splitlines() == [
        "vendor_id: GenuineIntel",
        "model name: Intel(R) Core(TM) i5-8279U CPU @ 2.40GHz",
        "stepping: 10",
    ]
    assert "CPU part: 0xd0c" in arm.stdout.splitlines()


def test_vulnerabilities_are_keys_and_where_there_are_none_the_step_is_absent(
    play: Planted,
) -> None:
    directory = "/sys/devices/system/cpu/vulnerabilities"
    files = {
        f"{directory}/l1tf": "Mitigation: PTE Inversion; VMX: vulnerable, SMT disabled\n",
        f"{directory}/mds": "Not affected\n",
    }

    given = play.run("vulnerabilities", files, below=[directory])

    assert given.stdout == (
        "l1tf: Mitigation: PTE Inversion; VMX: vulnerable, SMT disabled\nmds: Not affected\n"
    )


def test_an_old_kernel_without_vulnerabilities_is_absent(play: Planted) -> None:
    given = play.run("vulnerabilities", below=["/sys/devices/system/cpu/vulnerabilities"])

    assert (given.kind, given.stdout) == ("absent", "")


def test_settings_are_named_as_sysctl_names_them_without_secrets_and_counters(
    play: Planted,
) -> None:
    files = {
        "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
        "/proc/sys/net/ipv4/tcp_fastopen_key": "00000000-11111111-22222222-33333333\n",
        "/proc/sys/net/ipv4/conf/eth0.100/rp_filter": "2\n",
        "/proc/sys/net/netfilter/nf_conntrack_count": "812\n",
        "/proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
        "/proc/sys/net/ipv6/conf/all/stable_secret": "::1\n",
        "/proc/sys/kernel/random/boot_id": "b7c9\n",
        "/proc/sys/fs/file-nr": "1216\t0\t811748\n",
        "/proc/sys/vm/swappiness": "60\n",
    }

    given = play.run("sysctl", files, below=["/proc/sys"])

    assert sorted(given.stdout.splitlines()) == [
        "net.ipv4.conf.eth0/100.rp_filter = 2",
        "net.ipv4.tcp_rmem = 4096 131072 6291456",
        "net.netfilter.nf_conntrack_max = 262144",
        "vm.swappiness = 60",
    ]


def test_live_patches_are_told_with_their_state(play: Planted) -> None:
    files = {
        "/sys/kernel/livepatch/kpatch_1_1/enabled": "1\n",
        "/sys/kernel/livepatch/kpatch_1_1/transition": "0\n",
        "/sys/kernel/livepatch/kpatch_2_1/enabled": "1\n",
        "/sys/kernel/livepatch/kpatch_2_1/transition": "1\n",
    }

    given = play.run("live-patches", files, below=["/sys/kernel/livepatch"])

    assert given.stdout == "kpatch_1_1 on\nkpatch_2_1 in transition\n"
    assert {severity for severity, _ in raised("kernel", "live-patches", given.stdout)} == {
        Severity.INFO
    }


def test_no_live_patch_is_none(play: Planted) -> None:
    assert play.run("live-patches", below=["/sys/kernel/livepatch"]).stdout == "none\n"


def test_stalls_the_kernel_counted_are_told(play: Planted) -> None:
    files = {
        "/sys/kernel/hardlockup_count": "0\n",
        "/sys/kernel/softlockup_count": "0\n",
        "/sys/kernel/rcu_stall_count": "2\n",
    }

    given = play.run("stalls", files, below=["/sys/kernel"])

    assert given.stdout == "rcu_stall_count 2\n"
    assert raised("kernel", "stalls", given.stdout)


def test_lockdown_and_selinux_are_told_in_words(play: Planted) -> None:
    files = {
        "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
        "/sys/kernel/security/lsm": "lockdown,capability,yama,selinux,bpf",
        "/sys/fs/selinux/enforce": "0",
    }

    given = play.run("protection", files, below=["/sys"])

    assert given.stdout.splitlines()[2:] == [
        "lockdown: integrity",
        "security modules: lockdown,capability,yama,selinux,bpf",
        "SELinux: permissive",
    ]
