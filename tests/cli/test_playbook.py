from __future__ import annotations

import json
from pathlib import Path

from tests.cli.program import run_program

BROKEN = "stepz:\n  - uptime\n"


def test_list_names_the_shipped_playbooks(tmp_path: Path) -> None:
    done = run_program("playbook", "list", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"triage", "uptime"} <= {
        row.split()[0] for row in done.stdout.splitlines() if row[:1].strip()
    }


def test_list_says_which_playbook_is_broken(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "mine.yaml").write_text(BROKEN)
    done = run_program("playbook", "list", home=tmp_path)
    (mine,) = (row for row in done.stdout.splitlines() if row.startswith("mine "))
    assert "BROKEN" in mine


def test_what_show_prints_is_a_playbook(tmp_path: Path) -> None:
    done = run_program("playbook", "show", "triage", home=tmp_path)
    assert done.returncode == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(done.stdout)
    assert run_program("playbook", "lint", str(copy), home=tmp_path).returncode == 0


def test_a_new_playbook_has_nothing_wrong_and_runs_as_it_is(tmp_path: Path) -> None:
    done = run_program("playbook", "new", "web", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "playbooks/web.yaml\n")
    assert run_program("playbook", "lint", "playbooks/web.yaml", home=tmp_path).returncode == 0
    ran = run_program("run", "web", "-i", "local", "--format", "json", home=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (host,) = json.loads(ran.stdout)["hosts"]
    assert {step["outcome"] for step in host["steps"]} == {"ok"}


def test_a_new_playbook_never_takes_the_place_of_another(tmp_path: Path) -> None:
    mine = tmp_path / "playbooks" / "web.yml"
    mine.parent.mkdir()
    mine.write_text("steps: [uptime]\n")
    done = run_program("playbook", "new", "web.yaml", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "playbooks/web.yml is there already" in done.stderr
    assert [path.name for path in mine.parent.iterdir()] == ["web.yml"]


def test_a_new_playbook_needs_a_name_and_a_place_to_write(tmp_path: Path) -> None:
    done = run_program("playbook", "new", "../web", home=tmp_path)
    assert done.returncode == 2
    assert "expected letters, digits" in done.stderr
    (tmp_path / "playbooks").write_text("no directory")
    done = run_program("playbook", "new", "web", home=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "playbooks/web.yaml" in done.stderr


def test_lint_prints_every_problem_of_every_file_and_exits_2(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(BROKEN)
    done = run_program("playbook", "lint", "one.yaml", "two.yaml", home=tmp_path)
    assert done.returncode == 2
    places = {line.split(" ")[0] for line in done.stdout.splitlines()}
    assert {place.split(":")[0] for place in places} == {"one.yaml", "two.yaml"}
    assert "Traceback" not in done.stderr


def test_lint_tells_what_is_doubtful_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("steps:\n  - clean: rm -rf /tmp/x\n")
    done = run_program("playbook", "lint", "bad.yaml", home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "bad.yaml:2:12: `rm -rf /tmp/x` changes files [writes]\n"


def test_lint_of_a_missing_file_says_so(tmp_path: Path) -> None:
    done = run_program("playbook", "lint", "none.yaml", home=tmp_path)
    assert done.returncode == 2
    assert "none.yaml" in done.stdout


def test_schema_is_json(tmp_path: Path) -> None:
    done = run_program("playbook", "schema", home=tmp_path)
    assert "steps" in json.loads(done.stdout)["properties"]
