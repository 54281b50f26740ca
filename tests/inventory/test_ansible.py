"""`-i ansible:PATH` beside the real ansible-core: the same hosts, groups, logins and selections.

Each directory under `ansible/` is a case: its `inventory…` is the source; where there is none, its
`ansible.cfg` says. A variable `expect_…` of a host is for one test here.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory import load, select
from fleetdiag.inventory.ansible import ansible_records
from fleetdiag.model import TransportKind
from tests.inventory import ansible_listings
from tests.inventory.ansible_listings import inventory as inventory_in
from tests.inventory.fleet import endpoint, host, route

if TYPE_CHECKING:
    from fleetdiag.model import Inventory

CASES = Path(__file__).parent / "ansible"
NAMES = sorted(case.name for case in CASES.iterdir())
BESIDE = Path(sys.executable).parent
NO_CONFIG = Path(os.devnull)

needs_ansible = pytest.mark.skipif(
    not (BESIDE / "ansible-inventory").exists(), reason="needs ansible-core beside this Python"
)
pytestmark = needs_ansible


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nobody's own ansible.cfg, vault password or home counts."""
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("LOGNAME", "me")


def started(name: str, program: str, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """A program of ansible-core, started in the directory of a case."""
    path = inventory_in(CASES / name)
    return subprocess.Popen(
        [str(BESIDE / program), *(["-i", path] if path else []), *arguments],
        cwd=CASES / name,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_VERBOSITY": "0", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    told, _ = process.communicate(timeout=60)
    return told


Listing = dict[str, Any]


@functools.cache
def theirs(name: str) -> Listing:
    """What the real ansible-inventory lists for a case."""
    if not inventory_in(CASES / name):  # its ansible.cfg counts from the start of the program
        told = answer(started(name, "ansible-inventory", "--list", ANSIBLE_INVENTORY_EXPORT="0"))
        return dict(json.loads(told))
    return all_listings()[name]


@functools.cache
def all_listings() -> dict[str, Listing]:
    cases = [str(CASES / name) for name in NAMES if inventory_in(CASES / name)]
    program = [sys.executable, ansible_listings.__file__, *cases]
    told = subprocess.run(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return dict(json.loads(told.stdout))


@functools.cache
def ours(name: str) -> Inventory:
    """What fleetdiag makes of a case, started from its directory."""
    with contextlib.chdir(CASES / name):
        return load([f"ansible:{inventory_in(CASES / name)}"], ssh_config=NO_CONFIG)


# ---------------------------------------------------------------------- hosts, groups, variables


def groups_of(listing: Listing) -> dict[str, set[str]]:
    """Host -> the groups it is in, parents included, as the listing's children lead to it."""

    def members(group: str) -> set[str]:
        said = listing.get(group, {})
        return set(said.get("hosts", ())).union(*map(members, said.get("children", ())))

    named = {group: members(group) for group in listing if group not in ("_meta", "ungrouped")}
    every = named.pop("all")
    return {host: {group for group in named if host in named[group]} for host in every}


def usable(listing: Listing, name: str) -> bool:
    connection = str(listing["_meta"]["hostvars"].get(name, {}).get("ansible_connection", "ssh"))
    known = ("ssh", "smart", "paramiko", "paramiko_ssh", "local")
    return connection.rpartition(".")[2] in known and bool(re.fullmatch(r"[\w:][\w.:%+-]*", name))


def said(variables: dict[str, Any], *names: str) -> Any:
    """The first of these variables that says something a test can compare, else None."""
    for name in names:
        value = variables.get(name)
        if isinstance(value, dict) and "__ansible_unsafe" in value:
            value = value["__ansible_unsafe"]
        if value not in (None, "") and "{{" not in str(value):
            return value
    return None


@pytest.mark.parametrize("name", NAMES)
def test_hosts_groups_and_logins_are_those_of_ansible_inventory(name: str) -> None:
    inventory, listing = ours(name), theirs(name)
    member_of = groups_of(listing)

    assert {each.name for each in inventory.hosts} == {n for n in member_of if usable(listing, n)}
    assert inventory.hosts, "a case without hosts shows nothing"
    for each in inventory.hosts:
        nameable = {group for group in member_of[each.name] if re.fullmatch(r"[\w.:+-]+", group)}
        assert set(each.groups) == nameable, each.name
        variables = listing["_meta"]["hostvars"].get(each.name, {})
        become = str(variables.get("ansible_become", "no")).lower() in ("true", "yes", "1")
        assert each.become is become, each.name
        for attribute in ("rack", "stage", "tier", "vlan", "cluster", "dc"):
            value = said(variables, attribute)
            scalar = None if isinstance(value, list | dict) else value
            assert each.attributes.get(attribute) == (None if scalar is None else str(scalar))
        if each.transport is not TransportKind.LOCAL:
            same_login(inventory, each.name, variables)


def same_login(inventory: Inventory, name: str, variables: dict[str, Any]) -> None:
    login = endpoint(inventory, name)
    address = said(variables, "ansible_ssh_host", "ansible_host") or name
    port = said(variables, "ansible_ssh_port", "ansible_port")
    user = said(variables, "ansible_ssh_user", "ansible_user")
    key = said(variables, "ansible_ssh_private_key_file", "ansible_private_key_file")
    if "{{" not in str(variables.get("ansible_host")):
        assert login.address == str(address).lower(), name
    if port is not None:
        assert login.port == int(port), name
    if user is not None:
        assert login.user == str(user), name
    if key is not None:
        assert login.identity_files[0] == str(Path(key).expanduser()), name


FAKE_SSH = "#!/bin/sh\nprintf '%s\\037' \"$@\"\n"


@pytest.mark.parametrize("name", ["ssh_arguments", "ssh_names", "templates"])
@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's ssh")
def test_logins_are_those_of_the_ssh_commands_that_ansible_runs(name: str, tmp_path: Path) -> None:
    fake = tmp_path / "fake-ssh"
    fake.write_text(FAKE_SSH)
    fake.chmod(0o755)
    raw = ("all", "-m", "raw", "-a", "true", "-f", "20")
    printed = answer(started(name, "ansible", *raw, ANSIBLE_SSH_EXECUTABLE=str(fake)))
    inventory = ours(name)
    calls = re.findall(r"^(\S+) \| CHANGED \| rc=0 >>\n(.*)\037$", printed, re.MULTILINE)
    assert {name for name, _ in calls} == {each.name for each in inventory.hosts}
    for called, line in calls:
        asked = ["ssh", "-F", os.devnull, "-G", *line.split("\037")]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        words = dict(line.split(" ", 1) for line in reversed(told.splitlines()) if " " in line)
        login = endpoint(inventory, called)
        assert login.address == words["hostname"], called
        assert login.port == int(words["port"]), called
        if "User=" in line or "-l" in line:
            assert login.user == words["user"], called
        files = [words["identityfile"]] if "IdentityFile" in line or "-i" in line else []
        assert [*login.identity_files] == files, called


def test_a_relative_key_is_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts").write_text("h ansible_private_key_file='keys/{{ inventory_hostname }}'\n")
    monkeypatch.chdir(tmp_path)
    login = endpoint(load(["ansible:hosts"], ssh_config=NO_CONFIG), "h")
    assert login.identity_files == (f"{tmp_path}/keys/h",)


# ------------------------------------------------------------------------- what each case is about


def test_bastions_are_those_the_arguments_for_ssh_pass() -> None:
    inventory = ours("jump_hosts")
    variables = theirs("jump_hosts")["_meta"]["hostvars"]
    routes = {each.name: ",".join(_bracketed(inventory, each.name)) for each in inventory.hosts}
    assert routes == {name: its.get("expect_via") or "" for name, its in variables.items()}
    left = {name for name, its in variables.items() if its.get("expect_left")}
    assert {name for name in variables if re.search(rf"\b{name}\b:", inventory.note or "")} == left


def _bracketed(inventory: Inventory, name: str) -> list[str]:
    return [re.sub(r"@(.*:.*):(\d+)$", r"@[\1]:\2", hop) for hop in route(inventory, name)]


def test_what_is_no_ssh_is_left_out_and_the_note_says_how_many_and_why() -> None:
    inventory = ours("winrm_hosts")
    assert [each.name for each in inventory.hosts] == ["web1", "web2"]
    said = inventory.note or ""
    assert "left out 2 of 6 hosts, with connection `winrm`: win1, win2." in said
    assert "1 of 6 hosts, with connection `community.docker.docker`: box." in said
    assert "1 of 6 hosts, with connection `ansible.netcommon.network_cli`: switch1." in said
    assert inventory.groups == {"linux": ("web1", "web2"), "site": ("web1", "web2")}


def test_names_that_cannot_be_used_are_said_and_what_is_below_them_stays() -> None:
    inventory = ours("names")
    assert {each.name for each in inventory.hosts} == {
        "web", "web-1", "web2", "in-odd", "in-inner", "under_score", "dot.dot",
    }  # fmt: skip
    assert {*inventory.groups["outer"]} == {"in-inner", "in-odd"}
    assert "left out 3 of 10 hosts, with names that are no host names" in (inventory.note or "")
    assert "groups with names that are none here: odd group" in (inventory.note or "")


def test_only_listed_names_become_attributes() -> None:
    inventory = ours("attributes")
    assert host(inventory, "h1").attributes == {
        "owner": "platform",
        "tags.Team": "core",
        "zone": "eu-1a",
        "region": "eu-west-1",
        "type": "m5.large",
        "image": "ami-1",
        "vpc": "vpc-1",
        "rack": "4",
    }
    assert host(inventory, "h2").attributes == {"zone": "zone-1"}
    where = "ansible:inventory.yml"
    assert host(inventory, "h1").origins["attributes.zone"] == where


def test_an_attribute_is_printable_text_that_only_ansible_need_not_fill_in() -> None:
    plain = host(ours("unicode"), "plain")
    assert plain.attributes == {}
    german = host(ours("unicode"), "köln-1")
    assert german.attributes == {"zone": "Köln"}
    assert host(ours("vault"), "h1").attributes == {
        "zone": "a",
        "env": "{{ as it is }}",
    }


def test_become_by_other_means_is_said() -> None:
    note = ours("become").note or ""
    assert "not followed for other_user: ansible_become_user `postgres` (root is used)." in note
    assert "not followed for by_su: ansible_become_method `su` (sudo is used)." in note
    assert "not_asked" not in note
    assert "by_sudo" not in note


# -------------------------------------------------------------------------------------- patterns


PATTERNS = [
    "all",
    "web",
    "web,db",
    "prod,&east",
    "web,!east",
    "prod,&west,!db2",
    "web*",
    "*.example.com",
    "web0?.example.com",
    "cache-*,db1",
    "db1",
    "!db",
    "!web,!db",
    "&east",
    "east,west,&db",
    "e*,!db1",
    "all,!cache,&west",
]

ASKED = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
for pattern in sys.argv[2:]:
    manager = InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
    print(json.dumps([host.name for host in manager.get_hosts(pattern)]))
"""


def test_patterns_pick_the_hosts_that_ansible_picks() -> None:
    path = str(CASES / "patterns/inventory")
    asked = [sys.executable, "-c", ASKED, path, *PATTERNS]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    inventory = ours("patterns")
    for pattern, line in zip(PATTERNS, told.splitlines(), strict=True):
        mine = {each.name for each in select(inventory, pattern)}
        assert mine == set(json.loads(line)), pattern


def test_a_pattern_picks_what_list_hosts_prints() -> None:
    pattern = "prod,&east,!db"
    printed = answer(started("patterns", "ansible", pattern, "--list-hosts")).splitlines()
    picked = [each.name for each in select(ours("patterns"), pattern)]
    assert picked == [line.strip() for line in printed[1:]]
    assert len(picked) == 3


# ---------------------------------------------------------------------------------- what goes wrong


def problem(path: str) -> str:
    with pytest.raises(InventoryError) as caught:
        ansible_records(path)
    text = str(caught.value)
    assert all(each.isprintable() or each == "\n" for each in text)
    return text


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "place"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def test_a_path_that_is_none_is_an_error_though_ansible_only_warns(place: Path) -> None:
    assert problem("none.ini") == "-i ansible:none.ini: no such file or directory"


def test_a_list_of_hosts_is_no_path(place: Path) -> None:
    assert [each.name for each in ansible_records("web1,web2,").hosts] == ["web1", "web2"]


def test_nothing_that_ansible_cfg_names_says_so(place: Path) -> None:
    Path("ansible.cfg").write_text("[defaults]\ninventory = nothing\n")
    text = problem("")
    assert text == f"-i ansible: Ansible cannot read {place}/nothing"
    Path("ansible.cfg").write_text("[defaults]\ninventory = empty\n")
    Path("empty").write_text("# nobody\n")
    assert problem("") == "-i ansible: names no host; without a path it is what ansible.cfg says"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("hosts", "[web\nfoo bar\n", "not enough values|Section|unpack"),
        ("hosts.yml", "all: [\n", r"YAML parsing failed|Syntax Error while loading YAML"),
        ("hosts.yml", "all:\n  hosts:\n    a: 3\n", "expected dictionary and got: 3"),
        ("x_aws_ec2.yml", "plugin: amazon.aws.no_such\n", "unknown plugin 'amazon.aws.no_such'"),
        ("c.yml", "plugin: constructed\nstrict: true\ncompose: 3\n", "compose"),
    ],
)
def test_what_ansible_cannot_read_is_an_error_with_its_reason(
    place: Path, name: str, text: str, reason: str
) -> None:
    Path(name).write_text(text)
    (line,) = problem(name).splitlines()
    assert line.startswith(f"-i ansible:{name}: Ansible cannot read {place}/{name}: ")
    assert re.search(reason, line), line
    assert len(line) < 500


def test_a_script_that_fails_is_told_in_its_own_words(place: Path) -> None:
    script(place / "dynamic", "echo 'token has expired' >&2; exit 3")
    assert "token has expired" in problem("dynamic")


def test_a_part_that_cannot_be_read_leaves_the_others_with_a_note(place: Path) -> None:
    Path("d").mkdir()
    Path("d/good").write_text("web1\n")
    script(Path("d/zz-cloud"), "echo 'no route to the cloud' >&2; exit 1")
    records = ansible_records("d")
    assert [each.name for each in records.hosts] == ["web1"]
    note = records.note or ""
    assert note.startswith(f"ansible:d: Ansible cannot read {place}/d/zz-cloud: ")
    assert "no route to the cloud" in note
    assert note.endswith("Its hosts are missing here.")


def test_an_encrypted_file_without_a_password_says_what_to_do(place: Path) -> None:
    Path("hosts").write_text("[g]\nh\n")
    Path("group_vars").mkdir()
    body = "62313365396662343061393464336163383764373764613633653634306231386433626436623361\n"
    Path("group_vars/g.yml").write_text(f"$ANSIBLE_VAULT;1.1;AES256\n{body}")
    text = problem("hosts")
    assert text.startswith("-i ansible:hosts: ansible-inventory failed (exit code ")
    assert text.endswith("; name the file with the password in $ANSIBLE_VAULT_PASSWORD_FILE")


def test_no_question_is_asked_at_the_terminal(place: Path) -> None:
    Path("ansible.cfg").write_text("[defaults]\nask_vault_pass = True\n")
    Path("hosts").write_text("h\n")
    with pytest.raises(InventoryError, match="ansible-inventory failed"):
        ansible_records("hosts")


def test_without_ansible_the_error_says_what_to_install(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    Path("hosts").write_text("h\n")
    text = problem("hosts")
    assert text.startswith("-i ansible:hosts: there is no ansible-inventory on the PATH; install ")
    assert "pip install 'fleetdiag[ansible]'" in text


def test_the_one_on_the_path_comes_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = '{"g": {"hosts": ["from-path"]}}'
    script(place / "ansible-inventory", f"echo {shlex.quote(listing)}")
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    assert [each.name for each in ansible_records("a,").hosts] == ["from-path"]
    script(place / "ansible-inventory", "echo no JSON")
    assert "ansible-inventory printed no JSON: " in problem("a,")
    script(place / "ansible-inventory", "kill -9 $$")
    assert "ansible-inventory failed (signal 9): it said nothing" in problem("a,")


def test_whatever_settings_say_the_listing_is_complete_json(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ANSIBLE_VERBOSITY": "4",
        "ANSIBLE_FORCE_COLOR": "1",
        "ANSIBLE_INVENTORY_EXPORT": "1",
        "ANSIBLE_DEBUG": "1",
    }.items():
        monkeypatch.setenv(name, value)
    Path("hosts").write_text("[g]\nh\n[g:vars]\nansible_user=u\n")
    assert endpoint(load(["ansible:hosts"], ssh_config=NO_CONFIG), "h").user == "u"
