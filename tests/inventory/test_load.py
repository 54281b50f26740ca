"""`load`: which sources are read, how they come together, and how fast."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fleetdiag.errors import InventoryError, InventoryFileError
from fleetdiag.inventory import load, select
from tests.inventory.fleet import endpoint, host, load_text, ssh_file

EXAMPLE = Path(__file__).parents[2] / "inventory.example.yaml"


@pytest.fixture
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a home without anything in them."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FLEETDIAG_INVENTORY", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*sources: str) -> list[str]:
    return [host.name for host in load(sources).hosts]


def test_the_example_loads_as_it_is() -> None:
    inventory = load([str(EXAMPLE)], ssh_config=Path("/dev/null"))
    assert len(inventory.hosts) == 9
    assert endpoint(inventory, "web05").address == "10.0.2.12"
    assert [hop.port for hop in endpoint(inventory, "db2").via] == [2222]
    assert host(inventory, "web01").attributes["image"] == "2024.10"


def test_without_anything_the_error_says_where_it_looked_and_what_to_do(empty_place: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        load([])
    for words in ("$FLEETDIAG_INVENTORY", "./inventory.yaml", "~/.config/fleetdiag/inventory.yaml"):
        assert words in str(caught.value)
    for way_out in ("-w", "-i FILE", "-i local", "-i demo", "-i ssh_config"):
        assert way_out in str(caught.value)


def test_sources_are_looked_for_in_order(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = empty_place / "home/.config/fleetdiag/inventory.yaml"
    users.parent.mkdir(parents=True)
    users.write_text("hosts: [users]\n")
    assert names() == ["users"]
    assert load([]).sources == ("~/.config/fleetdiag/inventory.yaml",)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(empty_place / "xdg"))
    other = empty_place / "xdg/fleetdiag/inventory.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("hosts: [xdg]\n")
    assert names() == ["xdg"]
    Path("inventory.yaml").write_text("hosts: [here]\n")
    assert names() == ["here"]
    Path("e1.yaml").write_text("hosts: [one]\n")
    Path("e2.yaml").write_text("hosts: [two]\n")
    monkeypatch.setenv("FLEETDIAG_INVENTORY", "e1.yaml, e2.yaml")
    assert names() == ["one", "two"]
    assert names("inventory.yaml") == ["here"]


def test_later_sources_win_and_origins_say_which(empty_place: Path) -> None:
    Path("a.yaml").write_text("hosts:\n  h: {user: a, port: 1}\n")
    Path("b.yaml").write_text("hosts:\n  h: {user: b}\n  k:\n")
    inventory = load(["a.yaml", "b.yaml"])
    assert inventory.sources == ("a.yaml", "b.yaml")
    assert (endpoint(inventory, "h").user, endpoint(inventory, "h").port) == ("b", 1)
    origins = host(inventory, "h").origins
    assert (origins["user"], origins["port"]) == ("b.yaml:2", "a.yaml:2")


def test_ad_hoc_hosts_need_no_inventory_and_read_none(empty_place: Path) -> None:
    Path("inventory.yaml").write_text("hosts: [other]\n")
    inventory = load([], adhoc="ops@web[1-2]:2222")
    assert [host.name for host in inventory.hosts] == ["web1", "web2"]
    assert (endpoint(inventory, "web1").user, endpoint(inventory, "web1").port) == ("ops", 2222)
    assert host(inventory, "web1").origins["port"] == "-w"


def test_beside_a_source_ad_hoc_hosts_are_all_there_is_and_keep_its_settings(
    empty_place: Path,
) -> None:
    Path("a.yaml").write_text("groups:\n  g: {hosts: [x, y], port: 7, user: u}\n")
    inventory = load(["a.yaml"], adhoc="new,w@y")
    assert [host.name for host in inventory.hosts] == ["new", "y"]
    assert (endpoint(inventory, "y").user, endpoint(inventory, "y").port) == ("w", 7)
    assert endpoint(inventory, "new").port == 22
    assert inventory.groups == {"g": ("y",)}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.yaml", "-i none.yaml: no such file, expected a YAML file or one of ssh_config"),
        ("lcal", "-i lcal: no such file; did you mean `-i local`?"),
        (".", "-i .: a directory, expected a YAML file"),
    ],
)
def test_a_source_that_is_none_says_so(empty_place: Path, source: str, message: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load([source])
    assert str(caught.value).startswith(message)


def test_a_file_named_like_a_source_is_reached_by_its_path(empty_place: Path) -> None:
    Path("local").write_text("hosts: [from-file]\n")
    assert names("./local") == ["from-file"]
    assert names("local") != ["from-file"]


def test_ssh_config_lists_its_plain_hosts(empty_place: Path) -> None:
    config = ssh_file(
        empty_place, "Host web db\n  Port 7\nHost *.x !y ?\nMatch host m\nHost db last\n"
    )
    inventory = load(["ssh_config"], ssh_config=config)
    assert [host.name for host in inventory.hosts] == ["web", "db", "last"]
    assert endpoint(inventory, "web").port == 7


def test_ssh_config_is_the_users_with_includes_not_the_systems(empty_place: Path) -> None:
    ssh = empty_place / "home/.ssh"
    ssh.mkdir(parents=True)
    for name, text in {"config": "Include more\nHost a\n", "more": "Host b\n"}.items():
        (ssh / name).write_text(text)
        (ssh / name).chmod(0o600)
    assert names("ssh_config") == ["b", "a"]


def test_an_ssh_config_without_plain_hosts_says_so(empty_place: Path) -> None:
    with pytest.raises(InventoryError, match="no `Host` entry with a plain name"):
        load(["ssh_config"], ssh_config=ssh_file(empty_place, "Host *\n  Port 7\n"))


def test_an_ssh_config_others_may_write_is_refused(empty_place: Path) -> None:
    for name in ("config", "more"):
        ssh = empty_place / "home/.ssh"
        ssh.mkdir(parents=True, exist_ok=True)
        (ssh / name).write_text("Host a\n  Port 7\n")
        (ssh / name).chmod(0o666)
    with pytest.raises(InventoryFileError, match=r"~/\.ssh/config: others may write it"):
        load([], adhoc="a")
    named = load([], adhoc="a", ssh_config=ssh / "config")
    assert endpoint(named, "a").port == 7, "as with ssh -F"
    with pytest.raises(InventoryFileError, match=r"~/\.ssh/more: others may write it"):
        load([], adhoc="a", ssh_config=ssh_file(empty_place, "Include more\n"))


def test_an_ssh_config_named_but_not_there_is_an_error(empty_place: Path) -> None:
    with pytest.raises(InventoryFileError, match="none: cannot be read: No such file"):
        load([], adhoc="a", ssh_config=Path("none"))


def test_a_broken_ssh_config_does_not_touch_local_hosts(empty_place: Path) -> None:
    config = ssh_file(empty_place, "Host a\n  Port x\n")
    assert len(load(["local"], ssh_config=config).hosts) == 1
    with pytest.raises(InventoryFileError, match=r"ssh_config:2: `port` is 'x'"):
        load([], adhoc="a", ssh_config=config)


def test_ten_thousand_hosts_load_and_select_in_about_a_second(tmp_path: Path) -> None:
    text = "hosts:\n  web[00001-10000]: {address: '10.[0-99].0.[0-99]', user: u}\n"
    started = time.process_time()
    inventory = load_text(tmp_path, text, ssh="Host web*\n  Port 7\n")
    assert len(select(inventory, "web[00001-09999],!web0*1")) == 8999
    assert time.process_time() - started < 2.0


ROLES = "hosts:\n  a: {attributes: {role: web, zone: x}}\n  b: {attributes: {role: db}}\n"


def test_peers_are_of_the_last_source_that_names_them(tmp_path: Path) -> None:
    sources = []
    for name, said in {"one": "peers: zone\n", "two": "peers: role\n", "three": ""}.items():
        (tmp_path / name).write_text(f"{ROLES}{said}")
        sources.append(str(tmp_path / name))
    none = Path("/dev/null")

    assert load(sources, ssh_config=none).peers == "role"
    assert load(sources[::-1], ssh_config=none).peers == "zone"
    assert load(sources[2:], ssh_config=none).peers is None
    assert load(sources, adhoc="new", ssh_config=none).peers == "role"


def test_peers_that_no_host_has_are_an_error_at_their_place(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        load_text(tmp_path, f"{ROLES}peers: rol\n")
    assert str(caught.value) == (
        f"{tmp_path}/inv.yaml:4: no host has the attribute `rol` of `peers`; did you mean `role`?"
    )
