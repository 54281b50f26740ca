"""Lines matched up by their shape; numbers in texts nobody has a reader for."""

from __future__ import annotations

import pytest

from fleetdiag.compare import compare
from fleetdiag.compare.features import PRESENT, Number, Slot
from fleetdiag.compare.shapes import refined_lines
from fleetdiag.model import Compare, Finding, Mode, Step
from tests.factory import make_run


def refined(*outputs: str) -> list[dict[str, object]]:
    """Of each host the values in its lines, and the lines that are left as they are."""
    hosts = {f"h{n}": tuple(text.split("\n")) for n, text in enumerate(outputs)}
    return [
        {
            str(name): v.value if isinstance(v, Number) else v
            for name, v in found.items()
            if isinstance(name, Slot) or name in hosts[host]
        }
        for host, found in refined_lines(hosts).items()
    ]


def unknown(*outputs: str) -> tuple[Finding, ...]:
    """What is said of a command that the table does not know."""
    step = Step("status", ("./status",), compare=Compare(mode=Mode.AUTO))
    return compare(
        make_run({f"h{n}": {"status": o} for n, o in enumerate(outputs)}, [step])
    ).findings


def test_each_number_of_a_line_is_a_value_named_by_the_words_before_it() -> None:
    found = refined(*(f"Reading: {n} Writing: {n * 3 + 1} Waiting: {200 + n}" for n in range(6)))
    assert found[2] == {"Reading": 2.0, "Writing": 7.0, "Waiting": 202.0}


def test_in_a_line_that_begins_with_a_number_the_words_after_it_name_it() -> None:
    found = refined(*(f"{20 + n} sent, {n} lost" for n in range(6)))
    assert list(found[0]) == ["sent", "lost"]


def test_a_number_that_all_have_is_part_of_the_name() -> None:
    found = refined(*(f"node 0 free: {n} MB\nnode 1 free: {n + 7} MB" for n in range(50, 56)))
    assert list(found[0]) == ["node 0 free", "node 1 free"]


def test_a_key_s_text_is_a_value() -> None:
    assert refined(*(f"Serial: {c}{c}-{c}x" for c in "abcdef"))[0] == {"Serial": "aa-ax"}


def test_versions_are_names_and_what_most_hosts_agree_on_is_a_setting() -> None:
    lines = refined(*(f"agent v1.{n}.0 port {8080 if n else 9} at {n * 100}" for n in range(6)))
    assert lines[1] == {"agent": "v1.1.0", "port": "8080", "at": 100.0}


def test_lines_that_are_the_same_everywhere_are_left_alone() -> None:
    found = refined(*(f"same 1\nown {n}" for n in range(5)))
    assert found[0] == {"same 1": PRESENT, "own": 0.0}


@pytest.mark.parametrize(
    ("usual", "odd", "said"),
    [
        ("connections: {n}5\nup 9{n} days", "connections: 90000\nup 93 days", "connections"),
        ("rtt avg = 0.{n}5 ms", "rtt avg = 41.3 ms", "41.3"),
        ('{{"queue": {n}, "ok": true}}', '{{"queue": 48213, "ok": true}}', "48213"),
        ("took 0.00{n}2s", "took 5.0071s", "5.0071s"),
    ],
)
def test_a_number_far_off_in_an_unknown_text_is_found(usual: str, odd: str, said: str) -> None:
    hosts = [usual.format(n=n) for n in range(1, 9)]
    assert unknown(*hosts) == ()
    (finding,) = unknown(*hosts, odd.format(n=5))
    assert finding.hosts == ("h8",)
    assert said in finding.summary


def test_a_host_that_lacks_a_line_is_odd_and_one_with_another_in_its_place_by_that_alone() -> None:
    usual = [f"head\nsent {n * 7}\nport 80" for n in range(1, 8)]
    (finding,) = unknown(*usual, "head\nport 80")
    assert (finding.hosts, finding.evidence) == (("h7",), ("- sent #",))
    (finding,) = unknown(*usual, "head\nsending stopped\nport 80")
    assert (finding.hosts, finding.evidence) == (("h7",), ("+ sending stopped",))


def test_signs_belong_to_numbers() -> None:
    assert unknown(*(f"offset: {n}\nleap: 0" for n in (12, -3, 7, -20, 15))) == ()


def test_lines_of_one_shape_in_another_order_are_matched_up() -> None:
    lines = [f"tcp 10.9.{n}.1 sent {n * 100}" for n in range(1, 4)]
    hosts = ["\n".join(f"{line}{k}" for line in lines) for k in range(1, 7)]
    turned = "\n".join(f"{line}5" for line in reversed(lines))
    assert unknown(*hosts, turned) == ()


def test_an_unknown_text_that_nearly_all_say_alike_is_compared_as_it_is() -> None:
    (finding,) = unknown(*["OpenSSL 3.0.15"] * 5, "OpenSSL 3.0.11")
    assert finding.evidence == ("- OpenSSL 3.0.15", "+ OpenSSL 3.0.11")
