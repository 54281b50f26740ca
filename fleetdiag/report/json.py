"""A comparison as one JSON object, format 1: for programs, the same for live and stored runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleetdiag.model import END_OF_DATES_S

if TYPE_CHECKING:
    from fleetdiag.model import (
        CloudFacts,
        CloudInstance,
        CloudNotice,
        CloudZone,
        Comparison,
        Finding,
        HostAct,
        HostResult,
        Measure,
        Rollout,
        Run,
        Shared,
        StepComparison,
        Verdict,
    )

FORMAT = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""

Json = dict[str, Any]


def render_json(comparison: Comparison) -> str:
    """The object, indented, ASCII only: every control character is escaped."""
    return json.dumps(to_json(comparison), indent=2) + "\n"


def to_json(comparison: Comparison) -> Json:
    """The object as plain dicts and lists; its keys are listed in `docs/design.md`."""
    return {
        "format": FORMAT,
        "run": _run(comparison.run),
        "hosts": [_host(host) for host in comparison.run.hosts],
        "steps": [_step(step) for step in comparison.steps],
        "findings": [_finding(finding) for finding in comparison.findings],
        "verdict": _verdict(comparison.verdict),
        "cloud": None if comparison.run.cloud is None else _cloud(comparison.run.cloud),
        **_rolled(comparison.run.rollout),
    }


def _rolled(rollout: Rollout | None) -> Json:
    """Only of a change."""
    return {} if rollout is None else {"rollout": _rollout(rollout)}


def _rollout(rollout: Rollout) -> Json:
    return {
        "who": rollout.who,
        "stopped": rollout.stopped,
        "batches": [list(batch) for batch in rollout.batches],
        "hosts": {host: _act(act) for host, act in rollout.states().items()},
        "acts": [{"host": act.host, **_act(act)} for act in rollout.acts],
    }


def _act(act: HostAct) -> Json:
    return {
        "state": act.state.value,
        "at": utc(act.at),
        "attempt": act.attempt,
        "boot_id": act.boot_id,
        "reason": act.reason,
        "said": act.said,
    }


def utc(unix_time: float) -> str:
    """`2026-11-22T03:04:05Z`."""
    return datetime.fromtimestamp(unix_time, tz=UTC).isoformat(timespec="seconds")[:19] + "Z"


def _run(run: Run) -> Json:
    return {
        "id": run.id,
        "playbook": run.playbook.name,
        "started_at": utc(run.started_at),
        "duration_s": round(run.duration_s, 3),
        "version": run.version,
        "interrupted": run.interrupted,
    }


def _host(host: HostResult) -> Json:
    return {
        "name": _text(host.name),
        "status": host.status.value,
        "reason": _text(host.reason),
        "attributes": {_text(key): _text(value) for key, value in host.attributes.items()},
        "steps": [
            {
                "name": step.name,
                "outcome": step.outcome.value,
                "reason": _text(step.reason),
                "exit_code": step.exit_code,
                "duration_s": None if step.duration_s is None else round(step.duration_s, 3),
                "truncated": step.truncated,
            }
            for step in host.steps
        ],
    }


def _step(step: StepComparison) -> Json:
    return {
        "name": step.name,
        "mode": step.mode.value,
        "chosen": step.chosen,
        "masks": list(step.masks),
        "groups": [
            {
                "hosts": [_text(host) for host in group.hosts],
                "outcome": group.outcome.value,
                "majority": group.majority,
                "sample": _text(group.sample),
            }
            for group in step.groups
        ],
        "measures": [_measure(measure) for measure in step.measures],
        "varying": [_text(feature) for feature in step.varying],
    }


def _measure(measure: Measure) -> Json:
    return {
        "feature": _text(measure.feature),
        "unit": measure.unit.value,
        "median": measure.median,
        "odd": [_text(host) for host in measure.odd],
        "values": {_text(host): value for host, value in measure.values.items()},
    }


def _finding(finding: Finding) -> Json:
    return {
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "step": finding.step,
        "feature": None if finding.feature is None else _text(finding.feature),
        "hosts": [_text(host) for host in finding.hosts],
        "of": finding.of,
        "summary": _text(finding.summary),
        "evidence": [_text(line) for line in finding.evidence],
        "shared": [_shared(shared) for shared in finding.shared],
        "also": [_text(line) for line in finding.also],
    }


def _shared(shared: Shared) -> Json:
    return {
        "attribute": _text(shared.attribute),
        "value": _text(shared.value),
        "odd": shared.odd,
        "odd_total": shared.odd_total,
        "rest": shared.rest,
        "rest_total": shared.rest_total,
        "risk_ratio": shared.risk_ratio,
        "p": shared.p,
        "alike": [_text(value) for value in shared.alike],
    }


def _cloud(cloud: CloudFacts) -> Json:
    """What the provider said; the consoles are a step's output."""
    return {
        "asked_at": utc(cloud.asked_at),
        "duration_s": round(cloud.duration_s, 3),
        "instances": {_text(host): _plain(it) for host, it in cloud.instances.items()},
        "zones": [_plain(zone) for zone in cloud.zones],
        "notices": [_plain(notice) for notice in cloud.notices],
        "problems": [_text(problem) for problem in cloud.problems],
    }


def _plain(said: CloudInstance | CloudZone | CloudNotice) -> Json:
    """Its fields; times as UTC."""
    return {key: _plain_value(key, value) for key, value in asdict(said).items()}


def _plain_value(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain_value(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(key, inner) for inner in value]
    if isinstance(value, float) and key.endswith(("_since", "_at", "before", "after")):
        return utc(value) if 0 <= value <= END_OF_DATES_S else None
    return _text(value) if isinstance(value, str) else value


def _verdict(verdict: Verdict) -> Json:
    return {
        "cause": verdict.cause.value,
        "confidence": verdict.confidence.value,
        "summary": _text(verdict.summary),
        "hosts": [_text(host) for host in verdict.hosts],
        "because": [_text(line) for line in verdict.because],
        "against": [_text(line) for line in verdict.against],
        "do": [_text(line) for line in verdict.do],
        "unless": [_text(line) for line in verdict.unless],
    }


def _text(text: str) -> str:
    r"""`text` with lone surrogates (bytes that were no UTF-8) spelled out: `\udc80`."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
