"""A `Playbook` as YAML in full form, for `playbook show`. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from fleetdiag import rules
from fleetdiag.model import (
    DEFAULT_OUTPUT_CAP_BYTES,
    DEFAULT_STEP_TIMEOUT_S,
    Act,
    Change,
    Compare,
    Field,
    Flag,
    Mend,
    Playbook,
    Rate,
    Side,
    Step,
)
from fleetdiag.playbook.placeholders import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence


_MAX_EXACT = 1 << 53
"""Whole numbers below it are the same as a float."""


class _Dumper(yaml.SafeDumper):
    """Commands of several lines as blocks; no aliases; lists indented under their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif text[:1] in "+-.0123456789":
        # The dumper leaves bare what only YAML 1.1 takes for text (`1e3`).
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered(playbook: Playbook) -> str:
    """The YAML text; what is a default is left out."""
    document: dict[str, Any] = {"name": playbook.name}
    if playbook.about:
        document["about"] = playbook.about
    if playbook.change is None:
        document["steps"] = [_step(step) for step in playbook.steps]
    else:
        document |= _change(playbook.change, playbook.steps)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


def _step(step: Step) -> dict[str, Any]:
    commands = [escaped(command) for command in step.commands]
    fields: dict[str, Any] = {"name": step.name, "run": commands[0]}
    if commands[1:]:
        fields["or"] = _one_or_many(commands[1:])
    if step.timeout_s != DEFAULT_STEP_TIMEOUT_S:
        fields["timeout"] = _plain(step.timeout_s)
    if step.become is not None:
        fields["become"] = step.become
    if step.compare != Compare():
        fields["compare"] = _compare(step.compare)
    own, rule_sets = split_rules(step.flags)
    if own:
        fields["flag"] = [_flag(flag) for flag in own]
    if rule_sets:
        fields["rules"] = _one_or_many(rule_sets)
    if step.sets:
        whole = [name for name, feature in step.sets.items() if not feature]
        fields["set"] = whole[0] if whole else dict(step.sets)
    if step.about:
        fields["about"] = step.about
    if step.output_cap_bytes != DEFAULT_OUTPUT_CAP_BYTES:
        fields["output_cap"] = step.output_cap_bytes
    return fields


def _change(change: Change, checks: tuple[Step, ...]) -> dict[str, Any]:
    """The keys of a change; its checks without the section before their names."""
    own = [{**_step(step), "name": step.name.partition(".")[2]} for step in checks]
    document: dict[str, Any] = {"kind": "change"}
    if change.mends:
        document["mends"] = [_mend(mend) for mend in change.mends]
    document["before"] = own[: change.before]
    document["steps"] = [_act(act) for act in change.acts]
    if change.undo:
        undo = {"run": escaped(change.undo.command), "after": _plain(change.undo.after_s)}
        document["undo"] = {**undo, "timeout": _plain(change.undo.timeout_s)}
    document["away"] = _plain(change.away_s)
    if change.verify:
        within = _plain(change.verify.within_s)
        document["verify"] = {"run": escaped(change.verify.command), "within": within}
    return document | {"after": own[change.before :]}


def _act(act: Act) -> dict[str, Any]:
    said = {"name": act.name, "run": escaped(act.command), "timeout": _plain(act.timeout_s)}
    return said | ({"reboots": True} if act.reboots else {})


def _mend(mend: Mend) -> dict[str, str]:
    said = {} if mend.step == "*" else {"step": mend.step}
    said |= {} if mend.finding is None else {"finding": mend.finding.value}
    return said | ({"mentions": mend.mentions} if mend.mentions else {})


def _compare(compare: Compare) -> str | dict[str, Any]:
    said: dict[str, Any] = {"mode": compare.mode.value}
    if compare.mask:
        said["mask"] = _one_or_many(compare.mask)
    if compare.unmask:
        said["unmask"] = _one_or_many(compare.unmask)
    if compare.parse:
        said["parse"] = compare.parse
    if compare.key:
        said["key"] = _position(compare.key)
    if compare.only:
        said["only"] = _one_or_many(compare.only)
    if compare.fields:
        said["fields"] = {field.name: _field(field) for field in compare.fields}
    return compare.mode.value if len(said) == 1 else said


def _field(field: Field) -> str | int | dict[str, Any]:
    """In the shortest form that says all of it."""
    said: dict[str, Any] = {}
    if field.pattern is not None:
        said["pattern"] = field.pattern
    if field.at is not None:
        said["at"] = _position(field.at)
    if field.unit is not None:
        said["unit"] = field.unit.value or "none"
    if field.per is not None:
        said["per"] = field.per
    if field.rate is not None:
        sampled = field.rate is Rate.SAMPLES
        said["rate"] = f"{Decimal(str(field.interval_s)):f}s" if sampled else field.rate.value
    if field.floor is not None:
        said["floor"] = _plain(field.floor)
    if field.side is not Side.BOTH:
        said["side"] = field.side.value
    if not field.compare:
        said["compare"] = False
    match said:
        case {"pattern": str(pattern)} if len(said) == 1:
            return pattern
        case {"at": int(at)} if len(said) == 1:
            return at
    return said


def split_rules(flags: tuple[Flag, ...]) -> tuple[tuple[Flag, ...], list[str]]:
    """The step's own rules, and the names of the rule sets whose rules follow them."""
    named: list[str] = []
    sets = {name: rules.load(name) for name in rules.names()}
    while name := next((n for n, held in sets.items() if held and _ends(flags, held)), None):
        named.insert(0, name)
        flags = flags[: -len(sets[name])]
    return flags, named


def _ends(flags: tuple[Flag, ...], held: tuple[Flag, ...]) -> bool:
    return flags[-len(held) :] == held


def _flag(flag: Flag) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if flag.feature is not None:
        said["feature"] = flag.feature
    if flag.above is not None:
        said["above"] = _plain(flag.above)
    if flag.below is not None:
        said["below"] = _plain(flag.below)
    if flag.equals is not None:
        said["equals"] = flag.equals
    if flag.matches is not None:
        said["matches"] = flag.matches
    said |= {"severity": flag.severity.value, "say": flag.say}
    if flag.name:
        said["name"] = flag.name
    if flag.explains:
        said["explains"] = _one_or_many(flag.explains)
    return said


def _position(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _plain(number: float) -> int | float:
    return int(number) if number % 1 == 0 and abs(number) < _MAX_EXACT else number


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
