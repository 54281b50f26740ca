"""The JSON of inventory scripts: what it gives, and what is wrong with it. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.listed import listed_records
from fleetdiag.inventory.records import GroupRecord, Records


def one(**variables: Any) -> Records:
    return listed_records({"g": ["h"], "_meta": {"hostvars": {"h": variables}}}, "src")


def values(records: Records, host: str = "h") -> dict[str, object]:
    (found,) = [record for record in records.hosts if record.name == host]
    return {name: given.value for name, given in found.variables.items()}


def problem(data: object) -> str:
    with pytest.raises(InventoryError) as caught:
        listed_records(data, "src")
    return str(caught.value)


def test_connection_variables_become_ours_with_the_source_as_origin() -> None:
    records = one(
        ansible_host="10.0.0.1",
        ansible_port="2022",
        ansible_user=1001,
        ansible_private_key_file="/k",
        ansible_become="yes",
    )
    assert values(records) == {
        "address": "10.0.0.1",
        "port": 2022,
        "user": "1001",
        "identity_file": ("/k",),
        "become": True,
    }
    assert {given.origin for given in records.hosts[0].variables.values()} == {"src"}


def test_groups_keep_their_order_and_children_and_the_built_in_ones_are_left_out() -> None:
    listing = {
        "all": {"children": ["ungrouped", "web", "prod"]},
        "ungrouped": {"hosts": ["alone"]},
        "prod": {"children": ["web", "later"]},
        "web": {"hosts": ["w2", "w1", "w2"]},
        "later": {},
    }
    records = listed_records(listing, "src")
    assert [host.name for host in records.hosts] == ["alone", "w2", "w1"]
    assert records.groups == (
        GroupRecord("web", ("w2", "w1")),
        GroupRecord("prod", (), ("web", "later")),
        GroupRecord("later"),
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], "the inventory is a list, expected a mapping by name"),
        ("x", "the inventory is text `x`, expected a mapping by name"),
        ({}, "names no host; hosts stand in groups, `_meta` alone names none"),
        ({"_meta": {"hostvars": {"a": {}}}}, "names no host; hosts stand in groups"),
        ({"g": {"hosts": []}}, "names no host"),
        ({"_meta": []}, "`_meta` is a list, expected a mapping"),
        ({"g": ["h"], "_meta": {"hostvars": 3}}, "`_meta.hostvars` is the number 3"),
        ({"g": ["h"], "_meta": {"hostvars": {"h": "x"}}}, "what is said of host `h` is text `x`"),
        ({"g": {"hosts": {"a": {}}}}, "`hosts` of group `g` is a mapping, expected a list"),
        ({"g": {"hosts": [1]}}, "`hosts` of group `g` has the number 1, expected names"),
        ({"g": {"children": "x"}}, "`children` of group `g` is text `x`, expected a list"),
        ({"g": {"vars": []}}, "`vars` of group `g` is a list, expected a mapping"),
        ({"g": {"host": ["a"]}}, "group `g` has `host`, expected hosts, children or vars"),
        ({"g": 3}, "group `g` is the number 3, expected a mapping"),
        (
            {"a": {"children": ["b"]}, "b": {"children": ["a"], "hosts": ["h"]}},
            "groups contain each other: ",
        ),
        ({"a": {"children": ["a"], "hosts": ["h"]}}, "contain each other: `a` > `a`, expected no"),
    ],
)
def test_a_form_that_is_wrong_is_an_error_with_its_place(data: object, expected: str) -> None:
    text = problem(data)
    assert text.startswith("-i src: ")
    assert expected in text


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_host": ["a"]}, "ansible_host is a list, expected text"),
        ({"ansible_host": "a b"}, "ansible_host is text `a b`, expected a name or an IP address"),
        ({"ansible_host": "-oProxyCommand=id"}, "ansible_host is text `-oProxyCommand=id`"),
        ({"ansible_user": True}, "ansible_user is true, expected text"),
        ({"ansible_user": "a;b"}, "ansible_user 'a;b' is no user name"),
        ({"ansible_ssh_user": "-l"}, "ansible_ssh_user '-l' is no user name"),
        ({"ansible_port": "ssh"}, "ansible_port is text `ssh`, expected a port from 1 to 65535"),
        ({"ansible_port": 0}, "ansible_port is the number 0, expected a port"),
        ({"ansible_port": True}, "ansible_port is true, expected a port"),
        ({"ansible_ssh_common_args": "-p x"}, "the port for ssh is text `x`, expected a port"),
        ({"ansible_become": "maybe"}, "ansible_become is text `maybe`, expected true or false"),
        ({"ansible_connection": ["ssh"]}, "ansible_connection is a list, expected text"),
        (
            {"ansible_user": {"__ansible_vault": "$ANSIBLE_VAULT"}},
            "ansible_user is encrypted (vault), expected plain text",
        ),
        (
            {"ansible_user": "{{ who }}", "who": {"__ansible_vault": "$ANSIBLE_VAULT"}},
            "ansible_user is encrypted (vault), expected plain text",
        ),
        (
            {"ansible_user": "{{ lookup('env', 'USER') }}"},
            "ansible_user is the template `{{ lookup('env', 'USER') }}`, which only Ansible can",
        ),
        (
            {"ansible_host": "{{ a }}.x", "a": "{{ b }}", "b": "{{ c | lower }}"},
            "ansible_host is the template `{{ c | lower }}.x` (of `{{ a }}.x`), which only",
        ),
        ({"ansible_host": "{{ ansible_host }}"}, "ansible_host is the template"),
        ({"fleetdiag_attributes": "zone"}, "fleetdiag_attributes is text `zone`, expected a list"),
        ({"fleetdiag_attributes": [1]}, "fleetdiag_attributes has the number 1, expected names"),
        ({"fleetdiag_attributes": ["a b"]}, "fleetdiag_attributes 'a b' is no name"),
    ],
)
def test_a_connection_variable_that_is_wrong_names_host_variable_and_value(
    variables: dict[str, Any], expected: str
) -> None:
    text = problem({"g": ["h"], "_meta": {"hostvars": {"h": variables}}})
    assert text.startswith("-i src: host h: ")
    assert expected in text


def test_what_is_wrong_with_many_hosts_is_said_once() -> None:
    listing = {"g": {"hosts": [f"h{n}" for n in range(40)], "vars": {"ansible_port": "x"}}}
    assert problem(listing) == (
        "-i src: host h0, h1, h2 and 37 more: ansible_port is text `x`, "
        "expected a port from 1 to 65535"
    )


def test_of_many_problems_the_first_are_said_and_how_many_more() -> None:
    hostvars = {f"h{n}": {"ansible_port": f"x{n}"} for n in range(9)}
    lines = problem({"g": [*hostvars], "_meta": {"hostvars": hostvars}}).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "-i src: and 4 more problems with variables"


def test_the_variables_of_hosts_that_are_left_out_do_not_matter() -> None:
    hostvars = {"w": {"ansible_connection": "winrm", "ansible_port": "x"}}
    records = listed_records({"g": ["w", "h"], "_meta": {"hostvars": hostvars}}, "src")
    assert [host.name for host in records.hosts] == ["h"]
    assert records.groups == (GroupRecord("g", ("h",)),)
    assert records.note == "src: left out 1 of 2 hosts, with connection `winrm`: w."


def test_an_inventory_of_hosts_that_are_all_left_out_is_an_error() -> None:
    listing = {"g": {"hosts": ["a", "b"], "vars": {"ansible_connection": "winrm"}}}
    expected = "-i src: none of its hosts can be used: 2 with connection `winrm`"
    assert problem(listing) == expected


def test_empty_values_say_nothing() -> None:
    assert values(one(ansible_host="", ansible_port=None, ansible_user="", zone="")) == {}


def test_templates_are_filled_in_five_deep_and_keep_the_type_of_a_whole_value() -> None:
    chain = {f"v{n}": f"{{{{ v{n + 1} }}}}" for n in range(1, 4)}
    said = values(one(ansible_port="{{ v1 }}", **chain, v4=2022))
    assert said["port"] == 2022
    text = problem({"g": {"hosts": ["h"], "vars": {"ansible_port": "{{ v0 }}", **chain}}})
    assert "ansible_port is the template" in text


def test_templates_that_grow_without_end_stay_small() -> None:
    bombs = {f"b{n}": f"{{{{ b{n + 1} }}}}" * 200 for n in range(6)}
    assert "only Ansible can fill in" in problem(
        {"g": {"hosts": ["h"], "vars": {"ansible_host": "x{{ b0 }}", **bombs, "b6": "x"}}}
    )


def test_what_is_marked_unsafe_is_never_a_template() -> None:
    said = values(
        one(ansible_user={"__ansible_unsafe": "plain"}, zone={"__ansible_unsafe": "{{ x }}"})
    )
    assert said == {"user": "plain", "attributes.zone": "{{ x }}"}


def test_local_hosts_have_no_login() -> None:
    said = values(one(ansible_connection="local", ansible_host="{{ nobody }}", ansible_become=1))
    assert said == {"transport": "local", "become": True}


def test_secrets_never_become_attributes() -> None:
    secrets = dict.fromkeys(("ansible_password", "api_token", "db", "password"), "s3cret")
    assert values(one(**secrets)) == {}


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("a", "a"),
        (" a ", "a"),
        (4, "4"),
        (1.5, "1.5"),
        (True, "true"),
        (None, None),
        ("", None),
        (["a"], None),
        ({"a": 1}, None),
        (float("nan"), None),
        ("x" * 120, "x" * 120),
        ("x" * 121, None),
        ("a\x1b[31m", None),
        ("{{ x }}", None),
        ("{{ inventory_hostname }}", "h"),
        ({"__ansible_vault": "$ANSIBLE_VAULT"}, None),
    ],
)
def test_an_attribute_is_a_short_printable_scalar(value: object, attribute: str | None) -> None:
    assert values(one(rack=value)).get("attributes.rack") == attribute


def test_zones_are_known_by_several_names_and_the_plainest_counts() -> None:
    placement = {"availability_zone": "c", "region": "r"}
    assert values(one(zone="a", availability_zone="b", placement=placement)) == {
        "attributes.zone": "a",
        "attributes.region": "r",
    }
    assert values(one(availability_zone="b", placement=placement))["attributes.zone"] == "b"
    assert values(one(placement=placement))["attributes.zone"] == "c"
    assert values(one(placement="x")) == {}


def test_an_answer_without_meta_asks_for_each_host_that_can_be_one() -> None:
    asked: list[str] = []

    def ask(names: Any) -> dict[str, object]:
        asked.extend(names)
        return {"a": {"zone": "z"}}

    records = listed_records({"g": ["a", "--list", "b"]}, "src", ask=ask)
    assert asked == ["a", "b"]
    assert values(records, "a") == {"attributes.zone": "z"}
    listed_records({"g": ["a"], "_meta": {"hostvars": {}}}, "src", ask=ask)
    assert asked == ["a", "b"], "an empty `_meta.hostvars` is an answer"


def test_ten_thousand_hosts_in_hundred_groups_take_about_a_second() -> None:
    import time

    names = [f"h{n}" for n in range(10_000)]
    listing: dict[str, Any] = {f"g{n}": {"hosts": names[n::100]} for n in range(100)}
    listing["all"] = {"vars": {"ansible_user": "u", "ansible_ssh_common_args": "-J b"}}
    hostvars = {name: {"ansible_host": "{{ inventory_hostname }}.x", "rack": 3} for name in names}
    started = time.process_time()
    records = listed_records({**listing, "_meta": {"hostvars": hostvars}}, "src")
    assert len(records.hosts) == 10_000
    assert time.process_time() - started < 3.0
