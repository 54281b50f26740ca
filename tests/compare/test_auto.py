"""What `auto` chooses: by the command, by the name, by the looks of an output."""

from __future__ import annotations

import re
import time

import pytest

from fleetdiag.compare.auto import Chosen, choose, describe, sniff
from fleetdiag.compare.auto.choice import known_forms
from fleetdiag.compare.auto.command import Call, parse_command
from fleetdiag.model import Compare, Field, Mode, Step


def asked(*commands: str, name: str = "step", compare: Compare | None = None) -> Step:
    return Step(name, commands, compare=compare or Compare())


# ------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("df -h", Call("df", ("-h",))),
        ("sudo -n df -h", Call("df", ("-h",))),
        ("sudo -u root -- /bin/df", Call("df")),
        ("LC_ALL=C LANG=C timeout -k 1 5 /usr/bin/df -P 2>/dev/null", Call("df", ("-P",))),
        ("env TZ=UTC date", Call("date")),
        ("env", Call("env")),
        ("nice -n 10 ionice -c3 ps aux", Call("ps", ("aux",))),
        ("ps aux | head -n 20", Call("ps", ("aux",))),
        ("ps aux 2>&1 | grep -v '[n]ginx' | sort -u", Call("ps", ("aux",))),
        ("dmesg | tail -n 2000 || true", Call("dmesg")),
        ("busybox free", Call("free")),
        ("cat /proc/meminfo", Call("", ("/proc/meminfo",), ("/proc/meminfo",))),
    ],
)
def test_the_program_is_found_behind_wrappers_and_before_filters(command: str, call: Call) -> None:
    assert parse_command(command) == call


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("tail -n 100 /var/log/messages", ("/var/log/messages",)),
        ("grep -i error /var/log/syslog", ("/var/log/syslog",)),
        ("grep -e error -e warn /var/log/syslog | head", ("/var/log/syslog",)),
        ("zcat /var/log/kern.log.1.gz | tail -5", ("/var/log/kern.log.1.gz",)),
    ],
)
def test_a_program_that_prints_a_file_is_known_by_the_file(
    command: str, files: tuple[str, ...]
) -> None:
    call = parse_command(command)
    assert call is not None
    assert call.files == files


@pytest.mark.parametrize(
    "command",
    [
        "df | awk '{print $5}'",
        "df | sed 1d",
        "ps aux | wc -l",
        "ps aux | grep -c nginx",
        "ps -eo comm | sort | uniq -c",
        "dmesg | cut -c1-80",
        "ip -j addr | jq .",
        "df; free",
        "df && free",
        "df -h\nfree",
        "df > /tmp/x",
        "for m in / /data; do df $m; done",
        "k=$(dmesg) || exit; printf '%s\\n' \"$k\"",
        "(df)",
        "df 'unclosed",
        "command -v df",
        "sudo -n",
        "| df",
        "df |",
        "",
    ],
)
def test_what_is_no_longer_the_programs_output_is_text(command: str) -> None:
    chosen = choose(asked(command), ("some", "words"))
    assert (chosen.compare.mode, chosen.name) == (Mode.TEXT, "")


def test_a_command_line_of_a_megabyte_is_read_at_once() -> None:
    started = time.perf_counter()
    assert parse_command("df " + "'a' | " * 200_000) is None
    assert time.perf_counter() - started < 1.0


# ------------------------------------------------------------------------------- forms

DF = ("Filesystem     1K-blocks    Used Available Use% Mounted on", "/dev/vda1 100 20 80 20% /")


def test_the_header_says_which_form_it_is_not_the_option() -> None:
    inodes = ("Filesystem      Inodes  IUsed   IFree IUse% Mounted on", "/dev/vda1 100 20 80 20% /")
    assert [field.name for field in choose(asked("df"), inodes).compare.fields][:1] == ["IUse%"]
    assert [field.name for field in choose(asked("df -i"), DF).compare.fields][:1] == ["Use%"]


def test_a_table_whose_header_was_picked_away_is_compared_by_lines() -> None:
    chosen = choose(asked("df | grep vda1"), DF[1:])
    assert (chosen.name, chosen.compare.mode) == ("df", Mode.LINES)


def test_of_fallbacks_the_one_counts_that_the_output_looks_like() -> None:
    step = asked("ss -tuln", "netstat -tuln")
    ss = ("Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port",)
    netstat = ("Active Internet connections (only servers)", "Proto Recv-Q Send-Q Local Address")
    assert choose(step, ss).name == "ss"
    assert choose(step, netstat).compare.mode is Mode.LINES


def test_a_known_fallback_of_an_unknown_command_needs_an_output_that_looks_like_it() -> None:
    step = asked("my-own-tool", "df")
    assert choose(step, DF).name == "df"
    assert choose(step, ("all is well",)).compare.mode is Mode.TEXT


def test_without_any_output_the_command_alone_decides() -> None:
    assert choose(asked("df -h"), ()).compare.mode is Mode.TABLE


# ------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "sample", "known"),
    [
        ("df", DF, "df"),
        ("df-h", DF, "df"),
        ("df-2", DF, "df"),
        ("sudo-df-P", DF, "df"),
        ("proc-cpuinfo", ("processor\t: 0",), "cpuinfo"),
        ("meminfo", ("MemTotal:       16303228 kB",), "meminfo"),
        ("cat-proc-loadavg", ("0.00 0.01 0.05 1/123 4567",), "loadavg"),
        ("cat-etc-resolv.conf", ("nameserver 10.0.0.2",), "resolv.conf"),
        ("ip-addr", ("1: lo: <LOOPBACK,UP> mtu 65536",), "ip address"),
        ("ip-route-show", ("default via 10.0.0.1 dev eth0",), "ip route"),
        ("ps-aux", ("USER         PID %CPU %MEM    VSZ   RSS",), "ps"),
        ("ss-tulpn", ("Netid State  Recv-Q Send-Q Local Address:Port",), "ss"),
        ("rpm-qa", ("bash-5.1.8-6.el9.x86_64",), "rpm -qa"),
        (
            "dpkg-l",
            (
                "Desired=Unknown",
                "||/ Name  Version",
            ),
            "dpkg -l",
        ),
        ("free-m", ("Mem:  15921 1 2 3 4 5",), "free"),
        ("sysctl-a", ("vm.swappiness = 60",), "sysctl"),
        ("uname-a", ("Linux web-01 6.1.0",), "uname"),
        ("dmesg-T", ("[Sun Nov 22 03:04:05 2026] eth0: up",), "dmesg"),
        ("journalctl-k", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "journalctl"),
        ("messages", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "syslog"),
        ("syslog.log", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "syslog"),
        ("kern.log", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "dmesg"),
        ("var-log-messages", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "syslog"),
        ("console-output", ("[    0.000000] Linux version 6.1",), "dmesg"),
        ("console", ("[    0.000000] Linux version 6.1",), "dmesg"),
        ("journal", ("Nov 22 03:04:05 web-01 kernel: eth0: up",), "journalctl"),
    ],
)
def test_a_step_without_a_command_is_known_by_its_name(
    name: str, sample: tuple[str, ...], known: str
) -> None:
    assert choose(asked(name=name), sample).name == known


def test_a_name_counts_only_where_the_output_looks_like_it() -> None:
    assert choose(asked(name="top"), ("apple", "pear")).name == ""


def test_the_name_of_a_step_with_a_script_says_nothing() -> None:
    assert choose(asked("my-own-tool --top", name="top"), ("load average: 1",)).name == ""


# ------------------------------------------------------------------------------- looks


def test_lines_that_mostly_begin_with_a_time_are_a_log() -> None:
    lines = tuple(f"2026-11-22T03:04:0{n}Z app: started {n}" for n in range(5))
    chosen = choose(asked("my-own-tool"), (*lines, "  at a.b.c"))
    assert (chosen.name, chosen.compare.mode, chosen.rules) == ("log", Mode.LOG, ())


def test_a_log_with_the_kernels_lines_gets_its_rules() -> None:
    kernel = tuple(f"[    {n}.123456] eth{n}: link up" for n in range(5))
    assert choose(asked(name="output"), kernel).rules == ("kernel",)


def test_an_answer_of_two_times_is_no_log() -> None:
    assert choose(asked("my-own-tool"), ("2026-11-22T03:04:05Z", "2026-11-22T03:04:06Z")).name == ""


@pytest.mark.parametrize(
    ("line", "known_as"),
    [
        ("Filesystem      Inodes IUsed IFree IUse% Mounted on", "df"),
        ("Module                  Size  Used by", "lsmod"),
        ("10.0.8.77 dev eth0  FAILED", "ip neighbour"),
        ("10.0.8.1 dev eth0 lladdr 00:1c:73:aa:40:01 REACHABLE", "ip neighbour"),
        ("State  Recv-Q Send-Q Local Address:Port Peer Address:Port", "ss"),
        ("bash-5.1.8-9.el9.x86_64", "rpm -qa"),
        ("apples are red, pears are not", ""),
    ],
)
@pytest.mark.parametrize("step", ["my-own-tool", ""])
def test_an_output_that_begins_as_a_known_commands_is_that(
    line: str, known_as: str, step: str
) -> None:
    assert choose(asked(step, name="output"), ("", line)).name == known_as


def test_every_look_leads_to_an_entry_of_the_table() -> None:
    known = {form.name for form in known_forms()}
    for _, command in sniff.LOOKS:
        assert choose(asked(command), ()).name in known, command


def test_what_a_form_reads_decides_not_its_first_line_alone() -> None:
    assert choose(asked("my-own-tool"), ("top - 10:00:00 up 3 days", "no more")).name == ""


# ------------------------------------------------------------------------- what a step says


def test_a_mode_that_the_playbook_names_is_left_alone() -> None:
    own = Compare(mode=Mode.LINES, mask=("x",))
    assert choose(asked("df", compare=own), DF) == Chosen(own)


def test_the_steps_own_masks_are_joined_to_the_tables() -> None:
    own = Compare(mask=("my-mask",), unmask=("mac",))
    table = choose(asked("ip addr"), ()).compare
    found = choose(asked("ip addr", compare=own), ("1: lo:",)).compare
    assert found.mask[-1] == "my-mask"
    assert len(found.mask) == len(choose(asked("ip addr"), ("1: lo:",)).compare.mask) + 1
    assert found.unmask == (*table.unmask, "mac")


def test_the_steps_own_columns_and_fields_go_before_the_tables() -> None:
    own = Compare(only=("Used",), fields=(Field("Used"),))
    found = choose(asked("df", compare=own), DF).compare
    assert (found.mode, found.key, found.only, found.fields) == (
        Mode.TABLE,
        "6",
        own.only,
        own.fields,
    )


def test_the_sample_is_fetched_only_where_it_is_needed() -> None:
    def never() -> tuple[str, ...]:
        raise AssertionError

    assert choose(asked("dmesg"), never).rules == ("kernel",)
    assert choose(asked("uname -a"), never).name == "uname"


@pytest.mark.parametrize(
    "command", ["journalctl -k -u ssh", "journalctl -oshort-iso -b", "dmesg -T"]
)
def test_logs_of_the_kernel_get_its_rules(command: str) -> None:
    assert choose(asked(command), ()).rules == ("kernel",)


def test_logs_of_units_get_no_rules_for_the_kernel() -> None:
    assert choose(asked("journalctl -u nginx -n 50"), ()).rules == ()
    assert choose(asked("journalctl -b -1"), ()).rules == ("kernel",)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("df", "df: table by column 6, Use%, size as numbers, rules disk"),
        ("dmesg", "dmesg: log, rules kernel"),
        ("who", "who: not compared"),
        ("uptime", "uptime: numbers, of load 1, load 5, load 15, up"),
        ("my-own-tool", "text"),
    ],
)
def test_the_choice_is_told_in_words(command: str, said: str) -> None:
    assert describe(choose(asked(command), ())) == said


# ------------------------------------------------------------------------- hostile outputs

RUNS = (
    *(
        "1",
        "a",
        "A",
        " ",
        "  1",
        "1 ",
        "a ",
        "A ",
        "a: ",
        "1.",
        "1:",
        "a:",
        "=",
        "/",
        "a/",
        "[",
        "(",
    ),
    *(
        "[1",
        "sshd",
        "a-",
        "-",
        "x=1,",
        "up ",
        "\t",
        " \t",
        "1m",
        "tcp 1",
        "[d",
        "session-1",
        "KUBE-",
    ),
)
HEADS = ("", "tcp ", "load average: ", "root 1 ", "%Cpu(s): ", "* ")
SLOW_S = 0.25
"""A backtracking pattern needs seconds; a linear one a hundredth."""


def test_no_pattern_of_the_table_backtracks_on_hostile_lines() -> None:
    masks = {mask for form in known_forms() for mask in form.compare.mask}
    masks |= {f"^(?:{looks})" for looks, _ in sniff.LOOKS}
    fields = {f.pattern for form in known_forms() for f in form.compare.fields if f.pattern}
    for pattern, chars in (*((m, 8192) for m in masks), *((f, 16384) for f in fields)):
        compiled = re.compile(pattern)
        for run in RUNS:
            text = [head + run * (chars // len(run)) + "\x00" for head in HEADS]
            started = time.perf_counter()
            for line in text:
                compiled.sub("", line)
            assert time.perf_counter() - started < SLOW_S, (pattern, run)


def test_any_sample_gets_a_choice() -> None:
    for sample in (("\x00" * 10_000,), ("",) * 1000, ("x" * 1_000_000,), ("\\xff\\xfe",)):
        for command in ("df", "ps aux", "ss -tuln", "my-own-tool", "top"):
            assert choose(asked(command), sample).compare.mode is not Mode.AUTO
