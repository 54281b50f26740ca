"""Sources of other packages, from a distribution that is really installed beside fleetdiag."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

MODULE = """
from fleetdiag.errors import InventoryError
from fleetdiag.inventory.records import Given, GroupRecord, HostRecord, Records

def as_dict(argument):
    variables = {"ansible_user": "d", "zone": "z"}
    return {"web": {"hosts": [f"{argument or 'none'}-1"], "vars": variables}}

def as_records(argument):
    host = HostRecord("r1", {"port": Given(7, "racks:r1")})
    return Records("racks", (host,), (GroupRecord("rack", ("r1",)),), note="From the racks.")

def refuses(argument):
    raise InventoryError("the token has expired")

def breaks(argument):
    return {}[argument + chr(27)]

def leaves(argument):
    raise SystemExit("bye")

def wrong(argument):
    return ["a"]

def no_data(argument):
    return {"g": {"hosts": ["a"], "vars": {"x": object()}}}

def bad_name(argument):
    return Records("x", (HostRecord("a b"),))

def bad_group(argument):
    return Records("x", (HostRecord("a"),), (GroupRecord("g", ("b",)),))
"""

ENTRY_POINTS = """
[fleetdiag.inventory]
netbox = racks:as_dict
racks = racks:as_records
refuses = racks:refuses
breaks = racks:breaks
leaves = racks:leaves
wrong = racks:wrong
no_data = racks:no_data
bad_name = racks:bad_name
bad_group = racks:bad_group
absent = racks:absent
not_there = no_such_module:x
local = racks:as_records
twice = racks:as_dict
"""

SAY = """
import json, sys
from pathlib import Path
from fleetdiag.errors import FleetdiagError
from fleetdiag.inventory import hosts_json, load
for source in sys.argv[1:]:
    try:
        inventory = load([source], ssh_config=Path("/dev/null"))
        told = {**hosts_json(inventory.hosts), "note": inventory.note}
    except FleetdiagError as error:
        told = {"error": str(error)}
    print(json.dumps(told))
"""


def install(site: Path, name: str, module: str, entry_points: str) -> None:
    """A distribution as pip leaves it behind: a module, and its metadata."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_text(module)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    install(place, "racks", MODULE, ENTRY_POINTS)
    install(
        place, "rival", "def other(argument):\n    ...", "[fleetdiag.inventory]\ntwice=rival:other"
    )
    return place


def told(site: Path, *sources: str, cwd: Path | None = None) -> list[dict[str, Any]]:
    """What a fresh Python that has the packages loads from each source."""
    done = subprocess.run(
        [sys.executable, "-c", SAY, *sources],
        env={"PYTHONPATH": f"{ROOT}:{site}", "HOME": str(site), "USER": "me"},
        cwd=cwd or site,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_dict_and_records_become_hosts(site: Path) -> None:
    plain, bare, racks = told(site, "netbox:dc1", "netbox", "racks:")
    (host,) = plain["hosts"]
    assert (host["name"], host["user"], host["groups"]) == ("dc1-1", "d", ["web"])
    assert host["attributes"] == {"zone": "z"}
    assert [each["name"] for each in bare["hosts"]] == ["none-1"]
    assert (racks["hosts"][0]["port"], racks["note"]) == (7, "From the racks.")


def test_whatever_goes_wrong_is_an_error_with_the_sources_name(site: Path) -> None:
    who = "the source `{0}` of racks"
    expected = {
        "refuses": ": the token has expired",
        "breaks": ": KeyError: '\\x1b'",
        "leaves": ": SystemExit: bye",
        "wrong": " gave list, expected Records or the dict that ansible-inventory --list prints",
        "no_data": " gave a dict that is no JSON: Object of type object is not JSON serializable",
        "bad_name": ": 'a b' is no host name, expected letters, digits and . : % + - _",
        "bad_group": ": host 'b' of group 'g' is not among its hosts",
        "absent": ": AttributeError: ",
        "not_there": ": ModuleNotFoundError: No module named 'no_such_module'",
    }
    for answer, (name, words) in zip(told(site, *expected), expected.items(), strict=True):
        assert answer["error"].startswith(f"-i {name}: {who.format(name)}{words}")
        assert answer["error"].isprintable()


def test_two_packages_with_the_same_name_are_told_apart(site: Path) -> None:
    (answer,) = told(site, "twice:x")
    assert answer == {"error": "-i twice:x: racks and rival both have a source `twice`"}


def test_a_shipped_source_is_not_taken_over(site: Path) -> None:
    (answer,) = told(site, "local")
    assert [host["name"] for host in answer["hosts"]] != ["r1"]


def test_a_file_of_that_name_comes_first(site: Path, tmp_path: Path) -> None:
    (tmp_path / "racks").write_text("hosts: [from-file]\n")
    answer, other = told(site, "racks", "racks:", cwd=tmp_path)
    assert [host["name"] for host in answer["hosts"]] == ["from-file"]
    assert [host["name"] for host in other["hosts"]] == ["r1"]


def test_advice_knows_the_sources_of_packages(site: Path) -> None:
    near, far = told(site, "netbix:dc1", "zzz")
    assert near == {"error": "-i netbix:dc1: no such file; did you mean `-i netbox:dc1`?"}
    for name in ("ansible", "ec2", "ssh_config", "local", "demo", "netbox", "racks"):
        assert name in far["error"]
