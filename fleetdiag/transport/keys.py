"""What we log in with: agent keys, identity files, passwords. Loaded once a run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from paramiko.agent import Agent, AgentKey
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import PasswordRequiredException, SSHException

from fleetdiag.transport.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paramiko.message import Message
    from paramiko.pkey import PKey

    from fleetdiag.model import Endpoint

# ssh_config(5), IdentityFile: the defaults, as far as paramiko can use them.
_DEFAULT_FILES = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


@dataclass(frozen=True, slots=True)
class Identity:
    """One key to offer, and what to call it when it is refused."""

    label: str
    key: PKey


class KeyRing:
    """Agent and identity files, each read once; shared by all threads of a run."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._lock = threading.Lock()
        self._files: dict[str, PKey | str] = {}
        """Path -> the key, or in words why there is none."""
        self._agent: _SharedAgent | None = None

    def offers(self, endpoint: Endpoint) -> tuple[list[Identity], list[str]]:
        """The keys to try in order, and in words why some identity files cannot be used.

        Named files come first, through the agent where it holds them; then the agent's other
        keys, unless IdentitiesOnly; the default files only where none are named (ssh(1)).
        """
        agent = self.agent_keys()
        named, problems = self._from_files(endpoint.identity_files, agent, must_exist=True)
        others = [] if endpoint.identities_only else [_agent_identity(key) for key in agent]
        defaults: list[Identity] = []
        if not endpoint.identity_files:
            paths = tuple(str(Path(path).expanduser()) for path in _DEFAULT_FILES)
            defaults, default_problems = self._from_files(paths, agent, must_exist=False)
            problems += default_problems
        unique = {offer.key.asbytes(): offer for offer in reversed([*named, *others, *defaults])}
        return list(reversed(unique.values())), problems

    def agent_keys(self) -> list[AgentKey]:
        """The agent's keys; none where there is no agent or it does not answer."""
        with self._lock:
            if self._agent is None:
                try:
                    self._agent = _SharedAgent()
                except (SSHException, OSError):
                    return []
            return list(self._agent.get_keys())

    def close(self) -> None:
        """Let go of the agent."""
        with self._lock:
            if self._agent is not None:
                self._agent.close()
                self._agent = None

    def needs_passphrase(self, path: str) -> bool:
        """Whether the file is there, encrypted, and its key not in the agent."""
        if _in_agent(path, self.agent_keys()) is not None:
            return False
        try:
            paramiko.PKey.from_path(path)
        except (PasswordRequiredException, TypeError):
            return True
        except (OSError, ValueError, SSHException, UnknownKeyType):
            return False
        return False

    def _from_files(
        self, paths: tuple[str, ...], agent: list[AgentKey], *, must_exist: bool
    ) -> tuple[list[Identity], list[str]]:
        found: list[Identity] = []
        problems: list[str] = []
        for path in paths:
            held = _in_agent(path, agent)
            if held is not None:
                found.append(Identity(f"{path} (agent)", held))
                continue
            if not must_exist and not Path(path).exists():
                continue
            key = self._load(path)
            if isinstance(key, str):
                problems.append(f"{path}: {key}")
            else:
                found.append(Identity(path, key))
        return found, problems

    def _load(self, path: str) -> PKey | str:
        with self._lock:
            if path not in self._files:
                self._files[path] = _read_key(path, self._secrets.passphrases.get(path))
            return self._files[path]


def _read_key(path: str, passphrase: str | None) -> PKey | str:
    # cryptography wants the passphrase as bytes, whatever paramiko's signature says.
    password = passphrase.encode() if passphrase is not None else None
    try:
        return paramiko.PKey.from_path(path, password)  # type: ignore[arg-type]
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return error.strerror or str(error)
    except (PasswordRequiredException, TypeError):
        return "needs a passphrase"
    except (ValueError, SSHException):
        return "wrong passphrase" if passphrase else "not a private key"
    except UnknownKeyType:
        return "a key type that paramiko cannot use (try --transport openssh)"


def _in_agent(path: str, agent: list[AgentKey]) -> AgentKey | None:
    """The agent's key for an identity file, known by the public key beside it."""
    if not agent:
        return None
    try:
        public = Path(f"{path}.pub").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return next(
        (key for key in agent if len(public) > 1 and key.get_base64() == public[1]),
        None,
    )


def _agent_identity(key: AgentKey) -> Identity:
    return Identity(f"{key.comment or key.get_name()} (agent)", key)


class _SharedAgent(Agent):
    """An agent connection for many threads: one request at a time.

    paramiko writes a request and reads its answer without a lock, so that two threads signing
    at once take each other's signatures.
    """

    def __init__(self) -> None:
        self._sending = threading.Lock()
        super().__init__()

    def _send_message(self, msg: bytes) -> tuple[int, Message]:
        with self._sending:
            answer: tuple[int, Message] = super()._send_message(msg)  # type: ignore[misc]
        return answer


def encrypted_files(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Identity files of these endpoints that need a passphrase and are not in the agent."""
    ring = KeyRing(Secrets())
    paths = dict.fromkeys(path for endpoint in endpoints for path in endpoint.identity_files)
    try:
        return tuple(path for path in paths if ring.needs_passphrase(path))
    finally:
        ring.close()
