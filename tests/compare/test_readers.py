"""Keys, tables and numbers: one host's lines as features."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare.features import PRESENT, Cell, Features, Number, Unreadable
from fleetdiag.compare.readers import read
from fleetdiag.model import Compare, Field, Mode, Rate, Unit

KEYS = Compare(mode=Mode.KEYS)
TABLE = Compare(mode=Mode.TABLE)


def features(compare: Compare, text: str, uptime_s: float | None = None) -> Features:
    return read(compare, tuple(text.splitlines()), uptime_s)


def value(compare: Compare, text: str, name: str, uptime_s: float | None = None) -> float | None:
    found = features(compare, text, uptime_s).get(name)
    return found.value if isinstance(found, Number) else None


def unread(compare: Compare, text: str) -> str | None:
    """Why `text` could not be read; None where it could."""
    try:
        features(compare, text)
    except Unreadable as error:
        return str(error)
    return None


def numbers(*fields: Field) -> Compare:
    return Compare(mode=Mode.NUMBERS, fields=fields)


# ------------------------------------------------------------------------------------ keys


@pytest.mark.parametrize(
    ("line", "key", "said"),
    [
        ("vm.swappiness = 60", "vm.swappiness", "60"),
        ("PATH=/bin:/usr/bin", "PATH", "/bin:/usr/bin"),
        ("MemTotal:   1 kB", "MemTotal", "1 kB"),
        ("    Speed: 10000Mb/s", "Speed", "10000Mb/s"),
        ("Model name:", "Model name", ""),
        ("time 12:30 = x", "time 12:30", "x"),
        ("nameserver 10.0.0.53", "nameserver", "10.0.0.53"),
        ("a=b=c", "a", "b=c"),
        ("enforcing", "enforcing", PRESENT),
    ],
)
def test_a_line_is_a_key_with_its_value(line: str, key: str, said: str) -> None:
    assert features(KEYS, line) == {key: said}


def test_a_key_said_twice_has_both_values_in_their_order() -> None:
    assert features(KEYS, "nameserver b\nnameserver a\nnameserver b") == {"nameserver": "b, a, b"}


def test_only_takes_the_named_keys_and_what_a_star_stands_for() -> None:
    compare = Compare(mode=Mode.KEYS, only=("a", "net.*"))
    assert features(compare, "a=1\nb=2\nnet.x=3") == {"a": "1", "net.x": "3"}


def test_a_field_of_keys_is_a_number_and_a_share_of_another() -> None:
    total = Field("MemTotal", unit=Unit.BYTES)
    free = Field("MemAvailable", unit=Unit.BYTES, per="MemTotal")
    compare = Compare(mode=Mode.KEYS, only=("SwapTotal",), fields=(total, free))
    found = features(compare, "MemTotal: 8 kB\nMemAvailable: 2 kB\nSwapTotal: 0 kB\nOther: 1")
    assert found["MemTotal"] == Number(8192.0, "8 kB", total)
    assert found["MemAvailable"] == Number(0.25, "25 %", free)
    assert found["SwapTotal"] == "0 kB"
    assert "Other" not in found


# ----------------------------------------------------------------------------------- table

DF = """\
Filesystem     1K-blocks    Used Available Use% Mounted on
/dev/vda1       20509264 9123456  10318708  47% /
tmpfs             402000       0    402000   0% /run
"""


def test_columns_are_found_by_their_header() -> None:
    used = Field("Use%", unit=Unit.PERCENT)
    compare = Compare(mode=Mode.TABLE, key="Mounted on", only=("Use%",), fields=(used,))
    found = features(compare, DF)
    assert found == {
        "/": PRESENT,
        "/run": PRESENT,
        Cell("/", "Use%"): Number(47.0, "47%", used),
        Cell("/run", "Use%"): Number(0.0, "0%", used),
    }


def test_columns_are_found_by_position_without_a_header() -> None:
    compare = Compare(mode=Mode.TABLE, key="2", only=("3",))
    assert features(compare, "/dev/a / ext4 rw\n/dev/b /data xfs rw") == {
        "/": PRESENT,
        "/data": PRESENT,
        Cell("/", "3"): "ext4",
        Cell("/data", "3"): "xfs",
    }


def test_several_columns_name_a_row() -> None:
    compare = Compare(mode=Mode.TABLE, key="1+3", only=("1",))
    assert features(compare, "tcp LISTEN :22\nudp UNCONN :53") == {
        "tcp :22": PRESENT,
        "udp :53": PRESENT,
    }


def test_a_header_without_a_name_for_the_rows_is_read_as_one() -> None:
    found = features(TABLE, "       total used\nMem:   10    5\nSwap:  0     0")
    assert found[Cell("Mem:", "used")] == "5"


def test_the_last_column_may_hold_blanks_and_rows_too_short_are_passed_over() -> None:
    compare = Compare(mode=Mode.TABLE, key="COMMAND", only=("USER",))
    found = features(compare, "USER PID COMMAND\nroot 1 /sbin/init splash\nroot 2")
    assert found == {"/sbin/init splash": PRESENT, Cell("/sbin/init splash", "USER"): "root"}


def test_what_lsblk_draws_before_a_name_is_no_part_of_it() -> None:
    assert "vda1" in features(Compare(mode=Mode.TABLE, key="1", only=("1",)), "vda\n├─vda1\n└─vda2")


def test_two_rows_of_one_name_are_one_with_both_values() -> None:
    compare = Compare(mode=Mode.TABLE, key="1", only=("2",))
    assert features(compare, "a y\na x")[Cell("a", "2")] == "x, y"


# --------------------------------------------------------------------------------- numbers


def test_a_number_is_what_the_pattern_s_group_holds() -> None:
    load = Field("load", pattern=r"load average: ([\d.]+)")
    assert value(numbers(load), "up 3 days, load average: 0.15, 0.10", "load") == 0.15


def test_a_number_is_found_by_its_place_among_the_output_s_numbers() -> None:
    assert value(numbers(Field("five", at="2")), "0.15 0.10 0.05 1/234 5678", "five") == 0.10


def test_a_number_is_divided_by_another_field_and_left_out_by_zero() -> None:
    load = Field("load", pattern=r"load (\S+)", per="cpus")
    cpus = Field("cpus", pattern=r"cpus (\d+)", compare=False)
    assert value(numbers(load, cpus), "load 8\ncpus 4", "load") == 2.0
    assert "load" not in features(numbers(load, cpus), "load 8\ncpus 0")


def test_a_counter_is_divided_by_the_time_the_host_is_up() -> None:
    errors = Field("errors", pattern=r"errors (\d+)", rate=Rate.UPTIME)
    packets = Field("packets", pattern=r"packets (\d+)")
    both = numbers(errors, packets)
    assert value(both, "errors 500\npackets 1", "errors", uptime_s=1000.0) == 0.5
    assert "errors" not in features(both, "errors 500\npackets 1")


def test_a_counter_printed_twice_is_the_difference_over_the_time_between() -> None:
    rx = Field("rx", pattern=r"rx (\d+)", rate=Rate.SAMPLES, interval_s=2.0)
    assert value(numbers(rx), "rx 100\nrx 150\nrx 300", "rx") == 100.0


def test_a_missing_number_is_left_out_and_none_at_all_is_unreadable() -> None:
    a, b = Field("a", pattern=r"a (\d+)"), Field("b", pattern=r"b (\d+)")
    assert set(features(numbers(a, b), "a 1")) == {"a"}
    with pytest.raises(Unreadable, match="none of its numbers is there: a, b"):
        features(numbers(a, b), "nothing here")


def test_no_output_has_no_features() -> None:
    assert features(numbers(Field("a", pattern=r"(\d+)")), "\n \n") == {}


# ----------------------------------------------------------------------------------- parse


def test_json_rows_are_a_table() -> None:
    links = [
        {"ifname": "lo", "mtu": 65536, "flags": ["UP"]},
        {"ifname": "eth0", "mtu": 1500, "addr": {"local": "a"}},
    ]
    compare = Compare(mode=Mode.TABLE, parse="json", key="ifname", only=("mtu", "addr.local"))
    assert features(compare, json.dumps(links)) == {
        "lo": PRESENT,
        "eth0": PRESENT,
        Cell("lo", "mtu"): "65536",
        Cell("eth0", "mtu"): "1500",
        Cell("eth0", "addr.local"): "a",
    }


def test_a_json_object_is_keys_and_numbers() -> None:
    text = json.dumps({"mem": {"total": 8}, "up": True})
    assert features(Compare(mode=Mode.KEYS, parse="json"), text) == {"mem.total": "8", "up": "true"}
    field = Field("total", at="mem.total")
    assert value(Compare(mode=Mode.NUMBERS, parse="json", fields=(field,)), text, "total") == 8.0


def test_jc_reads_what_it_knows() -> None:
    compare = Compare(mode=Mode.TABLE, parse="jc:df", key="mounted_on", only=("use_percent",))
    assert features(compare, DF)[Cell("/", "use_percent")] == "47"


@pytest.mark.parametrize("parse", ["json", "jc:df", "jc:ifconfig", "jc:uptime"])
@given(text=st.text(max_size=60))
def test_what_a_parser_cannot_read_is_said_and_nothing_escapes(parse: str, text: str) -> None:
    for mode in (Mode.KEYS, Mode.TABLE):
        reason = unread(Compare(mode=mode, parse=parse), text)
        assert reason is None or (reason and "\n" not in reason)


def test_json_nested_without_end_is_unreadable_or_cut() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(Unreadable):
        features(Compare(mode=Mode.KEYS, parse="json"), deep)


@pytest.mark.parametrize("mode", [Mode.KEYS, Mode.TABLE])
@given(text=st.text(max_size=200))
def test_any_text_is_read_or_unreadable(mode: Mode, text: str) -> None:
    assert unread(Compare(mode=mode), text) != ""


@pytest.mark.parametrize("mode", [Mode.KEYS, Mode.TABLE, Mode.NUMBERS])
def test_none_is_an_answer_without_anything_in_it(mode: Mode) -> None:
    compare = Compare(mode=mode, fields=(Field("a", pattern=r"a (\d+)"),))

    assert read(compare, ("none",), None) == {}
