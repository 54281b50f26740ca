"""Ranges expand as ClusterShell's node sets do, in the order written, within bounds."""

from __future__ import annotations

import re

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.inventory.ranges import MAX_HOSTS, expand, split_terms


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("web", ["web"]),
        ("web[1-3]", ["web1", "web2", "web3"]),
        ("web[08-11]", ["web08", "web09", "web10", "web11"]),
        ("web[3,1]", ["web3", "web1"]),
        ("web[1-9/4]", ["web1", "web5", "web9"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("10.0.0.[9-11]", ["10.0.0.9", "10.0.0.10", "10.0.0.11"]),
        ("web[01-02].example.com", ["web01.example.com", "web02.example.com"]),
        ("web[01-02,5]", ["web01", "web02", "web5"]),
    ],
)
def test_a_range_stands_for_its_names_in_order(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web[1-3", "brackets of `web[1-3` do not pair up"),
        ("web1-3]", "brackets of"),
        ("web[[1-2]]", "brackets of"),
        ("web[]", "`` in `web[]` is no range"),
        ("web[a-c]", "`a-c` in `web[a-c]` is no range"),
        ("web[3-1]", "`3-1` in `web[3-1]` is empty, expected the smaller number first"),
        ("web[1-3/0]", "is empty"),
        ("web[1-010]", "mixes widths"),
        ("web[1-999999999999]", f"expected at most {MAX_HOSTS}"),
        ("a[1-9999]b[1-9999]", "stands for 99980001 hosts"),
    ],
)
def test_a_range_that_is_none_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        expand(text)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """Such as `ab[01-07/2,9]-c[3-4]`."""
    text = draw(st.from_regex(r"[a-z]{1,3}", fullmatch=True))
    for _ in range(draw(st.integers(1, 2))):
        width = draw(st.integers(1, 3))
        spans = []
        for _ in range(draw(st.integers(1, 3))):
            first = draw(st.integers(0, 40))
            last = draw(st.integers(first, 60))
            span = f"{first:0{width}d}-{last:0{width}d}"
            spans.append(span + draw(st.sampled_from(["", "/2", "/3"])))
        text += f"[{','.join(spans)}]" + draw(st.sampled_from(["-", "-x", ".example"]))
    return text


@given(ranges())
def test_ranges_expand_as_node_sets(text: str) -> None:
    assert set(expand(text)) == set(NodeSet(text, resolver=RESOLVER_NOGROUP))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True), st.sampled_from([1, 3]))
def test_what_a_node_set_folds_expands_to_the_same_names(numbers: list[int], width: int) -> None:
    names = {f"web{number:0{width}d}" for number in numbers}
    folded = str(NodeSet.fromlist(sorted(names), resolver=RESOLVER_NOGROUP))
    expanded = {name for _, term in split_terms(folded) for name in expand(term)}
    assert expanded == names


def test_terms_split_outside_brackets() -> None:
    assert list(split_terms("a[1,2], b ,,c!d", ",!")) == [
        (",", "a[1,2]"),
        (",", "b"),
        (",", "c"),
        ("!", "d"),
    ]
