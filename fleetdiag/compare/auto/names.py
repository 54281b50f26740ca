"""A step's name -> the command it stands for: `ss-tulpn`, `proc-cpuinfo`, `cat-etc-resolv.conf`.

For outputs that come without their commands (`DIR/<host>/<step>.out`). Pure.
"""

from __future__ import annotations

import re

from fleetdiag.compare.auto.command import READERS, Call

MAX_NAME_CHARS = 200
_ENDING = re.compile(r"(?:\.(?:log|txt|out|output))+$")
_PARTS = re.compile(r"[^A-Za-z0-9.+%]+")
_NUMBERED = re.compile(r"-\d{1,3}$")


def slug(name: str) -> str:
    """`name` in small letters, its words joined by `-`."""
    return re.sub(r"[^a-z0-9]+", "-", _ENDING.sub("", name[:MAX_NAME_CHARS].lower())).strip("-")


def call_of(name: str) -> Call | None:
    """The command a step of this name ran, as far as a name can tell."""
    words = [part for part in _PARTS.split(_ENDING.sub("", name[:MAX_NAME_CHARS])) if part]
    words = _without_wrappers(words)
    if not words:
        return None
    return Call(words[0].lower(), tuple(words[1:]), named=True)


def file_slug(name: str) -> str:
    """The slug of the file that a step of this name printed: `cat-etc-hosts` -> `etc-hosts`."""
    words = _without_wrappers(slug(name).split("-"))
    if words and words[0] in READERS:
        words = words[1:]
        while (words and words[0].isdigit()) or words[:1] in (["n"], ["c"]):
            words = words[1:]
    return "-".join(words)


def _without_wrappers(words: list[str]) -> list[str]:
    while words and words[0].lower() in {"sudo", "usr", "sbin", "bin"}:
        words = words[1:]
    return words


def without_number(name: str) -> str:
    """`df-2` as `df`: playbooks number equal names."""
    return _NUMBERED.sub("", name)
