"""Known commands are silent on healthy hosts and show the planted fault, end to end.

A case is a directory of `auto_cases/`: `case.txt` (the command, what it is known as, its mode, and
words of the feature or value the fault shows in), `healthy-N.out` and `fault.out`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.compare.auto import choose
from fleetdiag.compare.clean import clean_lines
from fleetdiag.compare.evidence import shown_feature, shown_value
from fleetdiag.compare.features import Number
from fleetdiag.compare.group import Grouping, group
from fleetdiag.compare.own import own_names
from fleetdiag.compare.reading import Reading, read_step
from fleetdiag.model import Compare, HostFacts, HostResult, Step
from tests.factory import make_host

CASES = Path(__file__).parent / "auto_cases"
NAMES = sorted(path.name for path in CASES.iterdir())
UPTIME_S = 3_600_000.0


def case(name: str) -> dict[str, str]:
    lines = (CASES / name / "case.txt").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def healthy(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CASES / name).glob("healthy-*.out"))]


def fleet(outputs: list[tuple[str, bytes]]) -> list[HostResult]:
    """Hosts that call themselves as given; the outputs are of step `step`."""
    return [
        make_host(f"h{number}", {"step": output}, facts=HostFacts(hostname, uptime_s=UPTIME_S))
        for number, (hostname, output) in enumerate(outputs)
    ]


def compared(run: str, outputs: list[tuple[str, bytes]]) -> tuple[Reading, Grouping]:
    hosts = {host.name: host for host in fleet(outputs)}
    results = {name: host.steps[0] for name, host in hosts.items()}
    names = {name: own_names(host) for name, host in hosts.items()}
    reading = read_step(Step("step", (run,), compare=Compare()), results, hosts, names)
    return reading, group(reading.answers, settle=reading.settle)


def named(name: str) -> list[tuple[str, bytes]]:
    return [(f"web-0{number}", output) for number, output in enumerate(healthy(name), 1)]


def six(name: str) -> list[tuple[str, bytes]]:
    """Healthy hosts; not three that say the same, which would make it a line about the fleet."""
    return (named(name) * 6)[:6]


def five_and_fault(name: str) -> list[tuple[str, bytes]]:
    """Healthy hosts and the faulty one, which was the second of them."""
    hosts = named(name)
    others = [*hosts, *hosts[:1], *hosts[2:], *hosts * 4][:5]
    return [*others, ("web-02", (CASES / name / "fault.out").read_bytes())]


# ------------------------------------------------------------------------------ the corpus


@pytest.mark.parametrize("name", NAMES)
def test_a_known_command_is_known_by_its_command(name: str) -> None:
    said = case(name)
    chosen = choose(Step("step", (said["run"],), compare=Compare()), clean_lines(healthy(name)[0]))
    assert (chosen.name, chosen.compare.mode.value) == (said["known"], said["mode"])


@pytest.mark.parametrize("name", NAMES)
def test_healthy_hosts_have_the_same_texts(name: str) -> None:
    said = case(name)
    reading, _ = compared(said["run"], six(name))
    texts = [
        {
            feature: value
            for feature, value in answer.features.items()
            if not isinstance(value, Number)
        }
        for answer in reading.answers
        if answer.features is not None
    ]
    assert [answer.reason for answer in reading.answers if answer.reason] == []
    assert all(text == texts[0] for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_no_healthy_host_is_odd(name: str) -> None:
    _, grouping = compared(case(name)["run"], six(name))
    assert grouping.odd == ()
    assert [split for part in grouping.contrasts for split in part.splits] == []


@pytest.mark.parametrize("name", [name for name in NAMES if case(name)["mode"] != "ignore"])
def test_the_planted_fault_is_seen_where_it_is(name: str) -> None:
    said = case(name)
    _, grouping = compared(said["run"], five_and_fault(name))
    assert grouping.odd == ("h5",)
    seen = [
        f"{shown_feature(deviation.feature)} {shown_value(value) if value is not None else ''}"
        for part in grouping.contrasts
        for deviation in part.odd["h5"]
        for value in (deviation.got, deviation.want)
    ]
    assert any(said["fault"] in text for text in seen), seen
