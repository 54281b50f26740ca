from __future__ import annotations

import pytest

from fleetdiag.executor.placement import Place, labels_of, near, places
from fleetdiag.model import Host, HostPlan


def planned(name: str, **attributes: str) -> HostPlan:
    return HostPlan(Host(name, attributes=attributes), ())


def test_a_workers_resources_say_what_it_is_near_to() -> None:
    told = labels_of(["region:eu", "region=uk", "role:db", "GPU", "memory"])
    assert told == {"region": {"eu", "uk"}, "role": {"db"}}


@pytest.mark.parametrize(
    ("resources", "place", "expected"),
    [
        (["region:eu"], (("region", "eu"),), True),
        (["region:eu"], (("region", "us"),), False),
        (["region:eu", "region:us"], (("region", "us"),), True),
        (["region:eu", "role:db"], (("region", "eu"),), False),
        (["region:eu", "role:db"], (("region", "eu"), ("role", "db")), True),
        (["region:eu"], (("region", "eu"), ("role", "db")), True),
        ([], (("region", "eu"),), False),
        ([], (), True),
        (["region:eu"], (), True),
    ],
)
def test_a_worker_is_for_hosts_that_have_all_it_names(
    resources: list[str], place: Place, expected: bool
) -> None:
    assert near(labels_of(resources), place) is expected


def test_hosts_that_no_worker_is_for_go_anywhere_and_that_is_said() -> None:
    hosts = [planned("a", region="eu"), planned("b", region="mars"), planned("c"), planned("d")]
    found, notes = places(hosts, [labels_of(["region:eu"]), labels_of(["region:us"])])
    assert {place: [each.host.name for each in some] for place, some in found.items()} == {
        (("region", "eu"),): ["a"],
        (): ["b", "c", "d"],
    }
    assert notes == (
        "region=mars: no worker is for it; 1 host goes to any",
        "no region: no worker is for it; 2 hosts go to any",
    )


def test_where_no_worker_says_anything_all_hosts_go_anywhere_and_nothing_is_said() -> None:
    found, notes = places([planned("a", region="eu"), planned("b")], [{}, labels_of(["GPU"])])
    assert (list(found), notes) == ([()], ())
