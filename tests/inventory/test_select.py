"""Patterns: what each form of term means, and errors that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetdiag.errors import SelectionError
from fleetdiag.inventory import select
from fleetdiag.model import Host, Inventory

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = Inventory(
    hosts=(
        Host("web03", attributes={"zone": "a", "role": "web"}),
        Host("web01", attributes={"zone": "a", "role": "web"}),
        Host("web02", attributes={"zone": "b", "role": "web"}),
        Host("db1", attributes={"zone": "b"}),
        Host("db2.example.com"),
    ),
    groups={
        "web": ("web03", "web01", "web02"),
        "data": ("db1", "db2.example.com"),
        "db1": ("web03",),
    },
)


def chosen(pattern: str | list[str]) -> str:
    return " ".join(host.name for host in select(INVENTORY, pattern))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", "web03 web01 web02 db1 db2.example.com"),
        ("web", "web03 web01 web02"),
        ("web01", "web01"),
        ("web01,web03", "web03 web01"),
        (" web01 , web03 ", "web03 web01"),
        ("web*", "web03 web01 web02"),
        ("d?ta", "db1 db2.example.com"),
        ("*.example.com", "db2.example.com"),
        ("web[01-02]", "web01 web02"),
        ("web[01-40]", "web03 web01 web02"),
        ("*[1-2]", "web03 web01 web02 db1"),
        ("db1", "web03 db1"),
        ("zone=a", "web03 web01"),
        ("zone=*", "web03 web01 web02 db1"),
        ("zone=[ab]", "web03 web01 web02 db1"),
        ("zone!=a", "web02 db1 db2.example.com"),
        ("web,&zone=a", "web03 web01"),
        ("&zone=a,web", "web03 web01"),
        ("&zone=b", "web02 db1"),
        ("web,!web01", "web03 web02"),
        ("web&!web01", "web03 web02"),
        ("zone=a&!web01", "web03"),
        ("zone=[ab]&web", "web03 web01 web02"),
        ("!web", "db1 db2.example.com"),
        ("!web01,web", "web03 web02"),
        ("web,data,&zone=b,!db*", "web02"),
        ("!zone=a", "web02 db1 db2.example.com"),
        (["web01", "web02"], "web01 web02"),
        (["web", "!web01"], "web03 web02"),
    ],
)
def test_a_pattern_means_these_hosts_in_the_inventorys_order(
    pattern: str | list[str], names: str
) -> None:
    assert chosen(pattern) == names


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("wbe", "'wbe' is no host and no group; did you mean web?"),
        ("web04", "'web04' is no host and no group; did you mean web03, web02, web01, web?"),
        ("xyz", "'xyz' is no host and no group; groups are web, data, db1"),
        ("web,!wbe01", "'wbe01' is no host and no group; did you mean web01, web03, web02?"),
        ("web,&wbe", "'wbe' is no host and no group; did you mean web?"),
        ("web[10-20]", "'web[10-20]' is no host and no group"),
        ("web[3-1]", "`3-1` in `web[3-1]` is empty, expected the smaller number first"),
        ("zon=a", "'zon=a': no host has an attribute 'zon'; did you mean zone=?"),
        ("zone=c", "'zone=c': no host has that zone; there are a, b"),
        ("zone!=c", "'zone!=c': no host has that zone; there are a, b"),
        ("web,!web*", "'web,!web*' leaves no host of 5"),
        ("", "an empty pattern, expected hosts or groups; `all` for every host"),
        (" , ", "an empty pattern, expected hosts or groups; `all` for every host"),
        ("web,!", "'!' in 'web,!': expected a term after it"),
        ("@", "@: cannot be read: Is a directory"),
        ("@/no/such", "@/no/such: cannot be read: No such file or directory"),
    ],
)
def test_a_pattern_that_means_nothing_says_why(pattern: str, message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        chosen(pattern)
    assert str(caught.value).startswith(message)


def test_a_file_holds_a_pattern_a_line(tmp_path: Path) -> None:
    path = tmp_path / "hosts.txt"
    path.write_text("# the bad ones\nweb01\n\n  data,!db1  # not that one\n")
    assert chosen(f"@{path}") == "web01 db2.example.com", "`!` counts for the whole file"
    path.write_text("# the bad ones\nweb01\n\n  db2.example.com  # that one\n")
    assert chosen(f"@{path}") == "web01 db2.example.com"
    assert chosen(f"all,!@{path}") == "web03 web02 db1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web01\nwbe\n", ":2: 'wbe' is no host and no group"),
        ("@other\n", ":1: '@other': a pattern file cannot name another"),
        ("# nothing\n", ": names no host, expected a pattern a line"),
    ],
)
def test_a_bad_line_of_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "hosts.txt"
    path.write_text(text)
    with pytest.raises(SelectionError) as caught:
        chosen(f"@{path}")
    assert f"{path}{message}" in str(caught.value)
