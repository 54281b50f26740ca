"""`-w`: hosts named on the command line."""

from __future__ import annotations

import pytest

from fleetdiag.errors import InventoryError
from fleetdiag.inventory.adhoc import adhoc_records


def said(text: str) -> list[str]:
    """Each host as `name user address:port`, without what is not said."""
    rows = []
    for host in adhoc_records(text).hosts:
        given = {name: given.value for name, given in host.variables.items()}
        login = [str(given[key]) for key in ("user", "address", "port") if key in given]
        rows.append(" ".join([host.name, *login]))
    return rows


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("web[01-03],db1", ["web01", "web02", "web03", "db1"]),
        ("b,a,b", ["b", "a"]),
        ("web[1-4]!web[2-3]", ["web1", "web4"]),
        ("web[1-4]&web[3-6]", ["web3", "web4"]),
        ("web[1-2]^web[2-3]", ["web1", "web3"]),
        ("admin@web1", ["web1 admin"]),
        ("admin@web[1-2]:2222", ["web1 admin 2222", "web2 admin 2222"]),
        ("[2001:db8::1]:22", ["2001:db8::1 22"]),
        ("u@[::1]", ["::1 u"]),
        ("fe80::1%eth0", ["fe80::1%eth0"]),
        ("127.0.0.1:1,127.0.0.1:2", ["127.0.0.1:1 127.0.0.1 1", "127.0.0.1:2 127.0.0.1 2"]),
    ],
)
def test_the_hosts_are_those_named_in_their_order(text: str, hosts: list[str]) -> None:
    assert said(text) == hosts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no host"),
        ("web1!web1", "names no host"),
        ("@group", "groups and files are for -l"),
        ("web[1-", "brackets of `web\\[1-` do not pair up"),
        ("-oProxyCommand=id", "is no host name"),
        ("a b", "is no host name"),
        ("a/b", "is no host name"),
        ("a:99999", "is no port"),
        ("$(id)@a", "is no user name"),
    ],
)
def test_what_names_no_host_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InventoryError, match=message):
        adhoc_records(text)
