from __future__ import annotations

import copy
import gzip
import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.cloud import feeds_fetch
from fleetdiag.cloud.feeds import Feed, fetch_notices
from fleetdiag.cloud.feeds_entry import FeedError, Page, notice
from fleetdiag.cloud.feeds_parse import parse
from fleetdiag.cloud.feeds_text import PLACE, found, link, moment, plain
from fleetdiag.model import CloudNotice, EventState
from tests.cloud import feed_server
from tests.cloud.feed_server import Said, Served, serving

ANSWERS = Path(__file__).parent / "feeds"
NOW = 1790164800.0  # 2026-09-23 12:00 UTC
HOUR_S = 3600.0
OPEN, COMPLETED, CANCELED = EventState.OPEN, EventState.COMPLETED, EventState.CANCELED
UNKNOWN_JSON = "answers with JSON that is neither a Statuspage summary nor AWS's or Google's events"
GZIP, BROTLI = {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}
EMPTY = b'{"incidents": [], "scheduled_maintenances": [], "components": []}'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Served]:
    with serving() as served:
        yield served


def read(
    name: str, url: str = "https://status.example.com/feed", now: float = NOW
) -> list[CloudNotice]:
    return shown(parse((ANSWERS / name).read_bytes(), "", url), now)


def shown(page: Page, now: float = NOW) -> list[CloudNotice]:
    made = [notice(entry, "page", now) for entry in page.entries]
    return [each for each in made if each is not None]


def rss(items: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()


def item(title: str, description: str = "", date: str = "Wed, 23 Sep 2026 11:00:00 GMT") -> bytes:
    text = f"<title><![CDATA[{title}]]></title><description><![CDATA[{description}]]></description>"
    return rss(f"<item>{text}<pubDate>{date}</pubDate></item>")


def summary(**incident: object) -> bytes:
    return json.dumps({"incidents": [{"name": "X", "status": "investigating"} | incident]}).encode()


def ask(
    server: Served,
    path: str = "/feed",
    *,
    cache: Path | None = None,
    now: float = NOW,
    deadline_s: float = 5,
) -> tuple[tuple[CloudNotice, ...], tuple[str, ...]]:
    return fetch_notices([Feed("Example", server.url + path)], deadline_s, cache, now)


# -------------------------------------------------------------------------------------- formats


def test_statuspage_incident_has_its_last_update_times_components_and_places() -> None:
    by_title = {each.title: each for each in read("statuspage.json")}
    assert by_title["Hosts in FRA1 lose power"] == CloudNotice(
        source="page",
        title="Hosts in FRA1 lose power",
        state=OPEN,
        text="A breaker failed. Power comes back & hosts start. Next update at 12:10 UTC.",
        places=("FRA1", "fra1-az2", "eu-central-1"),
        started_at=NOW - 7140,
        updated_at=NOW - 1200,
        link="https://stspg.io/abc123",
    )


def test_statuspage_keeps_what_is_open_to_come_or_ended_within_a_day() -> None:
    states = {each.title: each.state for each in read("statuspage.json")}
    assert states == {
        "Hosts in FRA1 lose power": OPEN,
        "Packet loss": COMPLETED,
        "Switch replacement in AMS3": OPEN,  # in two days
        "Firmware of storage": OPEN,  # in progress, longer than planned
        "2 components: under maintenance": OPEN,
    }


def test_statuspage_component_without_an_incident_is_told_and_one_with_is_not_told_twice() -> None:
    (told,) = [each for each in read("statuspage.json") if "component" in each.title]
    assert told.places == ("Billing", "Console")
    assert told.text == "Billing, Console"
    assert told.updated_at == NOW - 3.5 * HOUR_S


def test_aws_event_has_region_and_zone_from_any_of_its_messages_and_what_is_impacted() -> None:
    event = read("aws_events.utf16.json")[0]
    assert event.title == "Instance Availability (Amazon Elastic Compute Cloud, N. Virginia)"
    assert event.places == (
        "us-east-1",
        "use1-az4",
        "Amazon Elastic Compute Cloud",
        "Amazon Elastic Block Store",
    )
    assert (event.state, event.text) == (OPEN, "Power is back for most racks.")
    assert (event.started_at, event.updated_at) == (NOW - 3 * HOUR_S, NOW - HOUR_S)
    assert event.link.startswith("https://health.aws.amazon.com/health/status?eventID=arn:aws:")


def test_aws_event_stays_open_for_months_and_a_resolved_one_is_completed() -> None:
    _, old, over = read("aws_events.utf16.json")
    assert (old.state, old.text, old.places[0]) == (OPEN, "Open for months.", "me-central-1")
    assert (over.state, over.title) == (
        COMPLETED,
        "Packet loss (AWS Internet Connectivity, Oregon)",
    )
    assert over.places[0] == "us-west-2"


def test_google_incident_has_its_location_now_and_before_where_it_is_over() -> None:
    open_one, over = read("google_incidents.json", "https://status.cloud.google.com/incidents.json")
    assert open_one.places == (
        "us-central1",
        "us-central1-b",
        "Google Compute Engine",
        "Virtual Private Cloud (VPC)",
    )
    assert (open_one.state, over.state) == (OPEN, COMPLETED)
    assert open_one.text.startswith("Summary: Machines in us-central1-b lose packets. Workaround:")
    assert open_one.link == "https://status.cloud.google.com/incidents/aaaa"
    assert over.places == ("europe-west2", "Secret Manager")
    assert over.text == "Incident Report Summary It is over."


def test_aws_items_of_one_incident_are_one_notice() -> None:
    first, *others = read("aws_ec2.rss")
    assert first.title == "Performance issues: Instance Connectivity (ec2-ap-northeast-1)"
    assert (first.state, first.text) == (OPEN, "Recovery goes on. More here.")
    assert first.places == ("ap-northeast-1", "apne1-az4")
    assert (first.started_at, first.updated_at) == (NOW - 1.5 * HOUR_S, NOW - 0.5 * HOUR_S)
    assert {each.title.partition(" (")[0]: each.state for each in others} == {
        "API errors": COMPLETED,
        # Its title is another, but later the service was said to operate normally.
        "Service disruption: Elevated API latencies": COMPLETED,
    }


def test_azure_item_has_its_categories_as_places_and_its_last_words_as_state() -> None:
    west, north = read("azure.rss")
    assert west.title == "Virtual Machines - West US - Investigating"
    assert west.places == ("Network Infrastructure", "West US")
    assert (west.state, north.state) == (OPEN, COMPLETED)
    assert west.updated_at == NOW - 1851


def test_feed_without_items_says_that_nothing_is_wrong() -> None:
    assert parse((ANSWERS / "azure_empty.rss").read_bytes(), "", "") == Page()
    assert parse(b"[]", "", "") == Page()


def test_google_atom_has_link_place_and_state() -> None:
    slow, late = read("google.atom")
    assert slow.title == "Disks in europe-west3 are slow"
    assert (slow.state, slow.places) == (OPEN, ("europe-west3",))
    assert slow.link == "https://status.cloud.google.com/incidents/dddd"
    assert (late.title, late.state) == ("Global: Metrics were late", COMPLETED)


def test_statuspage_history_is_read_by_its_newest_label() -> None:
    power, console = read("statuspage_history.atom")
    assert (power.state, console.state) == (OPEN, COMPLETED)
    assert power.text.startswith("Sep 23, 11:40 UTC Monitoring - Power is back.")
    assert power.started_at == NOW - 7140


def test_maintenance_of_a_feed_is_open_until_its_end() -> None:
    states = {each.title: each.state for each in read("maintenance.rss")}
    assert states == {"Router replacement": OPEN, "Firmware": COMPLETED}
    two_days_later = {
        each.title: each.state for each in read("maintenance.rss", now=NOW + 48 * HOUR_S)
    }
    assert two_days_later == {"Router replacement": COMPLETED}


def test_entry_without_a_state_is_open_for_a_day() -> None:
    page = parse(item("Something"), "", "")
    assert [each.state for each in shown(page)] == [OPEN]
    assert shown(page, NOW + 24 * HOUR_S) == []


@pytest.mark.parametrize(
    ("title", "state"),
    [
        ("[RESOLVED] Disks", COMPLETED),
        ("Disks [Completed]", COMPLETED),
        ("Informational message: [解決済] 率の増加 | [RESOLVED] Disks", COMPLETED),
        ("Service is operating normally: Disks", COMPLETED),
        ("RESOLVED: Disks", COMPLETED),
        ("Storage - North Europe - Resolved", COMPLETED),
        ("[CANCELED] Disks", CANCELED),
        ("Cancelled: disks", CANCELED),
        ("Service disruption: disks", OPEN),
        ("Unresolved: disks", OPEN),
        ("Resolved in North Europe, goes on in West Europe", OPEN),
        ("Störung: Festplatten in Frankfurt", OPEN),
        ("サーバー障害", OPEN),
    ],
)
def test_title_of_an_entry_says_its_state(title: str, state: EventState) -> None:
    (told,) = shown(parse(item(title), "", ""))
    assert told.state is state


def test_links_and_categories_of_atom_stand_in_attributes() -> None:
    feed = b"""<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:title>T</a:title>
    <a:link rel="self" href="https://e.example/self"/><a:link href="/x"/>
    <a:category term="FRA1"/><a:updated>2026-09-23T11:00:00Z</a:updated>
    <a:content type="xhtml"><div><p>One</p> <p>two</p></div></a:content></a:entry></a:feed>"""
    (told,) = shown(parse(feed, "", "https://status.example.com/feed"))
    assert (told.link, told.places) == ("https://status.example.com/x", ("FRA1",))
    assert told.text == "One two"


def test_aws_answer_in_its_older_wrapping_is_read() -> None:
    event = {"service": "ec2-us-west-2", "summary": "S", "date": "1790154000", "status": 1}
    (told,) = shown(parse(json.dumps({"archive": [], "current": [event]}).encode(), "", ""))
    assert (told.places, told.state) == (("us-west-2",), OPEN)


# ------------------------------------------------------------------------------ single values


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Zone (use1-az4) of the US-EAST-1 Region.", ["use1-az4", "us-east-1"]),
        (
            "us-gov-west-1, cn-north-1; eusc-de-east-1",
            ["us-gov-west-1", "cn-north-1", "eusc-de-east-1"],
        ),
        ("us-east-1a and us-west-2-lax-1a", ["us-east-1a", "us-west-2-lax-1a"]),
        ("local zone usw2-lax1-az1", ["usw2-lax1-az1"]),
        (
            "europe-west4-b in europe-west4, asia-northeast1",
            ["europe-west4-b", "europe-west4", "asia-northeast1"],
        ),
        ("Between US-EAST-1 and eu-west-1.", ["us-east-1", "eu-west-1"]),
        ("ec2-us-east-1 version-1 my-east-11x north-1 az1 us-east-", []),
    ],
)
def test_regions_and_zones_are_found_in_texts(text: str, names: list[str]) -> None:
    assert found(PLACE, [text]) == names


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1790164800, NOW),
        ("1790164800", NOW),
        (1790164800000, NOW),
        (1790164800.5, NOW + 0.5),
        ("2026-09-23T12:00:00Z", NOW),
        ("2026-09-23T12:00:00.000+00:00", NOW),
        ("2026-09-23T05:00:00-07:00", NOW),
        ("2026-09-23T12:00:00", NOW),  # no zone: UTC
        ("Wed, 23 Sep 2026 05:00:00 PDT", NOW),
        ("Wed, 23 Sep 2026 12:00:00 Z", NOW),
        ("Wed, 23 Sep 2026 12:00:00 GMT", NOW),
        ("Wed, 23 Sep 2026 12:00:00", NOW),
        ("Mi, 23. September 2026", None),
        ("soon", None),
        ("", None),
        (True, None),
        (None, None),
        ([1790164800], None),
        (0, None),
        (-1, None),
        (10**400, None),
        ("9" * 5000, None),
        (float("nan"), None),
        (float("inf"), None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_times_are_read_from_any_form_or_none(value: object, at: float | None) -> None:
    assert moment(value) == at


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\n\tb\u2028c", "a b c"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07text", "red text"),
        ("\x1b]0;never ends", ""),
        ("left\u202eright\u200b \ufeff\ud800end\x00", "leftright end"),
        ("<p>One<br/>two</p><!-- three --><script>x</script>", "One two x"),
        ("&lt;b&gt;bold&lt;/b&gt; &amp;amp; &#27;[31m &#x202e;", "bold &amp; [31m"),
        ("5 < 6 > 4 and a<b", "5 < 6 > 4 and a<b"),
        ("x" * 1000, "x" * 299 + "…"),
        ("インスタンス ü 🔥", "インスタンス ü 🔥"),
        (None, ""),
        (17, ""),
        (["a"], ""),
    ],
)
def test_text_becomes_one_printable_line_without_html(raw: object, clean: str) -> None:
    assert plain(raw) == clean


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://",
        "https://aws.amazon.com@evil.example/",
        "https://e.example/\x1b[31m",
        "https://e.example/a b",
        "https://e.example/ü",
        "https://[::1",
        "https://e.example/" + "x" * 1000,
        17,
        None,
    ],
)
def test_link_that_is_not_http_is_left_out(address: object) -> None:
    assert link(address) == ""
    assert shown(parse(summary(shortlink=address), "", ""))[0].link == ""


# -------------------------------------------------------------------------------------- fetching


def test_all_feeds_are_asked_at_once_and_come_back_in_their_order(server: Served) -> None:
    gate = threading.Barrier(3, timeout=5)

    def page(name: str) -> feed_server.Behaviour:
        def answer(asked: feed_server.Handler) -> None:
            gate.wait()  # passes only when all three are being asked
            Said(summary(name=name))(asked)

        return answer

    feeds = [Feed(name, f"{server.url}/{name}") for name in ("c", "a", "b")]
    server.pages = {f"/{feed.name}": page(feed.name) for feed in feeds}
    notices, problems = fetch_notices(feeds, 5, None, NOW)
    assert [(each.source, each.title) for each in notices] == [("c", "c"), ("a", "a"), ("b", "b")]
    assert problems == ()


def test_nobody_is_asked_where_no_feed_is_configured() -> None:
    assert fetch_notices([], 5, None, NOW) == ((), ())


def test_root_of_a_page_stands_for_its_summary(server: Served) -> None:
    server.pages["/api/v2/summary.json"] = Said((ANSWERS / "statuspage.json").read_bytes())
    for root in ("", "/"):
        notices, problems = ask(server, root)
        assert (len(notices), problems) == (5, ())
    assert {path for path, _ in server.asked} == {"/api/v2/summary.json"}


def test_root_without_a_summary_is_read_itself(server: Served) -> None:
    server.pages["/"] = Said((ANSWERS / "azure.rss").read_bytes())
    assert [each.source for each in ask(server, "/")[0]] == ["Example", "Example"]


def test_root_that_is_a_web_page_only_is_said(server: Served) -> None:
    server.pages["/"] = Said(b"<!DOCTYPE html><html><body>All fine</body></html>")
    assert ask(server, "/") == (
        (),
        ("Example status page answers with a web page, not with a feed",),
    )


def test_wrong_content_types_do_not_matter(server: Served) -> None:
    server.pages["/feed"] = Said(
        (ANSWERS / "aws_events.utf16.json").read_bytes(), content_type="text/html;charset=utf-7"
    )
    assert len(ask(server)[0]) == 3


def test_compressed_answer_is_read(server: Served) -> None:
    server.pages["/feed"] = feed_server.zipped(summary())
    assert [each.title for each in ask(server)[0]] == ["X"]
    assert server.asked[0][1]["accept-encoding"] == "gzip"


def test_three_redirects_are_followed_and_a_fourth_is_not(server: Served) -> None:
    server.pages = {f"/{n}": feed_server.to(f"/{n + 1}", 301 + n % 2) for n in range(4)}
    server.pages["/4"] = Said(summary())
    assert len(ask(server, "/1")[0]) == 1
    assert ask(server, "/0") == ((), ("Example status page redirects more than 3 times",))


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file:///etc/passwd", "redirects from http to file, which is not followed"),
        ("ftp://127.0.0.1/x", "redirects from http to ftp, which is not followed"),
        ("data:,[]", "redirects from http to data, which is not followed"),
        ("", "redirects, and does not say where to"),
        ("http://user:secret@127.0.0.1/", "has an address that cannot be used"),
        ("http://[::1/", "has an address that cannot be used"),
    ],
)
def test_redirect_to_elsewhere_is_refused(server: Served, place: str, why: str) -> None:
    server.pages["/feed"] = feed_server.to(place)
    notices, (problem,) = ask(server)
    assert notices == ()
    assert problem.startswith(f"Example status page {why}")
    assert "secret" not in problem or "user" in place


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    certificate = feed_server.certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    feeds_fetch._tls.cache_clear()
    with serving(certificate) as served:
        yield served
    feeds_fetch._tls.cache_clear()


def test_https_is_read_and_never_left_for_http(tls: Served, server: Served) -> None:
    tls.pages = {"/feed": Said(summary()), "/down": feed_server.to(server.url + "/feed")}
    server.pages = {"/feed": Said(summary()), "/up": feed_server.to(tls.url + "/feed")}
    assert [each.title for each in ask(tls)[0]] == ["X"]
    assert [each.title for each in ask(server, "/up")[0]] == ["X"]
    why = "Example status page redirects from https to http, which is not followed"
    assert ask(tls, "/down") == ((), (why,))


def test_https_page_that_hangs_is_cut_at_the_deadline(tls: Served) -> None:
    tls.pages["/feed"] = feed_server.hang
    started = time.monotonic()
    assert ask(tls, deadline_s=0.4) == ((), ("Example status page does not answer (timed out)",))
    no_thread_is_left(started)


def test_certificate_that_nobody_signed_is_refused(
    tls: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    feeds_fetch._tls.cache_clear()
    notices, (problem,) = ask(tls)
    assert notices == ()
    assert problem.startswith("Example status page cannot be trusted (its certificate: self")
    assert tls.asked == []


def test_proxy_of_the_environment_is_used(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages["http://status.invalid/feed"] = Said(summary())
    monkeypatch.setenv("http_proxy", server.url)
    notices, problems = fetch_notices([Feed("A", "http://status.invalid/feed")], 5, None, NOW)
    assert (len(notices), problems) == (1, ())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/", "x", ""])
def test_feed_that_is_not_http_is_not_opened(url: str) -> None:
    notices, (problem,) = fetch_notices([Feed("Odd", url)], 5, None, NOW)
    assert notices == ()
    assert problem.startswith("Odd status page has an address that is neither http nor https")


@pytest.mark.parametrize(
    "behaviour",
    [feed_server.hang, feed_server.drip, feed_server.drip_head],
    ids=lambda each: each.__name__,
)
def test_page_that_never_ends_holds_nobody_past_the_deadline(
    server: Served, behaviour: feed_server.Behaviour
) -> None:
    server.pages = {"/feed": behaviour, "/good": Said(summary())}
    feeds = [Feed("Bad", f"{server.url}/feed"), Feed("Good", f"{server.url}/good")]
    started = time.monotonic()
    notices, problems = fetch_notices(feeds, 0.5, None, NOW)
    assert time.monotonic() - started < 2.0
    assert [each.source for each in notices] == ["Good"]
    assert problems == ("Bad status page does not answer (timed out)",)
    no_thread_is_left(started)


def no_thread_is_left(started: float) -> None:
    """Threads are told to end at the deadline, and do, long before a read times out."""
    while any(thread.name == "feed" for thread in threading.enumerate()):
        assert time.monotonic() - started < 4.0
        time.sleep(0.01)


def test_page_that_is_silent_is_given_up_after_the_read_limit(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_fetch, "READ_TIMEOUT_S", 0.2)
    server.pages["/feed"] = feed_server.hang
    started = time.monotonic()
    assert ask(server) == ((), ("Example status page does not answer (timed out)",))
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    "behaviour", [feed_server.endless, feed_server.zip_bomb(200)], ids=["endless", "bomb"]
)
def test_body_past_the_limit_is_dropped_while_it_comes(
    server: Served, behaviour: feed_server.Behaviour
) -> None:
    server.pages["/feed"] = behaviour
    assert ask(server) == ((), ("Example status page answers with more than 2 MiB",))
    assert server.sent_bytes < 30e6  # what fits into the sockets' buffers, not a hundred


def test_body_of_a_redirect_is_not_read(server: Served) -> None:
    server.pages = {"/feed": feed_server.endless_redirect, "/fine": Said(summary())}
    assert len(ask(server)[0]) == 1
    assert server.sent_bytes < 30e6


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Said(b"no", status=503), "answers 503"),
        (Said(b"no", status=404), "answers 404"),
        (Said(status=204), "answers 204"),
        (Said(status=304), "answers 304, though nothing was known of it"),
        (Said(b""), "answers with nothing"),
        (Said(b"All systems fine"), "answers with something that is neither JSON nor a feed"),
        (Said(b"{}"), UNKNOWN_JSON),
        (Said(b"[1, 2]"), UNKNOWN_JSON),
        (Said(b'{"incidents": ['), "answers with JSON that is broken"),
        (Said(b"<rss><channel>"), "answers with XML that is broken"),
        (Said(b"<svg/>"), "answers with XML of another kind (svg), not with a feed"),
        (Said(b"<html>x</html>"), "answers with a web page, not with a feed"),
        (Said(b"x", headers=GZIP), "answers with gzip that is broken"),
        (Said(gzip.compress(EMPTY)[:-9], headers=GZIP), "answers with gzip that is broken"),
        (Said(b"x", headers=BROTLI), "answers in an encoding not asked for (br)"),
        (feed_server.not_http, "answers with something that is not HTTP"),
        (feed_server.cut_short, "answers with JSON that is broken"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(
    server: Served, behaviour: feed_server.Behaviour, why: str
) -> None:
    server.pages["/feed"] = behaviour
    assert ask(server) == ((), (f"Example status page {why}",))


def test_refused_connection_and_unknown_name_are_said(server: Served) -> None:
    feeds = [Feed("Gone", "http://127.0.0.1:1/"), Feed("Typo", "http://status.invalid/x")]
    notices, (gone, typo) = fetch_notices(feeds, 5, None, NOW)
    assert notices == ()
    assert gone == "Gone status page does not answer (connection refused)"
    assert typo.startswith("Typo status page does not answer (")


def test_plain_http_where_tls_was_expected_is_said(server: Served) -> None:
    feed = Feed("TLS", server.url.replace("http:", "https:") + "/feed")
    notices, (problem,) = fetch_notices([feed], 5, None, NOW)
    assert notices == ()
    assert problem.startswith("TLS status page ")
    assert server.asked == []


# ----------------------------------------------------------------------------------------- cache


def test_page_read_less_than_a_minute_ago_is_not_asked_again(
    server: Served, tmp_path: Path
) -> None:
    server.pages["/feed"] = Said(summary())
    first = ask(server, cache=tmp_path)
    assert ask(server, cache=tmp_path, now=NOW + 59) == first
    assert len(server.asked) == 1
    ask(server, cache=tmp_path, now=NOW + 61)
    assert len(server.asked) == 2


def test_page_that_did_not_change_is_asked_with_its_validators(
    server: Served, tmp_path: Path
) -> None:
    def page(asked: feed_server.Handler) -> None:
        known = asked.headers.get("If-None-Match") == '"v1"'
        headers = {"ETag": '"v1"', "Last-Modified": "Wed, 23 Sep 2026 11:00:00 GMT"}
        (Said(status=304) if known else Said(summary(), headers=headers))(asked)

    server.pages["/feed"] = page
    first = ask(server, cache=tmp_path)
    assert ask(server, cache=tmp_path, now=NOW + 300) == first
    assert server.asked[1][1]["if-modified-since"] == "Wed, 23 Sep 2026 11:00:00 GMT"
    # It counts as read now: the next one within a minute asks nobody.
    assert ask(server, cache=tmp_path, now=NOW + 330) == first
    assert len(server.asked) == 2


def test_page_that_does_not_answer_is_taken_from_the_cache_and_that_is_said(
    server: Served, tmp_path: Path
) -> None:
    server.pages["/feed"] = Said(summary())
    notices, _ = ask(server, cache=tmp_path)
    server.pages["/feed"] = feed_server.hang
    again, problems = ask(server, cache=tmp_path, now=NOW + 3 * HOUR_S, deadline_s=0.3)
    assert again == notices
    assert problems == ("Example status page does not answer (timed out); as of 3 h ago",)
    server.pages["/feed"] = Said(b"<html>", status=200)
    _, problems = ask(server, cache=tmp_path, now=NOW + 300)
    assert problems == (
        "Example status page answers with a web page, not with a feed; as of 5 min ago",
    )
    assert ask(server, cache=tmp_path, now=NOW + 25 * HOUR_S)[0] == ()


def test_cached_entry_grows_old_like_a_fetched_one(server: Served, tmp_path: Path) -> None:
    server.pages["/feed"] = Said(item("Something"))
    assert len(ask(server, cache=tmp_path)[0]) == 1
    server.pages.clear()
    assert ask(server, cache=tmp_path, now=NOW + 23.5 * HOUR_S)[0] == ()


def test_clock_that_went_back_makes_the_cache_stale(server: Served, tmp_path: Path) -> None:
    server.pages["/feed"] = Said(summary())
    ask(server, cache=tmp_path)
    ask(server, cache=tmp_path, now=NOW - 10)
    assert len(server.asked) == 2


def test_cache_is_one_small_file_a_feed_for_its_owner_only(server: Served, tmp_path: Path) -> None:
    old = [{"name": "old", "status": "resolved", "updated_at": "2020-01-01T00:00:00Z"}] * 400
    server.pages["/feed"] = Said(json.dumps({"incidents": old}).encode())
    place = tmp_path / "deep" / "cache"
    ask(server, "/feed?a=../../etc", cache=place)
    server.pages["/feed?a=../../etc"] = server.pages["/feed"]
    ask(server, "/feed?a=../../etc", cache=place)
    (file,) = place.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0
    assert file.stat().st_size < 1000  # nothing of a history that is over


def test_cache_that_cannot_be_written_hides_nothing(server: Served, tmp_path: Path) -> None:
    server.pages["/feed"] = Said(summary())
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        notices, problems = ask(server, cache=place)
        assert (len(notices), problems) == (1, ())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"format": 1}',
        '{"format": 1, "feed_url": 3, "entries": {}, "fetched_at": "x"}',
        '{"format": 0, "entries": []}',
        '{"format": 1, "feed_url": "URL", "fetched_at": 1790164799, "entries": [], "url": 7}',
    ],
)
def test_broken_cache_counts_as_none(server: Served, tmp_path: Path, content: str) -> None:
    server.pages["/feed"] = Said(summary())
    ask(server, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content.replace("URL", server.url + "/feed"))
    assert len(ask(server, cache=tmp_path)[0]) == 1
    assert len(server.asked) == 2


def test_tampered_cache_is_cleaned_like_a_page(server: Served, tmp_path: Path) -> None:
    server.pages["/feed"] = Said(summary())
    ask(server, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    document = json.loads(file.read_text())
    document["entries"] = [
        {"title": "\x1b[31mred\u202e", "state": "odd", "places": 7, "link": "javascript:x"},
        {"title": "a\nb", "state": "open", "places": ["\x07c", None], "updated_at": 1e400},
        "text",
    ]
    file.write_text(json.dumps(document))
    notices, problems = ask(server, cache=tmp_path)
    assert problems == ()
    assert notices == (CloudNotice("Example", "a b", OPEN, places=("c",)),)


# --------------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>',
        b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/x.dtd"><rss/>',
        b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>',
        b'<!DOCTYPE rss [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><rss/>',
    ],
)
def test_entities_are_neither_expanded_nor_fetched(document: bytes) -> None:
    with pytest.raises(FeedError, match="has a DOCTYPE, which is not read"):
        parse(document, "", "")


@pytest.mark.parametrize(
    "document",
    [
        b"[" * 1_000_000,
        b'{"incidents":' * 200_000,
        b"<rss>" * 300_000,
        b"<rss><channel><item><title>" + b"<b>" * 100_000,
        b"<" * 1_000_000,
        b"<rss " + b"x" * 1_000_000,
        b"\0" * 1000,
        b"\xff\xfe" + b"\xd8" * 999,
        b"\xfe\xff\xd8\x00\xd8\x00",
        b'"text"',
        b'{"incidents": [NaN, Infinity, -Infinity, 1e999, ' + b"9" * 10_000 + b"]",
    ],
    ids=lambda each: repr(each[:12]),
)
def test_broken_document_is_refused_quickly(document: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(FeedError):
        parse(document, "", "https://e.example/")
    assert time.monotonic() - started < 3.0


def test_numbers_that_are_none_and_doubled_keys_are_read_past() -> None:
    document = (
        b'{"incidents": [{"name": "first", "name": "last", "started_at": NaN, "updated_at": 1e999,'
        b'"created_at": ' + b"9" * 10_000 + b', "status": Infinity}], "incidents_": -Infinity}'
    )
    (told,) = shown(parse(document, "", ""))
    assert (told.title, told.state, told.started_at, told.updated_at) == ("last", OPEN, None, None)


def test_invalid_utf8_and_other_charsets_are_read() -> None:
    assert (
        shown(parse(b'{"incidents": [{"name": "a\xff\xc3b"}]}', "", ""))[0].title
        == "a\ufffd\ufffdb"
    )
    latin = item("Störung").decode().replace('version="1.0"', 'version="1.0" encoding="ISO-8859-1"')
    assert shown(parse(latin.encode("latin-1"), "", ""))[0].title == "Störung"
    assert (
        shown(parse(latin.encode("latin-1"), "text/xml; charset=iso-8859-1", ""))[0].title
        == "Störung"
    )
    for charset in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        document = '{"incidents": [{"name": "日本"}]}'.encode(charset)
        assert shown(parse(document, "", ""))[0].title == "日本"


def test_at_most_500_entries_are_read_and_that_is_said(server: Served) -> None:
    document = json.dumps({"incidents": [{"name": f"n{n}"} for n in range(620)]}).encode()
    items = b"".join(item(f"n{n}")[43:-16] for n in range(620))
    server.pages = {"/feed": Said(document), "/rss": Said(rss(items.decode()))}
    for path in ("/feed", "/rss"):
        notices, problems = ask(server, path)
        assert len(notices) == 500
        assert problems == ("Example status page: only the first 500 of its 620 entries were read",)


def test_entries_without_a_date_are_left_out_and_that_is_said(server: Served) -> None:
    server.pages["/feed"] = Said(item("Something", date="gestern"))
    assert ask(server) == (
        (),
        ("Example status page: 1 of its entries have no date and are left out",),
    )


def test_texts_full_of_controls_reach_nobody() -> None:
    evil = "\x1b[2J\x07<img src=x onerror=alert(1)>\u202e\x9b31m\r\nrm -rf /\ud800"
    document = summary(
        name=evil, incident_updates=[{"body": evil * 100}], components=[{"name": evil}]
    )
    (told,) = shown(parse(document, "", ""))
    for text in (told.title, told.text, *told.places):
        assert text.isprintable()
        assert len(text) <= 300
        assert "<img" not in text
    assert told.title == "31m rm -rf /"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(document=JSON)
def test_any_json_gives_notices_or_a_problem(document: object) -> None:
    harmless(json.dumps(document).encode())


DOCUMENTS = [
    json.loads((ANSWERS / "statuspage.json").read_bytes()),
    json.loads((ANSWERS / "aws_events.utf16.json").read_bytes().decode("utf-16")),
    json.loads((ANSWERS / "google_incidents.json").read_bytes()),
]


def branches(node: object) -> Iterator[tuple[Any, Any]]:
    """Each place in a document: what holds it, and its key or index there."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from branches(node[key])  # type: ignore[index]


@settings(max_examples=400, deadline=None)
@given(which=st.integers(0, 2), choices=st.lists(st.tuples(st.integers(0, 999), JSON), max_size=4))
def test_real_answer_with_anything_anywhere_in_it_does_no_harm(
    which: int, choices: list[tuple[int, object]]
) -> None:
    document = copy.deepcopy(DOCUMENTS[which])
    for number, value in choices:
        places = list(branches(document))
        if places:
            holder, key = places[number % len(places)]
            holder[key] = value
    harmless(json.dumps(document).encode())


@settings(max_examples=100, deadline=None)
@given(
    items=st.lists(
        st.dictionaries(
            st.sampled_from(["title", "link", "guid", "pubDate", "updated", "content", "category"]),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
        ),
        max_size=5,
    )
)
def test_any_feed_gives_notices_or_a_problem(items: list[dict[str, str]]) -> None:
    def element(name: str, text: str) -> str:
        return f"<{name}><![CDATA[{text}]]></{name}>"

    told = ("".join(element(*pair) for pair in each.items()) for each in items)
    harmless(rss("".join(f"<item>{each}</item>" for each in told)))


@settings(max_examples=200, deadline=None)
@given(
    document=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_give_notices_or_a_problem(document: bytes) -> None:
    for beginning in (b"", b"[", b"<rss>", b"<?xml version='1.0'?>"):
        harmless(beginning + document)


def harmless(document: bytes) -> None:
    try:
        page = parse(document, "", "https://e.example/x")
    except FeedError as error:
        page = Page(notes=(str(error),))
    assert all(note.isprintable() for note in page.notes)
    for told in shown(page):
        assert told.title
        assert all(
            text.isprintable() and len(text) <= 500
            for text in (told.title, told.text, told.link, *told.places)
        )
        assert told.link == "" or told.link.startswith(("http://", "https://"))
