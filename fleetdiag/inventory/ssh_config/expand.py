"""Tokens (`%h`), `~` and `${NAME}` in ssh_config values, as ssh_config(5) has them. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Names:
    """What tokens stand for, for one host."""

    given: str
    """%n: the name as asked for."""
    address: str
    """%h"""
    port: int
    user: str
    host_key_alias: str | None
    jump: str
    """%j: what ProxyJump says; empty without."""
    local_user: str
    local_host: str
    """%l: this machine's name, with its domain if it has one."""
    user_id: int
    home: Path

    def tokens(self) -> dict[str, str]:
        """Letter -> text."""
        joined = f"{self.local_host}{self.address}{self.port}{self.user}{self.jump}"
        return {
            "%": "%",
            "C": hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest(),
            "L": self.local_host.partition(".")[0],
            "d": str(self.home),
            "h": self.address,
            "i": str(self.user_id),
            "j": self.jump,
            "k": self.host_key_alias or self.given,
            "l": self.local_host,
            "n": self.given,
            "p": str(self.port),
            "r": self.user,
            "u": self.local_user,
        }


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """`text` with each `%x` replaced; raises ValueError for one that stands for nothing."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in tokens:
            expected = " ".join(f"%{letter}" for letter in tokens)
            raise ValueError(f"token {match[0]!r} in {text!r}, expected one of {expected}")
        return tokens[match[1]]

    return _TOKEN.sub(replacement, text) if "%" in text else text


def expand_path(
    text: str, tokens: Mapping[str, str], home: Path, environment: Mapping[str, str]
) -> str:
    """The absolute path a value means; relative ones are from the working directory, as in ssh.

    Raises ValueError for an unknown token or a variable that is not set.
    """

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ValueError(f"environment variable {match[0]!r} in {text!r} is not set")
        return environment[match[1]]

    path = _VARIABLE.sub(replacement, expand_tokens(text, tokens))
    if path == "~" or path.startswith("~/"):
        path = f"{home}{path[1:]}"
    elif path.startswith("~"):
        path = str(Path(path).expanduser())
    return str(Path(path).absolute())
