from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fleetdiag.__main__ import program
from fleetdiag.cli.root import VERBS, cli
from tests.cli.program import environment, run_program

HEAVY = (
    "paramiko",
    "fabric",
    "pydantic",
    "ClusterShell",
    "rich",
    "tabulate",
    "yaml",
    "fleetdiag.model",
)


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append(((*path, name), command))
            if isinstance(command, click.Group):
                found += commands(command, (*path, name))
    return found


EACH = pytest.mark.parametrize(
    ("words", "command"), [pytest.param(*found, id=" ".join(found[0])) for found in commands()]
)


@EACH
def test_help_fits_eighty_columns_and_has_an_example(
    words: tuple[str, ...],
    command: click.Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert program([*words, "--help"]) == 0
    written = capsys.readouterr().out
    assert max(map(len, written.splitlines())) <= 80
    assert "Example: " in written
    assert "fleetdiag " in written.split("Example: ")[1]


@EACH
def test_every_option_says_what_it_does(words: tuple[str, ...], command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@EACH
def test_command_answers_a_code(words: tuple[str, ...], command: click.Command) -> None:
    assert " ".join(words[:1]) in VERBS
    assert command.callback is not None


@pytest.mark.parametrize("name", VERBS)
def test_line_in_the_overview_is_the_commands_own(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    about = VERBS[name].about
    own = " ".join((command.help or "").split("\n\n")[0].split())
    assert own.startswith(about.removesuffix("."))


def test_overview_shows_the_three_main_uses_before_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program(["--help"])
    written = capsys.readouterr().out
    uses = ["fleetdiag run triage ", "fleetdiag playbook show ", "fleetdiag check ", "Options:"]
    places = [written.index(use) for use in uses]
    assert places == sorted(places)
    assert all(f"  {name} " in written for name in VERBS)


def test_help_imports_nothing_heavy() -> None:
    source = (
        "import sys; from fleetdiag.__main__ import program; program(['--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def test_help_answers_fast() -> None:
    """In processor time, as other tests run beside this one: 150 ms; the best of a few counts."""
    argv = [sys.executable, "-m", "fleetdiag", "--help"]
    took_s = []
    for _ in range(5):
        before = os.times()
        subprocess.run(argv, env=environment(), stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        user_s = after.children_user - before.children_user
        took_s.append(user_s + after.children_system - before.children_system)
    assert 0 < min(took_s) < 0.15


def test_unknown_command_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["rum"]) == 2
    assert "there is no command 'rum'; did you mean 'run'?" in capsys.readouterr().err


def test_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["run", "triage", "--fanot", "3"]) == 2
    assert "--fanout" in capsys.readouterr().err


def test_value_out_of_range_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["run", "triage", "-f", "0"]) == 2
    assert "must be a whole number, 1 or more, not '0'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [(["-p", "by"], "'by' is not NAME=VALUE"), (["-p", "a=1", "-p", "a=2"], "a is given twice")],
)
def test_bad_param_is_refused(
    given: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(["run", "triage", *given]) == 2
    assert complaint in capsys.readouterr().err


def test_errors_are_told_without_a_traceback(tmp_path: Path) -> None:
    done = run_program("run", "no-such-playbook", "-i", "local", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert "no-such-playbook" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_are_told_before_anything_starts(tmp_path: Path) -> None:
    done = run_program("run", "triage", "-i", "local", home=tmp_path, FLEETDIAG_FANOUT="many")
    assert done.returncode == 2
    assert done.stderr == "Error: $FLEETDIAG_FANOUT must be a whole number, 1 or more, not 'many'\n"


def test_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    argv = f"{sys.executable} -m fleetdiag playbook schema | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", argv], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from fleetdiag import __version__

    assert program(["--version"]) == 0
    assert capsys.readouterr().out == f"fleetdiag {__version__}\n"
