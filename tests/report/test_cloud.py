"""What `fleetdiag cloud` shows of the provider's answers."""

from fleetdiag.model import (
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    EventState,
)
from fleetdiag.report import cloud_trouble, render_cloud

AT = 1_795_316_645.0
FINE = CloudInstance(
    "i-1", "running", "us-east-1", "us-east-1a", "use1-az4", CloudStatus.OK, None, CloudStatus.OK
)


def test_equal_trouble_is_one_line_and_hosts_without_any_another() -> None:
    event = CloudEvent("instance-retirement", EventState.OPEN, "hardware", AT, AT + 3600)
    bad = CloudInstance(
        *("i-2", "running", "us-east-1", "us-east-1a", "use1-az4", CloudStatus.IMPAIRED, AT),
        events=(event,),
    )
    facts = CloudFacts(AT, instances={"web-1": bad, "web-2": bad, "web-3": FINE})

    assert cloud_trouble(facts)
    assert render_cloud(["web-1", "web-2", "web-3", "web-4"], facts, 80).splitlines() == [
        "web-[1-2] (2): system status impaired since 2026-11-22 03:04 UTC in use1-az4",
        "web-[1-2] (2): instance-retirement open, 2026-11-22 03:04 UTC to 2026-11-22",
        "04:04 UTC in use1-az4",
        "web-3 (1): running, all checks passed, no event",
        "web-4 (1): no instance that EC2 knows",
    ]


def test_a_provider_that_told_nothing_did_not_say_that_all_is_well() -> None:
    facts = CloudFacts(AT, problems=("EC2 did not answer in time",))

    assert render_cloud(["web-1"], facts, 80) == "The provider told nothing.\n"


def test_zones_and_notices_in_trouble_are_told_open_ones_first() -> None:
    notices = (
        CloudNotice("P", "All good again", EventState.COMPLETED),
        CloudNotice("P", "Power \x1b[31m", places=("use1-az4",), link="https://p/1"),
    )
    zones = (
        CloudZone("us-east-1a", "use1-az4", "us-east-1", "impaired", ("power",)),
        CloudZone("us-east-1b", "use1-az6", "us-east-1", "available"),
    )
    facts = CloudFacts(AT, zones=zones, notices=notices)

    assert cloud_trouble(facts)
    assert render_cloud([], facts, 80).splitlines() == [
        "zone use1-az4: impaired: power",
        "P, open: Power ^[[31m (use1-az4)",
        "  https://p/1",
        "P, completed: All good again",
    ]


def test_no_trouble_is_said() -> None:
    facts = CloudFacts(AT, instances={"web-3": FINE})

    assert not cloud_trouble(facts)
    assert render_cloud(["web-3"], facts, 80).splitlines() == [
        "web-3 (1): running, all checks passed, no event",
        "The provider knows of no trouble: 1 instance, 0 notices.",
    ]
