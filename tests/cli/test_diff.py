"""`diff` and `--baseline`: stored runs against each other, in processes of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fleetdiag.archive import Writer
from fleetdiag.model import Host, HostPlan, Plan, Run, TransportKind
from tests.cli.program import run_program
from tests.factory import STARTED_AT, make_host, make_run, make_step

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ["web-01", "web-02", "web-03"]
DAY_S = 86_400.0


def stored(home: Path, day: int, said: dict[str, str], playbook: str = "triage") -> Run:
    """Stores a run of one step, as if made on that day."""
    started_at = STARTED_AT + day * DAY_S
    hosts = [
        replace(make_host(host, {"kernel": text}), started_at=started_at)
        for host, text in said.items()
    ]
    run = make_run(hosts, [make_step("kernel")], playbook=playbook)
    run = replace(run, id=f"202611{22 + day}T030405-{playbook}-000{day}", started_at=started_at)
    plans = tuple(
        HostPlan(Host(host.name, TransportKind.LOCAL), run.playbook.steps) for host in hosts
    )
    directory = home / ".local" / "state" / "fleetdiag" / "runs"
    plan = Plan(run.playbook, plans)
    writer = Writer.create(directory, run.id, plan, version="0.1.0", started_at=started_at)
    for host in hosts:
        writer.add(host)
    writer.finish(1.0, False)
    writer.close()
    return run


def everywhere(text: str, **others: str) -> dict[str, str]:
    return {host: others.get(host.replace("-", "_"), text) for host in HOSTS}


def test_diff_tells_what_changed_and_exits_1(tmp_path: Path) -> None:
    before = stored(tmp_path, 0, everywhere("6.1.0"))
    after = stored(tmp_path, 1, everywhere("6.1.0", web_02="6.5.0"))
    done = run_program("diff", before.id, home=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"From {before.id} to {after.id}: 3 hosts in both.\n")
    assert "kernel: changed from 6.1.0 to 6.5.0" in done.stdout
    assert "differs from" not in done.stdout


def test_diff_of_equal_runs_says_so_and_exits_0(tmp_path: Path) -> None:
    # Odd among its peers, as it was before: no change.
    before = stored(tmp_path, 0, everywhere("6.1.0", web_02="6.5.0"))
    stored(tmp_path, 1, everywhere("6.1.0", web_02="6.5.0"))
    done = run_program("diff", before.id, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Nothing changed.\n")


def test_diff_last_takes_the_run_before_of_the_same_playbook(tmp_path: Path) -> None:
    first = stored(tmp_path, 0, everywhere("a"))
    stored(tmp_path, 1, everywhere("b"), playbook="other")
    last = stored(tmp_path, 2, everywhere("a"))
    done = run_program("diff", "last", home=tmp_path)
    assert done.stdout.startswith(f"From {first.id} to {last.id}")


def test_last_good_passes_over_runs_with_findings(tmp_path: Path) -> None:
    good = stored(tmp_path, 0, everywhere("a"))
    stored(tmp_path, 1, everywhere("a", web_01="z"))
    last = stored(tmp_path, 2, everywhere("a", web_01="z"))
    done = run_program("diff", "last-good", home=tmp_path)
    assert done.stdout.startswith(f"From {good.id} to {last.id}")
    shown = run_program("show", "--baseline", "last-good", home=tmp_path)
    assert shown.stderr == f"Baseline: {good.id}, 3 hosts, the newest good one of 2.\n"
    assert "kernel: changed from a to z" in shown.stdout


def test_json_of_diff_holds_changes_only(tmp_path: Path) -> None:
    before = stored(tmp_path, 0, everywhere("a"))
    stored(tmp_path, 1, everywhere("a", web_01="z"))
    told = json.loads(run_program("diff", before.id, "--format", "json", home=tmp_path).stdout)
    assert {finding["kind"] for finding in told["findings"]} == {"changed"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no stored run 'nothing'"),
        (["last"], "no stored run of triage before"),
        (["last-good"], "no stored good run of triage before"),
        (["20261122"], "is both runs"),
    ],
)
def test_diff_without_an_earlier_run_exits_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    stored(tmp_path, 0, everywhere("a"))
    done = run_program("diff", *arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_runs_in_the_wrong_order_are_told(tmp_path: Path) -> None:
    early = stored(tmp_path, 0, everywhere("a"))
    late = stored(tmp_path, 1, everywhere("b"))
    done = run_program("diff", late.id, early.id, home=tmp_path)
    assert f"Warning: {late.id} is later than {early.id}" in done.stderr


def test_first_run_with_a_baseline_goes_on_without_one(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("steps:\n  - greet: cat said\n")
    (tmp_path / "said").write_text("hello\n")
    flags = ["-i", "local", "--baseline", "last"]
    first = run_program("run", "./p.yaml", *flags, home=tmp_path)
    assert first.returncode == 0
    assert first.stderr == "No stored run of p to compare with: no baseline.\n"
    (tmp_path / "said").write_text("good bye\n")
    second = run_program("run", "./p.yaml", *flags, home=tmp_path)
    assert second.returncode == 1
    assert "greet: changed from hello to good bye" in second.stdout


def test_a_named_baseline_that_is_not_there_stops_before_any_contact(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("steps:\n  - greet: touch contacted\n")
    done = run_program("run", "./p.yaml", "-i", "local", "--baseline", "x", home=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / "contacted").exists()


def test_a_baseline_is_for_the_report_not_for_raw_output(tmp_path: Path) -> None:
    stored(tmp_path, 0, everywhere("a"))
    done = run_program("show", "--host", "web-01", "--baseline", "last", home=tmp_path)
    assert done.returncode == 2
    assert "--baseline is for the report" in " ".join(done.stderr.split())
