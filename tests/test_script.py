from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.model import Step
from fleetdiag.script import (
    CapReached,
    CommandEnded,
    Done,
    Hello,
    Record,
    Splitter,
    SudoRefused,
    compose,
    kill_line,
    new_nonce,
)

NONCE = "00112233445566778899aabb"
MARK = f"\n@{NONCE} ".encode()


def mark(words: str) -> bytes:
    return MARK + words.encode() + b"\n"


def feed_in_pieces(splitter: Splitter, stdout: bytes, stderr: bytes, size: int) -> list[Record]:
    records: list[Record] = []
    for at in range(0, max(len(stdout), len(stderr)), size):
        records += splitter.feed(stderr=False, data=stdout[at : at + size])
        records += splitter.feed(stderr=True, data=stderr[at : at + size])
    return records


def streams(*outputs: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Both streams of a host whose steps gave these outputs."""
    stdout, stderr = mark("H") + mark("I"), mark("H") + mark("I")
    for index, (out, err) in enumerate(outputs):
        end = mark(f"E {index} 0 0 10.5 -")
        stdout, stderr = stdout + out + end, stderr + err + end
    return stdout + mark("Z"), stderr + mark("Z")


def plan(count: int, cap: int = 1 << 20) -> list[tuple[int, Step]]:
    return [(i, Step(f"s{i}", ("true",), output_cap_bytes=cap)) for i in range(count)]


outputs = st.binary(max_size=60) | st.sampled_from([MARK, MARK[:-1], b"\n@", b"\n", MARK[1:]])


@given(st.lists(st.tuples(outputs, outputs), max_size=4), st.integers(1, 40), st.binary())
def test_any_output_in_any_pieces_comes_back_whole(
    given_outputs: list[tuple[bytes, bytes]], size: int, noise: bytes
) -> None:
    # The nonce is random: an output never holds a whole mark of it.
    given_outputs = [(o.replace(MARK, b""), e.replace(MARK, b"")) for o, e in given_outputs]
    given_outputs = [p for p in given_outputs if not any(MARK in x + b"\n@" for x in p)]
    stdout, stderr = streams(*given_outputs)
    splitter = Splitter(NONCE, plan(len(given_outputs)))
    records = feed_in_pieces(splitter, noise.replace(MARK, b"") + stdout, stderr, size)
    ended = [r for r in records if isinstance(r, CommandEnded)]
    assert [(r.stdout, r.stderr) for r in ended] == given_outputs
    assert isinstance(records[0], Hello)
    assert isinstance(records[-1], Done)


def test_a_record_waits_for_both_streams() -> None:
    splitter = Splitter(NONCE, plan(1))
    stdout, stderr = streams((b"out", b"err"))
    assert splitter.feed(stderr=False, data=stdout) == []
    assert len(splitter.feed(stderr=True, data=stderr)) == 3


def test_output_past_the_cap_is_dropped_and_told_once() -> None:
    splitter = Splitter(NONCE, plan(1, cap=10))
    stdout, stderr = streams((b"x" * 1000, b""))
    records = feed_in_pieces(splitter, stdout, stderr, 7)
    assert [r for r in records if isinstance(r, CapReached)] == [CapReached(0)]
    (ended,) = (r for r in records if isinstance(r, CommandEnded))
    assert (ended.stdout, ended.truncated) == (b"x" * 10, True)


def test_output_of_exactly_the_cap_is_whole() -> None:
    splitter = Splitter(NONCE, plan(1, cap=10))
    records = feed_in_pieces(splitter, *streams((b"x" * 10, b"")), 3)
    (ended,) = (r for r in records if isinstance(r, CommandEnded))
    assert (ended.stdout, ended.truncated) == (b"x" * 10, False)


def test_what_an_unfinished_step_wrote_can_be_had() -> None:
    splitter = Splitter(NONCE, plan(2))
    stdout, _ = streams((b"first", b""))
    splitter.feed(stderr=False, data=stdout[: -len(mark("Z"))] + b"half\n@")
    assert splitter.partial(1) == (b"half\n@", b"")
    assert splitter.partial(0) == (b"", b"")


def test_a_stuck_command_has_no_exit_code() -> None:
    splitter = Splitter(NONCE, plan(1))
    both = mark("H") + mark("I") + b"some" + mark("E 0 0 stuck 5.00 -")
    records = feed_in_pieces(splitter, both, both, 1000)
    (ended,) = (r for r in records if isinstance(r, CommandEnded))
    assert ended.exit_code is None


def test_refused_sudo_says_what_it_said() -> None:
    splitter = Splitter(NONCE, plan(1))
    stdout = mark("H") + mark("I") + mark("X 0")
    stderr = mark("H") + mark("I") + b"sudo: a password is required\n" + mark("X 0")
    assert feed_in_pieces(splitter, stdout, stderr, 11)[1:] == [
        SudoRefused(0, b"sudo: a password is required\n")
    ]


def test_a_host_without_proc_has_no_times_and_still_ends() -> None:
    splitter = Splitter(NONCE, plan(1))
    both = mark("H") + mark("I") + mark("E 0 0 1  -")
    (_, ended) = feed_in_pieces(splitter, both, both, 1000)
    assert isinstance(ended, CommandEnded)
    assert (ended.exit_code, ended.uptime_s) == (1, None)


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (r"2: eth0    inet 10.0.0.7/24 brd 10.0.0.255 scope global eth0\ valid_lft", "10.0.0.7"),
        (r"2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever", "fe80::1"),
        ("          inet addr:192.168.1.5  Bcast:192.168.1.255", "192.168.1.5"),
        ("          inet6 addr: 2001:db8::5/64 Scope:Global", "2001:db8::5"),
        ("        inet 172.16.0.9  netmask 255.255.0.0", "172.16.0.9"),
    ],
)
def test_addresses_are_read_from_ip_and_both_kinds_of_ifconfig(line: str, address: str) -> None:
    splitter = Splitter(NONCE, plan(0))
    stdout = mark("H") + f"hostname=h\n{line}\n".encode() + mark("I")
    (hello,) = feed_in_pieces(splitter, stdout, mark("H") + mark("I"), 1000)
    assert isinstance(hello, Hello)
    assert hello.facts.addresses == (address,)


def test_the_password_stands_in_the_script_once_and_is_quoted() -> None:
    script = compose(plan(1), NONCE, fuse_s=60, become_password="it's $(id)")
    assert script.count(b"$(id)") == 1
    assert b"""S='it'"'"'s $(id)'""" in script


def test_comments_of_the_script_are_not_sent() -> None:
    script = compose(plan(1), NONCE, fuse_s=60, become_password=None).decode()
    assert not re.search(r"^\s*#", script, re.MULTILINE)
    assert len(script) < 5_000


def test_nonces_differ_and_step_numbers_fit_an_exit_status() -> None:
    assert new_nonce() != new_nonce()
    assert kill_line(3) == b"K3\n"
    assert all(int(kill_line(n)[1:]) < 125 for n in range(1000))
