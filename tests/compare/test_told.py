"""What steps set of their hosts, and what it is good for: sharing and peers."""

from dataclasses import replace

import pytest

from fleetdiag.compare import compare, told_attributes
from fleetdiag.model import Compare, FindingKind, HostResult, Mode, Outcome, Run, Step
from tests.factory import make_flag, make_host, make_result, make_run

KERNEL = Step("release", ("uname -r",), sets={"kernel": ""})
CLOUD = Step(
    "cloud",
    ("metadata",),
    compare=Compare(mode=Mode.KEYS, only=("type",)),
    sets={"zone_id": "zone-id", "type": "type", "image": "image"},
)


def told(said: str, step: Step) -> dict[str, str]:
    return told_attributes(make_run({"h": {step.name: said}}, [step])).get("h", {})


def test_a_line_is_an_attribute_as_the_host_gave_it() -> None:
    assert told(" 6.1.0-44-amd64 \n\n", KERNEL) == {"kernel": "6.1.0-44-amd64"}


@pytest.mark.parametrize("said", ["", "\n", "one\ntwo\n", "x" * 121])
def test_what_is_not_one_short_line_is_no_attribute(said: str) -> None:
    assert told(said, KERNEL) == {}


def test_features_are_attributes_also_those_that_are_not_compared_or_would_be_masked() -> None:
    said = "type=m6i.large\nzone-id=use1-az4\nimage=ami-0123456789abcdef0\n"

    assert told(said, CLOUD) == {
        "zone_id": "use1-az4",
        "type": "m6i.large",
        "image": "ami-0123456789abcdef0",
    }


def test_a_cell_of_a_table_is_named_by_row_and_column() -> None:
    step = Step("df", ("df",), compare=Compare(mode=Mode.TABLE), sets={"root": "/dev/vda Type"})

    assert told("Filesystem Type\n/dev/vda ext4\n", step) == {"root": "ext4"}


def test_controls_are_no_part_of_an_attribute() -> None:
    assert told("6.1\x1b[31m\x07\n", KERNEL)["kernel"].isprintable()


def test_only_a_step_that_was_ok_tells() -> None:
    failed = make_result("release", Outcome.FAILED, stdout="6.1", exit_code=1)

    assert told_attributes(make_run({"h": {"release": failed}}, [KERNEL])) == {}


def fleet(kernels: list[str], page: list[str]) -> Run:
    hosts: list[HostResult] = []
    for number, (kernel, said) in enumerate(zip(kernels, page, strict=True)):
        hosts.append(make_host(f"h{number}", {"release": kernel, "page": said}))
    run = make_run({}, [KERNEL, Step("page", ("curl",))])
    return replace(run, hosts=tuple(hosts))


def test_odd_hosts_share_what_steps_told() -> None:
    bad = fleet(["6.1"] * 8 + ["6.5"] * 4, ["fine"] * 8 + ["broken"] * 4)

    page = next(f for f in compare(bad).findings if f.step == "page")

    assert [(one.attribute, one.value) for one in page.shared] == [("kernel", "6.5")]
    assert page.shared[0].alike == ()


def test_what_a_step_told_is_not_what_its_own_odd_hosts_share() -> None:
    mixed = fleet(["6.1"] * 8 + ["6.5"] * 4, ["fine"] * 12)

    assert [(f.step, f.shared) for f in compare(mixed).findings] == [("release", ())]


def test_where_every_host_is_odd_attributes_are_told_and_answers_are_not() -> None:
    burning = Step("page", ("curl",), flags=(make_flag("fire", "it burns"),))
    hosts = [
        make_host(f"h{n}", {"page": "fire", "motd": "hello"}, attributes={"zone": "a"})
        for n in range(6)
    ]

    (finding,) = compare(make_run(hosts, [burning, Step("motd", ("cat",))])).findings

    assert [(one.attribute, one.value) for one in finding.shared] == [("zone", "a")]


def test_what_the_inventory_says_counts_more() -> None:
    run = fleet(["6.1"], ["fine"])
    run = replace(run, hosts=(replace(run.hosts[0], attributes={"kernel": "mine"}),))

    assert compare(run).run.hosts[0].attributes == {"kernel": "mine"}


def test_hosts_are_compared_among_peers_that_steps_told() -> None:
    mixed = fleet(["a"] * 4 + ["b"] * 4, ["x"] * 4 + ["y"] * 3 + ["z"])

    among_peers = compare(replace(mixed, peers="kernel"))

    odd = [f.hosts for f in among_peers.findings if f.step == "page"]
    assert odd == [("h7",)]
    assert all(f.kind is FindingKind.DIFFERS for f in among_peers.findings)
