"""The arguments that an inventory has for `ssh`: the bastions in them, and the rest. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fleetdiag.inventory.records import parse_via, via_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FLAGS = frozenset("46AaCfGgKkMNnqsTtVvXxYy")
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOopPQRSwW")
"""As ssh(1) lists them."""
_KEYWORDS = {"p": "port", "l": "user", "i": "identityfile", "J": "proxyjump", "W": "stdioforward"}
"""Letters with a keyword of ssh_config that means the same."""
_HARMLESS = frozenset("46AaCfgKknNqTtvXxYy")
"""Flags that change nothing about where and as whom to log in."""
# fmt: off
_PASSED_OVER = frozenset((
    "addkeystoagent", "addressfamily", "batchmode", "challengeresponseauthentication",
    "checkhostip", "compression", "connectionattempts", "connecttimeout", "controlmaster",
    "controlpath", "controlpersist", "escapechar", "forwardagent", "forwardx11",
    "forwardx11trusted", "gssapiauthentication", "gssapidelegatecredentials", "hashknownhosts",
    "ipqos", "kbdinteractiveauthentication", "loglevel", "numberofpasswordprompts",
    "passwordauthentication", "preferredauthentications", "pubkeyauthentication", "rekeylimit",
    "requesttty", "sendenv", "serveralivecountmax", "serveraliveinterval", "setenv",
    "stricthostkeychecking", "tcpkeepalive", "updatehostkeys", "visualhostkey",
))
"""Keywords of ssh_config that change nothing about it, or that fleetdiag decides itself."""
# fmt: on
_MAX_NESTED = 3


class _NotUnderstoodError(Exception):
    """These arguments mean something else than a way through bastions."""


@dataclass(slots=True)
class SshArguments:
    """What `ssh` arguments say of a login; None where they say nothing of it."""

    via: str | None = None
    """Bastions in the order they are passed, `[user@]host[:port]`, commas between; or `none`."""
    user: str | None = None
    port: str | None = None
    identity_files: list[str] = field(default_factory=list)
    known_hosts: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Arguments that were not understood, as they are written."""


def parse_ssh_arguments(text: str, user: str | None = None, *, nested: int = 0) -> SshArguments:
    """What `text`, a line of arguments, says; as for ssh, the first of two values counts.

    `user` is who logs in (`%r`), where that is known. Understood are `-J`, `-l`, `-p`, `-i`, `-o`
    with the keywords of the same meaning, and a ProxyCommand that is `ssh -W %h:%p [user@]bastion`.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        return SshArguments(left=[text])
    said = SshArguments()
    for keyword, value, written in _options(words):
        _note(said, keyword, value, written, user, nested)
    return said


def _options(words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(keyword in lower case or `-letter`, value, as written); the keyword of other words is ""."""
    listed = iter(words)
    for word in listed:
        if not word.startswith("-") or word in {"-", "--"}:
            yield "", word, word
            continue
        for position, letter in enumerate(word[1:], start=1):
            if letter not in _WITH_VALUE:
                yield f"-{letter}", "", f"-{letter}"
                continue
            value = word[position + 1 :] or next(listed, "")
            if letter == "o":
                keyword, _, rest = value.replace("=", " ", 1).strip().partition(" ")
                yield keyword.lower(), rest.strip(), f"-o {value}"
            else:
                yield _KEYWORDS.get(letter, f"-{letter}"), value, f"-{letter} {value}"
            break


def _note(
    said: SshArguments, keyword: str, value: str, written: str, user: str | None, nested: int
) -> None:
    """Put one option where it belongs."""
    match keyword:
        case "proxyjump" | "proxycommand":
            try:
                via = value if keyword == "proxyjump" else _through(value, user, nested, said)
            except _NotUnderstoodError:
                via = ""
            if not via or via_problem(via):
                said.left.append(written)
            elif said.via is None:
                said.via = via
        case "user":
            said.user = said.user or value.strip('"')
        case "port":
            said.port = said.port or value
        case "identityfile":
            said.identity_files.append(value.strip('"'))
        case "userknownhostsfile" | "globalknownhostsfile":
            # `/dev/null` means "verify nothing", which is not on offer.
            files = value.replace('"', "").split()
            said.known_hosts += [file for file in files if file not in {"/dev/null", "none"}]
        case _ if keyword in _PASSED_OVER or keyword[1:] in _HARMLESS:
            pass
        case _:
            said.left.append(written)


def _through(command: str, user: str | None, nested: int, outer: SshArguments) -> str:
    """The bastions a ProxyCommand passes; raises _NotUnderstoodError where it is more than that."""
    if command.lower() == "none":
        return "none"
    words = _words(command)
    if nested == _MAX_NESTED or not words or PurePosixPath(words[0]).name != "ssh":
        raise _NotUnderstoodError
    options = list(_options(words[1:]))
    targets = [value for keyword, value, _ in options if not keyword]
    forwards = [value for keyword, value, _ in options if keyword == "stdioforward"]
    if len(targets) != 1 or forwards not in (["%h:%p"], ["[%h]:%p"]):
        raise _NotUnderstoodError
    said = SshArguments()
    for keyword, value, written in options:
        if keyword and keyword != "stdioforward":
            _note(said, keyword, value, written, user, nested + 1)
    hop = _hop(targets[0], said, user)
    others = [*(f"-i {file}" for file in said.identity_files), *said.left]
    outer.left += [f"{other} (for the bastion {hop})" for other in others]
    return f"{said.via},{hop}" if said.via not in {None, "none"} else hop


def _words(command: str) -> list[str]:
    """The words of a shell command, what stands around a plain call taken away."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    if words[:1] == ["exec"]:
        words = words[1:]
    return [word for word in words if word != "2>/dev/null"]


def _hop(text: str, said: SshArguments, user: str | None) -> str:
    """`[user@]host[:port]` of the bastion; raises _NotUnderstoodError."""
    name = text.removeprefix("ssh://").rstrip("/") if text.startswith("ssh://") else text
    login, at, host = name.rpartition("@")
    login = login if at else said.user or ""
    if login == "%r":
        login = user or ""
    try:
        (target,) = parse_via(f"{login}@{host}" if login else host)
    except ValueError as error:
        raise _NotUnderstoodError from error
    if "%" in f"{target.user or ''}{target.host}":
        raise _NotUnderstoodError
    port = target.port or said.port
    shown = f"[{target.host}]" if ":" in target.host and port else target.host
    hop = f"{target.user}@{shown}" if target.user else shown
    return f"{hop}:{port}" if port else hop
