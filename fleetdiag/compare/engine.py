"""A run -> its comparison: clean, mask, read, group, then findings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clean_lines
from fleetdiag.compare.findings import rank, step_findings, unreachable_findings
from fleetdiag.compare.flags import rule_findings
from fleetdiag.compare.group import VALUED, Answer, answer_lines, group, step_comparison
from fleetdiag.compare.own import mask_outputs, own_names
from fleetdiag.compare.read import READERS, features_of
from fleetdiag.model import (
    Comparison,
    Finding,
    HostStatus,
    Outcome,
    Run,
    Step,
    StepComparison,
    StepResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Lines = tuple[str, ...]

SILENT = frozenset({Outcome.SKIPPED, Outcome.NOT_RUN, Outcome.ABSENT, Outcome.DENIED})
"""Outcomes of hosts that could not have shown what a rule looks for."""
STDERR_LABEL = "stderr: "


@dataclass(frozen=True, slots=True)
class _Output:
    """Both streams of one step on one host, cleaned."""

    stdout: Lines
    stderr: Lines

    @property
    def labelled(self) -> Lines:
        """All lines, those of stderr marked as such: what is compared."""
        return (*self.stdout, *(f"{STDERR_LABEL}{line}" for line in self.stderr if line))


def compare(run: Run) -> Comparison:
    """What the hosts of `run` have in common and what not; the same for a live and a stored run."""
    names = {host.name: own_names(host) for host in run.hosts}
    steps: list[StepComparison] = []
    findings: list[Finding] = unreachable_findings(run)
    for step in run.playbook.steps:
        compared, found = _compare_step(step, _results(run, step.name), names)
        steps.append(compared)
        findings += found
    order = [step.name for step in run.playbook.steps]
    return Comparison(run=run, steps=tuple(steps), findings=rank(findings, order))


def _results(run: Run, step: str) -> dict[str, StepResult]:
    """Host -> its result of `step`; without hosts that never got so far (they have a finding)."""
    return {
        host.name: result
        for host in run.hosts
        for result in host.steps
        if result.name == step
        and (host.status is HostStatus.OK or result.outcome is not Outcome.NOT_RUN)
    }


def _compare_step(
    step: Step, results: Mapping[str, StepResult], names: Mapping[str, tuple[str, ...]]
) -> tuple[StepComparison, list[Finding]]:
    outputs = _clean_outputs(results)
    valued = (
        {host: out.labelled for host, out in outputs.items() if results[host].outcome in VALUED}
        if step.compare.mode in READERS
        else {}
    )
    masked = mask_outputs(valued, names, step.compare)
    grouping = group(_answers(step, results, masked.lines))
    searched = [host for host, result in results.items() if result.outcome not in SILENT]
    streams = {host: (*outputs[host].stdout, *outputs[host].stderr) for host in searched}
    findings = rule_findings(step.name, step.flags, streams, searched)
    findings += step_findings(step.name, grouping)
    return step_comparison(step.name, step.compare.mode, masked.masks, grouping), findings


def _clean_outputs(results: Mapping[str, StepResult]) -> dict[str, _Output]:
    """Host -> its cleaned output; equal bytes are cleaned once and share their lines."""
    distinct: dict[tuple[bytes, bytes], _Output] = {}
    outputs = {}
    for host, result in results.items():
        raw = (result.stdout, result.stderr)
        if raw not in distinct:
            distinct[raw] = _Output(clean_lines(result.stdout), clean_lines(result.stderr))
        outputs[host] = distinct[raw]
    return outputs


def _answers(
    step: Step, results: Mapping[str, StepResult], masked: Mapping[str, Lines]
) -> list[Answer]:
    mode = step.compare.mode
    cap_lines = _shortest_cut(results, masked)
    answers = []
    for host, result in results.items():
        valued = host in masked
        lines = answer_lines(mode, masked[host], result.outcome, cap_lines) if valued else ()
        answers.append(
            Answer(
                host=host,
                outcome=result.outcome,
                command=result.command,
                exit_code=result.exit_code,
                reason=result.reason,
                lines=lines,
                features=features_of(mode, lines) if valued else None,
            )
        )
    return answers


def _shortest_cut(
    results: Mapping[str, StepResult], masked: Mapping[str, Sequence[str]]
) -> int | None:
    """Whole lines that every cut output has: where the cut falls is no difference between hosts."""
    cut = [len(masked[host]) - 1 for host in masked if results[host].outcome is Outcome.TRUNCATED]
    return max(0, min(cut)) if cut else None
