"""`--exact` groups as ClusterShell's message tree does, which `clubak -b` prints."""

from __future__ import annotations

from ClusterShell.MsgTree import MsgTree
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag import outputs, pipeline

LINES = st.lists(
    st.one_of(
        st.sampled_from([b"a", b"b", b"", b" a", b"a ", b"a\r", b"\x1b[0ma", b"10.0.0.1", b"\xff"]),
        st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from([f"web{n}" for n in range(12)]), LINES, min_size=1))
def test_exact_groups_are_those_of_the_message_tree(said: dict[str, list[bytes]]) -> None:
    tree = MsgTree()
    for host, lines in said.items():
        for line in lines:
            tree.add(host, line.rstrip(b"\r"))  # as `clubak` does when it reads
    theirs = {frozenset(hosts) for _, hosts in tree.walk()}
    stream = [b"%s: %s\n" % (host.encode(), line) for host, lines in said.items() for line in lines]
    run, _ = pipeline.outputs_of_stream(stream)
    exact = outputs.compared_as(run, None, {}, exact=True)
    (step,) = pipeline.compare_runs(exact).steps
    assert {frozenset(group.hosts) for group in step.groups} == theirs
