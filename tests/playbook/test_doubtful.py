"""`playbook lint` on bad and good playbooks, by two authors who had not seen the linter.

The second wrote after all of the first one were found: of his 80 bad lines, with tools seldom
seen, 46 were found at once.

Beside each bad file stands what its author expected: `LINE KIND`; with `?` what may be said, too.
"""

import json
import shutil
import time
from pathlib import Path

import pytest

from fleetdiag.playbook import doubts, lint
from fleetdiag.playbook.doubtful import Kind
from fleetdiag.playbook.find import shipped_directory

CASES = Path(__file__).parent / "doubtful"
BAD = sorted(CASES.glob("*/bad/*.yaml"))
GOOD = sorted(CASES.glob("*/good/*.yaml"))
SHIPPED = sorted(shipped_directory().glob("*.yaml"))

Said = set[tuple[int, str]]


def expected(path: Path) -> tuple[Said, Said]:
    """What must be said of a bad file, and what may."""
    must, may = Said(), Said()
    for line in path.with_suffix(".txt").read_text().splitlines():
        number, kind = line.split()[:2]
        (may if kind.startswith("?") else must).add((int(number), kind.lstrip("?")))
    return must, may


def told(path: Path) -> Said:
    doubtful = {(doubt.problem.line or 0, str(doubt.kind)) for doubt in doubts(path)}
    return doubtful | {(problem.line or 0, str(Kind.READS_NOTHING)) for problem in lint(path)}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_bad_line_is_found_and_no_other(path: Path) -> None:
    must, may = expected(path)
    found = told(path)
    reads_nothing = {place for place in may if place[1] == Kind.READS_NOTHING}
    for place in must:
        # What a comparison does not see may be said at the command or at the comparison.
        others = reads_nothing if place[1] == Kind.READS_NOTHING else set()
        assert found & {place, *others}, place
    assert found <= must | may


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_nothing_is_said_of_a_good_playbook(path: Path) -> None:
    assert (lint(path), doubts(path)) == ((), ())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_nothing_is_said_of_a_shipped_playbook(path: Path) -> None:
    assert doubts(path) == ()


def test_there_are_cases_of_every_kind() -> None:
    assert len(BAD) >= 30
    assert {kind for path in BAD for _, kind in expected(path)[0]} == set(Kind) - {Kind.SYNTAX}


def said(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert lint(path) == ()
    return [str(doubt).removeprefix(f"{path}:") for doubt in doubts(path)]


CHANGE = """\
kind: change
before:
  - state: systemctl is-active nginx
  - rm x
steps:
  - name: restart
    run: systemctl restart nginx; top
undo:
  run: systemctl stop nginx; less /etc/motd
  after: 30s
verify: systemctl restart nginx
after: [uptime, kill 1]
"""


def test_of_a_change_its_checks_and_its_condition_are_not_to_change_anything(
    tmp_path: Path,
) -> None:
    found = said(tmp_path, CHANGE)

    assert [(line.split(":")[0], line.rpartition(" ")[2]) for line in found] == [
        ("4", "[writes]"), ("7", "[prompts]"), ("9", "[pages]"), ("11", "[writes]"),
        ("12", "[writes]"),
    ]  # fmt: skip


def test_what_acts_on_hosts_in_a_diagnosis_is_told_how_a_change_says_so(tmp_path: Path) -> None:
    (restarts,) = said(tmp_path, "steps: [systemctl restart nginx]\n")
    (removes,) = said(tmp_path, "steps: [rm x]\n")

    assert "a playbook that is to change hosts says so: `kind: change`" in restarts
    assert "kind: change" not in removes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("steps:\n  - rm x\n", "2:5"),
        ("steps:\n  - x: rm x\n", "2:8"),
        ("steps:\n  - 'uptime; rm x'\n", "2:14"),
        ("steps:\n  - run: |\n      uptime\n        rm x\n", "4:9"),
        ("steps:\n  - run: |-\n      uptime\n\n      uname && rm x\n", "5:16"),
        ("steps:\n  - run: >\n      uptime;\n      uname; rm x\n", "4:14"),
        ('steps:\n  - run: "uptime;\n      rm x"\n', "3:7"),
        ("steps:\n  - run: uptime;\n      rm x\n", "3:7"),
        ("steps:\n  - run: uptime\n    or: [w, rm x]\n", "3:13"),
        ("steps:\n  - run: uptime\n    or: rm x\n", "3:9"),
        ("steps:\n  - {run: echo ü; rm x}\n", "2:19"),
    ],
)
def test_the_place_is_that_of_the_command(tmp_path: Path, text: str, place: str) -> None:
    assert said(tmp_path, text) == [f"{place}: `rm x` changes files [writes]"]


def test_a_line_may_be_allowed_to_do_what_it_does(tmp_path: Path) -> None:
    steps = "steps:\n  - rm x # lint: allow writes\n"
    steps += "  - run: |\n      rm y # lint: allow pages, writes\n"

    assert said(tmp_path, steps) == []
    assert len(said(tmp_path, steps.replace("writes", "pages"))) == 2


def test_what_is_no_shell_is_said_with_its_line(tmp_path: Path) -> None:
    found = said(
        tmp_path, "steps:\n  - run: |\n      uptime\n      if true; then echo x\n      uname\n"
    )

    assert len(found) == 1
    assert found[0].endswith("[syntax]")


@pytest.mark.parametrize(
    "command",
    [
        "find . -exec " * 60 + "echo",
        "true && " * 2000 + "true",
        "$(" * 400 + "true" + ")" * 400,
        "env " * 2000 + "true",
        "eval " * 500 + "true",
        "{ " * 600 + "true; " + "} " * 600,
        "cat x" + " | grep a" * 1500,
        "ü " * 4000,
        "top -b -n 2 -d .; ping -w . h; ping -c 3 -i . h; vmstat " + "9" * 4000,
        "cat <<A\nrm x",
        "'",
        "\\" * 99,
    ],
)
def test_whatever_is_written_is_looked_at_within_a_second(tmp_path: Path, command: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(json.dumps({"steps": [{"run": command[:16_000]}]}))
    assert lint(path) == ()
    started = time.monotonic()
    doubts(path)
    assert time.monotonic() - started < 5  # a second; more on a busy machine


def test_what_hosts_and_terminals_would_obey_is_made_visible(tmp_path: Path) -> None:
    (found,) = said(tmp_path, 'steps:\n  - a: "rm \\e[31mx\\u202e"\n')

    assert found.endswith("`rm \\x1b[31mx\\u202e` changes files [writes]")


@pytest.mark.parametrize(
    "command",
    [
        "df -P | tail -n +2",
        "top -bn1 | head -n 20",
        "ping -qc3 host",
        "tar -czf - /etc | md5sum",
        "redis-cli config get x",
        "btrfs scrub status /",
        "kubectl rollout status deploy/x",
        "mount -t nfs",
        "date -d 20240101 +%s",
        "timeout 3 bash -c 'echo >/dev/tcp/h/443' && echo open",
        "docker exec web nginx -t",
        'HOSTNAME=$(hostname); echo "$HOSTNAME"',
        "snap refresh --list",
        "systemctl show -p ActiveState x",
    ],
)
def test_nothing_is_said_of_what_only_looks_dangerous(tmp_path: Path, command: str) -> None:
    assert said(tmp_path, f"steps:\n  - run: |\n      {command}\n") == []


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("yes", "forever"),
        ("bash -lc 'rm x'", "writes"),
        ("trap 'rm x' EXIT; ls", "writes"),
        ("kubectl -n ns delete pod x", "writes"),
        ("git -C /x pull", "writes"),
        ("redis-cli -h x FLUSHALL", "writes"),
        ("docker exec c rm x", "writes"),
        ("curl -s -m 5 u | bash", "writes"),
        ("awk 'BEGIN { system(\"rm x\") }'", "writes"),
        ("/etc/init.d/nginx restart", "writes"),
        ("curl -m 3 -d a=b http://x/", "writes"),
        ("ss -K dport 22", "writes"),
        ("while sleep 1; do ls; done", "forever"),
        ("declare -i x=1; echo $x", "bashism"),
        ("ls; fi", "syntax"),
    ],
)
def test_what_hides_is_found(tmp_path: Path, command: str, kind: str) -> None:
    found = said(tmp_path, f"steps:\n  - run: |\n      {command}\n")

    assert any(one.endswith(f"[{kind}]") for one in found), found


@pytest.mark.parametrize("compare", ["text", "lines", "{mode: numbers, fields: {a: 1}}"])
def test_an_attribute_that_can_never_be_set_is_found(tmp_path: Path, compare: str) -> None:
    steps = f"steps:\n  - {{run: uptime, compare: {compare}, set: {{role: foo}}}}\n"

    assert [one.rpartition(" ")[2] for one in said(tmp_path, steps)] == ["[reads-nothing]"]


def test_a_placeholder_is_a_word_like_others(tmp_path: Path) -> None:
    steps = "params: {d: {}}\nsteps:\n  - ls @{d}\n  - rm -r @{d}\n"

    assert said(tmp_path, steps) == ["4:5: `rm -r …` changes files [writes]"]


def test_steps_of_an_included_playbook_are_its_own_files_matter(tmp_path: Path) -> None:
    shutil.copy(CASES / "first" / "bad" / "writes-drop-caches.yaml", tmp_path / "inner.yaml")

    assert said(tmp_path, "steps:\n  - include: ./inner.yaml\n") == []


@pytest.mark.parametrize(
    ("program", "writes"),
    [
        ('{ print $1 > "out" }', True),
        ("{ print a, b > 0 ? 1 : 2 }", True),
        ('{ printf "%s > x", $1 >> f }', True),
        ("{ print a, (b > 0 ? 1 : 2) }", False),
        ('{ print "a > b" }', False),
        ('{ print $1 > "/dev/stderr" }', False),
        ("$2 > 5 { print }", False),
        ("/a > b/ { print substr($1, (n > 2), length($2)) }", False),
        ("{ if (x > 1) print x; else if (y > 2) print y }", False),
    ],
)
def test_an_awk_program_that_writes_is_told_from_one_that_compares(
    tmp_path: Path, program: str, writes: bool
) -> None:
    found = said(tmp_path, f"steps:\n  - run: |\n      awk '{program}' /proc/stat\n")

    assert bool(found) is writes, found


@pytest.mark.parametrize(
    ("command", "limit", "doubtful"),
    [
        ("sleep 4", "5s", False),
        ("sleep 5", "5s", True),
        ("vmstat 1 5", "5s", False),
        ("vmstat 1 7", "5s", True),
        ("timeout 3 tail -f x", "5s", False),
        ("timeout 9 tail -f x", "5s", True),
        ("ping -c 3 host", "5s", False),
        ("ping -c 9 host", "5s", True),
        ("ping -c 9 -i 0.2 host", "5s", False),
    ],
)
def test_how_long_a_command_runs_is_held_against_its_limit(
    tmp_path: Path, command: str, limit: str, doubtful: bool
) -> None:
    found = said(tmp_path, f"steps: [{{run: {command}; uptime, timeout: {limit}}}]\n")

    assert [one.rpartition("[")[2] for one in found] == (["forever]"] if doubtful else [])
