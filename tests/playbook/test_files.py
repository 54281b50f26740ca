"""Playbook files, good and bad, each beside what is expected of it.

`FLEETDIAG_UPDATE=1 pytest tests/playbook/test_files.py` writes the expectations anew; read the
difference before you keep it.
"""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from fleetdiag.errors import PlaybookFileError
from fleetdiag.playbook import lint, load, render_yaml

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = sorted((HERE / "good").glob("*.yaml"))


def named(path: Path) -> str:
    return path.stem


def expect(path: Path, text: str) -> None:
    if os.environ.get("FLEETDIAG_UPDATE") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BAD, ids=named)
def test_every_problem_of_a_bad_file_is_named_at_its_place(path: Path) -> None:
    problems = lint(path)

    assert problems
    assert all("\n" not in problem.message for problem in problems)
    said = "".join(f"{p}\n" for p in problems).replace(f"{path}:", "").replace(f"{HERE}/", "")
    expect(path.with_suffix(".txt"), said)


@pytest.mark.parametrize("path", BAD, ids=named)
def test_a_bad_file_is_not_loaded(path: Path) -> None:
    with pytest.raises(PlaybookFileError) as caught:
        load(str(path))

    assert caught.value.problems == lint(path)


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_good_file_gives_the_playbook_it_says(path: Path) -> None:
    playbook = dataclasses.asdict(load(str(path)))
    playbook["source"] = Path(playbook["source"]).name

    expect(path.with_suffix(".json"), json.dumps(playbook, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_shown_playbook_reads_back_as_the_same(path: Path, tmp_path: Path) -> None:
    playbook = load(str(path))
    shown = tmp_path / "shown.yaml"
    shown.write_text(render_yaml(playbook), encoding="utf-8")

    again = load(str(shown))

    assert (again.name, again.about, again.steps) == (playbook.name, playbook.about, playbook.steps)


def test_there_are_cases() -> None:
    assert len(BAD) >= 25
    assert len(GOOD) >= 5
