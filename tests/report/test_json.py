"""The machine-readable result has the shape that `docs/design.md` promises."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fleetdiag.compare import compare
from fleetdiag.model import (
    Cause,
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    Comparison,
    Confidence,
    EventState,
    Finding,
    FindingKind,
    Measure,
    Severity,
    Shared,
    Unit,
    Verdict,
)
from fleetdiag.report import ReportOptions, render
from tests.factory import STARTED_AT, make_host, make_run
from tests.report.scenarios import SCENARIOS

SHAPE = {
    "format": "int",
    "run": {
        "id": "str", "playbook": "str", "started_at": "str", "duration_s": "float",
        "version": "str", "interrupted": "bool",
    },
    "hosts": [{
        "name": "str", "status": "str", "reason": "str", "attributes": {},
        "steps": [{
            "name": "str", "outcome": "str", "reason": "str", "exit_code": "int",
            "duration_s": "float",
            "truncated": "bool",
        }],
    }],
    "steps": [{
        "name": "str", "mode": "str", "masks": ["str"],
        "groups": [{"hosts": ["str"], "outcome": "str", "majority": "bool", "sample": "str"}],
        "chosen": "str",
        "measures": [{
            "feature": "str", "unit": "str", "median": "float", "odd": ["str"],
            "values": {"web-01": "float"},
        }],
        "varying": ["str"],
    }],
    "findings": [{
        "kind": "str", "severity": "str", "step": "str", "feature": "str", "hosts": ["str"],
        "of": "int", "summary": "str", "evidence": ["str"],
        "shared": [{
            "attribute": "str", "value": "str", "odd": "int", "odd_total": "int", "rest": "int",
            "rest_total": "int", "risk_ratio": "float", "p": "float",
            "alike": ["str"],
        }],
        "also": ["str"],
    }],
    "verdict": {
        "cause": "str", "confidence": "str", "summary": "str", "hosts": ["str"],
        "because": ["str"], "against": ["str"], "do": ["str"], "unless": ["str"],
    },
    "cloud": {
        "asked_at": "str", "duration_s": "float",
        "instances": {"web-01": {
            "id": "str", "state": "str", "region": "str", "zone": "str", "zone_id": "str",
            "system": "str", "system_since": "str", "instance": "str", "instance_since": "NoneType",
            "disks": "str", "disks_since": "NoneType",
            "events": [{
                "code": "str", "state": "str", "description": "str",
                "not_before": "str", "not_after": "NoneType",
            }],
        }},
        "zones": [{
            "name": "str", "id": "str", "region": "str", "state": "str", "messages": ["str"],
        }],
        "notices": [{
            "source": "str", "title": "str", "state": "str", "text": "str", "places": ["str"],
            "started_at": "str", "updated_at": "NoneType", "link": "str",
        }],
        "problems": ["str"],
    },
}  # fmt: skip


def full() -> Comparison:
    """A comparison with every optional part there."""
    comparison = compare(SCENARIOS["one_odd_host"]())
    finding = Finding(
        kind=FindingKind.SHARED,
        severity=Severity.CRITICAL,
        summary="zone",
        hosts=("web-01",),
        of=2,
        step="kernel",
        feature="release",
        evidence=("line",),
        shared=(Shared("zone", "a", 1, 1, 0, 1, 2.0, 0.5, ("subnet s",)),),
        also=("dmesg differs",),
    )
    measure = Measure("load", Unit.NONE, {"web-01": 1.5}, 1.5, ("web-01",))
    steps = (replace(comparison.steps[0], measures=(measure,), varying=("serial",)),)
    said = ("for",), ("against",), ("do",), ("unless",)
    verdict = Verdict(Cause.ZONE, Confidence.HIGH, "there", ("web-01",), *said)
    event = CloudEvent("system-maintenance", EventState.OPEN, "soon", STARTED_AT)
    instance = CloudInstance("i-1", "running", system=CloudStatus.IMPAIRED, events=(event,))
    cloud = CloudFacts(
        STARTED_AT,
        0.5,
        instances={"web-01": replace(instance, system_since=STARTED_AT)},
        zones=(CloudZone("a", messages=("power",)),),
        notices=(CloudNotice("AWS", "power", places=("a",), started_at=STARTED_AT),),
        problems=("no answer",),
    )
    run = replace(comparison.run, cloud=cloud)
    return replace(comparison, run=run, steps=steps, findings=(finding,), verdict=verdict)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_keys_nesting_and_types_are_those_of_the_design() -> None:
    assert shape(json.loads(render(full(), "json"))) == SHAPE


def test_time_is_utc_and_options_change_nothing() -> None:
    text = render(full(), "json")
    assert json.loads(text)["run"]["started_at"] == "2026-11-22T03:04:05Z"
    assert render(full(), "json", options=ReportOptions(40, True, True, "x", "web-01")) == text


def test_bytes_that_were_no_utf_8_are_spelled_out() -> None:
    run = make_run([make_host("a\udcff", {"s": "x"}, attributes={"zone": "\udc80"})])
    text = render(compare(run), "json")
    host = json.loads(text)["hosts"][0]
    assert host["name"] == "a\\udcff"
    assert host["attributes"] == {"zone": "\\udc80"}
    assert text.isascii()
