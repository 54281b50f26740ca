"""docs/inventory.md: what it shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleetdiag.inventory import load, select
from fleetdiag.inventory.hostvars import ATTRIBUTES

PAGE = (Path(__file__).parents[2] / "docs/inventory.md").read_text()


def block(beginning: str) -> str:
    """The code block that begins with this line, without it."""
    found = re.search(rf"```\w+\n{re.escape(beginning)}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, beginning
    return found[1]


def test_the_yaml_file_and_every_pattern_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yaml").write_text(block("# inventory.yaml"))
    Path("hosts.txt").write_text("web01 # one\ndb1\n")
    inventory = load(["inventory.yaml"], ssh_config=Path("/dev/null"))
    table = PAGE.partition("| pattern | means |")[2].partition("\n\n")[0]
    chosen = {
        pattern: [host.name for host in select(inventory, pattern)]
        for pattern in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    }
    assert len(chosen) == 12
    assert chosen["zone!=zone-a"] == ["web04", "web05"]
    assert chosen["web,!web03"] == ["web01", "web02", "web04", "web05"]
    assert chosen["@hosts.txt"] == ["web01", "db1"]


def test_the_script_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = block("$ cat inventory.sh").partition("$ fleetdiag")[0]
    Path("inventory.sh").write_text(text)
    Path("inventory.sh").chmod(0o755)
    hosts = load(["./inventory.sh"], ssh_config=Path("/dev/null")).hosts
    assert [(h.name, dict(h.attributes)) for h in hosts] == [
        ("web1", {"role": "web", "zone": "a"}),
        ("web2", {"role": "web", "zone": "b"}),
    ]


def test_the_attributes_are_all_listed() -> None:
    quote = "".join(line for line in PAGE.splitlines() if line.startswith(">"))
    listed = set(re.findall(r"`([\w.]+)`", quote))
    known = {name for names in ATTRIBUTES.values() for name in names}
    assert known - listed == {"placement.availability_zone_id"}
    assert listed - known == {"amazon.aws.aws_ec2"}


def test_each_source_has_its_section() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
