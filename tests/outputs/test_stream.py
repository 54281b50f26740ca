"""`host: line` as pdsh, clush and pssh print it."""

from __future__ import annotations

import io
import random

import pytest
from ClusterShell.MsgTree import MODE_DEFER, MsgTree
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.model import Outcome
from fleetdiag.outputs import Ended, Stream, read_stream, stream_run
from fleetdiag.outputs.nodesets import MAX_HOSTS, expanded


def read(data: bytes) -> Stream:
    return read_stream(io.BytesIO(data))


def judge(ended: Ended) -> tuple[Outcome, str]:
    return (Outcome.FAILED, f"exit {ended.exit_code}") if ended.exit_code else (Outcome.OK, "")


def test_mixed_lines_of_hosts_are_told_apart_in_order_of_first_appearance() -> None:
    stream = read(b"b: 1\na: 1\nb: 2\na: 2\n")
    assert list(stream.outputs.items()) == [("b", b"1\n2\n"), ("a", b"1\n2\n")]
    assert stream.stray_lines == 0


@pytest.mark.parametrize(
    ("line", "host", "said"),
    [
        (b"web-01: text\n", "web-01", b"text\n"),
        (b"web-01: a: b\n", "web-01", b"a: b\n"),
        (b"web-01: \n", "web-01", b"\n"),
        (b"web-01:\n", "web-01", b"\n"),
        (b"web-01:text\n", "web-01", b"text\n"),
        (b"web-01:text: more\n", "web-01", b"text: more\n"),
        (b"web-01:   indented\n", "web-01", b"  indented\n"),
        (b"web-01: no newline", "web-01", b"no newline\n"),
        (b"web-01: dos\r\n", "web-01", b"dos\n"),
        (b"10.0.0.1: text\n", "10.0.0.1", b"text\n"),
        (b"fe80::1%eth0: text\n", "fe80::1%eth0", b"text\n"),
        (b"[2001:db8::1]:22: text\n", "[2001:db8::1]:22", b"text\n"),
        (b"web-01: \xff\x00\x1b[31m\n", "web-01", b"\xff\x00\x1b[31m\n"),
        (b"w\xff: x\n", "w\\xff", b"x\n"),
    ],
)
def test_a_line_is_split_at_its_host(line: bytes, host: str, said: bytes) -> None:
    assert read(line).outputs == {host: said}


def test_lines_without_a_host_are_counted_and_the_first_kept_with_their_numbers() -> None:
    data = b"a: 1\n" + b"no host here\n" * 5 + b": nobody\n\n" + b"some words: x\n"
    stream = read(data)
    assert stream.outputs == {"a": b"1\n"}
    assert stream.stray_lines == 7
    assert stream.stray == tuple((number, "no host here") for number in (2, 3, 4))


def test_a_node_set_means_each_of_its_hosts() -> None:
    stream = read(b"web[1-2,4]: x\nweb2: y\nodd[a]: z\n")
    assert stream.outputs == {"web1": b"x\n", "web2": b"x\ny\n", "web4": b"x\n", "odd[a]": b"z\n"}


@pytest.mark.parametrize("bomb", ["w[1-999999999]", "w[1-999999]", "w[1-999]x[1-999]", "w[2-1]"])
def test_a_node_set_that_is_none_or_too_large_is_a_name(bomb: str) -> None:
    assert expanded(bomb) == (bomb,)


def test_a_node_set_is_taken_up_to_its_bound() -> None:
    assert len(expanded(f"w[1-{MAX_HOSTS}]")) == MAX_HOSTS


def test_exit_codes_that_the_tool_tells_are_the_hosts_own() -> None:
    stream = read(
        b"a: fine\nb: not\n"
        b"pdsh@admin: b: ssh exited with exit code 255\n"
        b"clush: c[1-2] (2): exited with exit code 3\n"
        b"clush: d: command timeout\n"
    )
    assert stream.exit_codes == {"b": 255, "c1": 3, "c2": 3}
    assert stream.outputs == {"a": b"fine\n", "b": b"not\n", "c1": b"", "c2": b""}
    assert stream.stray == ((5, "clush: d: command timeout"),)
    run = stream_run(stream, judge, "up")
    assert [host.steps[0].outcome for host in run.hosts] == [
        Outcome.OK,
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.FAILED,
    ]
    assert run.playbook.steps[0].name == "up"


def test_blocks_of_pssh_are_read_under_their_headers() -> None:
    stream = read(
        b"[1] 14:01:02 [SUCCESS] web-01\nb: one\ntwo\n"
        b"[2] 14:01:03 [FAILURE] web-02 Exited with error code 3\nthree\n"
        b"[3] 14:01:03 [FAILURE] web-03 Timed out, Killed by signal 9\n"
    )
    assert stream.outputs == {"web-01": b"b: one\ntwo\n", "web-02": b"three\n", "web-03": b""}
    assert stream.exit_codes == {"web-02": 3, "web-03": 255}


def test_an_empty_stream_has_no_host() -> None:
    assert read(b"").outputs == {}


def test_a_long_line_and_many_hosts_are_linear() -> None:
    long = b"a: " + b"\x00" * (1 << 20) + b"\n"
    stray = b"x" * (1 << 20) + b"\n"
    data = long + stray + b"".join(b"h%d: x\n" % n for n in range(20_000))
    stream = read(data)
    assert len(stream.outputs) == 20_001
    assert len(stream.outputs["a"]) == (1 << 20) + 1
    assert (stream.stray_lines, len(stream.stray[0][1])) == (1, 80)


HOSTS = st.sampled_from(["a", "b", "web-01", "web-02", "db.example.com", "10.0.0.1"])
LINES = st.sampled_from([b"", b" ", b"x", b"x ", b"a: b", b"a", b"\xff", b"\t", b": ", b"\x1b[0m"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(HOSTS, st.lists(LINES, min_size=1, max_size=4), min_size=1), st.randoms())
def test_equal_outputs_are_those_that_clustershell_gathers(
    said: dict[str, list[bytes]], chance: random.Random
) -> None:
    left = {host: list(lines) for host, lines in said.items()}
    data, tree = b"", MsgTree(mode=MODE_DEFER)
    while left:
        host = chance.choice(list(left))
        line = left[host].pop(0)
        data += host.encode() + b": " + line + b"\n"
        tree.add(host, line)
        if not left[host]:
            del left[host]
    ours: dict[bytes, set[str]] = {}
    for host, output in read(data).outputs.items():
        ours.setdefault(output, set()).add(host)
    theirs = {bytes(message) + b"\n": set(hosts) for message, hosts in tree.walk()}
    assert ours == theirs
