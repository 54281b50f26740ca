from __future__ import annotations

import json
import re
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


TRIED = """\
steps:
  - name: kernel
    run: printf 'release 6.1\\nbuilt %s\\n' 12:30:05
    compare: lines
    set: kernel
  - name: load
    run: nope
    or: printf 'load 7 of 2\\n'
    compare:
      mode: numbers
      fields: {load: {pattern: 'load (\\d+)'}, cpus: {pattern: 'of (\\d+)', compare: false}}
    flag: {feature: load, above: 5, say: it is loaded}
  - name: table
    run: printf 'just text\\n'
    compare: {mode: keys, parse: json}
  - name: moving
    run: cat /proc/uptime
    compare: {mode: text, unmask: all}
"""


def test_try_shows_what_is_made_of_each_step(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TRIED)
    done = run_program("playbook", "try", "mine.yaml", "--twice", home=tmp_path)
    assert done.returncode == 1
    shown = re.sub(r"\d+\.\d\d s", "0.01 s", done.stdout).splitlines()
    assert shown[:20] == [
        "1. kernel: ok, 0.01 s",
        "  output    release 6.1",
        "            built 12:30:05",
        "  compared  as a set of lines, in any order",
        "            release 6.1",
        "            built <time>",
        "  masked    clock",
        "            - built 12:30:05",
        "            + built <time>",
        "  sets      kernel: nothing, expected one line, at most 120 characters",
        "",
        "2. load: ok, 0.01 s",
        "  ran       its first `or`",
        "  output    load 7 of 2",
        "  compared  as numbers, far from the others' or not",
        "            load = 7 (number)",
        "            cpus = 2 (not compared)",
        "  flagged   warning: it is loaded",
        "              load 7",
        "",
    ]
    assert shown[20].startswith("3. table: unparsed, ")
    assert "  moves     1 differ in a second run: healthy hosts would look odd" in shown
    assert not (tmp_path / ".local").exists(), "a trial is not stored"


def test_try_names_what_is_doubtful_first_and_needs_one_host(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("steps:\n  - 'ls; true | less'\n")
    done = run_program("playbook", "try", "mine.yaml", home=tmp_path)
    assert "mine.yaml:2:17: `less` is a pager; print the text itself [pages]" in done.stderr
    many = run_program("playbook", "try", "mine.yaml", "-i", "demo", home=tmp_path)
    assert many.returncode == 2
    assert "12 hosts; say which to try it on" in many.stderr
    one = run_program("playbook", "try", "triage", "-i", "demo", "--host", "web-03", home=tmp_path)
    assert one.stdout.startswith("recorded")
    assert "10. last-shutdown" in one.stdout


def test_try_of_a_host_that_does_not_answer_says_why(tmp_path: Path) -> None:
    done = run_program(
        *("playbook", "try", "uptime", "-w", "127.0.0.1", "--port", "1", "-u", "x"), home=tmp_path
    )
    assert done.returncode == 3
    assert done.stdout.startswith("127.0.0.1: refused: ")


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
    assert "steps" in json.loads(done.stdout)["$defs"]["PlaybookFile"]["properties"]
