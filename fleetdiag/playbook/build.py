"""From a playbook file that passed the schema to the frozen `Playbook`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag import rules
from fleetdiag.model import (
    DEFAULT_OUTPUT_CAP_BYTES,
    DEFAULT_STEP_TIMEOUT_S,
    Compare,
    Field,
    Flag,
    Mode,
    Playbook,
    Severity,
    Side,
    Step,
)
from fleetdiag.playbook.placeholders import substituted
from fleetdiag.playbook.schema import (
    CompareFile,
    DefaultsFile,
    FieldFile,
    FlagFile,
    PlaybookFile,
    StepFile,
)
from fleetdiag.playbook.values import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAX_DERIVED_CHARS = 32


def built(file: PlaybookFile, name: str, source: str, values: Mapping[str, str]) -> Playbook:
    """The playbook with its parameters' `values` in place; `name` unless the file gives one."""
    taken = {step.name for step in file.steps if step.name is not None}
    steps = []
    for step in file.steps:
        step_name = step.name or _free(derived_name(step.run), taken)
        taken.add(step_name)
        steps.append(_step(step, step_name, file.defaults, values))
    return Playbook(
        name=file.name or playbook_name(name),
        steps=tuple(steps),
        about=file.about or "",
        source=source,
        params=dict(values),
    )


def playbook_name(stem: str) -> str:
    """A file's name without its ending as a playbook's name, which becomes part of a run's id."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", stem).strip("-.")[:64] or "playbook"


def derived_name(command: str) -> str:
    """A step's name made of the words of its command: `cat /proc/loadavg` -> `cat-proc-loadavg`.

    Only the first command of a pipeline or list counts; parameters and redirections do not.
    """
    first = re.split(r"[|;&\n<>]", command.strip(), maxsplit=1)[0] or command
    words = re.findall(r"[A-Za-z0-9][A-Za-z0-9._]*", re.sub(r"@\{[^}]*\}", " ", first))
    name = words[0][:_MAX_DERIVED_CHARS] if words else "step"
    for word in words[1:]:
        if len(name) + 1 + len(word) > _MAX_DERIVED_CHARS:
            break
        name += f"-{word}"
    return name.rstrip("._-")


def _free(name: str, taken: Iterable[str | None]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _step(step: StepFile, name: str, defaults: DefaultsFile, values: Mapping[str, str]) -> Step:
    commands = tuple(substituted(command, values) for command in (step.run, *step.or_))
    return Step(
        name=name,
        commands=commands,
        timeout_s=step.timeout or defaults.timeout or DEFAULT_STEP_TIMEOUT_S,
        become=defaults.become if step.become is None else step.become,
        compare=_compare(step.compare or defaults.compare or CompareFile()),
        flags=_flags(step),
        about=step.about or "",
        output_cap_bytes=step.output_cap or defaults.output_cap or DEFAULT_OUTPUT_CAP_BYTES,
    )


def _compare(compare: CompareFile) -> Compare:
    return Compare(
        mode=Mode(compare.mode),
        mask=tuple(compare.mask),
        unmask=tuple(compare.unmask),
        parse=compare.parse or "",
        key=compare.key or "",
        only=tuple(compare.only),
        fields=tuple(_field(name, field) for name, field in compare.fields.items()),
    )


def _field(name: str, field: FieldFile) -> Field:
    return Field(
        name=name,
        pattern=field.pattern,
        at=field.at,
        unit=None if field.unit is None else UNITS[field.unit],
        per=field.per,
        rate=None if field.rate is None else field.rate.rate,
        interval_s=1.0 if field.rate is None else field.rate.interval_s,
        floor=None if field.floor is None else field.floor.value,
        side=Side(field.side),
        compare=field.compare,
    )


def _flags(step: StepFile) -> tuple[Flag, ...]:
    """The step's own, then those of its rule sets."""
    own = tuple(_flag(flag) for flag in step.flag)
    return (*own, *(flag for name in step.rules for flag in rules.load(name)))


def _flag(flag: FlagFile) -> Flag:
    return Flag(
        say=flag.say,
        severity=Severity(flag.severity),
        matches=flag.matches,
        feature=flag.feature,
        above=None if flag.above is None else flag.above.value,
        below=None if flag.below is None else flag.below.value,
        equals=flag.equals,
        name=flag.name or "",
        explains=tuple(flag.explains),
    )
