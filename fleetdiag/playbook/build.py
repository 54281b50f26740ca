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
from fleetdiag.playbook.build_change import change_of, checks_named
from fleetdiag.playbook.change_schema import ChangeFile
from fleetdiag.playbook.includes import chosen, params_given
from fleetdiag.playbook.parameters import values_for
from fleetdiag.playbook.placeholders import substituted
from fleetdiag.playbook.schema import (
    CompareFile,
    DefaultsFile,
    FieldFile,
    FlagFile,
    IncludeFile,
    PlaybookFile,
    StepEntry,
    StepFile,
)
from fleetdiag.playbook.values import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetdiag.playbook.includes import Included

_MAX_DERIVED_CHARS = 32


def built(
    file: PlaybookFile | ChangeFile,
    includes: Mapping[str, Mapping[int, Included]],
    name: str,
    source: str,
    values: Mapping[str, str],
) -> Playbook:
    """The playbook with its parameters' `values` in place; `name` unless the file gives one.

    Raises PlaybookError where a value that is passed on does not fit an included playbook.
    """
    change = None
    if isinstance(file, ChangeFile):
        before, after = checks_of(file, includes, values)
        steps = [*before, *after]
        change = change_of(file, len(before), values)
    else:
        steps = steps_of(file, includes["steps"], values)
    return Playbook(
        name=file.name or playbook_name(name),
        steps=tuple(steps),
        about=file.about or "",
        source=source,
        params=dict(values),
        change=change,
    )


def steps_of(
    file: PlaybookFile, includes: Mapping[int, Included], values: Mapping[str, str]
) -> list[Step]:
    """All steps in order, those of included playbooks in place; derived names are free ones."""
    inner = {at: _included(file.steps[at], one, values) for at, one in includes.items()}
    taken = {step.name for steps in inner.values() for step in steps}
    taken |= {entry.name for entry in file.steps if isinstance(entry, StepFile) and entry.name}
    steps: list[Step] = []
    for position, entry in enumerate(file.steps):
        if isinstance(entry, StepFile):
            name = entry.name or _free(derived_name(entry.run), taken)
            taken.add(name)
            steps.append(_step(entry, name, file.defaults, values))
        else:
            steps += inner[position]
    return steps


def checks_of(
    file: ChangeFile, includes: Mapping[str, Mapping[int, Included]], values: Mapping[str, str]
) -> tuple[list[Step], list[Step]]:
    """The compared steps of a change: before its acts, and after them."""

    def section(name: str, entries: list[StepEntry]) -> list[Step]:
        as_diagnosis = PlaybookFile.model_construct(
            params=file.params, defaults=file.defaults, steps=entries
        )
        return steps_of(as_diagnosis, includes.get(name, {}), values)

    before = section("before", file.before)
    after = before if file.after is None else section("after", file.after)
    return checks_named("before", before), checks_named("after", after)


def _included(entry: StepEntry, included: Included, values: Mapping[str, str]) -> list[Step]:
    """The chosen steps of one include."""
    assert isinstance(entry, IncludeFile)  # noqa: S101 - the checker put it there
    own = values_for(entry.include, included.file.params, params_given(entry, values))
    steps = steps_of(included.file, included.includes, own)
    names = chosen(entry, [step.name for step in steps])
    return [step for step in steps if step.name in names]


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
        sets={name: feature or "" for name, feature in step.set_.items()},
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
