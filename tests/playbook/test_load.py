import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from fleetdiag import playbook, rules
from fleetdiag.errors import PlaybookError, PlaybookFileError
from fleetdiag.model import Flag, Playbook, Step
from fleetdiag.playbook.find import shipped_directory

UNIT = """\
params:
  unit: {about: The unit.}
  lines: {default: 10, pattern: '[0-9]+'}
steps:
  - journalctl -u @{unit} -n @{lines}
"""


def test_a_name_is_looked_for_here_then_at_the_users_then_among_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, config = tmp_path / "here", tmp_path / "config"
    (here / "playbooks").mkdir(parents=True)
    (config / "fleetdiag" / "playbooks").mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))

    assert Path(playbook.load("uptime").source).parent == shipped_directory()
    (config / "fleetdiag" / "playbooks" / "uptime.yml").write_text("steps: [echo users]")
    assert playbook.load("uptime").steps[0].commands == ("echo users",)
    (here / "playbooks" / "uptime.yaml").write_text("steps: [echo here]")
    assert playbook.load("uptime").steps[0].commands == ("echo here",)
    assert playbook.load("uptime").source == "playbooks/uptime.yaml"


def test_the_users_directory_is_in_the_home_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config" / "fleetdiag" / "playbooks").mkdir(parents=True)
    (tmp_path / ".config" / "fleetdiag" / "playbooks" / "mine.yaml").write_text("steps: [uptime]")

    assert playbook.load("mine").name == "mine"


@pytest.mark.parametrize("ref", ["./x.yaml", "x.yaml", "x.yml", "dir/x"])
def test_what_looks_like_a_path_is_one(
    ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dir").mkdir()
    Path(ref).write_text("steps: [uptime]")

    assert playbook.load(ref, search=[]).name == "x"


def test_an_unknown_name_lists_near_ones_and_where_was_looked() -> None:
    with pytest.raises(PlaybookError) as caught:
        playbook.load("triag", search=[shipped_directory()])

    assert str(caught.value) == (
        f"no playbook named `triag`; did you mean `triage`? (looked in {shipped_directory()})"
    )


def test_a_name_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(PlaybookError, match="there are clock, cloud, disk, dmesg, "):
        playbook.load("zzz", search=[shipped_directory()])


def test_an_include_of_its_own_name_is_the_next_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "playbooks").mkdir()
    monkeypatch.chdir(tmp_path)
    mine = Path("playbooks/uptime.yaml")
    mine.write_text("steps: [{include: uptime}, uname -r]")

    assert [step.name for step in playbook.load("uptime").steps] == ["uptime", "uname-r"]

    mine.write_text("steps: [{include: triagee}]")
    with pytest.raises(PlaybookFileError, match="1:19: no playbook named `triagee`; did you mean"):
        playbook.load("uptime")

    Path("playbooks/mine.yaml").write_text("steps: [{include: mine}]")
    with pytest.raises(PlaybookFileError, match="`mine` includes itself, and no other"):
        playbook.load("mine")


def test_includes_have_a_depth(tmp_path: Path) -> None:
    for number in range(7):
        inner = f"[{{include: ./{number + 1}.yaml}}]" if number < 6 else "[uptime]"
        (tmp_path / f"{number}.yaml").write_text(f"steps: {inner}")

    assert len(playbook.load(str(tmp_path / "1.yaml")).steps) == 1
    with pytest.raises(PlaybookFileError, match="includes go deeper than 5 files"):
        playbook.load(str(tmp_path / "0.yaml"))


def test_a_value_passed_on_must_fit_the_included_playbook(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "params: {n: {pattern: '[0-9]+'}}\nsteps: ['head -n @{n} /etc/passwd']"
    )
    outer = tmp_path / "outer.yaml"
    outer.write_text("params: {m: {}}\nsteps: [{include: ./inner.yaml, params: {n: '@{m}'}}]")

    assert playbook.load(str(outer), {"m": "3"}).steps[0].commands == ("head -n '3' /etc/passwd",)
    with pytest.raises(PlaybookError, match=r"param `n` of playbook `\./inner\.yaml` is `x`"):
        playbook.load(str(outer), {"m": "x"})


def test_a_missing_file_is_said_without_a_traceback() -> None:
    with pytest.raises(PlaybookFileError, match=r"^none.yaml: cannot be read: No such file"):
        playbook.load("./none.yaml")


def test_params_fill_in_for_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(UNIT)

    loaded = playbook.load(str(path), {"unit": "sshd"})

    assert loaded.steps[0].commands == ("journalctl -u 'sshd' -n '10'",)
    assert loaded.steps[0].name == "journalctl-u-n"
    assert loaded.params == {"unit": "sshd", "lines": "10"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, ["playbook `unit` needs a value for its param `unit` (The unit.)"]),
        (
            {"unit": "a b", "lines": "x"},
            [
                (
                    "param `unit` of playbook `unit` is `a b`, expected text that matches "
                    "`[A-Za-z0-9_./:@%+,=][A-Za-z0-9_./:@%+,=-]*`"
                ),
                "param `lines` of playbook `unit` is `x`, expected text that matches `[0-9]+`",
            ],
        ),
        (
            {"unit": "x", "line": "1"},
            ["playbook `unit` has no param `line`; did you mean `lines`?"],
        ),
        (
            {"unit": "x", "zzz": "1"},
            ["playbook `unit` has no param `zzz`, it takes `unit`, `lines`"],
        ),
        (
            {"unit": "x\nreboot"},
            [
                (
                    "param `unit` of playbook `unit` is `x\\nreboot`, expected text in one line "
                    "without control characters"
                )
            ],
        ),
    ],
)
def test_params_that_do_not_fit_are_all_named(
    params: Mapping[str, str], said: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(UNIT)

    with pytest.raises(PlaybookError) as caught:
        playbook.load(str(path), params)

    assert str(caught.value).splitlines() == said


def test_a_file_name_that_no_run_id_can_hold_makes_a_name_that_can(tmp_path: Path) -> None:
    path = tmp_path / "my first_book!.yaml"
    path.write_text("steps: [uptime]")

    assert playbook.load(str(path)).name == "my-first-book"


def test_available_lists_broken_playbooks_too_and_the_first_of_equal_names(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for place in (first, second):
        place.mkdir()
    (first / "x.yaml").write_text("about: The first.\nsteps: [uptime]")
    (second / "x.yaml").write_text("about: The second.\nsteps: [uptime]")
    (second / "broken.yml").write_text("steps: uptime")
    (second / ".hidden.yaml").write_text("steps: [uptime]")
    (second / "notes.txt").write_text("no playbook")

    broken, fine = playbook.available([first, second, tmp_path / "nowhere"])

    assert (fine.name, fine.about, fine.source) == ("x", "The first.", first / "x.yaml")
    assert (broken.name, broken.about, len(broken.problems)) == ("broken", "", 1)
    assert playbook.names([first, second]) == ("broken", "x")


def test_importing_the_package_does_not_import_yaml_or_pydantic() -> None:
    code = "import sys, fleetdiag.playbook; print(*{'yaml', 'pydantic'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert result.stdout.strip() == ""


def test_a_steps_own_flags_come_before_those_of_its_rule_sets(tmp_path: Path) -> None:
    path = tmp_path / "log.yaml"
    path.write_text(
        "steps:\n- {name: log, run: dmesg, rules: kernel, flag: {matches: mine, say: x}}\n"
    )

    loaded = playbook.load(str(path))

    assert loaded.steps[0].flags == (Flag(say="x", matches="mine"), *rules.load("kernel"))
    shown = playbook.render_yaml(loaded)
    assert yaml.safe_load(shown)["steps"][0]["rules"] == "kernel"
    path.write_text(shown)
    assert playbook.load(str(path)).steps == loaded.steps


def test_rules_of_a_set_that_is_another_now_are_shown_in_full(tmp_path: Path) -> None:
    step = Step("log", ("dmesg",), flags=rules.load("kernel")[:-1])
    path = tmp_path / "log.yaml"
    path.write_text(playbook.render_yaml(Playbook("log", (step,))))

    assert "rules:" not in path.read_text()
    assert playbook.load(str(path)).steps == (step,)


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    outer = tmp_path / "outer.yaml"
    outer.write_text("steps: [{include: ./fifo.yaml}]")

    with pytest.raises(PlaybookFileError, match="cannot be read: no regular file"):
        playbook.load(str(tmp_path / "fifo.yaml"))
    with pytest.raises(PlaybookFileError, match="cannot be read: no regular file"):
        playbook.load(str(outer))


def test_links_that_lead_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    outer = tmp_path / "outer.yaml"
    outer.write_text("steps: [{include: ./a.yaml}]")

    with pytest.raises(PlaybookFileError, match="cannot be read"):
        playbook.load(str(outer))


def test_a_file_that_is_included_many_times_is_checked_once(tmp_path: Path) -> None:
    (tmp_path / "5.yaml").write_text("steps: [s0: uptime, s1: uptime]")
    for number in range(4, 0, -1):
        many = [f"{{include: ./{number + 1}.yaml, only: s{k}}}" for k in range(2)]
        unused = [f"{{include: ./{number + 1}.yaml, only: nothing}}"] * 30
        (tmp_path / f"{number}.yaml").write_text(f"steps: [{', '.join(many + unused)}]")
    started = time.monotonic()

    with pytest.raises(PlaybookFileError):
        playbook.load(str(tmp_path / "1.yaml"))

    assert time.monotonic() - started < 3
