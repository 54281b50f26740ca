"""A `Playbook` as YAML in full form, for `playbook show`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from fleetdiag.model import (
    DEFAULT_OUTPUT_CAP_BYTES,
    DEFAULT_STEP_TIMEOUT_S,
    Compare,
    Flag,
    Playbook,
    Step,
)
from fleetdiag.playbook.placeholders import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    document["steps"] = [_step(step) for step in playbook.steps]
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


def _step(step: Step) -> dict[str, Any]:
    commands = [escaped(command) for command in step.commands]
    fields: dict[str, Any] = {"name": step.name, "run": commands[0]}
    if commands[1:]:
        fields["or"] = _one_or_many(commands[1:])
    if step.timeout_s != DEFAULT_STEP_TIMEOUT_S:
        fields["timeout"] = int(step.timeout_s) if step.timeout_s % 1 == 0 else step.timeout_s
    if step.become is not None:
        fields["become"] = step.become
    if step.compare != Compare():
        fields["compare"] = _compare(step.compare)
    if step.flags:
        fields["flag"] = [_flag(flag) for flag in step.flags]
    if step.about:
        fields["about"] = step.about
    if step.output_cap_bytes != DEFAULT_OUTPUT_CAP_BYTES:
        fields["output_cap"] = step.output_cap_bytes
    return fields


def _compare(compare: Compare) -> str | dict[str, Any]:
    fields: dict[str, Any] = {"mode": compare.mode.value}
    if compare.mask:
        fields["mask"] = _one_or_many(compare.mask)
    if compare.unmask:
        fields["unmask"] = _one_or_many(compare.unmask)
    return compare.mode.value if len(fields) == 1 else fields


def _flag(flag: Flag) -> dict[str, str]:
    return {"matches": flag.matches, "severity": flag.severity.value, "say": flag.say}


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
