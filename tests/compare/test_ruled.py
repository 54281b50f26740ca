"""Rules hold for a host whatever the others say: lines, values, stacks, the end of a log."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import Compare, Field, Finding, FindingKind, Flag, Mode, Severity, Step, Unit
from tests.compare.test_crash import ARM, X86
from tests.factory import make_flag, make_run, make_step, names

PANIC = make_flag("Kernel panic", "the kernel panicked")
OOM = make_flag("Out of memory", "out of memory", Severity.WARNING)


def found(
    said: Mapping[str, str], *flags: Flag, mode: Mode = Mode.LOG, run: str = "dmesg"
) -> list[Finding]:
    step = make_step("log", mode, run=run, flags=flags)
    comparison = compare(make_run({host: {"log": text} for host, text in said.items()}, [step]))
    return [finding for finding in comparison.findings if finding.kind is FindingKind.RULE]


def test_one_finding_for_a_flag_over_all_hosts_that_show_it() -> None:
    (finding,) = found(
        {
            "a": "ok\n[ 1.000000] Kernel panic - 1\n[ 2.000000] Kernel panic - 2\n",
            "b": "ok\n",
            "c": "[ 3.000000] Kernel panic - 1\n",
        },
        PANIC,
        OOM,
    )
    assert finding.severity is Severity.CRITICAL
    assert finding.summary == "the kernel panicked"
    assert finding.step == "log"
    assert (finding.hosts, finding.of) == (("a", "c"), 3)
    assert finding.evidence == (
        "a: [ 1.000000] Kernel panic - 1",
        "c: [ 3.000000] Kernel panic - 1",
    )


def test_evidence_of_many_hosts_that_say_the_same_is_one_line() -> None:
    said = {host: f"[ {n}.000000] Out of memory: {n}\n" for n, host in enumerate(names("h-", 9))}
    (finding,) = found(said, OOM)
    assert finding.evidence == ("h-01 and 8 more: [ 0.000000] Out of memory: 0",)


def test_evidence_of_many_hosts_that_say_different_things_is_three_lines() -> None:
    said = {host: f"Out of memory: {host[-1] * 3}\n" for host in ("a", "b", "c", "d", "e")}
    (finding,) = found(said, OOM, mode=Mode.TEXT)
    assert len(finding.evidence) == 3


# ---------------------------------------------------------------------------------- values


def table_of(text: str, *flags: Flag) -> list[Finding]:
    used = Field("Use%", unit=Unit.PERCENT)
    compared = Compare(mode=Mode.TABLE, key="3", only=("Use%",), fields=(used,))
    step = Step("disks", ("df",), compare=compared, flags=flags)
    header = "Name Use% Mount\n"
    findings = compare(make_run({"h": {"disks": header + text}}, [step])).findings
    return [finding for finding in findings if finding.kind is FindingKind.RULE]


def test_a_flag_on_a_feature_names_the_worst() -> None:
    full = Flag(say="full", feature="* Use%", above=90.0)
    (finding,) = table_of("a 91% /var\nb 97% /data\nc 12% /\n", full)
    assert finding.evidence == ("h: /data Use% 97%",)
    assert table_of("a 90% /var\n", full) == []


@pytest.mark.parametrize(
    ("flag", "is_raised"),
    [
        (Flag(say="x", feature="/ Use%", below=50.0), True),
        (Flag(say="x", feature="/ Use%", below=12.0), False),
        (Flag(say="x", feature="/ Use%", above=10.0, below=20.0), True),
        (Flag(say="x", feature="/ Use%", above=10.0, below=11.0), False),
        (Flag(say="x", feature="/ Use%", equals="12%"), True),
        (Flag(say="x", feature="/ Use%", equals="12"), False),
        (Flag(say="x", feature="/ Use%", matches="^1"), True),
        (Flag(say="x", feature="/", equals="present"), True),
        (Flag(say="x", feature="/v* Use%", above=0.0), False),
        (Flag(say="x", feature="/", above=0.0), False),
    ],
)
def test_all_that_a_flag_asks_must_be_true(flag: Flag, *, is_raised: bool) -> None:
    assert bool(table_of("c 12% /\n", flag)) is is_raised


# ---------------------------------------------------------------------------------- stacks

OOPS = Flag(say="the kernel hit a bug (oops)", matches="BUG:|Unable to handle", name="oops")


def test_hosts_with_one_stack_have_one_crash() -> None:
    said = {host: X86.replace("PID: 812", f"PID: {host[-1]}") for host in names("h-", 4)}
    (finding,) = found(said, OOPS)
    assert finding.also[0] == "the same stack on all 4: skb_gro_receive"
    assert finding.evidence[-1] == (
        "stack: skb_gro_receive ← tcp_gro_receive ← inet_gro_receive ← dev_gro_receive "
        "← napi_gro_receive"
    )


def test_hosts_with_different_stacks_have_different_crashes() -> None:
    (finding,) = found({"a": X86, "b": X86, "c": ARM, "d": "ok\n"}, OOPS)
    assert finding.also[0] == "2 different stacks on 3 hosts"
    assert finding.evidence[-1] == "stack: 1 of 3: ext4_readdir ← iterate_dir"


def test_the_stack_of_one_host_is_told() -> None:
    (finding,) = found({"a": ARM, "b": "ok\n"}, OOPS)
    assert finding.also[0] == "it happened in ext4_readdir"


# ------------------------------------------------------------------------------- log's end

PREVIOUS = "journalctl -b -1 --no-pager"
LINES = "".join(f"Nov 22 03:04:0{n} h app[1]: line {n}\n" for n in range(8))
SHUTDOWN = LINES + "Nov 22 03:05:00 h systemd[1]: Reached target Reboot.\n"


def test_a_previous_boot_s_log_that_breaks_off_is_told() -> None:
    said = {"a": LINES, "b": SHUTDOWN, "c": SHUTDOWN}
    (finding,) = found(said, run=PREVIOUS)
    assert (finding.hosts, finding.of, finding.severity) == (("a",), 3, Severity.WARNING)
    assert finding.evidence == ("a, its last line: Nov 22 03:04:07 h app[1]: line 7",)


def test_the_kernel_s_messages_alone_need_not_hold_the_end() -> None:
    (finding,) = found({"a": LINES, "b": SHUTDOWN}, run="journalctl -k -b -1")
    assert finding.severity is Severity.INFO


def test_the_log_of_this_boot_has_no_end() -> None:
    assert found({"a": LINES, "b": LINES}, run="journalctl -b") == []


def test_a_log_of_a_few_lines_has_no_end_to_speak_of() -> None:
    assert found({"a": "No journal files were found.\n"}, run=PREVIOUS) == []
