"""Lines by host: heads off, equal ones once, rules found, exact where asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.linerules import LineRules
from fleetdiag.compare.linetable import EXACT, LineTable
from fleetdiag.model import Compare, Mode
from tests.factory import make_flag

LOG = Compare(mode=Mode.LOG)
TEXT = Compare(mode=Mode.TEXT)


def table(
    outputs: dict[str, bytes], compare: Compare = LOG, *patterns: str, errors: bytes = b""
) -> LineTable:
    rules = LineRules([make_flag(pattern, "x") for pattern in patterns])
    names = {host: (host,) for host in outputs}
    found = LineTable({host: (out, errors) for host, out in outputs.items()}, compare, rules, names)
    found.mask(outputs)
    return found


def test_hosts_share_the_lines_of_a_log_whatever_time_and_name_stand_before_them() -> None:
    found = table(
        {
            "web-1": b"Nov 22 03:04:05 web-1 sshd[12]: bye\n[    1.000001] usb 1-1: new\n",
            "web-2": b"Nov 23 13:14:15 web-2 sshd[9999]: bye\n[   91.000001] usb 1-1: new\n",
        }
    )
    assert found.lines("web-1") == ("sshd: bye", "usb 1-1: new")
    assert found.lines("web-1") is found.lines("web-2")


def test_a_text_keeps_its_times_masked() -> None:
    found = table({"a-1": b"[    1.000001] x\n", "b-1": b"[    2.000001] x\n"}, TEXT)
    assert found.lines("a-1") == ("[<time>] x",)
    assert found.masks == ("dmesg-time",)


def test_lines_are_numbered_each_distinct_one_once() -> None:
    found = table({"a": b"[    1.000001] x\n[    2.000001] x\n[    3.000001] y\n\n"})
    assert [found.texts[number] for number in found.numbers("a")] == ["x", "x", "y"]
    assert list(found.numbers("a")) == [0, 0, 1]


def test_rules_see_the_line_as_the_host_gave_it_in_both_streams() -> None:
    outputs = {"a": b"[    1.000001] sshd[12]: died\n[    2.000001] sshd[13]: died\n", "b": b"ok\n"}
    patterns = (r"\] sshd\[13\]: died$", r"^\[ +1\.0", "^late$", "never")
    found = table(outputs, LOG, *patterns, errors=b"late\n")
    assert found.matches("a") == {
        0: "[    2.000001] sshd[13]: died",
        1: "[    1.000001] sshd[12]: died",
        2: "late",
    }
    assert found.matches("b") == {2: "late"}


def test_rules_look_at_exact_lines_too() -> None:
    exact = Compare(mode=Mode.LINES, unmask=(EXACT,))
    found = table({"a": b"pid 12 died\n", "b": b"fine\n"}, exact, r"pid \d+ died", "^late$")
    assert (found.matches("a"), found.matches("b")) == ({0: "pid 12 died"}, {})
    assert table({"b": b""}, exact, "^late$", errors=b"late\n").matches("b") == {0: "late"}


def test_stderr_is_marked_as_such() -> None:
    assert table({"a": b"x\n"}, TEXT, errors=b"y\n\nz").lines("a") == (
        "x",
        "stderr: y",
        "stderr: z",
    )


def test_the_raw_lines_can_be_asked_for() -> None:
    found = table({"a": b"[    1.000001] x\n[    2.000001] y\n"}, errors=b"\nz\n")
    assert list(found.with_raw("a")) == [
        ("x", "[    1.000001] x"),
        ("y", "[    2.000001] y"),
        ("stderr: z", "z"),
    ]


@given(st.lists(st.binary(max_size=30), min_size=2, max_size=5))
def test_exact_lines_are_equal_only_where_the_bytes_are(outputs: list[bytes]) -> None:
    compare = Compare(mode=Mode.TEXT, unmask=(EXACT,))
    found = table({str(number): output for number, output in enumerate(outputs)}, compare)
    for one, first in enumerate(outputs):
        for other, second in enumerate(outputs):
            same = first.removesuffix(b"\n") == second.removesuffix(b"\n")
            empty = {first, second} == {b"", b"\n"}
            alike = found.lines(str(one)) == found.lines(str(other))
            assert alike == (same and not empty)


@given(st.binary(max_size=300), st.sampled_from([LOG, TEXT, Compare(mode=Mode.KEYS)]))
def test_no_line_holds_a_control_character(output: bytes, compare: Compare) -> None:
    found = table({"a": output, "b": output[::-1]}, compare)
    assert all(line.replace("\t", "").isprintable() for line in found.lines("a") if line.isascii())
