"""Inventory files: what they give, and every problem at once with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.errors import InventoryFileError
from fleetdiag.inventory.records import Given, Records
from fleetdiag.inventory.yaml_file import yaml_records


def read(tmp_path: Path, text: str) -> Records:
    path = tmp_path / "inv.yaml"
    path.write_text(text)
    return yaml_records(path, "inv.yaml")


def values(records: Records, host: str) -> dict[str, object]:
    (found,) = [record for record in records.hosts if record.name == host]
    return {name: given.value for name, given in found.variables.items()}


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InventoryFileError) as caught:
        read(tmp_path, text)
    return str(caught.value).splitlines()


def test_hosts_may_be_a_list_with_ranges(tmp_path: Path) -> None:
    records = read(tmp_path, "hosts: ['web[01-02]', db1]\n")
    assert [host.name for host in records.hosts] == ["web01", "web02", "db1"]


def test_an_empty_file_has_no_hosts(tmp_path: Path) -> None:
    assert read(tmp_path, "").hosts == ()


def test_address_ranges_go_in_step_with_names(tmp_path: Path) -> None:
    records = read(tmp_path, "hosts:\n  web[1-3]: {address: '10.0.0.[13,11-12]'}\n")
    addresses = [values(records, f"web{n}")["address"] for n in (1, 2, 3)]
    assert addresses == ["10.0.0.13", "10.0.0.11", "10.0.0.12"]


def test_a_later_entry_adds_to_a_range(tmp_path: Path) -> None:
    records = read(tmp_path, "hosts:\n  web[1-2]: {user: a, port: 1}\n  web2: {user: b}\n")
    assert values(records, "web2") == {"user": "b", "port": 1}


def test_attributes_keep_their_spelling(tmp_path: Path) -> None:
    text = (
        "hosts:\n  a:\n    attributes: {v: 1.10, n: no, t: 12:30, o: 010, b: True, d: 2026-01-02}\n"
    )
    said = values(read(tmp_path, text), "a")
    assert {name.partition(".")[2]: value for name, value in said.items()} == {
        "v": "1.10",
        "n": "no",
        "t": "12:30",
        "o": "010",
        "b": "True",
        "d": "2026-01-02",
    }


def test_paths_are_from_the_file_and_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    text = "hosts:\n  a: {identity_file: [keys/a, ~/.ssh/b, /c], known_hosts: kh}\n"
    said = values(read(tmp_path, text), "a")
    assert said["identity_file"] == (f"{tmp_path}/keys/a", "/home/ops/.ssh/b", "/c")
    assert said["known_hosts"] == (f"{tmp_path}/kh",)


def test_peers_is_a_name_with_its_line(tmp_path: Path) -> None:
    assert read(tmp_path, "hosts: [a]\n").peers is None
    assert read(tmp_path, "hosts: [a]\npeers: role\n").peers == Given("role", "inv.yaml:2")
    for bad in ("3", "[role]", "all", "a b"):
        (problem,) = problems(tmp_path, f"peers: {bad}\n")
        assert problem.startswith("inv.yaml:1:8: ")


def test_each_value_knows_its_line(tmp_path: Path) -> None:
    records = read(tmp_path, "hosts:\n  a:\n    port: 1\n    attributes:\n      zone: x\n")
    given = records.hosts[0].variables
    assert given["port"].origin == "inv.yaml:3"
    assert given["attributes.zone"].origin == "inv.yaml:5"


def test_a_groups_hosts_become_hosts(tmp_path: Path) -> None:
    records = read(tmp_path, "groups:\n  g:\n    hosts:\n      a: {port: 1}\n      b:\n")
    assert values(records, "a") == {"port": 1}
    assert records.groups[0].hosts == ("a", "b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host: [a]\n", "1:1: unknown key `host`; did you mean `hosts`?"),
        ("hosts:\n  a: {usr: x}\n", "2:7: unknown key `usr`; did you mean `user`?"),
        ("groups:\n  g: {host: [a]}\n", "2:7: unknown key `host`; did you mean `hosts`?"),
        ("groups:\n  g: {hosts: {a: {children: []}}}\n", None),
        ("defaults: {usr: x}\n", "1:12: unknown key `usr`; did you mean `user`?"),
        ("hosts:\n  a:\n  a:\n", "3:3: duplicate key `a`, first given in line 2"),
        ("hosts: a\n", "1:8: `hosts` is text `a`, expected a list or a mapping"),
        ("hosts: [1]\n", "1:9: item 1 of `hosts` is the number 1, expected text"),
        ("hosts:\n  a: {port: ssh}\n", "2:13: `port` is text `ssh`, expected a whole number"),
        ("hosts:\n  a: {port: 70000}\n", "2:13: `port` is 70000, expected at most 65535"),
        ("hosts:\n  a: {become: yes}\n", "2:15: `become` is text `yes`, expected true or false"),
        ("hosts:\n  a: {user: 5}\n", "2:13: `user` is the number 5, expected text"),
        (
            "hosts:\n  a: {transport: sssh}\n",
            "2:18: `transport` is text `sssh`, expected ssh, openssh or local; did you mean `ssh`?",
        ),
        (
            "hosts:\n  a: {attributes: {z: [1]}}\n",
            "2:23: `z` is a list, expected text, a whole number, a number or true or false",
        ),
        (
            "hosts: ['web[3-1]']\n",
            "1:9: `3-1` in `web[3-1]` is empty, expected the smaller number first",
        ),
        (
            "hosts: [-oProxyCommand=id]\n",
            "1:9: '-oProxyCommand=id' is no host name, expected letters, digits and . : % + - _",
        ),
        (
            "hosts:\n  ../a: {}\n",
            "2:3: '../a' is no host name, expected letters, digits and . : % + - _",
        ),
        ("hosts:\n  a: {user: 'x;id'}\n", "2:13: 'x;id' is no user name"),
        (
            "hosts:\n  a: {via: 'b:x'}\n",
            (
                "2:12: 'x' is no port, expected a number from 1 to 65535 in via 'b:x', "
                "expected [user@]host[:port], several with commas, or none"
            ),
        ),
        (
            "hosts:\n  web[1-3]: {address: '10.0.0.[1-2]'}\n",
            (
                "2:23: `address` `10.0.0.[1-2]` stands for 2 addresses, "
                "expected 3, one for each host of `web[1-3]`"
            ),
        ),
        (
            "groups:\n  g: {address: '10.0.0.[1-2]'}\n",
            "2:16: `address` `10.0.0.[1-2]` stands for 2 addresses, expected one",
        ),
        (
            "groups:\n  web: {}\n  top: {children: [wbe]}\n",
            "3:20: unknown group `wbe`; did you mean `web`?",
        ),
        (
            "groups:\n  a: {children: [b]}\n  b: {children: [a]}\n",
            None,
        ),
        (
            "groups:\n  all: {}\n",
            "2:3: `all` always means every host, expected another name; or use `defaults`",
        ),
        ("hosts:\n\t- a\n", "2:1: a tab where YAML allows only spaces"),
    ],
)
def test_a_problem_says_where_what_and_what_was_expected(
    tmp_path: Path, text: str, expected: str | None
) -> None:
    found = problems(tmp_path, text)
    if expected is None:
        assert len(found) == 1
    else:
        assert found == [f"inv.yaml:{expected}"]


def test_a_cycle_of_groups_is_spelt_out(tmp_path: Path) -> None:
    pairs = (("a", "b"), ("b", "c"), ("c", "a"), ("d", "d"))
    text = "groups:\n" + "".join(f"  {a}: {{children: [{b}]}}\n" for a, b in pairs)
    found = problems(tmp_path, text)
    assert len(found) == 2
    assert any("d > d" in problem for problem in found)
    chains = ("a > b > c > a", "b > c > a > b", "c > a > b > c")
    assert any(chain in problem for problem in found for chain in chains)


def test_all_problems_of_a_file_come_at_once_in_order(tmp_path: Path) -> None:
    text = """\
hosts:
  web[1-3]: {address: '10.0.0.[1-2]', prot: 22}
  db1: {port: 0}
  db1: {port: 1}
groups:
  g: {children: [h, 3]}
extra: 1
"""
    assert problems(tmp_path, text) == [
        (
            "inv.yaml:2:23: `address` `10.0.0.[1-2]` stands for 2 addresses, "
            "expected 3, one for each host of `web[1-3]`"
        ),
        "inv.yaml:2:39: unknown key `prot`; did you mean `port`?",
        "inv.yaml:3:15: `port` is 0, expected at least 1",
        "inv.yaml:4:3: duplicate key `db1`, first given in line 3",
        "inv.yaml:6:18: unknown group `h`, expected a group of this file",
        "inv.yaml:6:21: item 2 of `children` is the number 3, expected text",
        "inv.yaml:7:1: unknown key `extra`, expected hosts, groups, defaults or peers",
    ]


def test_a_deep_chain_of_groups_is_no_trouble(tmp_path: Path) -> None:
    lines = [f"  g{n}: {{children: [g{n + 1}]}}" for n in range(3000)]
    assert len(read(tmp_path, "\n".join(["groups:", *lines, "  g3000:"])).groups) == 3001
