"""The tables of `tables.yaml`, read once."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


@cache
def names(table: str) -> frozenset[str]:
    """A table of words alone."""
    return frozenset(_tables()[table].split())


@cache
def words(table: str) -> dict[str, frozenset[str]]:
    """A table of words with further words each."""
    return {name: frozenset(listed.split()) for name, listed in _tables()[table].items()}


@cache
def inverted(table: str) -> dict[str, str]:
    """A table of phrases with words each, as word -> phrase."""
    return {name: phrase for phrase, listed in _tables()[table].items() for name in listed.split()}


@cache
def _tables() -> dict[str, Any]:
    import yaml

    text = resources.files("fleetdiag.playbook.doubtful").joinpath("tables.yaml").read_text("utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read
