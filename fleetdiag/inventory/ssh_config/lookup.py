"""What ssh_config says about one host: `read_ssh_config` once, `SshConfig.lookup` for each.

Evaluates as ssh.c and readconf.c of OpenSSH 9 do: the first value wins, IdentityFile accumulates,
`Match final` and CanonicalizeHostname cause a second pass with the resolved name. `Match exec` and
what only `ssh` can know (localnetwork, tagged, …) never match: that takes the `openssh` transport.
"""

from __future__ import annotations

import getpass
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fleetdiag.inventory.records import Given
from fleetdiag.inventory.ssh_config.blocks import (
    Blocks,
    Condition,
    Criterion,
    HostCondition,
    read_blocks,
)
from fleetdiag.inventory.ssh_config.syntax import matches_list, matches_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SYSTEM_FILE = Path("/etc/ssh/ssh_config")


@dataclass(frozen=True, slots=True)
class Answer:
    """What ssh_config (with what was given beforehand) says about one host, tokens not expanded."""

    values: Mapping[str, Given]
    """By keyword in lower case: hostname, port, user, identitiesonly, hostkeyalias, proxycommand,
    proxyjump, userknownhostsfile, globalknownhostsfile; left out where nothing is said."""
    identity_files: tuple[Given, ...] = ()


def read_ssh_config(file: Path | None = None, *, home: Path | None = None) -> SshConfig:
    """The user's and the system's configuration, or `file` alone (as `ssh -F` has it).

    Raises InventoryFileError.
    """
    home = Path.home() if home is None else home
    files = [home / ".ssh" / "config", SYSTEM_FILE] if file is None else [file]
    return SshConfig(read_blocks(files, home, explicit=file is not None))


class SshConfig:
    """Parsed ssh_config files, indexed by the literal names of their `Host` lines."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._anywhere: list[int] = []
        for number, block in enumerate(blocks.blocks):
            names = _literal_names([blocks.conditions[c] for c in block.conditions])
            if names is None:
                self._anywhere.append(number)
            for name in names or ():
                self._by_name[name].append(number)
        self._final = any(
            criterion.attribute == "final"
            for condition in blocks.conditions
            if not isinstance(condition, HostCondition)
            for criterion in condition.criteria
        )
        self.local_user = getpass.getuser()

    def lookup(self, name: str, given: Mapping[str, Given] | None = None) -> Answer:
        """What counts for `ssh name`, with `given` (hostname, user, port) as command line."""
        asked = _Lookup(self._blocks, name, self.local_user, dict(given or {}))
        asked.read(self._numbers(name), name, final=False)
        canonical = asked.values.get("canonicalizehostname")
        if self._final or (canonical is not None and canonical.value != "no"):
            host = asked.host(name).lower()
            if "hostname" in asked.values:
                asked.values["hostname"] = Given(host, asked.values["hostname"].origin)
            asked.read(self._numbers(host), host, final=True)
        asked.values.pop("canonicalizehostname", None)
        return Answer(asked.values, tuple(asked.identity_files.values()))

    def names(self) -> Iterator[tuple[str, str]]:
        """(name, origin) of each `Host` entry of the user's file that is a plain name, once."""
        seen = set[str]()
        listed = self._blocks.conditions[: self._blocks.user_conditions]
        for condition, origin in zip(listed, self._blocks.origins, strict=False):
            for pattern in condition.patterns if isinstance(condition, HostCondition) else ():
                if not set(pattern) & set("*?!") and pattern not in seen:
                    seen.add(pattern)
                    yield pattern, origin

    def _numbers(self, name: str) -> list[int]:
        """The blocks that may count for `name`, in order."""
        named = self._by_name.get(name)
        return sorted({*named, *self._anywhere}) if named else self._anywhere


def _literal_names(conditions: list[Condition]) -> set[str] | None:
    """The only names a block can count for; None where a pattern or a Match may let in others."""
    for condition in conditions:
        if isinstance(condition, HostCondition):
            positive = [p for p in condition.patterns if not p.startswith("!")]
            if not any(set(pattern) & set("*?") for pattern in positive):
                return set(positive)
    return None


@dataclass(slots=True)
class _Lookup:
    """The state of one evaluation: what is said so far, and which conditions were met."""

    blocks: Blocks
    name: str
    local_user: str
    values: dict[str, Given]
    identity_files: dict[object, Given] = field(default_factory=dict)
    met: dict[int, bool] = field(default_factory=dict)

    def read(self, numbers: list[int], host: str, *, final: bool) -> None:
        """One pass over the blocks; a condition is judged where it stands, once a pass."""
        self.met.clear()
        for number in numbers:
            block = self.blocks.blocks[number]
            if all(self._is_met(condition, host, final=final) for condition in block.conditions):
                for keyword, given in block.settings:
                    self._take(keyword, given)

    def host(self, host: str) -> str:
        """The name to connect to, as far as it is known now: HostName with its %h."""
        hostname = self.values.get("hostname")
        if hostname is None:
            return host
        return str(hostname.value).replace("%%", "\0").replace("%h", host).replace("\0", "%")

    def _take(self, keyword: str, given: Given) -> None:
        if keyword == "identityfile":
            self.identity_files.setdefault(given.value, given)
        elif keyword not in self.values and not self._is_ruled_out(keyword):
            self.values[keyword] = given

    def _is_ruled_out(self, keyword: str) -> bool:
        """Of ProxyJump and ProxyCommand the first counts; `ProxyJump none` lets a command in."""
        if keyword == "proxycommand":
            jump = self.values.get("proxyjump")
            return jump is not None and str(jump.value).lower() != "none"
        return keyword == "proxyjump" and "proxycommand" in self.values

    def _is_met(self, number: int, host: str, *, final: bool) -> bool:
        if number not in self.met:
            condition = self.blocks.conditions[number]
            if isinstance(condition, HostCondition):
                self.met[number] = matches_words(host, condition.patterns)
            else:
                self.met[number] = all(
                    self._is_true(criterion, host, final=final) != criterion.negated
                    if criterion.attribute in _KNOWN
                    else False
                    for criterion in condition.criteria
                )
        return self.met[number]

    def _is_true(self, criterion: Criterion, host: str, *, final: bool) -> bool:
        match criterion.attribute:
            case "all":
                return True
            case "final" | "canonical":
                return final
            case "host":
                return matches_list(self.host(host).lower(), criterion.argument.lower())
            case "originalhost":
                return matches_list(self.name.lower(), criterion.argument.lower())
            case "user":
                user = self.values.get("user")
                current = self.local_user if user is None else str(user.value)
                return matches_list(current, criterion.argument)
            case _:
                return matches_list(self.local_user, criterion.argument)


_KNOWN = frozenset({"all", "final", "canonical", "host", "originalhost", "user", "localuser"})
