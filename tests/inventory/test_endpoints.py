"""Where and as whom to log in: what the inventory, ssh_config, flags and defaults make of it."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory import Overrides, load
from fleetdiag.model import TransportKind
from tests.inventory.fleet import endpoint, host, load_text, route, ssh_file


def test_nothing_said_is_the_defaults_of_ssh(tmp_path: Path) -> None:
    inventory = load_text(tmp_path, "hosts: [Web1]\n")
    login = endpoint(inventory, "Web1")
    assert (login.address, login.port, login.user) == ("web1", 22, getpass.getuser())
    assert (login.identity_files, login.known_hosts_files, login.via) == ((), (), ())
    assert set(host(inventory, "Web1").origins.values()) == {"default"}


def test_the_inventory_beats_ssh_config_field_by_field(tmp_path: Path) -> None:
    ssh = "Host a\n  HostName ssh.example.com\n  Port 1000\n  User ssh\n  IdentityFile /ssh\n"
    inventory = load_text(tmp_path, "hosts:\n  a: {port: 2000, identity_file: /inv}\n", ssh=ssh)
    login = endpoint(inventory, "a")
    assert (login.address, login.port, login.user) == ("ssh.example.com", 2000, "ssh")
    assert login.identity_files == ("/inv",)
    origins = host(inventory, "a").origins
    assert origins["user"] == f"{tmp_path}/ssh_config:4"
    assert origins["port"] == f"{tmp_path}/inv.yaml:2"


def test_match_host_sees_the_inventorys_address_and_user(tmp_path: Path) -> None:
    ssh = "Match host 10.0.0.* user ops\n  Port 2222\n"
    inventory = load_text(tmp_path, "hosts:\n  a: {address: 10.0.0.7, user: ops}\n  b:\n", ssh=ssh)
    assert (endpoint(inventory, "a").port, endpoint(inventory, "b").port) == (2222, 22)


def test_flags_beat_everything_and_say_so(tmp_path: Path) -> None:
    flags = Overrides("eve", Path("/k"), True, "openssh", "hop", 99)
    text = "hosts:\n  a: {user: x, port: 1, via: other, become: false, identity_file: /y}\n"
    inventory = load_text(tmp_path, text, overrides=flags)
    login = endpoint(inventory, "a")
    assert (login.user, login.port, login.identity_files) == ("eve", 99, ("/k",))
    assert host(inventory, "a").transport is TransportKind.OPENSSH
    assert host(inventory, "a").become
    assert route(inventory, "a") == [f"{getpass.getuser()}@hop:22"]
    origins = host(inventory, "a").origins
    for name in ("user", "port", "via", "identity_file", "become", "transport"):
        assert origins[name] == f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(
    "flags", [Overrides(user="-x"), Overrides(via="a:b:"), Overrides(user=";")]
)
def test_a_bad_flag_is_an_error(tmp_path: Path, flags: Overrides) -> None:
    with pytest.raises(InventoryError):
        load_text(tmp_path, "hosts: [a]\n", overrides=flags)


def test_no_flag_sends_a_local_host_over_the_network() -> None:
    inventory = load(["local"], overrides=Overrides(transport="ssh", user="x"))
    assert inventory.hosts[0].transport is TransportKind.LOCAL
    assert inventory.hosts[0].endpoint is None


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("hosts:\n  a: {via: gate}\n", ["me@gate:22"]),
        ("hosts:\n  a: {via: 'ops@gate:2222'}\n", ["ops@gate:2222"]),
        ("hosts:\n  a: {via: 'one, x@two:7'}\n", ["me@one:22", "x@two:7"]),
        ("hosts:\n  a: {via: '[2001:db8::1]:7'}\n", ["me@2001:db8::1:7"]),
        (
            "hosts:\n  a: {via: gate}\n  gate: {user: g, port: 5, address: g.example}\n",
            ["g@g.example:5"],
        ),
        ("hosts:\n  a: {via: 'x@gate'}\n  gate: {user: g, port: 5}\n", ["x@gate:5"]),
        ("hosts:\n  a: {via: in}\n  in: {via: out}\n", ["me@out:22", "me@in:22"]),
        (
            "hosts:\n  a: {via: 'in,z'}\n  in: {via: out}\n  z: {via: q}\n",
            ["me@out:22", "me@in:22", "me@z:22"],
        ),
        ("hosts:\n  a: {via: alias}\n", ["al@alias.example:2200"]),
        ("hosts:\n  a: {via: jumped}\n", ["al@alias.example:2200", "me@jumped:22"]),
        (
            "hosts: [jumped]\ngroups:\n  g: {hosts: [a], via: jumped}\n",
            ["al@alias.example:2200", "me@jumped:22"],
        ),
    ],
)
def test_via_becomes_the_hops_in_order(tmp_path: Path, text: str, hops: list[str]) -> None:
    ssh = """\
Host alias
  HostName alias.example
  User al
  Port 2200
Host jumped
  ProxyJump alias
Host *
  User me
"""
    assert route(load_text(tmp_path, text, ssh=ssh), "a") == hops


@pytest.mark.parametrize("via", ["none", "gate"])
def test_via_beats_what_ssh_config_says_of_proxies(tmp_path: Path, via: str) -> None:
    for ssh in ("ProxyJump other", "ProxyCommand nc %h %p"):
        inventory = load_text(tmp_path, f"hosts:\n  a: {{via: {via}}}\n", ssh=f"Host a\n  {ssh}\n")
        assert endpoint(inventory, "a").proxy_command is None
        assert [hop.address for hop in endpoint(inventory, "a").via] == [via] * (via != "none")


def test_ssh_configs_proxies_count_where_the_inventory_is_silent(
    tmp_path: Path,
) -> None:
    ssh = "Host a\n  ProxyJump b\nHost b\n  Port 7\nHost c\n  User u\n"
    ssh += "  ProxyCommand nc %h %p %r %% %n\n"
    inventory = load_text(tmp_path, "hosts: [a, c]\n", ssh=ssh)
    assert [(hop.address, hop.port) for hop in endpoint(inventory, "a").via] == [("b", 7)]
    assert endpoint(inventory, "c").proxy_command == "nc c 22 u % c"
    assert host(inventory, "c").origins["proxy_command"] == f"{tmp_path}/ssh_config:7"


def test_the_bastion_of_everyone_is_reached_directly(tmp_path: Path) -> None:
    text = "defaults: {via: gate}\nhosts:\n  a:\n  gate:\n  same: {address: gate}\n"
    inventory = load_text(tmp_path, text)
    assert [hop.name for hop in endpoint(inventory, "a").via] == ["gate"]
    assert endpoint(inventory, "gate").via == endpoint(inventory, "same").via == ()


def test_vias_in_a_circle_are_an_error_that_shows_it(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"inv\.yaml:\d: via leads in a circle: a > b > c > a"):
        load_text(tmp_path, "hosts:\n  a: {via: b}\n  b: {via: c}\n  c: {via: a}\n")


def test_hops_have_no_via_and_no_flags_of_the_target(tmp_path: Path) -> None:
    flags = Overrides(user="eve", port=9)
    inventory = load_text(tmp_path, "hosts:\n  a: {via: in}\n  in: {via: out}\n", overrides=flags)
    hops = endpoint(inventory, "a").via
    assert all(hop.via == () and hop.port == 22 and hop.user != "eve" for hop in hops)


@pytest.mark.parametrize(
    ("ssh", "message"),
    [
        ("IdentityFile ~/%z", "ssh_config:1: token '%z'"),
        ("HostName %r", "ssh_config:1: HostName: token '%r'"),
        (
            "IdentityFile ${NO_SUCH_THING}/x",
            r"1: environment variable '\$\{NO_SUCH_THING\}'",
        ),
        ("ProxyJump a:b", "ssh_config:1: ProxyJump: 'b' is no port"),
    ],
)
def test_what_cannot_be_expanded_says_where(tmp_path: Path, ssh: str, message: str) -> None:
    with pytest.raises(InventoryError, match=message):
        load_text(tmp_path, "hosts: [a]\n", ssh=ssh + "\n")


def test_known_hosts_of_one_kind_keep_the_default_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for ssh, files in {
        "UserKnownHostsFile /kh": ("/kh", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"),
        "GlobalKnownHostsFile none": ("/home/me/.ssh/known_hosts", "/home/me/.ssh/known_hosts2"),
        "UserKnownHostsFile none\nGlobalKnownHostsFile none": ("/dev/null",),
    }.items():
        assert (
            endpoint(load_text(tmp_path, "hosts: [a]\n", ssh=ssh), "a").known_hosts_files == files
        )


def test_an_address_with_a_zone_is_no_token(tmp_path: Path) -> None:
    inventory = load_text(tmp_path, "hosts:\n  a: {address: 'fe80::1%hn0'}\n")
    assert endpoint(inventory, "a").address == "fe80::1%hn0"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's client")
def test_tokens_expand_as_in_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", pwd.getpwuid(os.getuid()).pw_dir)  # where ssh has it from
    monkeypatch.setenv("FLEETDIAG_TEST", "/fd")
    shown = tmp_path / "shown"
    ssh = f"""\
Host Web
    HostName %h.example.com
    User ops
    Port 2200
    HostKeyAlias alias
    IdentityFile ~/.ssh/a_%h_%n_%r_%p_%u_%i_%L_%l_%k_%%
    IdentityFile %d/b
    IdentityFile ${{FLEETDIAG_TEST}}/c
    IdentityFile "/d e"
    ProxyCommand echo "%h %n %p %r %%" | tee {shown}
"""
    config = ssh_file(tmp_path, ssh)
    done = subprocess.run(
        ["ssh", "-v", "-F", str(config), "-o", "BatchMode=yes", "Web", "true"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    files = re.findall(r"^debug1: identity file (.*) type -?\d+$", done.stderr, re.MULTILINE)
    login = endpoint(load_text(tmp_path, "hosts: [Web]\n", ssh=ssh), "Web")
    assert list(login.identity_files) == [file for file in files if not file.endswith("-cert")]
    assert len(login.identity_files) == 4
    assert login.proxy_command == f'echo "{shown.read_text().strip()}" | tee {shown}'
