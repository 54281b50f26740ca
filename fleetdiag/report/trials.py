"""The screen of `playbook try`: a step at a time, what it gave and what would be made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import HostStatus, Mode, Outcome, read_output
from fleetdiag.report.plain import clip, printable, wrap
from fleetdiag.report.screen import RESET, STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import Run, StepResult, Trial
    from fleetdiag.report.options import ReportOptions

SHOWN_LINES = 10
"""Of an output or of what is read from it; all with `verbose`."""
_LABEL = 10
"""Columns of the word at the left."""
_COMPARED = frozenset({Outcome.OK, Outcome.FAILED, Outcome.TRUNCATED})
_WITHOUT_FEATURES = frozenset({Mode.TEXT, Mode.LINES, Mode.LOG, Mode.IGNORE})
_HOW = {
    Mode.TEXT: "as one text, the same on every host",
    Mode.LINES: "as a set of lines, in any order",
    Mode.KEYS: "as keys, each with its value",
    Mode.TABLE: "as a table, each row and column with its value",
    Mode.NUMBERS: "as numbers, far from the others' or not",
    Mode.LOG: "as a log, which events there are and how often",
}


def render(run: Run, trials: Sequence[Trial], options: ReportOptions) -> str:
    """The text, with a newline at its end."""
    host = run.hosts[0]
    lines = [printable(run.note)] if run.note else []
    if host.status is not HostStatus.OK:
        lines.append(printable(f"{host.name}: {host.status.value}: {host.reason}"))
    for number, trial in enumerate(trials, start=1):
        title = f"{number}. {trial.step.name}: {_outcome(trial.result)}"
        lines += ["", _styled(clip(printable(title), options.columns), trial.result, options)]
        lines += _trial_lines(trial, options)
    return "\n".join(lines).lstrip("\n") + "\n"


def _outcome(result: StepResult) -> str:
    words = result.outcome.value
    if result.outcome is Outcome.FAILED and result.exit_code is not None:
        words = f"exit code {result.exit_code}"
    elif result.reason:
        words += f", {result.reason}"
    return words if result.duration_s is None else f"{words}, {result.duration_s:.2f} s"


def _styled(title: str, result: StepResult, options: ReportOptions) -> str:
    style = "bold" if result.outcome is Outcome.OK else "warning"
    return f"{STYLES[style]}{title}{RESET}" if options.color else title


def _trial_lines(trial: Trial, options: ReportOptions) -> Iterator[str]:
    result = trial.result
    if result.command:
        yield from _labelled("ran", [f"its {_ordinal(result.command)} `or`"], options)
    for label, stream in (("output", result.stdout), ("stderr", result.stderr)):
        if said := read_output(stream).decode("utf-8", "replace").splitlines():
            yield from _labelled(label, _some(said, options), options)
    if not result.stdout:
        yield from _labelled("output", ["none"], options)
    if trial.mode is Mode.IGNORE:
        yield from _labelled("compared", ["not at all (`ignore`)"], options)
    elif result.outcome in _COMPARED:
        yield from _labelled("compared", list(_compared(trial, options)), options)
    if trial.masks:
        yield from _labelled("masked", list(_masks(trial)), options)
    if trial.step.sets:
        yield from _labelled("sets", _attributes(trial), options)
    if trial.step.flags or trial.flagged:
        yield from _labelled("flagged", list(_flags(trial)), options)
    if trial.moved:
        words = [f"{len(trial.moved)} differ in a second run: healthy hosts would look odd"]
        yield from _labelled("moves", [*words, *_some(trial.moved, options)], options)


def _compared(trial: Trial, options: ReportOptions) -> Iterator[str]:
    known = f", known as {trial.chosen}" if trial.chosen else ""
    unknown = trial.step.compare.mode is Mode.AUTO and not known and trial.mode is Mode.TEXT
    yield f"{_HOW[trial.mode]}{', its numbers measured' if unknown else known}"
    if trial.mode is Mode.TEXT:
        return
    text = read_output(trial.result.stdout).decode("utf-8", "replace")
    said = {line.strip() for line in text.splitlines()}
    if not trial.features:
        yield "nothing was read"
    elif trial.mode is Mode.LINES and said.issuperset(map(str.strip, trial.features)):
        return  # what stands above
    else:
        yield from _some([_feature(trial, name) for name in trial.features], options)


def _feature(trial: Trial, name: str) -> str:
    value = trial.features[name]
    if trial.mode is Mode.LOG:
        return f"{value} x {name}"
    aside = {field.name for field in trial.step.compare.fields if not field.compare}
    kind = "" if name not in trial.numbers else " (number)"
    return f"{name} = {value}{' (not compared)' if name in aside else kind}" if value else name


def _masks(trial: Trial) -> Iterator[str]:
    yield ", ".join(trial.masks)
    for raw, line in trial.masked:
        yield f"- {raw.strip()}"
        yield f"+ {line.strip()}"


def _attributes(trial: Trial) -> list[str]:
    return [
        f"{name} = {trial.sets[name]}"
        if name in trial.sets
        else f"{name}: {_why_not(trial, feature)}"
        for name, feature in trial.step.sets.items()
    ]


def _why_not(trial: Trial, feature: str) -> str:
    """Why an attribute was not set."""
    if trial.result.outcome is not Outcome.OK:
        return "nothing, as the step did not end ok"
    if not feature:
        return "nothing, expected one line, at most 120 characters"
    if trial.mode in _WITHOUT_FEATURES:
        return f"nothing, as mode {trial.mode.value} has no features"
    return f"nothing, expected `{feature}` in the output, at most 120 characters"


def _flags(trial: Trial) -> Iterator[str]:
    if not trial.flagged:
        count = len(trial.step.flags)
        yield f"nothing ({count} rule{'s' if count > 1 else ''})"
    for finding in trial.flagged:
        yield f"{finding.severity.value}: {finding.summary}"
        yield from (f"  {line.removeprefix(f'{finding.hosts[0]}: ')}" for line in finding.evidence)


def _some(lines: Sequence[str], options: ReportOptions) -> list[str]:
    """The first of `lines`, and how many more there are."""
    if options.verbose or len(lines) <= SHOWN_LINES:
        return list(lines)
    return [*lines[: SHOWN_LINES - 1], f"… {len(lines) - SHOWN_LINES + 1} more (-v)"]


def _labelled(label: str, lines: Sequence[str], options: ReportOptions) -> Iterator[str]:
    room = options.columns - _LABEL - 2
    for number, line in enumerate(lines):
        most = 100 if options.verbose else 1
        for part, text in enumerate(wrap(printable(line), room, most=most)):
            head = label if number == part == 0 else ""
            yield f"  {head:{_LABEL}}{'' if part == 0 else '  '}{text}".rstrip()


def _ordinal(number: int) -> str:
    words = ("first", "second", "third")
    return words[number - 1] if number <= len(words) else f"{number}th"
