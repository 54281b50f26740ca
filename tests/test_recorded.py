"""The recorded incident of `-i demo`: what it tells, and that it is of the playbooks there are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fleetdiag.inventory.recorded import INCIDENT
from tests.fleet.incident import EDITS
from tests.fleet.record import CRASHED, clashes, recorded_playbooks, step_digests

ROOT = Path(__file__).resolve().parents[1]
STALE = "the recording is not of these playbooks: run `python -m tests.fleet.record` as root"
NOTE = "recorded on fleetdiag's test fleet, edited to tell a story; not real servers"

Json = dict[str, Any]


def demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program on the recorded fleet, as somebody's first command."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    return subprocess.run(
        [sys.executable, "-m", "fleetdiag", *arguments],
        capture_output=True,
        text=True,
        env={**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        cwd=home,
        timeout=60,
        check=False,
    )


def result(home: Path, playbook: str = "triage") -> Json:
    done = demo(home, "run", playbook, "-i", "demo", "--format", "json")
    assert done.returncode in (0, 1), done.stderr
    told: Json = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def triage(tmp_path_factory: pytest.TempPathFactory) -> Json:
    return result(tmp_path_factory.mktemp("home"))


def answer(host: str, step: str) -> str:
    return (INCIDENT / host / f"{step}.out").read_text()


def hosts_json() -> Json:
    about: Json = json.loads((INCIDENT / "hosts.json").read_text())
    return about


# ---------------------------------------------------------------------------------- the report


def test_the_first_finding_is_the_panic_on_ten_hosts(triage: Json) -> None:
    first = triage["findings"][0]
    assert (first["severity"], first["summary"]) == ("critical", "the kernel panicked")
    assert (first["hosts"], first["of"]) == (list(CRASHED), 12)
    assert (first["step"], first["kind"]) == ("previous-boot", "rule")


def test_whatever_else_is_found_belongs_to_the_same_crash(triage: Json) -> None:
    assert {finding["step"] for finding in triage["findings"]} <= {
        "previous-boot",
        "last-shutdown",
        "boot",
    }
    assert len(triage["findings"]) <= 6


def test_the_exit_status_says_that_something_was_found(tmp_path: Path) -> None:
    assert demo(tmp_path, "run", "triage", "-i", "demo").returncode == 1


def test_the_screen_fits_eighty_columns_and_names_the_ten_first(tmp_path: Path) -> None:
    lines = demo(tmp_path, "run", "triage", "-i", "demo").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    at = lines.index("FINDINGS")
    assert lines[at + 1] == "CRITICAL  the kernel panicked"
    assert lines[at + 2].split() == ["10", "of", "12", "web-[01-10]"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "triage"],
        ["run", "triage", "--format", "markdown"],
        ["run", "triage", "--dry-run"],
        ["hosts"],
        ["check", "web-11"],
    ],
    ids=" ".join,
)
def test_it_is_said_to_be_recorded_wherever_it_is_shown(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = demo(tmp_path, *arguments, "-i", "demo")
    assert NOTE in done.stdout + done.stderr


def test_answers_to_one_command_are_said_to_be_recorded(tmp_path: Path) -> None:
    done = demo(tmp_path, "exec", "-i", "demo", "web-*", "--", "uptime")
    assert NOTE in done.stdout + done.stderr


def test_a_stored_run_still_says_that_it_was_recorded(tmp_path: Path) -> None:
    demo(tmp_path, "run", "triage", "-i", "demo")
    for shown in (["show", "last"], ["show", "last", "--host", "web-01"]):
        assert NOTE in demo(tmp_path, *shown).stdout


def test_in_json_every_host_has_an_attribute_that_says_so(triage: Json) -> None:
    assert {host["attributes"]["recorded"] for host in triage["hosts"]} == {"yes"}


def test_two_replays_are_the_same_but_for_id_and_time(tmp_path: Path, triage: Json) -> None:
    def lasting(told: Json) -> Json:
        varying = ("id", "started_at", "duration_s")
        # When hosts booted is reckoned back from now.
        timed = ("evidence", "shared")
        return told | {
            "run": {k: v for k, v in told["run"].items() if k not in varying},
            "findings": [
                {k: v for k, v in finding.items() if k not in timed} for finding in told["findings"]
            ],
        }

    assert lasting(result(tmp_path)) == lasting(triage)


# ------------------------------------------------------------------------------- the recording


def test_the_commands_recorded_are_those_of_the_playbooks_there_are() -> None:
    assert hosts_json()["commands"] == step_digests(), STALE


def test_every_host_has_a_recording_of_every_step() -> None:
    steps = {key.partition("/")[2] for key in step_digests()}
    for host in hosts_json()["hosts"]:
        assert {path.stem for path in (INCIDENT / host).iterdir()} == steps, STALE


@pytest.mark.parametrize("name", recorded_playbooks())
def test_every_step_of_a_recorded_playbook_is_ok_on_every_host(tmp_path: Path, name: str) -> None:
    hosts = result(tmp_path, name)["hosts"]
    assert len(hosts) == 12
    silent = {
        f"{host['name']}/{step['name']}: {step['outcome']}"
        for host in hosts
        for step in host["steps"]
        if step["outcome"] != "ok"
    }
    assert not silent, STALE


def test_where_two_playbooks_share_a_step_name_the_page_says_which_answer_is_kept() -> None:
    page = (ROOT / "docs" / "recorded-incident.md").read_text()
    assert all(f"`{step}` of triage" in page for step in clashes())


def test_the_page_lists_every_edit() -> None:
    page = (ROOT / "docs" / "recorded-incident.md").read_text()
    listed = re.findall(r"^\| `([\w-]+)` \| (.+?) \|", page, re.MULTILINE)
    edits = [(step, whose) for whose, steps in EDITS.items() for step in steps]
    assert sorted(listed) == sorted(edits)


def test_the_recording_is_small() -> None:
    assert sum(path.stat().st_size for path in INCIDENT.rglob("*") if path.is_file()) < 512 * 1024


# ----------------------------------------------------------------------------------- the story


def test_the_ten_stand_in_one_zone_and_the_two_in_another() -> None:
    zones: dict[str, set[str]] = {}
    for name, about in hosts_json()["hosts"].items():
        zones.setdefault(about["attributes"]["zone"], set()).add(name)
    assert zones == {"use1-az4": set(CRASHED), "use1-az6": {"web-11", "web-12"}}


def test_the_ten_crashed_in_one_minute_a_quarter_of_an_hour_before_the_recording() -> None:
    crashes, waits_s = [], []
    for host in CRASHED:
        line = next(x for x in answer(host, "previous-boot").splitlines() if "Kernel panic" in x)
        crashes.append(datetime.fromisoformat(line.split()[0]))
        recorded_at = datetime.fromisoformat(answer(host, "time").strip())
        waits_s.append((recorded_at - crashes[-1]).total_seconds())
    assert len({at.replace(second=0) for at in crashes}) == 1
    assert len(set(crashes)) == 10
    assert 14 * 60 < min(waits_s) <= max(waits_s) < 18 * 60


def test_one_headline_and_one_stack_on_all_ten_but_other_pids_and_addresses() -> None:
    def without_numbers(log: str) -> list[str]:
        said = [line.split(" kernel: ", 1)[1] for line in log.splitlines() if " kernel: " in line]
        said = said[next(i for i, line in enumerate(said) if "segfault" in line) :]
        return [re.sub(r"\[\d+\]|\b[0-9a-f]{12,16}\b|CPU:? \d.*|swapper/\d", "*", x) for x in said]

    logs = [answer(host, "previous-boot") for host in CRASHED]
    tails = [
        [x for x in without_numbers(log) if not x.startswith(("RSP", "Kernel Offset"))]
        for log in logs
    ]
    assert all(tail == tails[0] for tail in tails)
    assert tails[0][0].startswith("app*: segfault at 18")
    assert " virtnet_poll+0x1c2/0x4d0 [virtio_net]" in tails[0]
    assert len({re.findall(r"app\[\d+\]: segfault at 18 ip \w+", log)[0] for log in logs}) == 10


def test_a_log_that_ends_in_a_panic_has_nothing_of_a_shutdown() -> None:
    for host in CRASHED:
        last = answer(host, "previous-boot").splitlines()[-2:]
        assert "Kernel panic - not syncing" in last[0]
        assert answer(host, "last-shutdown") == "the boot before broke off without a shutdown\n"


def test_the_ten_came_back_and_the_two_never_went() -> None:
    hosts = hosts_json()["hosts"]
    for name, about in hosts.items():
        up_s = about["facts"]["uptime_s"]
        if name in CRASHED:
            assert f"up {int(up_s // 60)} min," in answer(name, "uptime")
            assert answer(name, "boot") == "booted in the last hour\n"
        else:
            assert up_s > 14 * 86_400
            assert f"up {int(up_s // 86_400)} days," in answer(name, "uptime")
            assert answer(name, "boot") == "up for more than an hour\n"
    assert len({about["facts"]["boot_id"] for about in hosts.values()}) == 12


def test_the_kernel_is_the_one_the_log_names_not_the_recording_machines() -> None:
    for host in hosts_json()["hosts"]:
        log = answer(host, "kernel-log")
        release = re.search(r"Linux version (\S+)", log)
        options = re.search(r"Command line: (.+)", log)
        assert release is not None
        assert options is not None
        assert answer(host, "kernel").split()[1] == release[1]
        assert answer(host, "kernel-options").split() == sorted(options[1].split())
        if host in CRASHED:
            assert f"Not tainted {release[1]}" in answer(host, "previous-boot")
