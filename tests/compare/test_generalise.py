"""Tokens that vary become `<*>`; differences stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.generalise import generalise


def fleet(count: int, *lines: str) -> dict[str, dict[str, int]]:
    """Hosts with these lines; `{n}` is the host's number."""
    return {f"h{number}": {line.format(n=number): 1 for line in lines} for number in range(count)}


def test_a_number_that_every_host_has_of_its_own_varies() -> None:
    found = generalise(fleet(10, "tsc: Refined 28{n}.1 MHz", "same"))
    assert set(found.values()) == {"tsc: Refined <*> MHz"}
    assert len(found) == 10


def test_a_word_that_every_host_has_of_its_own_varies() -> None:
    words = "abcdefghij"
    hosts = {f"h{n}": {f"user {words[n] * 4} came in": 1} for n in range(10)}
    assert set(generalise(hosts).values()) == {"user <*> came in"}


def test_a_line_that_most_have_alike_and_one_otherwise_is_a_difference() -> None:
    hosts = fleet(10, "Allowing 4 CPUs")
    hosts["h3"] = {"Allowing 2 CPUs": 1}
    assert generalise(hosts) == {}
    hosts["h4"] = {"Allowing 2 CPUs": 1}
    hosts["h5"] = {"Allowing 2 CPUs": 1}
    assert generalise(hosts) == {}


def test_many_lines_of_one_shape_on_one_host_are_one_event() -> None:
    hosts = fleet(10, "same")
    hosts["h3"].update({f"I/O error, dev sda, sector {n}": 1 for n in range(40)})
    assert set(generalise(hosts).values()) == {"I/O error, dev sda, sector <*>"}


def test_what_all_hosts_have_stays_beside_what_varies() -> None:
    hosts = fleet(10, "eth0: up", "job {n} done")
    hosts["h3"]["eth1: up"] = 1
    found = generalise(hosts)
    assert "eth0: up" not in found
    assert "eth1: up" not in found
    assert set(found.values()) == {"job <*> done"}


def test_equal_hosts_and_one_host_have_nothing_to_generalise() -> None:
    assert generalise(fleet(5, "a 1", "a 2")) == {}
    assert generalise(fleet(1, "a {n}", "b {n}")) == {}


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a 1", "a 2", "a b 3", "x 1", "x 2", "x y", "z y", "é 9"]),
            st.integers(1, 3),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_only_lines_that_are_there_get_a_template_that_fits_them(
    hosts: list[dict[str, int]],
) -> None:
    counts = {f"h{number}": lines for number, lines in enumerate(hosts)}
    lines = {line for found in hosts for line in found}
    for line, template in generalise(counts).items():
        assert line in lines
        first, _, last = template.partition("<*>")
        assert line.startswith(first)
        assert line.endswith(last.rpartition("<*>")[2])
