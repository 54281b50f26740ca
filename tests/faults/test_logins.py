"""Logins that are refused, or that lead nowhere: one run, a server or an account for each fault."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import until
from tests.faults.matrix import Matrix, Told, told_once
from tests.fleet import Fleet, User
from tests.fleet.keys import make_key

pytestmark = pytest.mark.fleet

BOOK = "steps:\n  - before: echo before\n  - after: echo after\n"
SAID = [b"before\n", b"after\n"]
ACCOUNTS = ("expired", "ended", "nologin", "forced", "swallowed", "echoed", "fine", "restricted")
SERVERS = {
    "no-sessions": "MaxSessions=0",
    "one-session": "MaxSessions=1",
    "other-kex": "KexAlgorithms=sntrup761x25519-sha512@openssh.com",
    "other-cipher": "Ciphers=chacha20-poly1305@openssh.com",
    "other-host-key": "HostKey=/etc/ssh/rsa HostKeyAlgorithms=ssh-rsa",
    "other-user-keys": "PubkeyAcceptedAlgorithms=rsa-sha2-512",
    "no-keys": "PubkeyAuthentication=no",
    "not-root": "PermitRootLogin=no",
    "locked-in": "ChrootDirectory=/srv/data",
}
FIRST_PORT = 2200

NO_SCRIPT = "logged in, but the login shell ran no script: "
OTHER_SSH = " in common with the server; --transport openssh may have one"
REFUSED = "user {} refused; tried {}"
EXPECTED = {
    "expired": ("auth-failed", f"{NO_SCRIPT}Password change required but no TTY available."),
    "ended": (
        "auth-failed",
        f"{REFUSED}; the server closed the connection: account expired or locked?",
    ),
    "nologin": ("auth-failed", f"{NO_SCRIPT}This account is currently not available."),
    "forced": ("auth-failed", f"{NO_SCRIPT}only backups here"),
    "swallowed": (
        "timed-out",
        "logged in, but no shell answered: the host is stuck, or another command is forced",
    ),
    "echoed": ("auth-failed", f"{NO_SCRIPT}{{"),
    "restricted": ("ok", ""),
    "one-session": ("ok", ""),
    "no-sessions": (
        "auth-failed",
        "logged in, but the server opens no session: connect failed (MaxSessions?)",
    ),
    "other-kex": ("auth-failed", f"no key exchange{OTHER_SSH}"),
    "other-cipher": ("auth-failed", f"no cipher{OTHER_SSH}"),
    "other-host-key": ("auth-failed", f"no type of host key{OTHER_SSH}"),
    "other-user-keys": ("auth-failed", REFUSED),
    "no-keys": ("auth-failed", REFUSED),
    "not-root": ("auth-failed", REFUSED),
    "locked-in": ("auth-failed", f"{NO_SCRIPT}/bin/bash: No such file or directory"),
}
COMMANDS = {"forced": "echo only backups here", "swallowed": "cat >/dev/null", "echoed": "head -n1"}


def prepare_accounts(fleet: Fleet) -> None:
    forced = "\n".join(
        f"""sed -i 's|^|command="{command}" |' /home/{user}/.ssh/authorized_keys"""
        for user, command in COMMANDS.items()
    )
    script = f"""set -e
chage -d 0 expired
chage -E 0 ended
usermod -s /usr/sbin/nologin nologin
usermod -s /bin/rbash restricted
ssh-keygen -q -t rsa -N '' -f /etc/ssh/rsa
{forced}
"""
    done = fleet.exec("gate", ["sh", "-c", script])
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told_once(tmp_path_factory, "logins", run_all)


def run_all(home: Path) -> Told:
    """One host with an account or a server for each fault, and one without any."""
    users = [User(name) for name in ACCOUNTS]
    with Fleet(names="gate,web-01", kind="bare", users=users) as fleet:
        prepare_accounts(fleet)
        matrix = Matrix(home, fleet)
        matrix.add("web-01", "web-01")
        # Only PAM looks at the age of a password where a key lets in.
        matrix.add_sshd("expired", "gate", FIRST_PORT, "UsePAM=yes", user="expired")
        matrix.add("ended", "gate", port=FIRST_PORT, user="ended")
        for user in ACCOUNTS[2:]:
            matrix.add(user, "gate", user=user)
        for port, (name, options) in enumerate(SERVERS.items(), FIRST_PORT + 1):
            matrix.add_sshd(name, "gate", port, *options.split())
        done = matrix.run(BOOK)
        left = matrix.left({"sh", "sleep", "cat", "head"}, ["gate"], within_s=5)
        return matrix.told(done, left, key=str(fleet.key_path))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_login_that_leads_nowhere_says_why(told: Told, name: str) -> None:
    status, reason = EXPECTED[name]
    user = name if name in ACCOUNTS else "root"
    whole = reason.format(user, told.seen["key"]) if "{}" in reason else reason
    assert told.of(name) == (status, whole)


@pytest.mark.parametrize("name", ["fine", "restricted", "one-session"])
def test_what_does_not_hinder_is_not_told(told: Told, name: str) -> None:
    assert told.said(name) == SAID


def test_no_host_waits_for_another(told: Told) -> None:
    told.must_leave_unharmed({"web-01": SAID, "fine": SAID}, {"swallowed"})


def test_nothing_is_left_on_the_host(told: Told) -> None:
    assert told.left == []


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Matrix]:
    """A host that is well, in a fleet of the test's own."""
    with Fleet(names="web-01", kind="bare") as fleet:
        matrix = Matrix(tmp_path, fleet)
        matrix.add("web-01", "web-01")
        yield matrix


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An agent with eight keys, more than a server lets one try, as environment variables."""
    variables = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    argv = ["ssh-agent", "-D", "-a", variables["SSH_AUTH_SOCK"]]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            until(Path(variables["SSH_AUTH_SOCK"]).exists, "the agent listened")
            for number in range(8):
                key = tmp_path / f"key{number}"
                key.write_bytes(make_key().private)
                key.chmod(0o600)
                add = ["ssh-add", "-q", str(key)]
                subprocess.run(add, check=True, env={**os.environ, **variables})
            yield variables
        finally:
            process.terminate()


def test_too_many_keys_in_the_agent_says_what_to_do(one: Matrix, agent: dict[str, str]) -> None:
    one.identity = ""
    told = one.told(one.run(BOOK, agent), [])
    status, reason = told.of("web-01")
    assert status == "auth-failed"
    assert reason.startswith("user root refused; tried ")
    assert reason.endswith(
        "; too many keys for it: name the right one (--identity-file, or IdentityFile and"
        " IdentitiesOnly in ssh_config)"
    )


def test_the_right_key_named_is_taken_however_many_the_agent_holds(
    one: Matrix, agent: dict[str, str]
) -> None:
    assert one.told(one.run(BOOK, agent), []).of("web-01") == ("ok", "")
