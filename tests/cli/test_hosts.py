from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import run_program

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
groups:
  web:
    user: ada
    attributes: {zone: a}
    hosts:
      web-[01-02]:
      web-03: {address: 192.0.2.3, via: gate}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    return tmp_path


def test_table_shows_what_a_run_would_touch(home: Path) -> None:
    done = run_program("hosts", "web-[02-03]", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    heading, _, *rows = done.stdout.splitlines()
    assert heading.split() == ["host", "login", "via", "sudo", "groups", "attributes"]
    assert [row.split()[:2] for row in rows] == [
        ["web-02", "ada@web-02"],
        ["web-03", "ada@192.0.2.3"],
    ]


def test_verbose_says_where_each_value_came_from(home: Path) -> None:
    done = run_program("hosts", "web-03", "-v", "-u", "bob", home=home)
    rows = [row.split() for row in done.stdout.splitlines()]
    assert ["web-03", "user", "bob", "--user"] in rows
    assert ["web-03", "port", "22", "default"] in rows
    origins = {row[1]: row[-1] for row in rows if row[0] == "web-03"}
    assert origins["address"].endswith("inventory.yaml:7")
    assert origins["attributes.zone"].endswith("inventory.yaml:4")


def test_json_is_the_documented_object_alone(home: Path) -> None:
    done = run_program("hosts", "--format", "json", home=home)
    hosts = json.loads(done.stdout)["hosts"]
    assert [host["name"] for host in hosts] == ["web-01", "web-02", "web-03"]
    assert set(hosts[0]) == {
        *("name", "address", "port", "user", "identity_file", "via", "groups", "attributes")
    }


def test_pattern_that_matches_nothing_is_refused_with_near_names(home: Path) -> None:
    done = run_program("hosts", "web-30", home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "web-03" in done.stderr


def test_markdown_table_is_one(home: Path) -> None:
    done = run_program("hosts", "--format", "markdown", home=home)
    assert all(line.startswith("|") for line in done.stdout.splitlines())


def test_hosts_are_chosen_by_what_their_last_stored_run_told(home: Path) -> None:
    (home / "inventory.yaml").write_text(
        "defaults: {transport: local}\n"
        "hosts:\n  web-01: {attributes: {colour: blue}}\n  web-02:\n  web-03:\n"
    )
    (home / "mine.yaml").write_text("steps:\n  - {name: c, run: echo red, set: colour}\n")
    assert run_program("hosts", "colour=red", home=home).returncode == 2

    run_program("run", "./mine.yaml", "-l", "web-01,web-02", home=home)
    chosen = run_program("hosts", "colour=red", home=home)
    refused = run_program("hosts", "colour=green", home=home)

    assert [row.split()[0] for row in chosen.stdout.splitlines()[2:]] == ["web-02"]
    assert chosen.stderr.startswith("colour: as told in run 2")
    assert "there are blue, red" in refused.stderr
    assert run_program("run", "./mine.yaml", "--peers", "colour", home=home).returncode == 0


def test_what_is_not_known_of_a_host_never_leaves_it_out_or_in_silently(home: Path) -> None:
    (home / "inventory.yaml").write_text("defaults: {transport: local}\nhosts: ['h[1-4]']\n")
    (home / "mine.yaml").write_text("steps:\n  - {name: r, run: echo db, set: role}\n")
    run_program("run", "./mine.yaml", "-l", "h[1-2]", home=home)
    for _ in range(3):
        run_program("exec", "h1", "--", "true", home=home)

    chosen = run_program("hosts", "role=db", home=home)
    excluded = run_program("hosts", "all&!role=db", home=home)

    assert [row.split()[0] for row in chosen.stdout.splitlines()[2:]] == ["h1", "h2"]
    assert "role of h[3-4] is not known." in chosen.stderr
    assert excluded.returncode == 2
    assert "role of h[3-4] is not known, so nobody can say" in excluded.stderr


def test_recorded_and_damaged_runs_tell_nothing(home: Path) -> None:
    (home / "inventory.yaml").write_text("defaults: {transport: local}\nhosts: ['web-[01-02]']\n")
    run_program("run", "triage", "-i", "demo", "--save", "runs", home=home)
    (home / "runs" / "20990101T000000-bad-0000.fleetdiag").write_bytes(b"SQLite format 3\0")

    done = run_program("exec", "kernel=6*", "--save", "runs", "--", "true", home=home)

    assert done.returncode == 2
    assert "no host has an attribute 'kernel'" in done.stderr
