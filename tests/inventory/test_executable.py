"""`-i ./script`: what is run, how it is asked, and what is said where it fails."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from fleetdiag.errors import InventoryError, InventoryFileError
from fleetdiag.inventory import executable, load
from fleetdiag.model import Host

ANSIBLE = Path(__file__).parent / "ansible"
NO_CONFIG = Path("/dev/null")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(name: str, body: str) -> str:
    Path(name).write_text(f"#!/bin/sh\n{body}\n")
    Path(name).chmod(0o755)
    return f"./{name}"


def problem(source: str) -> str:
    with pytest.raises(InventoryError) as caught:
        load([source], ssh_config=NO_CONFIG)
    text = str(caught.value)
    assert text.isprintable()
    return text


def hosts(source: str) -> dict[str, Host]:
    return {host.name: host for host in load([source], ssh_config=NO_CONFIG).hosts}


@pytest.mark.skipif(
    not (Path(sys.executable).parent / "ansible-inventory").exists(), reason="needs ansible-core"
)
@pytest.mark.parametrize(
    "path",
    [
        "script_meta/inventory.sh",
        "script_hosts/inventory.sh",
        "several_sources/inventory/30-script",
    ],
)
def test_a_script_means_to_us_what_it_means_to_ansible(path: str) -> None:
    mine, theirs = (load([f"{p}{ANSIBLE / path}"], ssh_config=NO_CONFIG) for p in ("", "ansible:"))
    groups = {name: {*members} for name, members in theirs.groups.items()}
    assert {name: {*members} for name, members in mine.groups.items()} == groups
    alike = {host.name: (host.endpoint, host.become, host.attributes) for host in theirs.hosts}
    assert {h.name: (h.endpoint, h.become, h.attributes) for h in mine.hosts} == alike


def test_an_empty_answer_to_host_means_no_variables() -> None:
    assert [*hosts(script("dyn", """test $1 = --host || echo '{"g": ["a"]}'"""))] == ["a"]


def test_values_know_the_script_they_came_from() -> None:
    source = script("dyn", """echo '{"g": {"hosts": ["a"], "vars": {"ansible_user": "u"}}}'""")
    assert hosts(source)["a"].origins["user"] == "./dyn"
    assert load([source], ssh_config=NO_CONFIG).sources == ("./dyn",)


def test_inventory_dir_is_the_directory_of_the_script() -> None:
    listing = {"g": {"hosts": ["a"], "vars": {"ansible_private_key_file": "{{ inventory_dir }}/k"}}}
    endpoint = hosts(script("dyn", f"echo '{json.dumps(listing)}'"))["a"].endpoint
    assert endpoint is not None
    assert endpoint.identity_files == (f"{Path.cwd()}/k",)


@pytest.mark.parametrize("name", ["inv.yaml", "inv.yml", "INV.YML"])
def test_a_yaml_file_that_may_be_executed_stays_one(name: str) -> None:
    Path(name).write_text("hosts: [a]\n")
    Path(name).chmod(0o755)
    assert [*hosts(f"./{name}")] == ["a"]


def test_a_file_without_the_mark_is_yaml() -> None:
    Path("inv").write_text("hosts: [a]\n")
    assert [*hosts("inv")] == ["a"]


def test_an_executable_that_is_no_program_says_what_to_do() -> None:
    Path("inv").write_text("hosts: [a]\n")
    Path("inv").chmod(0o755)
    assert problem("./inv") == (
        "-i ./inv: --list cannot be started: Exec format error; it is marked executable, so it is "
        "run: begin it with #!, or end its name in .yaml"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo 'no token' >&2; exit 3", "-i ./dyn: --list failed (exit code 3): no token"),
        ("exit 1", "-i ./dyn: --list failed (exit code 1): it said nothing"),
        ("printf '\\033[31mred\\a\\nmore' >&2; exit 1", "(exit code 1): red"),
        (
            "printf 'Traceback (most recent call last):\\n  File\\nKeyError: 1\\n' >&2; exit 1",
            "(exit code 1): KeyError: 1",
        ),
        ("kill -TERM $$", "-i ./dyn: --list failed (signal 15): it said nothing"),
        ("echo hello", "-i ./dyn: --list printed no JSON: Expecting value: line 1 column 1"),
        ("true", "-i ./dyn: --list printed no JSON: "),
        ("head -c 200000 /dev/zero | tr '\\0' '['", "-i ./dyn: --list printed no JSON: "),
        ("printf '\\377\\376'", "-i ./dyn: --list printed no JSON: "),
        ("echo '[]'", "-i ./dyn: the inventory is a list, expected a mapping by name"),
        ("echo '{}'", "-i ./dyn: names no host"),
        (
            'test $1 = --list && echo \'{"g": ["a"]}\' || { echo gone >&2; exit 4; }',
            "-i ./dyn: --host a failed (exit code 4): gone",
        ),
        (
            'test $1 = --list && echo \'{"g": ["a"]}\' || echo []',
            "-i ./dyn: what is said of host `a` is a list, expected a mapping",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(body: str, expected: str) -> None:
    text = problem(script("dyn", body))
    assert expected in text
    assert len(text) < 500


def test_a_script_that_hangs_is_ended_with_all_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "TIMEOUT_S", 0.5)
    source = script("dyn", "sleep 60 & echo $! >pid; wait")
    started = time.monotonic()
    assert problem(source) == "-i ./dyn: --list gave no answer within 0 s"
    assert time.monotonic() - started < 5
    state = Path(f"/proc/{Path('pid').read_text().strip()}/stat")
    for _ in range(50):
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("what the script started still runs")


def test_asking_for_each_host_is_limited_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "TIMEOUT_S", 1.0)
    listing = json.dumps({"g": [f"h{n}" for n in range(500)]})
    source = script("dyn", f"test $1 = --list && echo '{listing}' || {{ sleep 0.2; echo {{}}; }}")
    text = problem(source)
    assert "_meta.hostvars" in text or "gave no answer" in text


def test_what_a_script_left_running_does_not_hold_it_up() -> None:
    source = script("dyn", """sleep 30 & echo '{"g": ["a"], "_meta": {"hostvars": {}}}'""")
    started = time.monotonic()
    assert [*hosts(source)] == ["a"]
    assert time.monotonic() - started < 5


def test_an_inventory_of_ansibles_given_as_ours_says_how_to_name_it() -> None:
    for name, text in {"hosts.ini": "[web]\nw1\n", "site.yml": "all:\n  hosts:\n    a:\n"}.items():
        Path(name).write_text(text)
        with pytest.raises(InventoryFileError) as caught:
            load([name], ssh_config=NO_CONFIG)
        hint = f"{name}: if this is an inventory of Ansible's, use -i ansible:{name}"
        assert str(caught.value).splitlines()[-1] == hint
    Path("own.yaml").write_text("host: [a]\n")
    with pytest.raises(InventoryFileError) as caught:
        load(["own.yaml"], ssh_config=NO_CONFIG)
    assert "ansible" not in str(caught.value)
