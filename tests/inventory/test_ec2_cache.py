"""Answers kept on disk: for the owner only, whole or not at all, never an error."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.inventory.ec2_cache import MAX_AGE_S, cache_path, read_cache, write_cache
from fleetdiag.inventory.ec2_instances import Instance
from fleetdiag.inventory.ec2_options import Ec2Options, parse_options

if TYPE_CHECKING:
    from pathlib import Path

WEB = Instance("i-1", "us-east-1", state="running", launched_at=1.5, tags={"Name": "wéb"})


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = cache_path("us-east-1", Ec2Options())
    assert found is not None
    return found


def test_what_is_kept_comes_back(path: Path) -> None:
    write_cache(path, [WEB])
    kept = read_cache(path)
    assert kept is not None
    assert kept.instances == (WEB,)
    assert 0 <= kept.age_s < 60


def test_only_the_owner_can_read_it(path: Path) -> None:
    write_cache(path, [WEB])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "other",
    ["?profile=prod", "?filter=tag:a=b", "?state=all", "?groups=tag:role", "?name=tag:host"],
)
def test_another_question_has_another_file(other: str, path: Path) -> None:
    assert cache_path("us-east-1", parse_options(f"us-east-1{other}")) != path


def test_another_account_region_or_endpoint_has_another_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_path("us-east-2", Ec2Options()) != path
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "another")
            assert cache_path("us-east-1", Ec2Options()) != path


def test_how_hosts_are_shown_needs_no_new_question(path: Path) -> None:
    assert cache_path("us-east-1", parse_options("us-east-1?address=private&cache=0")) == path


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        {"format": 99, "asked_at": 0, "instances": []},
        {"format": 1, "instances": []},
        {"format": 1, "asked_at": "now", "instances": [{"id": 3}]},
        {"instances": [{"id": "i-1"}]},
        {"instances": [{"id": 1, "region": "x"}]},
        {"instances": [{"id": "i-1", "region": "\x1b[31m"}]},
        {"instances": [{"id": "i-1", "region": "x", "tags": {"a": 1}}]},
        {"instances": [{"id": "i-1", "region": "x", "launched_at": "noon"}]},
        {"instances": [{"id": "i-1", "region": "x", "evil": ""}]},
        {"instances": "i-1"},
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_none(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True)
    if isinstance(content, dict):
        content = json.dumps({"format": 1, "asked_at": time.time(), **content})
    path.write_text(content)
    assert read_cache(path) is None


@pytest.mark.parametrize("age_s", [-3600.0, MAX_AGE_S + 60])
def test_an_answer_from_the_future_or_of_last_month_is_none(path: Path, age_s: float) -> None:
    path.parent.mkdir(parents=True)
    data = {"format": 1, "asked_at": time.time() - age_s, "instances": []}
    path.write_text(json.dumps(data))
    assert read_cache(path) is None


def test_what_others_may_write_or_point_elsewhere_is_not_read(path: Path) -> None:
    write_cache(path, [WEB])
    path.chmod(0o666)
    assert read_cache(path) is None
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    elsewhere.chmod(0o600)
    path.symlink_to(elsewhere)
    assert read_cache(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_cache(path) is None


def test_a_place_that_cannot_be_written_is_nobodys_trouble(path: Path) -> None:
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.write_text("a file where the directory should be")
    write_cache(path, [WEB])
    write_cache(None, [WEB])
    assert read_cache(path) is None


def test_old_answers_go_when_a_new_one_comes(path: Path) -> None:
    write_cache(path, [WEB])
    old = path.with_name("ec2-0123.json")
    old.write_text("{}")
    os.utime(old, (0, 0))
    others = path.with_name("feeds.json")
    others.write_text("{}")
    os.utime(others, (0, 0))
    write_cache(path, [WEB])
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, "feeds.json"])
