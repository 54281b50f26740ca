"""Asking the provider beside a run: who is asked for what, and that nobody is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetdiag.cloud import ask
from fleetdiag.cloud.ask import Asks, Sources, asking
from fleetdiag.cloud.feeds import Feed
from fleetdiag.model import (
    Endpoint,
    Host,
    HostFinished,
    HostStarted,
    HostStatus,
    StepFinished,
    TransportKind,
)
from tests.cloud.ec2_answers import Instance, id_of
from tests.cloud.ec2_server import Ec2Server
from tests.cloud.feed_server import Said, hang, serving
from tests.factory import make_host, make_result

REGION = "us-east-1"


def instance_host(name: str) -> Host:
    return Host(name, attributes={"region": REGION, "instance_id": id_of(name)})


def addressed_host(name: str, address: str) -> Host:
    return Host(name, TransportKind.SSH, Endpoint(name, address, 22, "ops"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ec2Server]:
    listed = [Instance(name, address=f"10.0.0.{n}", console=b"the end\n") for n, name in NAMED]
    with Ec2Server(listed) as running:
        for key, value in running.environment.items():
            monkeypatch.setenv(key, value)
        yield running


NAMED = ((1, "a"), (2, "b"), (3, "c"))
HOSTS = [instance_host(name) for _, name in NAMED]


def finished(asks: Asks, **status: HostStatus) -> None:
    for name, each in status.items():
        asks.heard(HostStarted(name))
        asks.heard(HostFinished(make_host(name, status=each)))


def test_where_there_is_nobody_to_ask_nobody_asks() -> None:
    assert asking([addressed_host("x", "10.0.0.1")], Sources()) is None
    assert asking([Host("x", attributes={"instance_id": "i-1"})], Sources()) is None


def test_instances_of_the_inventory_are_asked_about_and_silent_ones_for_their_console(
    server: Ec2Server,
) -> None:
    asks = asking(HOSTS, Sources())
    assert asks is not None
    asks.start()
    finished(asks, a=HostStatus.OK, b=HostStatus.UNREACHABLE, c=HostStatus.AUTH_FAILED)

    facts = asks.facts(10)

    assert {host: it.id for host, it in facts.instances.items()} == {
        name: id_of(name) for _, name in NAMED
    }
    assert [zone.region for zone in facts.zones] == [REGION]
    assert {host: console.output for host, console in facts.consoles.items()} == {"b": b"the end\n"}
    assert server.count("GetConsoleOutput") == 1
    assert facts.problems == ()


def test_a_host_that_is_slow_is_asked_for_at_once_and_forgotten_when_it_answers(
    server: Ec2Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "PATIENCE_S", 0.1)
    asks = asking(HOSTS, Sources())
    assert asks is not None
    asks.start()
    for _, name in NAMED:
        asks.heard(HostStarted(name))
    deadline = time.monotonic() + 10
    while server.count("GetConsoleOutput") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    finished(asks, a=HostStatus.OK, b=HostStatus.OK, c=HostStatus.UNREACHABLE)

    assert set(asks.facts(5).consoles) == {"c"}
    assert server.count("GetConsoleOutput") == 3


def test_a_host_that_answers_steps_slowly_or_was_not_begun_is_not_silent(
    server: Ec2Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "PATIENCE_S", 0.4)
    asks = asking(HOSTS, Sources())
    assert asks is not None
    asks.start()
    asks.heard(HostStarted("a"))
    asks.heard(StepFinished("a", make_result("uptime", stdout="up")))
    finished(asks, b=HostStatus.CANCELLED, c=HostStatus.NOT_RUN)
    time.sleep(1.0)

    assert asks.facts(5).consoles == {}
    assert server.count("GetConsoleOutput") == 0


def test_hosts_without_an_id_are_found_by_their_address(server: Ec2Server) -> None:
    hosts = [addressed_host("mine", "10.0.0.2"), addressed_host("elsewhere", "10.9.9.9")]
    asks = asking(hosts, Sources(regions=(REGION,)))
    assert asks is not None
    asks.start()
    finished(asks, mine=HostStatus.OK, elsewhere=HostStatus.OK)

    assert {host: it.id for host, it in asks.facts(10).instances.items()} == {"mine": id_of("b")}
    assert server.count("DescribeInstances") > 0


def test_status_pages_alone_are_asked_without_credentials(tmp_path: Path) -> None:
    page = {
        "page": {"name": "P"},
        "incidents": [
            {"name": "Down in us-east-1", "status": "investigating", "incident_updates": []}
        ],
    }
    with serving() as feed:
        feed.pages["/s.json"] = Said(json.dumps(page).encode())
        sources = Sources((Feed("P", f"{feed.url}/s.json"),), cache_dir=tmp_path)
        asks = asking([addressed_host("x", "10.0.0.1")], sources)
        assert asks is not None
        asks.start()
        facts = asks.facts(10)

    assert [(n.source, n.title) for n in facts.notices] == [("P", "Down in us-east-1")]
    assert (facts.instances, facts.problems) == ({}, ())


def test_nobody_is_waited_for_longer_than_the_spare_time(server: Ec2Server) -> None:
    server.fail("hang")
    with serving() as feed:
        feed.pages["/s.json"] = hang
        asks = asking(HOSTS, Sources((Feed("P", f"{feed.url}/s.json"),)))
        assert asks is not None
        asks.start()
        finished(asks, a=HostStatus.UNREACHABLE)
        began = time.monotonic()
        facts = asks.facts(0.3)
        assert time.monotonic() - began < 1.5

    assert facts.instances == {}
    assert "EC2 did not answer in time" in facts.problems
    assert "no status page answered in time" in facts.problems
