"""`run`, `check`, `exec` and `show` on this machine itself, in processes of their own."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import environment, fleetdiag_argv, heed_interrupts, run_program
from tests.cli.test_progress import read_to_end

if TYPE_CHECKING:
    from pathlib import Path

FINE = "steps:\n  - greet: echo hello\n  - count: echo 42\n"
FLAGGED = """\
steps:
  - name: greet
    run: echo all on fire
    flag:
      - {matches: fire, severity: SEVERITY, say: It burns.}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    (playbooks / "fine.yaml").write_text(FINE)
    for severity in ("critical", "warning", "info"):
        (playbooks / f"{severity}.yaml").write_text(FLAGGED.replace("SEVERITY", severity))
    (playbooks / "hang.yaml").write_text(
        "steps:\n  - greet: echo hello\n  - name: wait\n    run: sleep 30\n    timeout: 60\n"
    )
    return tmp_path


def test_clean_run_reports_on_stdout_alone_and_exits_0(home: Path) -> None:
    done = run_program("run", "fine", "-i", "local", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "greet" in done.stdout


@pytest.mark.parametrize(
    ("playbook", "fail_on", "code"),
    [
        ("critical", None, 1),
        ("warning", None, 1),
        ("info", None, 0),
        ("warning", "critical", 0),
        ("info", "info", 1),
    ],
)
def test_findings_from_fail_on_up_exit_1(
    home: Path, playbook: str, fail_on: str | None, code: int
) -> None:
    flags = ["--fail-on", fail_on] if fail_on else []
    done = run_program("run", playbook, "-i", "local", *flags, home=home)
    assert done.returncode == code, done.stderr
    assert "It burns." in done.stdout


def test_host_without_a_result_exits_3_and_has_one_line_on_stderr(home: Path) -> None:
    # Port 9 of loopback: nothing listens there.
    done = run_program("run", "fine", "-w", "127.0.0.1", "--port", "9", home=home)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("127.0.0.1: refused: ")
    assert "refused" in done.stdout


def test_no_progress_keeps_stderr_empty(home: Path) -> None:
    done = run_program("run", "fine", "-w", "127.0.0.1", "--port", "9", "--no-progress", home=home)
    assert (done.returncode, done.stderr) == (3, "")


def test_json_stands_alone_on_stdout(home: Path) -> None:
    done = run_program("run", "warning", "-i", "local", "--format", "json", home=home)
    told = json.loads(done.stdout)
    assert told["format"] == 1
    assert told["run"]["playbook"] == "warning"
    assert told["run"]["interrupted"] is False
    assert [finding["kind"] for finding in told["findings"]] == ["rule"]


def test_reader_that_goes_away_does_not_change_the_exit_code(home: Path) -> None:
    argv = shlex.join(fleetdiag_argv("run", "warning", "-i", "local"))
    done = subprocess.run(
        ["bash", "-c", f"{argv} | true; echo ${{PIPESTATUS[0]}}"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_run_is_stored_and_shown_again_the_same(home: Path) -> None:
    live = run_program("run", "warning", "-i", "local", home=home)
    again = run_program("show", home=home)
    assert (again.stdout, again.returncode) == (live.stdout, live.returncode)
    listed = run_program("runs", "--format", "json", home=home)
    (run,) = json.loads(listed.stdout)
    assert run["playbook"] == "warning"
    assert run["id"] in run_program("runs", home=home).stdout
    by_id = run_program("show", run["id"], home=home)
    assert by_id.stdout == live.stdout


def test_save_stores_elsewhere(home: Path) -> None:
    run_program("run", "fine", "-i", "local", "--save", "kept", home=home)
    assert len(list((home / "kept").iterdir())) == 1
    assert "No run is stored" in run_program("runs", home=home).stderr
    assert "fine" in run_program("runs", "--save", "kept", home=home).stdout
    assert run_program("show", "--save", "kept", home=home).returncode == 0


def test_place_that_cannot_hold_runs_is_said_before_hosts_are_touched(home: Path) -> None:
    (home / "file").write_text("")
    (home / "playbooks" / "touch.yaml").write_text(f"steps:\n  - touch: touch {home}/touched\n")
    done = run_program("run", "touch", "-i", "local", "--save", "file/runs", home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--save DIR" in done.stderr
    assert not (home / "touched").exists()


def test_show_prints_what_a_host_answered_harmlessly(home: Path) -> None:
    (home / "playbooks" / "evil.yaml").write_text(
        "steps:\n  - evil: printf '\\033[2Jgone\\007\\n'\n  - other: echo other\n"
    )
    run_program("run", "evil", "-i", "local", home=home)
    done = run_program("show", "last", "--step", "evil", home=home)
    assert done.returncode == 0
    assert "gone" in done.stdout
    assert "other" not in done.stdout
    assert done.stdout.replace("\n", "").isprintable()


def test_show_of_an_unknown_host_or_run_is_refused(home: Path) -> None:
    assert run_program("show", home=home).returncode == 2
    run_program("run", "fine", "-i", "local", home=home)
    done = run_program("show", "--host", "nobody", home=home)
    assert done.returncode == 2
    assert "the run has no host 'nobody'; there is " in done.stderr
    done = run_program("show", "--step", "greeet", home=home)
    assert "there is greet" in done.stderr


def test_dry_run_touches_nothing(home: Path) -> None:
    (home / "playbooks" / "touch.yaml").write_text(f"steps:\n  - touch: touch {home}/touched\n")
    before = sorted(home.rglob("*"))
    done = run_program("run", "touch", "-i", "local", "-K", "-k", "--dry-run", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"touch {home}/touched" in done.stdout
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(("flag", "says"), [("-k", "--ask-pass"), ("-K", "--ask-become-pass")])
def test_password_without_a_terminal_is_refused_before_anything_starts(
    home: Path, flag: str, says: str
) -> None:
    done = run_program("run", "fine", "-i", "local", flag, home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "not a terminal" in done.stderr
    assert "No run is stored" in run_program("runs", home=home).stderr


def test_exec_groups_hosts_by_answer(home: Path) -> None:
    done = run_program("exec", "all", "-i", "local", "--", "echo", "one;", "echo", "two", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"one", "two"} <= set(done.stdout.split())


def test_exec_needs_a_command(home: Path) -> None:
    assert run_program("exec", "all", "-i", "local", home=home).returncode == 2


def test_check_sets_a_host_against_the_last_run(home: Path) -> None:
    name = json.loads(run_program("hosts", "-i", "local", "--format", "json", home=home).stdout)
    (host,) = (host["name"] for host in name["hosts"])
    alone = run_program("check", host, "--playbook", "fine", "-i", "local", home=home)
    assert "No stored run of fine to set it against" in alone.stderr
    run_program("run", "fine", "-w", "127.0.0.1,localhost", "--port", "9", home=home)
    done = run_program("check", host, "--playbook", "fine", "-i", "local", home=home)
    assert "Set against run " in done.stderr
    assert done.returncode == 0  # that its peers were down is not its fault
    assert len(json.loads(run_program("runs", "--format", "json", home=home).stdout)) == 1


def test_check_takes_one_host(home: Path) -> None:
    done = run_program("check", "web[1-2]", "-w", "web[1-2]", home=home)
    assert done.returncode == 2
    assert "means 2 hosts" in done.stderr


def interrupted(
    home: Path, number: signal.Signals
) -> tuple[subprocess.Popen[str], str, str, float]:
    """A run that hangs in its second step, and what it said after the signal, in seconds."""
    process = subprocess.Popen(
        fleetdiag_argv("run", "hang", "-i", "local"),
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        preexec_fn=heed_interrupts,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_sleep(process.pid)
    process.send_signal(number)
    began = time.monotonic()
    output, errors = process.communicate(timeout=20)
    return process, output, errors, time.monotonic() - began


def wait_for_sleep(pid: int) -> None:
    """Until the program has a `sleep 30` somewhere below it."""
    for _ in range(400):
        listed = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [row.split(None, 2) for row in listed.stdout.splitlines()]
        family = {str(pid)}
        for row in sorted(rows, key=lambda row: int(row[0])):
            if row[1] in family:
                family.add(row[0])
                if row[2] == "sleep 30":
                    return
        time.sleep(0.05)
    raise AssertionError("the step did not begin")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_stops_names_what_hung_and_shows_the_rest(
    home: Path, number: signal.Signals
) -> None:
    process, output, errors, took_s = interrupted(home, number)
    assert process.returncode == 130
    assert took_s < 2
    (line,) = errors.splitlines()
    assert line.startswith("Interrupted; still running: ")
    assert " at wait." in line
    assert "greet" in output
    shown = run_program("show", "--step", "greet", home=home)
    assert "hello" in shown.stdout


def test_live_line_on_a_terminal_leaves_only_the_report(home: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        fleetdiag_argv("run", "hang", "-i", "local"),
        cwd=home,
        env=environment(home) | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        preexec_fn=heed_interrupts,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    wait_for_sleep(process.pid)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    written = read_to_end(ours)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "0/1 done · 1 in flight" in written
    assert " wait " in written
    assert "\x1b" not in output.decode()
    assert written.split("\x1b[2K")[-1].strip().startswith("Interrupted; still running: ")


def test_a_run_is_retried_only_where_hosts_gave_nothing(home: Path) -> None:
    (home / "inventory.yaml").write_text(
        "hosts:\n  here: {transport: local}\n  gone: {address: 127.0.0.1, port: 1}\n"
    )
    first = run_program("run", "fine", home=home)
    assert first.returncode == 3
    (home / "inventory.yaml").write_text(
        "hosts:\n  here: {transport: local}\n  gone: {transport: local}\n"
    )

    again = run_program("run", "--retry", "last", "--format", "json", home=home)

    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert [host["status"] for host in told["hosts"]] == ["ok", "ok"]
    assert told["run"]["id"] in first.stdout
    nothing = run_program("run", "--retry", "last", home=home)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "nothing to retry" in nothing.stderr
    both = run_program("run", "fine", "--retry", "last", home=home)
    assert "name no playbook" in both.stderr
    assert "say which playbook" in run_program("run", home=home).stderr
