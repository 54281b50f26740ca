from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.program import run_program

if TYPE_CHECKING:
    from pathlib import Path


def test_each_setting_is_printed_with_its_origin(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "fleetdiag" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("fanout = 8\nprogress = false\n")
    done = run_program("settings", home=tmp_path, FLEETDIAG_FAIL_ON="info")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row.split()[0]: row.split()[1:3] for row in done.stdout.splitlines() if row}
    assert rows["fanout"] == ["8", f"{file}:1"]
    assert rows["progress"] == ["false", f"{file}:2"]
    assert rows["fail_on"] == ["info", "$FLEETDIAG_FAIL_ON"]
    assert rows["deadline_s"] == ["-", "default"]
    assert done.stdout.endswith(f"Settings file: {file}\n")


def test_status_feeds_are_printed_one_a_line(tmp_path: Path) -> None:
    feeds = "aws=https://a.example/x https://b.example/"
    done = run_program("settings", home=tmp_path, FLEETDIAG_STATUS_FEEDS=feeds)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("status_feeds")]
    assert lines[first].split()[1:3] == ["aws=https://a.example/x", "$FLEETDIAG_STATUS_FEEDS"]
    assert lines[first + 1].split() == ["b.example=https://b.example/"]
    nothing = run_program("settings", home=tmp_path)
    assert "status_feeds       -" in nothing.stdout
