"""The verdict, story by story: what it is, what it stands on, and that it never claims more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.compare.verdict.rules import RULES, So
from fleetdiag.model import (
    Cause,
    CloudConsole,
    CloudEvent,
    CloudFacts,
    CloudInstance,
    CloudNotice,
    CloudStatus,
    CloudZone,
    Confidence,
    EventState,
    HostResult,
    HostStatus,
    Severity,
    Verdict,
)
from tests.factory import STARTED_AT, make_flag, make_host, make_run, make_step, names

CRASH = make_flag("Kernel panic", "the kernel panicked", Severity.CRITICAL)
LOG = replace(make_step("log"), flags=(replace(CRASH, name="panic"),))
FINE, PANIC = "all is well\n", "Kernel panic - not syncing: Fatal exception\n"
TEN, TWO = names("web-", 10), ["web-11", "web-12"]


def host(
    name: str,
    said: str | None = FINE,
    status: HostStatus = HostStatus.UNREACHABLE,
    **attributes: str,
) -> HostResult:
    """A host that said `said`; None: it did not answer."""
    if said is None:
        return make_host(name, {}, status=status, reason="no answer", attributes=attributes)
    return make_host(name, {"log": said}, attributes=attributes)


def verdict(hosts: Sequence[HostResult], cloud: CloudFacts | None = None) -> Verdict:
    return compare(replace(make_run(hosts, [LOG]), cloud=cloud)).verdict


def zoned(said: Mapping[str, str | None], zones: Mapping[str, str]) -> list[HostResult]:
    return [host(name, text, zone_id=zones[name]) for name, text in said.items()]


ZONES = {**dict.fromkeys(TEN, "use1-az4"), **dict.fromkeys(TWO, "use1-az6")}
STORY = zoned({**dict.fromkeys(TEN), **dict.fromkeys(TWO, FINE)}, ZONES)


def told_by_provider(
    hosts: Sequence[str], *, events: tuple[CloudEvent, ...] = (), system: str = "ok"
) -> dict[str, CloudInstance]:
    return {
        name: CloudInstance(
            f"i-{name}", "running", "us-east-1", "", ZONES[name], CloudStatus(system), events=events
        )
        for name in hosts
    }


MAINTENANCE = CloudEvent("system-maintenance", EventState.OPEN, "", STARTED_AT - 3600)


def test_the_story_provider_maintenance_in_the_zone_of_the_ten() -> None:
    cloud = CloudFacts(
        STARTED_AT,
        instances={**told_by_provider(TEN, events=(MAINTENANCE,)), **told_by_provider(TWO)},
        consoles={name: CloudConsole(PANIC.encode()) for name in TEN},
    )

    found = verdict(STORY, cloud)

    assert (found.cause, found.confidence) == (Cause.PROVIDER, Confidence.HIGH)
    assert found.summary == "the provider: maintenance in zone use1-az4"
    assert found.because[0] == (
        "the provider, of 10 of 10 bad hosts: system-maintenance is under way for 60 min"
    )
    assert "what they show: the kernel panicked" in found.because
    away = [line for line in found.do if "move load away from zone use1-az4" in line]
    assert len(away) == 1
    assert away[0].startswith("only SSH was asked: ")
    assert found.against == ()


def test_a_status_page_that_names_the_zone_is_enough_where_hosts_elsewhere_are_well() -> None:
    notice = CloudNotice("AWS", "Power event in use1-az4", places=("us-east-1", "use1-az4"))
    zone = CloudZone("us-east-1a", "use1-az4", "us-east-1", "available")

    found = verdict(STORY, CloudFacts(STARTED_AT, zones=(zone,), notices=(notice,)))

    assert (found.cause, found.confidence) == (Cause.PROVIDER, Confidence.HIGH)
    assert "AWS: Power event in use1-az4" in found.because


def test_a_notice_about_another_place_is_none() -> None:
    notice = CloudNotice("AWS", "Trouble in eu-west-1", places=("eu-west-1",))

    found = verdict(STORY, CloudFacts(STARTED_AT, notices=(notice,)))

    assert found.cause is Cause.ZONE
    assert "nothing the provider told is about these hosts or their zone" in found.against


@pytest.mark.parametrize(
    ("age_s", "cause"), [(3600.0, Cause.PROVIDER), (90 * 86_400.0, Cause.ZONE)]
)
def test_a_notice_that_is_open_for_months_is_old_news(age_s: float, cause: Cause) -> None:
    began = STARTED_AT - age_s
    notice = CloudNotice("AWS", "Power", places=("use1-az4",), started_at=began)

    assert verdict(STORY, CloudFacts(STARTED_AT, notices=(notice,))).cause is cause


def test_a_notice_about_the_region_counts_where_the_region_is_hit() -> None:
    notice = CloudNotice("AWS", "EC2 errors in us-east-1", places=("us-east-1",))
    cloud = CloudFacts(STARTED_AT, notices=(notice,))
    hit = [replace(h, attributes={**h.attributes, "region": "us-east-1"}) for h in STORY]
    two = [
        host(f"h{n:02}", None if n < 2 else FINE, zone_id=f"az{n % 2}", region="us-east-1")
        for n in range(12)
    ]

    assert verdict(hit, cloud).cause is Cause.PROVIDER
    found = verdict(two, cloud)
    assert found.cause is Cause.UNKNOWN
    assert found.against[0] == "AWS: EC2 errors in us-east-1"


@pytest.mark.parametrize(
    "notice",
    [
        CloudNotice(
            "AWS", "Network maintenance", places=("use1-az4",), started_at=STARTED_AT + 1e5
        ),
        CloudNotice("AWS", "Power event", places=("use1-az4",), state=EventState.COMPLETED),
        CloudNotice("AWS", "Delayed mails", places=("use1-az4",)),
    ],
)
def test_entries_that_are_planned_over_or_of_another_service_explain_nothing(
    notice: CloudNotice,
) -> None:
    assert verdict(STORY, CloudFacts(STARTED_AT, notices=(notice,))).cause is Cause.ZONE


def test_a_zone_with_news_only_is_not_impaired() -> None:
    zone = CloudZone("us-east-1a", "use1-az4", "us-east-1", "information")

    assert verdict(STORY, CloudFacts(STARTED_AT, zones=(zone,))).cause is Cause.ZONE


def test_what_the_provider_says_of_well_hosts_too_is_not_blamed() -> None:
    cloud = CloudFacts(STARTED_AT, instances=told_by_provider([*TEN, *TWO], events=(MAINTENANCE,)))

    found = verdict(STORY, cloud)

    assert (found.cause, found.confidence) == (Cause.ZONE, Confidence.MEDIUM)
    assert found.against == (
        "the provider has trouble with web-[01-10], and with 2 hosts that are not bad",
    )


@pytest.mark.parametrize(
    "event",
    [
        replace(MAINTENANCE, state=EventState.CANCELED),
        replace(MAINTENANCE, not_before=STARTED_AT + 86_400),
        replace(MAINTENANCE, state=EventState.COMPLETED, not_before=STARTED_AT - 3 * 86_400),
    ],
)
def test_events_that_are_off_later_or_long_over_explain_nothing(event: CloudEvent) -> None:
    cloud = CloudFacts(STARTED_AT, instances=told_by_provider(TEN, events=(event,)))

    assert verdict(STORY, cloud).cause is Cause.ZONE


def test_one_bad_host_is_that_host() -> None:
    hosts = zoned({**dict.fromkeys([*TEN, *TWO], FINE), "web-03": None}, ZONES)

    found = verdict(hosts)

    assert (found.cause, found.confidence, found.hosts) == (
        Cause.HOST,
        Confidence.HIGH,
        ("web-03",),
    )
    assert found.summary == "web-03 alone"
    assert found.against == ("the provider was not asked",)


def test_one_bad_host_on_broken_hardware_is_the_providers() -> None:
    hosts = zoned({**dict.fromkeys([*TEN, *TWO], FINE), "web-03": None}, ZONES)
    cloud = CloudFacts(STARTED_AT, instances=told_by_provider(["web-03"], system="impaired"))

    found = verdict(hosts, cloud)

    assert (found.cause, found.confidence) == (Cause.PROVIDER, Confidence.HIGH)
    assert "impaired" in found.because[0]


def test_a_bad_kernel_across_zones_is_the_kernel() -> None:
    hosts = [
        host(f"h{n:02}", PANIC if n % 3 == 0 else FINE, zone_id=f"az{n % 2}", kernel=kernel)
        for n in range(18)
        for kernel in ["6.5.0" if n % 3 == 0 else "6.1.0"]
    ]

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.GROUP, Confidence.HIGH)
    assert found.summary.startswith("kernel 6.5.0: ")
    assert found.do[0] == "hold the roll-out of kernel 6.5.0"


def test_a_software_crash_across_zones_is_software() -> None:
    hosts = [
        host(f"h{n:02}", PANIC if n in {1, 4, 6, 9, 11} else FINE, zone_id=f"az{n % 2}")
        for n in range(12)
    ]

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.SOFTWARE, Confidence.HIGH)
    assert found.because[0] == "5 of 5 bad hosts show it, in az0, az1"


def test_a_zones_network_cut_is_the_zone_and_no_more_than_medium() -> None:
    hosts = [host(f"h{n:02}", None if n < 6 else FINE, zone_id=f"az{n // 6}") for n in range(12)]

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.ZONE, Confidence.MEDIUM)
    assert found.summary.startswith("zone az0: ")
    assert "6 of 6 gave no answer" in found.because


def test_two_zones_of_three_are_both_named() -> None:
    hosts = [
        host(f"h{n:02}", FINE if n % 3 == 2 else None, zone_id=f"az{n % 3}") for n in range(30)
    ]

    found = verdict(hosts)

    assert found.cause is Cause.ZONE
    assert found.summary == "zone az0 and az1: the bad hosts are there, hosts elsewhere are not bad"


def test_a_bad_image_on_new_instances_only_is_the_image() -> None:
    hosts = [
        host(
            f"h{n:02}",
            PANIC if n >= 12 else FINE,
            zone_id=f"az{n % 3}",
            image="ami-new" if n >= 12 else "ami-old",
        )
        for n in range(18)
    ]

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.GROUP, Confidence.HIGH)
    assert "image ami-new" in found.summary


def at(seconds: float) -> str:
    """A kernel log's panic at that time, Unix time."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='seconds')} {PANIC}"


@pytest.mark.parametrize(("later_s", "cause"), [(-600, Cause.PROVIDER), (3000, Cause.ZONE)])
def test_trouble_of_the_provider_that_began_after_the_hosts_is_not_its_cause(
    later_s: float, cause: Cause
) -> None:
    panicked = STARTED_AT - 3600
    event = replace(MAINTENANCE, not_before=panicked + later_s)
    cloud = CloudFacts(STARTED_AT, instances=told_by_provider(TEN, events=(event,)))
    hosts = zoned({**dict.fromkeys(TEN, at(panicked)), **dict.fromkeys(TWO, FINE)}, ZONES)

    assert verdict(hosts, cloud).cause is cause


@pytest.mark.parametrize(
    ("code", "moves"), [("instance-retirement", True), ("instance-reboot", False)]
)
def test_a_stop_and_start_is_advised_only_where_it_helps(code: str, moves: bool) -> None:
    event = replace(MAINTENANCE, code=code)
    cloud = CloudFacts(
        STARTED_AT, instances={**told_by_provider(TEN, events=(event,)), **told_by_provider(TWO)}
    )

    advice = " ".join(verdict(STORY, cloud).do)

    assert ("loses its instance store" in advice) is moves
    assert ("hold restarts" in advice) is not moves


def test_stopped_instances_are_no_riddle() -> None:
    stopped = {n: replace(i, state="stopped") for n, i in told_by_provider(TEN).items()}

    found = verdict(STORY, CloudFacts(STARTED_AT, instances=stopped))

    assert (found.cause, found.confidence) == (Cause.HOST, Confidence.HIGH)
    assert found.summary == "10 of 10 bad hosts are instances that were stopped"


def test_one_host_alone_is_no_fleet_unless_the_provider_says_it_is_his() -> None:
    hosts = zoned({"web-03": None}, ZONES)
    cloud = CloudFacts(STARTED_AT, instances=told_by_provider(["web-03"], system="impaired"))

    assert verdict(hosts).summary == ""
    assert verdict(hosts, cloud).cause is Cause.PROVIDER


def test_the_only_host_of_its_role_is_not_to_be_taken_out() -> None:
    hosts = [host("db-01", PANIC, role="db"), *(host(name, role="web") for name in TEN)]

    assert verdict(hosts).do[0] == (
        "look at db-01; it is the only role db here, nothing stands in for it"
    )


def test_a_kind_that_nobody_rolled_out_is_not_held() -> None:
    hosts = [
        host(f"h{n:02}", PANIC if n % 3 == 0 else FINE, zone_id=f"az{n % 2}", role=role)
        for n in range(18)
        for role in ["db" if n % 3 == 0 else "web"]
    ]

    found = verdict(hosts)

    assert found.summary == "role db: the bad hosts have it, the others do not"
    assert not any("roll-out" in line for line in found.do)


def test_a_place_and_a_kind_that_go_together_are_both_told() -> None:
    hosts = [
        host(f"h{n:02}", PANIC if n < 6 else FINE, zone_id=f"az{n // 6}", kernel=f"6.{n // 6}")
        for n in range(12)
    ]

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.ZONE, Confidence.LOW)
    assert "the bad hosts share kernel 6.0, too: it may as well be that" in found.against
    assert not any("move load" in line for line in found.do)


def test_a_provider_who_could_not_be_asked_did_not_say_that_all_is_well() -> None:
    found = verdict(STORY, CloudFacts(STARTED_AT, problems=("EC2 did not answer in time",)))

    assert found.against == (
        "the provider said nothing of these hosts: EC2 did not answer in time",
    )


def test_a_console_of_another_day_or_of_a_host_that_answers_shows_nothing() -> None:
    old = CloudConsole(PANIC.encode(), STARTED_AT - 2 * 86_400)
    cloud = CloudFacts(
        STARTED_AT, consoles={"web-01": old, "web-11": CloudConsole(PANIC.encode(), STARTED_AT)}
    )

    assert not any("panicked" in line for line in verdict(STORY, cloud).because)


def test_a_warning_is_no_verdict() -> None:
    warned = replace(LOG, flags=(replace(CRASH, name="slow", severity=Severity.WARNING),))
    hosts = [host(name, PANIC if name in TEN[:3] else FINE) for name in TEN]

    assert compare(make_run(hosts, [warned])).verdict.summary == ""


def test_a_thousand_hosts_do_not_flood_the_verdict() -> None:
    hosts = [host(f"{n * 7919 % 100_000:05x}", PANIC if n % 2 else FINE) for n in range(1000)]

    found = verdict(hosts)

    lines = (found.summary, *found.because, *found.against, *found.do, *found.unless)
    assert all(len(line) < 250 for line in lines)


def test_nothing_wrong_is_no_verdict() -> None:
    found = verdict(zoned(dict.fromkeys(ZONES, FINE), ZONES))

    assert (found.cause, found.confidence, found.summary) == (Cause.NONE, Confidence.NONE, "")


def test_all_bad_in_one_zone_without_contrast_is_said_so() -> None:
    hosts = zoned(dict.fromkeys(TEN), ZONES)

    found = verdict(hosts)

    assert (found.cause, found.confidence) == (Cause.UNKNOWN, Confidence.LOW)
    assert found.summary == (
        "cannot be told: none of 10 hosts answers, which may be our own network"
    )
    assert found.do[0].startswith("check this machine's own way first: ")


def test_all_bad_that_answer_are_no_matter_of_our_network() -> None:
    found = verdict(zoned(dict.fromkeys(TEN, PANIC), ZONES))

    assert (found.cause, found.confidence) == (Cause.SOFTWARE, Confidence.LOW)
    assert found.because[0] == "all 10 hosts of use1-az4 are bad"


def test_a_refused_login_is_no_trouble_of_the_host() -> None:
    hosts = [host("a", None, HostStatus.AUTH_FAILED), host("b"), host("c")]

    assert verdict(hosts).cause is Cause.NONE


def test_the_last_rule_fits_whatever_is_so() -> None:
    assert RULES[-1].fits(set())
    assert next(rule.cause for rule in RULES if rule.fits({So.NOTHING_BAD})) is Cause.NONE


def test_the_page_has_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]

    def cell(so: frozenset[So]) -> str:
        return "; ".join(sorted(one.value for one in so)) or "–"  # noqa: RUF001 - an empty cell

    assert rows == [
        f"| {rule.cause.value} | {rule.confidence.value} | {cell(rule.needs)} "
        f"| {cell(rule.excludes)} |"
        for rule in RULES
    ]
