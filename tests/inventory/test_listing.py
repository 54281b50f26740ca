"""Hosts as plain data."""

from __future__ import annotations

import json

from fleetdiag.inventory import hosts_json
from fleetdiag.model import Endpoint, Host, TransportKind


def test_a_host_is_listed_with_what_a_login_needs() -> None:
    hop = Endpoint("gate", "2001:db8::1", 2222, "g")
    login = Endpoint(
        "a", "10.0.0.1", 22, "ops", ("/k",), via=(hop, Endpoint("in", "in.x", 22, "i"))
    )
    host = Host("a", endpoint=login, groups=("web",), attributes={"zone": "z"})
    assert hosts_json([host]) == {
        "hosts": [
            {
                "name": "a",
                "address": "10.0.0.1",
                "port": 22,
                "user": "ops",
                "identity_file": "/k",
                "via": "g@[2001:db8::1]:2222,i@in.x:22",
                "groups": ["web"],
                "attributes": {"zone": "z"},
            }
        ]
    }


def test_several_identity_files_are_all_listed() -> None:
    host = Host("a", endpoint=Endpoint("a", "a", 22, "u", ("/1", "/2")))
    (row,) = hosts_json([host])["hosts"]
    assert (row["identity_file"], row["identity_files"]) == ("/1", ["/1", "/2"])


def test_a_local_host_has_no_login() -> None:
    (row,) = hosts_json([Host("a", transport=TransportKind.LOCAL)])["hosts"]
    assert json.dumps(row)
    assert row["address"] is row["port"] is row["user"] is row["via"] is None
