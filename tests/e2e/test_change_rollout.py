"""Changes on twelve real hosts: interfaces go down and up, hosts reboot, some never come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag.cli.change import whoever
from fleetdiag.model import HostState, Outcome, Run
from tests.change.networking import cycles, has_ifupdown, has_network_scripts
from tests.conftest import MakeFleet
from tests.e2e.program import Done, Program, environment, finished, until
from tests.fleet import Fleet, User
from tests.fleet.spec import Kind

pytestmark = pytest.mark.fleet

HOSTS = [f"web-{number:02}" for number in range(1, 13)]
ZONES = {name: {"zone": "a" if number < 6 else "b"} for number, name in enumerate(HOSTS)}
GO = ("--allow-changes", "--yes", "--no-diagnosis")
SHIPPED = Path(__file__).parents[2] / "playbooks"

TOUCH = """\
kind: change
before: [uname -n]
steps:
  - name: touch
    run: 'echo "$(hostname) $(date +%s)" >>/var/log/touched; {run}'
away: {away}
verify: {{run: '{verify}', within: 3s}}
"""


@pytest.fixture(scope="module")
def twelve() -> Iterator[Fleet]:
    """Six hosts with systemd, three as containers are, three of busybox; of each some restart their
    network by ifupdown, and some by network scripts."""
    kinds: dict[str, Kind] = {"web-[04-06]": "bare", "web-[10-12]": "dropbear"}
    with Fleet(names="web-[01-12]", kinds=kinds, attributes=ZONES) as running:
        for number, name in enumerate(HOSTS):
            (has_network_scripts if number % 2 else has_ifupdown)(running, name)
        yield running


@pytest.fixture
def rolling(twelve: Fleet, tmp_path: Path) -> Program:
    return Program(tmp_path, twelve.inventory_path)


def touching(program: Program, run: str = "true", verify: str = "true", away: str = "30s") -> str:
    return program.playbook("touch", TOUCH.format(run=run, verify=verify, away=away))


def touched(fleet: Fleet) -> list[str]:
    """The hosts that were changed, in the order of their turns; forgotten afterwards."""
    lines = [
        line
        for name in HOSTS
        for line in fleet.exec(
            name, ["sh", "-c", "cat /var/log/touched; rm -f /var/log/touched"]
        ).stdout.splitlines()
    ]
    return [line.split()[0] for line in sorted(lines, key=lambda line: int(line.split()[1]))]


def states(run: Run) -> dict[HostState, list[str]]:
    assert run.rollout is not None
    found: dict[HostState, list[str]] = {}
    for name, act in run.rollout.states().items():
        found.setdefault(act.state, []).append(name)
    return {state: sorted(names) for state, names in found.items()}


def left(fleet: Fleet, *hosts: str) -> list[str]:
    """What is left of changes on hosts: locks, jobs, units, processes."""
    script = (
        "ls -A /run/fleetdiag /var/lib/fleetdiag 2>/dev/null | grep -v ':$' | grep .;"
        " ls -d /var/lib/fleetdiag 2>/dev/null;"
        " [ ! -d /run/systemd/system ] ||"
        " systemctl list-units --all --plain --no-legend 'fleetdiag*'"
    )
    found = [fleet.exec(host, ["sh", "-c", script]).stdout for host in hosts]
    running = [str(p.argv) for host in hosts for p in fleet.processes(host)]
    return [*filter(None, found), *(argv for argv in running if "fleetdiag" in argv)]


def boot_id(fleet: Fleet, host: str) -> str:
    return fleet.exec(host, ["cat", "/proc/sys/kernel/random/boot_id"]).stdout


# ------------------------------------------------------------------------------------- allowed?


def test_a_change_that_is_not_allowed_says_what_it_would_do(
    rolling: Program, twelve: Fleet
) -> None:
    done = rolling.run("run", touching(rolling), "--batch", "1,25%")

    assert done.code == 2
    assert "Hosts (12): web-[01-12]" in done.out
    assert "   1. web-01  (the canary)\n   2. web-[02-04]\n" in done.out
    assert "Nothing was done" in done.err
    assert touched(twelve) == []
    assert not rolling.runs_directory.exists()


def test_nobody_to_ask_is_no_consent(rolling: Program, twelve: Fleet) -> None:
    done = rolling.run("run", touching(rolling), "--allow-changes")

    assert (done.code, touched(twelve)) == (2, [])
    assert "--yes" in done.err


def answering(program: Program, text: str, *arguments: str) -> tuple[int, str]:
    """The exit code of a command line at a terminal where somebody types `text`; what it asked."""
    ours, theirs = os.openpty()
    os.write(ours, text.encode())
    done = subprocess.run(
        [sys.executable, "-m", "fleetdiag", *arguments, "-i", str(program.inventory)],
        stdin=theirs,
        capture_output=True,
        text=True,
        env=environment(program.home),
        cwd=program.home,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("limit", "typed", "code"),
    [
        ("web-[10-12],web-04", "y\n", 2),
        ("web-[10-12],web-04", "4\n", 0),
        ("web-10", "\n", 2),
    ],
)
def test_of_many_hosts_the_number_is_typed(
    rolling: Program, twelve: Fleet, limit: str, typed: str, code: int
) -> None:
    book = touching(rolling)
    asked = ("run", book, "--allow-changes", "--no-diagnosis", "-l", limit, "--batch", "1,9")
    found, said = answering(rolling, typed, *asked)

    assert found == code, said
    assert ("Nothing was done." in said) is (code == 2)
    assert ("Type the number of hosts, 4, to go ahead" in said) is ("," in limit)
    assert bool(touched(twelve)) is (code == 0)


def test_somebody_may_be_asked_between_batches(rolling: Program, twelve: Fleet) -> None:
    book = touching(rolling)
    asked = ("run", book, *GO[::2], "-l", "web-[10-12]", "--batch", "1", "--pause", "ask")
    code, said = answering(rolling, "y\ny\nn\n", *asked)

    assert code == 3
    assert said.count("Go on with the next batch?") == 2
    assert touched(twelve) == ["web-10", "web-11"]
    assert states(rolling.stored())[HostState.UNTOUCHED] == ["web-12"]


def test_a_diagnosis_takes_no_flag_of_a_change(rolling: Program) -> None:
    done = rolling.run("run", "uptime", "--allow-changes", "--batch", "1")

    assert done.code == 2
    assert "uptime is a diagnosis, it changes nothing: --allow-changes, --batch" in done.err


@pytest.mark.parametrize("verb", ["check", "try"])
def test_no_other_verb_runs_a_change(rolling: Program, twelve: Fleet, verb: str) -> None:
    book = touching(rolling)
    inventory = ("-i", str(twelve.inventory_path))
    words = {
        "check": ("check", "web-01", "--playbook", book),
        "try": ("playbook", "try", book, "--host", "web-01"),
    }
    done = rolling.call(*words[verb], *inventory)

    assert (done.code, touched(twelve)) == (2, [])
    assert "`touch` changes hosts" in done.err


def test_what_no_diagnosis_asks_for_is_refused_and_what_one_does_is_not(
    rolling: Program, twelve: Fleet
) -> None:
    limit = ("-l", "web-[01-03],web-07")
    asked = ("restart-service", "-p", "name=app", "--allow-changes", "--yes")
    none = rolling.run("run", *asked, *limit)
    assert none.code == 2
    assert "web-[01-03,07]: there is no diagnosis of it" in none.err

    twelve.fault("web-01", "fail-unit")
    failed = "systemctl list-units --state=failed --plain --no-legend | grep . || echo none"
    rolling.run("run", rolling.playbook("units", f"steps: [failed-units: '{failed}']"), *limit)
    all_four = rolling.run("run", *asked, *limit)
    assert all_four.code == 2
    assert "web-[02-03,07]: run " in all_four.err
    assert "found nothing there that this would mend (--no-diagnosis)" in all_four.err

    one = rolling.run("run", *asked, "-l", "web-01")
    assert one.code == 0, one
    assert twelve.exec("web-01", ["systemctl", "is-active", "app"]).stdout == "active\n"
    twelve.heal("web-01")


def test_the_provider_holds_back_what_cannot_help(tmp_path: Path) -> None:
    program = Program(tmp_path, Path("demo"))
    demo = ("run", "reboot", "-i", "demo", *GO)
    done = program.call(*demo)
    assert done.code == 2
    assert "reboot is refused, and nothing was done:" in done.err
    assert "the provider has an open event, system-maintenance" in done.err
    assert "(--despite-provider)" in done.err
    all_the_same = program.call(*demo, "--despite-provider")
    assert all_the_same.code == 2
    assert "recorded ones cannot be changed" in all_the_same.err


# ------------------------------------------------------------------------------------ roll out


def test_a_rolling_network_restart_takes_each_interface_down_and_up_once(
    rolling: Program, twelve: Fleet
) -> None:
    done = rolling.run("run", "restart-network", *GO, "--apart", "zone", "--keep", "50%")

    assert done.code == 0, done
    assert {name: cycles(twelve, name) for name in HOSTS} == {
        name: ["down", "up"] for name in HOSTS
    }
    run = rolling.stored()
    assert states(run) == {HostState.DONE: HOSTS}
    assert run.rollout is not None
    assert [len(batch) for batch in run.rollout.batches] == [1, 1, 3, 1, 3, 3]
    outcomes = {step.outcome for host in run.hosts for step in host.steps}
    assert outcomes <= {Outcome.OK, Outcome.ABSENT}
    assert left(twelve, *HOSTS) == []
    said = {act.host: act.said for act in run.rollout.acts if act.state is HostState.DONE}
    assert "eth0 is ifupdown's" in said["web-01"]
    assert "eth0 is the network scripts'" in said["web-12"]


def test_a_rolling_reboot_ends_processes_and_brings_new_boot_ids(
    rolling: Program, twelve: Fleet
) -> None:
    some = ["web-02", "web-03", "web-05"]  # with systemd and without
    boots = {name: boot_id(twelve, name) for name in some}
    for name in some:
        twelve.fault(name, "run", command="sleep 4713")

    done = rolling.run("run", "reboot", *GO, "-l", ",".join(some), "--batch", "1,2")

    assert done.code == 0, done
    for name in some:
        assert boot_id(twelve, name) != boots[name]
        assert not [p for p in twelve.processes(name) if "4713" in p.argv]
    run = rolling.stored()
    saved = {step.name: step.outcome for step in run.hosts[0].steps}
    assert saved["before.previous-boot"] is not Outcome.NOT_RUN
    assert saved["before.boots"] is Outcome.OK
    assert left(twelve, *some) == []
    twelve.heal()


def test_a_canary_that_fails_stops_the_rest_untouched(rolling: Program, twelve: Fleet) -> None:
    book = touching(rolling, run="[ $(hostname) != web-01 ] || { echo broken pipe; exit 3; }")
    done = rolling.run("run", book, *GO, "--max-failures", "5")

    assert done.code == 3
    assert touched(twelve) == ["web-01"]
    run = rolling.stored()
    assert states(run) == {HostState.FAILED: ["web-01"], HostState.UNTOUCHED: HOSTS[1:]}
    assert "Stopped: the canary failed: web-01" in done.out
    assert "step touch ended with exit 3" in done.out
    assert "| broken pipe" in done.out
    assert f"fleetdiag run --retry {run.id} --allow-changes -i {rolling.inventory}\n" in done.out
    assert rolling.run("show", "last").out == done.out

    again = rolling.run("run", "--retry", run.id, *GO[:2], "--batch", "12")
    assert again.code == 1, again
    assert touched(twelve)[0] == "web-01"


def test_what_is_not_as_before_is_told_though_it_is_done(rolling: Program, twelve: Fleet) -> None:
    book = (
        "kind: change\nbefore: [names: cat /etc/hosts.allowed-names]\nsteps:\n"
        "  - {name: forget, run: echo other >/etc/hosts.allowed-names}\nverify: 'true'\n"
    )
    for host in ("web-01", "web-07"):
        twelve.write(host, "/etc/hosts.allowed-names", b"one\n")
    done = rolling.run("run", rolling.playbook("forget", book), *GO, "-l", "web-01,web-07")

    assert done.code == 0
    assert "Not as before, on hosts that are done:\n  web-[01,07]: names: " in done.out


def test_what_was_not_verified_has_failed(rolling: Program, twelve: Fleet) -> None:
    book = touching(rolling, verify="echo no such page >&2; exit 22")
    done = rolling.run("run", book, *GO, "-l", "web-[10-11]")

    assert (done.code, touched(twelve)) == (3, ["web-10"])
    assert "not verified within 3 s: exit 1: no such page" in done.out


def test_the_budget_counts_hosts_that_never_come_back_and_those_that_never_answered(
    rolling: Program, twelve: Fleet
) -> None:
    twelve.fault("web-12", "reject")
    down = "[ $(hostname) != web-03 ] || ip link set eth0 down"
    book = touching(rolling, run=down, away="4s")
    few = "web-[01-04],web-12"
    two = rolling.run("run", book, *GO, "--max-failures", "1", "--batch", "1", "-l", few)

    assert two.code == 3
    assert touched(twelve) == ["web-01", "web-02", "web-03"]
    run = rolling.stored()
    assert states(run)[HostState.UNKNOWN] == ["web-03"]
    assert states(run)[HostState.UNTOUCHED] == ["web-04", "web-12"]
    assert "2 hosts have failed or did not answer, 1 may: web-03, web-12" in two.out
    assert [host.status for host in run.hosts[2:4]] == ["lost", "ok"]

    gateway = "ip link set eth0 up; ip route replace default via $(sed -n 's/.*gateway //p' %s)"
    twelve.exec("web-03", ["sh", "-c", gateway % "/etc/network/interfaces"])
    twelve.heal("web-12")
    asked = rolling.call("show", "last", "-i", str(twelve.inventory_path))
    assert "web-03 is done" in asked.out
    on = rolling.run("run", "--retry", run.id, *GO[:2], "--batch", "12")
    assert on.code == 0, on
    assert "web-03" not in touched(twelve)
    assert states(rolling.stored()) == {HostState.DONE: [*HOSTS[:4], "web-12"]}
    assert left(twelve, *HOSTS) == []


def test_a_restart_that_breaks_the_network_for_good_is_undone_by_the_host(
    rolling: Program, twelve: Fleet
) -> None:
    """Its address is another afterwards: it is out of reach until it puts itself back."""
    book = (SHIPPED / "restart-network.yaml").read_text().replace("after: 45s", "after: 4s")
    path = rolling.playbook("restart-network", book.replace("away: 3m", "away: 100s"))
    wrong = b"address 192.0.2.7/24\ngateway 192.0.2.1\n"
    kept: dict[str, bytes] = {}
    broken = ["web-02", "web-06", "web-12"]
    for name in broken:
        file = "/etc/sysconfig/network-scripts/ifcfg-eth0"
        kept[name] = twelve.exec(name, ["cat", file]).stdout.encode()
        twelve.write(name, file, wrong)

    done = rolling.run("run", path, *GO, "-l", ",".join(broken), "--batch", "3")

    assert done.code == 1, done
    run = rolling.stored()
    assert states(run) == {HostState.UNDONE: broken}
    assert "put back by the host: nobody confirmed it in time" in done.out
    for name in broken:
        assert "192.0.2.7" in twelve.exec(name, ["ip", "addr"]).stdout
        twelve.write(name, "/etc/sysconfig/network-scripts/ifcfg-eth0", kept[name])
        twelve.exec(name, ["ip", "addr", "del", "192.0.2.7/24", "dev", "eth0"])
    assert left(twelve, *broken) == []


def test_the_second_of_two_controllers_is_refused_with_the_firsts_name_and_time(
    rolling: Program, twelve: Fleet, tmp_path: Path
) -> None:
    book = touching(rolling, run="until [ -e /run/go-on ]; do sleep 0.1; done")
    second = Program(tmp_path / "other", twelve.inventory_path)
    second.home.mkdir()
    flags = (book, *GO, "-i", str(twelve.inventory_path), "-l", "web-[10-11]")
    with rolling.start("run", *flags) as first:
        until(lambda: locked(twelve, "web-11"), "the first had its locks", within_s=60)
        refused = second.call("run", *flags)
        for host in ("web-10", "web-11"):
            twelve.write(host, "/run/go-on", b"")
        assert finished(first).code == 0

    assert refused.code == 3
    who = f"{whoever()} since {time.strftime('%Y-%m-%d', time.gmtime())}"
    assert f"Stopped: web-10 is locked by {who}" in refused.out
    assert f"UTC, run {rolling.stored().id}" in refused.out
    assert touched(twelve) == ["web-10", "web-11"]


def locked(fleet: Fleet, host: str) -> bool:
    return fleet.exec(host, ["test", "-e", "/var/lib/fleetdiag/lock"]).returncode == 0


def test_a_stale_lock_is_explained_and_taken_over_when_somebody_says_so(
    rolling: Program, twelve: Fleet
) -> None:
    twelve.write("web-07", "/var/lib/fleetdiag/lock", b"20260101T000000-x-1 1767225600 al@ops\n")
    book = touching(rolling)
    refused = rolling.run("run", book, *GO, "-l", "web-07")
    assert (refused.code, touched(twelve)) == (3, [])
    assert "locked by al@ops since 2026-01-01 00:00:00 UTC, run 20260101T000000-x-1" in refused.out
    assert "--break-lock" in refused.out

    taken = rolling.run("run", book, *GO, "-l", "web-07", "--break-lock")
    assert (taken.code, touched(twelve)) == (0, ["web-07"])
    assert left(twelve, "web-07") == []


def test_it_is_done_through_sudo_or_not_at_all(make_fleet: MakeFleet, tmp_path: Path) -> None:
    users = (User("admin", sudo="nopasswd"), User("ops"))
    own = make_fleet(names="web-01", kind="bare", users=users)
    program = Program(tmp_path, own.inventory_path)
    run = ("run", touching(program, run="id -u"), *GO)

    refused = program.run(*run, "-u", "ops")
    assert refused.code == 3
    assert "Stopped: web-01 cannot be locked: sudo: " in refused.out
    assert "Not as before" not in refused.out
    assert own.exec("web-01", ["cat", "/var/log/touched"]).stdout == ""

    done = program.run(*run, "-u", "admin")
    assert done.code == 0, done
    assert own.exec("web-01", ["cat", "/var/log/touched"]).stdout.startswith("web-01 ")


def test_programs_get_what_became_of_each_host(rolling: Program, twelve: Fleet) -> None:
    done: Done = rolling.run("run", touching(rolling), *GO, "-l", "web-10", "--format", "json")
    told = json.loads(done.out)

    assert told["rollout"]["hosts"]["web-10"]["state"] == "done"
    assert [act["state"] for act in told["rollout"]["acts"]] == ["about", "done"]
    assert touched(twelve) == ["web-10"]
