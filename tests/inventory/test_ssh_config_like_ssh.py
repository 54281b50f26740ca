"""Our reading of ssh_config against the installed `ssh -G`, over the files in ssh_configs/.

A file's first line says which hosts to ask for. `home/` is the home directory they see.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.endpoints import Endpoints
from fleetdiag.inventory.records import Given, parse_via
from fleetdiag.inventory.ssh_config import read_ssh_config
from fleetdiag.model import Endpoint

CONFIGS = Path(__file__).parent / "ssh_configs"
CASES = [
    pytest.param(path, asked, id=f"{path.stem}-{asked}")
    for path in sorted(CONFIGS.glob("*.conf"))
    for asked in path.read_text().split("\n")[0].removeprefix("# ask:").split()
]
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's client")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ssh_configs/home that ssh accepts (whatever the umask of the checkout was)."""
    home = tmp_path_factory.mktemp("home") / "home"
    shutil.copytree(CONFIGS / "home", home)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return home


def ssh_says(config: Path, asked: str, home: Path) -> dict[str, list[str]] | None:
    """Keyword -> values as `ssh -G` prints them; None where ssh refuses the file."""
    command = ["ssh", "-G", "-F", str(config), asked]
    environment = {**os.environ, "HOME": str(home), "FLEETDIAG_TEST": "/fd"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    if done.returncode != 0:
        return None
    said: dict[str, list[str]] = {}
    in_home = re.compile(rf"(?<!\S){pwd.getpwuid(os.getuid()).pw_dir}/")
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        # ssh takes the home directory from the password file, not from $HOME.
        said.setdefault(keyword, []).append(in_home.sub(f"{home}/", value))
    return said


def we_say(config: Path, asked: str, home: Path) -> tuple[Endpoint, dict[str, list[str]]]:
    """The endpoint, and the values that `ssh -G` shows with their tokens."""
    user, _, name = asked.rpartition("@")
    variables = {"user": Given(user, "-u")} if user else {}
    parsed = read_ssh_config(config, home=home)
    endpoint, _ = Endpoints(parsed, {}).endpoint(name, variables)
    answer = parsed.lookup(name, variables)
    raw = {"identityfile": [str(given.value) for given in answer.identity_files]}
    for keyword in ("proxycommand", "proxyjump"):
        given = answer.values.get(keyword)
        raw[keyword] = [] if given is None or given.value == "none" else [str(given.value)]
    return endpoint, raw


@needs_ssh
@pytest.mark.parametrize(("config", "asked"), CASES)
def test_we_resolve_a_host_as_ssh_does(
    config: Path, asked: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FLEETDIAG_TEST", "/fd")
    said = ssh_says(config, asked, home)
    assert (said is None) == config.stem.startswith("bad_"), "the table is out of step with ssh"
    if said is None:
        with pytest.raises(InventoryError, match=re.escape(config.name)):
            we_say(config, asked, home)
        return
    endpoint, raw = we_say(config, asked, home)
    assert endpoint.address == said["hostname"][0]
    assert endpoint.port == int(said["port"][0])
    assert endpoint.user == said["user"][0]
    assert endpoint.identities_only == (said["identitiesonly"] == ["yes"])
    assert [endpoint.host_key_alias] == said.get("hostkeyalias", [None])
    assert raw["identityfile"] == [
        file for file in said["identityfile"] if raw["identityfile"] or "~/.ssh/id_" not in file
    ]
    assert raw["proxycommand"] == [c for c in said.get("proxycommand", []) if c != "none"]
    jumps = [parse_via(jump) for jump in said.get("proxyjump", []) if jump != "none"]
    assert [parse_via(jump) for jump in raw["proxyjump"]] == jumps
    files = [file for key in ("user", "global") for file in said[f"{key}knownhostsfile"]]
    known = " ".join(file for file in files if file != "none")
    names = ("known_hosts", "known_hosts2")
    defaults = [f"{home}/.ssh/{name}" for name in names] + [
        f"/etc/ssh/ssh_{name}" for name in names
    ]
    assert " ".join(endpoint.known_hosts_files or defaults) == known
