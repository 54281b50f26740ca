"""Attributes that a run's own steps tell of its hosts (`set:` in a playbook). Pure.

They are taken from the output as the host gave it, before masks. What the inventory says of a host
counts more than what the host says of itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare import auto
from fleetdiag.compare.clean import clean_lines
from fleetdiag.compare.evidence import shown_feature, shown_value
from fleetdiag.compare.features import Unreadable
from fleetdiag.compare.readers import STRUCTURED, read
from fleetdiag.model import Outcome, output_key, read_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleetdiag.compare.features import Lines
    from fleetdiag.model import Compare, HostResult, Run, Step, StepResult

MAX_VALUE_CHARS = 120
"""A longer text is no attribute; nobody would read it in a sentence."""


def with_told(run: Run) -> Run:
    """`run` with the attributes that its steps set, beside those of the inventory."""
    if not any(step.sets for step in run.playbook.steps):
        return run
    told = told_attributes(run)
    hosts = (
        replace(host, attributes={**told.get(host.name, {}), **host.attributes})
        for host in run.hosts
    )
    return replace(run, hosts=tuple(hosts))


def told_attributes(run: Run) -> dict[str, dict[str, str]]:
    """As `fleetdiag.compare.told_attributes`."""
    told: dict[str, dict[str, str]] = {}
    for step in run.playbook.steps:
        for host, values in _of_step(run, step) if step.sets else ():
            told.setdefault(host, {}).update(values)
    return told


def _of_step(run: Run, step: Step) -> Iterator[tuple[str, dict[str, str]]]:
    answers = [
        (host, result)
        for host in run.hosts
        for result in host.steps
        if result.name == step.name and result.outcome is Outcome.OK and result.stdout
    ]
    chosen = auto.choose(step, lambda: _first_lines(answers))
    compare = replace(chosen.compare, only=())  # what is set need not be compared
    known: dict[tuple[bytes | str, float | None], dict[str, str]] = {}
    for host, result in answers:
        key = (output_key(result.stdout), host.facts.uptime_s)
        if key not in known:
            lines = clean_lines(read_output(result.stdout))
            known[key] = _values(step.sets, compare, lines, key[1])
        if known[key]:
            yield host.name, known[key]


def _bare(text: str) -> str:
    """`12` of `"12"`, as `/etc/os-release` has it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _first_lines(answers: list[tuple[HostResult, StepResult]]) -> Lines:
    return clean_lines(read_output(answers[0][1].stdout)[:65536]) if answers else ()


def _values(
    sets: Mapping[str, str], compare: Compare, lines: Lines, uptime_s: float | None
) -> dict[str, str]:
    """Attribute -> value in one output; those that are not in it are left out."""
    said = [line.strip() for line in lines if line.strip()]
    texts = {"": said[0]} if len(said) == 1 else {}
    if compare.mode in STRUCTURED and any(sets.values()):
        try:
            found = read(compare, lines, uptime_s)
        except Unreadable:
            found = {}
        texts |= {shown_feature(name): shown_value(value) for name, value in found.items()}
    values = {attribute: _bare(texts.get(feature, "")) for attribute, feature in sets.items()}
    return {name: value for name, value in values.items() if 0 < len(value) <= MAX_VALUE_CHARS}
