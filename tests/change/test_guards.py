"""What is refused before any host is touched, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetdiag.change.guards import DESPITE_PROVIDER, NO_DIAGNOSIS, refusals
from fleetdiag.model import (
    Act,
    Cause,
    Change,
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    Comparison,
    EventState,
    Finding,
    FindingKind,
    Mend,
    Playbook,
    Run,
    Severity,
    Verdict,
)

NOW = 1_790_000_000.0
RUN = Run("20261126T030405-triage-7f3a", Playbook("triage", ()), (), NOW - 60, 10.0, "1")
CHANGE = Change((Act("restart", "true"),), 1, mends=(Mend("failed-units", mentions="nginx"),))
FOUND = Finding(
    FindingKind.RULE, Severity.CRITICAL, "a unit has failed", ("web-01",), 3, "failed-units",
    evidence=("nginx.service failed",),
)  # fmt: skip
GOOD = Comparison(RUN, (), (FOUND,))


def said(
    change: Change = CHANGE,
    cloud: CloudFacts | None = None,
    diagnosis: Comparison | None = GOOD,
    host: str = "web-01",
) -> list[tuple[str, str]]:
    diagnoses = {} if diagnosis is None else {host: diagnosis}
    found = refusals(change, [host], cloud=cloud, diagnoses=diagnoses, now=NOW)
    return [(each.unless, each.reason) for each in found]


def cloud(instance: CloudInstance, **more: tuple[object, ...]) -> CloudFacts:
    return replace(CloudFacts(NOW, instances={"web-01": instance}), **more)  # type: ignore[arg-type]


HEALTHY = CloudInstance("i-1", "running", "use1", "use1-a", "use1-az4", CloudStatus.OK)


def test_a_host_that_the_change_may_mend_is_not_refused() -> None:
    assert said(cloud=cloud(HEALTHY)) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            cloud(replace(HEALTHY, events=(CloudEvent("system-reboot", EventState.OPEN),))),
            "the provider has an open event, system-reboot",
        ),
        (
            cloud(replace(HEALTHY, system=CloudStatus.IMPAIRED)),
            "the provider's system status has failed",
        ),
        (cloud(replace(HEALTHY, state="stopped")), "the instance is stopped"),
        (
            cloud(HEALTHY, zones=(CloudZone("use1-a", state="impaired"),)),
            "zone use1-a is impaired, the provider says",
        ),
        (
            cloud(HEALTHY, notices=(CloudNotice("aws", "Power loss", places=("USE1-AZ4",)),)),
            "aws says: Power loss",
        ),
    ],
)
def test_what_is_the_providers_is_refused(facts: CloudFacts, words: str) -> None:
    ((unless, reason),) = said(cloud=facts)
    assert unless == DESPITE_PROVIDER
    assert reason.startswith(words)


@pytest.mark.parametrize(
    "facts",
    [
        cloud(replace(HEALTHY, events=(CloudEvent("system-reboot", EventState.COMPLETED),))),
        cloud(HEALTHY, zones=(CloudZone("use1-b", state="impaired"),)),
        cloud(HEALTHY, notices=(CloudNotice("aws", "Power loss", places=("euw1",)),)),
        cloud(
            HEALTHY, notices=(CloudNotice("aws", "Over", EventState.COMPLETED, places=("use1",)),)
        ),
    ],
)
def test_what_is_over_or_elsewhere_is_not(facts: CloudFacts) -> None:
    assert said(cloud=facts) == []


@pytest.mark.parametrize(
    ("diagnosis", "words"),
    [
        (None, "there is no diagnosis of it"),
        (replace(GOOD, run=replace(RUN, started_at=NOW - 3 * 3600)), "its last diagnosis, "),
        (replace(GOOD, findings=()), "run 20261126T030405-triage-7f3a found nothing there"),
        (replace(GOOD, findings=(replace(FOUND, evidence=()),)), "run 2026"),
        (replace(GOOD, findings=(replace(FOUND, step="links"),)), "run 2026"),
        (replace(GOOD, findings=(replace(FOUND, severity=Severity.INFO),)), "run 2026"),
        (replace(GOOD, findings=(replace(FOUND, hosts=("web-02",)),)), "run 2026"),
    ],
)
def test_what_no_diagnosis_asks_for_is_refused(diagnosis: Comparison | None, words: str) -> None:
    ((unless, reason),) = said(diagnosis=diagnosis)
    assert unless == NO_DIAGNOSIS
    assert reason.startswith(words)


def test_a_verdict_that_blames_the_provider_is_refused_though_nobody_can_be_asked_now() -> None:
    blamed = Verdict(Cause.PROVIDER, summary="the provider: maintenance", hosts=("web-01",))
    ((unless, reason),) = said(diagnosis=replace(GOOD, verdict=blamed))
    assert (unless, reason) == (
        DESPITE_PROVIDER, f"run {RUN.id} concluded: the provider: maintenance",
    )  # fmt: skip


def test_a_change_that_says_nothing_of_what_it_mends_asks_for_no_diagnosis() -> None:
    assert said(replace(CHANGE, mends=()), diagnosis=None) == []


def test_hosts_refused_for_one_reason_are_told_together() -> None:
    (one,) = refusals(CHANGE, ["a", "b"], cloud=None, diagnoses={}, now=NOW)
    assert one.hosts == ("a", "b")
