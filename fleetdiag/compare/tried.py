"""What the steps of a run come to on its first host, alone: `playbook try`. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetdiag.compare.engine import results_of
from fleetdiag.compare.evidence import shown_feature, shown_value
from fleetdiag.compare.features import EXIT_CODE, PRESENT, Number
from fleetdiag.compare.linetable import STDERR_LABEL
from fleetdiag.compare.own import own_names
from fleetdiag.compare.reading import read_step
from fleetdiag.compare.ruled import rule_findings
from fleetdiag.compare.told import told_attributes
from fleetdiag.model import Mode, Outcome, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetdiag.compare.features import Features
    from fleetdiag.compare.reading import Reading
    from fleetdiag.model import Run, Step

MOST_MASKED = 5
"""Lines shown before and after their masks."""


def trials(run: Run, again: Run | None = None) -> tuple[Trial, ...]:
    """As `fleetdiag.compare.trials`."""
    host = run.hosts[0].name
    later = {} if again is None else {t.step.name: t for t in trials(again)}
    sets = told_attributes(run).get(host, {})
    found = []
    for step in run.playbook.steps:
        reading = _reading(run, step)
        if not reading.answers:
            continue
        trial = _trial(run, reading, {name: sets[name] for name in step.sets if name in sets})
        found.append(replace(trial, moved=tuple(_moved(trial, later.get(step.name)))))
    return tuple(found)


def _reading(run: Run, step: Step) -> Reading:
    first = run.hosts[0]
    alone = replace(run, hosts=(first,))
    names = {first.name: own_names(first)}
    return read_step(step, results_of(alone, step.name), {first.name: first}, names)


def _trial(run: Run, reading: Reading, sets: dict[str, str]) -> Trial:
    answer, step = reading.answers[0], reading.step
    result = next(each for each in run.hosts[0].steps if each.name == step.name)
    if answer.outcome is Outcome.UNPARSED:
        result = replace(result, outcome=answer.outcome, reason=answer.reason)
    features = {} if reading.compare.mode is Mode.IGNORE else answer.features or {}
    return Trial(
        step=step,
        result=result,
        mode=reading.compare.mode,
        chosen=reading.chosen,
        features=_shown(features),
        numbers=frozenset(shown_feature(f) for f, v in features.items() if isinstance(v, Number)),
        masks=reading.masks,
        masked=tuple(_masked(reading, answer.host)),
        flagged=tuple(ruled.finding for ruled in rule_findings(reading)),
        sets=sets,
    )


def _shown(features: Features) -> dict[str, str]:
    return {
        shown_feature(name): "" if value == PRESENT else shown_value(value)
        for name, value in features.items()
        if name != EXIT_CODE
    }


def _masked(reading: Reading, host: str) -> Iterator[tuple[str, str]]:
    """Lines that masks changed, each kind of change once."""
    if reading.compare.mode not in {Mode.TEXT, Mode.LINES, Mode.LOG}:
        return
    seen: set[str] = set()
    for line, raw in reading.table.with_raw(host):
        # The head of a log's line (its time) is no mask.
        if line not in seen and not raw.endswith(line) and not line.startswith(STDERR_LABEL):
            seen.add(line)
            yield raw, line
            if len(seen) == MOST_MASKED:
                return


def _moved(trial: Trial, later: Trial | None) -> Iterator[str]:
    """Features that are gone, new, or otherwise the second time; numbers only where they are."""
    if later is None or trial.mode is Mode.IGNORE:
        return
    for name in {**trial.features, **later.features}:
        before, after = trial.features.get(name), later.features.get(name)
        if before != after and not (name in trial.numbers and name in later.numbers):
            yield name
