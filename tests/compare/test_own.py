"""A host's own names are masked where they only say which host it is."""

from __future__ import annotations

from fleetdiag.compare.own import mask_outputs, own_names
from fleetdiag.model import Compare, HostFacts
from tests.factory import make_host

FACTS = HostFacts(
    hostname="web-01.example.com",
    boot_id="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    machine_id="0123456789abcdef0123456789abcdef",
    addresses=("127.0.0.1", "10.0.0.1", "fe80::1", "::1"),
)


def masked(outputs: dict[str, str], unmask: tuple[str, ...] = ()) -> dict[str, str]:
    lines = {host: tuple(text.split("\n")) for host, text in outputs.items()}
    names = {host: own_names(make_host(host)) for host in outputs}
    found = mask_outputs(lines, names, Compare(unmask=unmask)).lines
    return {host: "\n".join(found[host]) for host in outputs}


def test_a_host_knows_itself_by_names_addresses_and_ids() -> None:
    names = own_names(make_host("Web-01", facts=FACTS, address="192.0.2.1"))
    assert {
        "Web-01", "web-01", "web-01.example.com", "10.0.0.1", "192.0.2.1", "fe80::1",
        FACTS.boot_id, FACTS.machine_id, FACTS.boot_id.replace("-", ""),
    } <= set(names)  # fmt: skip
    assert names == tuple(sorted(names, key=lambda name: (-len(name), name)))


def test_loopback_and_words_of_one_letter_are_no_names() -> None:
    names = own_names(
        make_host("a", facts=HostFacts(hostname="localhost", addresses=("127.0.0.1", "::1")))
    )
    assert names == ()


def test_an_address_has_no_short_name() -> None:
    assert "10" not in own_names(make_host("10.0.0.1", facts=HostFacts()))


def test_hosts_that_differ_by_their_name_only_say_the_same() -> None:
    found = masked({"web-1": "Linux web-1 6.1", "web-2": "Linux web-2 6.1"})
    assert set(found.values()) == {"Linux <self> 6.1"}


def test_a_name_within_another_is_left() -> None:
    found = masked({"web-1": "peers web-10 web-1 xweb-1", "web-2": ""})
    assert found["web-1"] == "peers web-10 <self> xweb-1"


def test_an_address_within_another_is_left() -> None:
    names = {"a-1": ("10.0.0.1",)}
    lines = {"a-1": ("10.0.0.12 10.0.0.1:22 1.10.0.0.1",), "b-1": ()}
    options = Compare(unmask=("ipv4",))
    assert mask_outputs(lines, names, options).lines["a-1"] == ("10.0.0.12 <self>:22 1.10.0.0.1",)


def test_a_file_that_lists_the_whole_fleet_is_the_same_on_every_host() -> None:
    listing = "\n".join(f"10.0.0.{number} web-{number}" for number in range(1, 5))
    found = masked({f"web-{number}": listing for number in range(1, 5)})
    assert len(set(found.values())) == 1
    assert "<self>" not in found["web-1"]


def test_one_host_that_lacks_a_line_of_that_file_is_the_only_other() -> None:
    listing = "\n".join(f"10.0.0.{number} web-{number}" for number in range(1, 6))
    outputs = {f"web-{number}": listing for number in range(1, 6)}
    outputs["web-5"] = "10.0.0.5 web-5"
    found = masked(outputs)
    assert len({found[f"web-{number}"] for number in range(1, 5)}) == 1


def test_a_leader_named_by_everyone_is_no_difference() -> None:
    found = masked({f"web-{number}": "leader is web-1" for number in range(1, 5)})
    assert set(found.values()) == {"leader is web-1"}


def test_one_host_that_names_another_is_the_odd_one() -> None:
    outputs = {f"web-{number}": f"I am web-{number}" for number in range(1, 7)}
    outputs["web-6"] = "I am web-1"
    found = masked(outputs)
    assert [host for host in found if found[host] != "I am <self>"] == ["web-6"]


def test_own_names_stay_where_a_playbook_says_so() -> None:
    found = masked({"web-1": "Linux web-1", "web-2": "Linux web-2"}, unmask=("self",))
    assert found == {"web-1": "Linux web-1", "web-2": "Linux web-2"}


def test_self_is_listed_only_where_it_changed_something() -> None:
    names = {"web-1": ("web-1",), "web-2": ("web-2",)}
    assert mask_outputs({"web-1": ("a",), "web-2": ("b",)}, names, Compare()).masks == ()
    both = {"web-1": ("web-1 up",), "web-2": ("web-2 up",)}
    assert mask_outputs(both, names, Compare()).masks == ("self",)
