"""The same hosts in two runs: what changed, who rebooted, who is new or gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fleetdiag.compare.baseline import changed_findings, run_findings
from fleetdiag.compare.features import EXIT_CODE, PRESENT, WHOLE, Cell, Number
from fleetdiag.model import (
    Field,
    FindingKind,
    HostFacts,
    HostStatus,
    Mode,
    Outcome,
    Rate,
    Severity,
    Side,
    Unit,
)
from tests.factory import STARTED_AT, make_host, make_result, make_run, make_step, names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.features import Features
    from fleetdiag.model import Finding, HostResult, Run

TEN = names("web-", 10)


def everywhere(features: Features, **others: Features) -> dict[str, Features]:
    """Ten hosts with `features`, but for those named (`web_03=…`)."""
    return {host: others.get(host.replace("-", "_"), features) for host in TEN}


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def changed(
    step: str, mode: Mode, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Finding]:
    return changed_findings(step, mode, before, after)


def number(value: float, unit: Unit = Unit.NONE, **how: object) -> Number:
    return Number(value, f"{value:g}", Field("x", unit=unit, **how))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ one step


def test_equal_runs_have_no_change() -> None:
    before = everywhere({"kernel.panic": "0", "a": number(3.0)})
    assert changed("sysctl", Mode.KEYS, before, dict(before)) == []


def test_the_same_change_on_many_hosts_is_one_finding() -> None:
    before = everywhere({"kernel.panic": "0"})
    after = everywhere({"kernel.panic": "10"}, web_10={"kernel.panic": "0"})
    finding = only(changed("sysctl", Mode.KEYS, before, after))
    assert finding.kind is FindingKind.CHANGED
    assert finding.severity is Severity.WARNING
    assert finding.summary == "sysctl: kernel.panic changed from 0 to 10"
    assert (finding.hosts, finding.of) == (tuple(TEN[:9]), 10)
    assert (finding.step, finding.feature) == ("sysctl", "kernel.panic")
    assert finding.evidence == ("- kernel.panic = 0", "+ kernel.panic = 10")


def test_hosts_that_came_to_one_value_from_several_are_one_finding() -> None:
    before = everywhere({"a": "0"}, web_01={"a": "1"})
    finding = only(changed("s", Mode.KEYS, before, everywhere({"a": "10"})))
    assert finding.summary == "s: a changed from 1 or 0 to 10"


def test_all_changes_on_the_same_hosts_are_one_finding() -> None:
    before = everywhere({"a": "0", "b": "x", "c": "1"})
    after = everywhere(before["web-01"], web_03={"a": "1", "b": "y", "d": "1"})
    finding = only(changed("s", Mode.KEYS, before, after))
    assert finding.summary == "s: 4 values changed"
    assert finding.hosts == ("web-03",)
    assert "- a = 0" in finding.evidence
    assert "+ a = 1" in finding.evidence


def test_a_key_that_came_and_one_that_went_are_said() -> None:
    before, after = everywhere({"a": "1"}), everywhere({"a": "1", "b": "2"})
    came = only(changed("s", Mode.KEYS, before, after))
    went = only(changed("s", Mode.KEYS, after, before))
    assert came.summary == "s: b = 2 is new since the baseline"
    assert went.summary == "s: b is gone since the baseline"


def test_hosts_of_one_run_only_are_not_compared() -> None:
    before = {"web-01": {"a": "1"}, "gone": {"a": "1"}}
    after = {"new": {"a": "2"}, "web-01": {"a": "1"}}
    assert changed("s", Mode.KEYS, before, after) == []


def test_a_text_changes_by_line_and_two_lines_are_a_change_from_one_to_the_other() -> None:
    before = everywhere({WHOLE: "Linux <self> 6.1.0"})
    after = everywhere({WHOLE: "Linux <self> 6.5.0"})
    finding = only(changed("kernel", Mode.TEXT, before, after))
    expected = "kernel: changed from Linux <self> 6.1.0 to Linux <self> 6.5.0"
    assert finding.summary == expected
    assert finding.evidence == ("- Linux <self> 6.1.0", "+ Linux <self> 6.5.0")


def test_the_same_line_new_in_different_texts_is_one_finding() -> None:
    before = {host: {WHOLE: f"I am {host}\nfine"} for host in TEN}
    after = {host: {WHOLE: f"I am {host}\nfine\nnot"} for host in TEN}
    finding = only(changed("s", Mode.TEXT, before, after))
    assert finding.summary == "s: not is new since the baseline"
    assert len(finding.hosts) == 10


def test_lines_in_another_order_are_a_change_of_a_text() -> None:
    before, after = everywhere({WHOLE: "a\nb"}), everywhere({WHOLE: "b\na"})
    finding = only(changed("s", Mode.TEXT, before, after))
    assert finding.summary == "s: the same lines in another order"


def test_lines_gone_and_new_are_counted() -> None:
    before = everywhere({"a": PRESENT, "b": PRESENT, "c": PRESENT})
    finding = only(changed("s", Mode.LINES, before, everywhere({"c": PRESENT})))
    assert finding.summary == "s: lines changed, 2 gone and 0 new"
    assert finding.evidence == ("- a", "- b")


def test_an_exit_code_that_is_new_is_said() -> None:
    before = everywhere({WHOLE: "x"})
    after = everywhere({WHOLE: "x"}, web_02={WHOLE: "x", EXIT_CODE: "3"})
    finding = only(changed("s", Mode.TEXT, before, after))
    assert finding.summary == "s: exit code = 3 is new since the baseline"


def test_a_row_that_is_new_is_one_change_whatever_its_cells() -> None:
    sda: Features = {"sda": PRESENT, Cell("sda", "size"): "1G"}
    more: Features = {**sda, "sdb": PRESENT, Cell("sdb", "size"): "2G", Cell("sdb", "ro"): "0"}
    finding = only(changed("disks", Mode.TABLE, everywhere(sda), everywhere(more)))
    assert finding.summary == "disks: sdb is new since the baseline"
    finding = only(changed("disks", Mode.TABLE, everywhere(more), everywhere(sda)))
    assert finding.summary == "disks: sdb is gone since the baseline"


def test_a_cell_of_a_row_in_both_runs_is_compared() -> None:
    before: Features = {"sda": PRESENT, Cell("sda", "size"): "1G"}
    after: Features = {"sda": PRESENT, Cell("sda", "size"): "2G"}
    finding = only(changed("disks", Mode.TABLE, everywhere(before), everywhere(after)))
    assert finding.summary == "disks: sda size changed from 1G to 2G"


@pytest.mark.parametrize(
    ("was", "now", "moved"),
    [
        (number(0.2), number(0.9), False),  # far in itself, below the floor
        (number(10.0), number(14.0), False),  # above the floor, not by half
        (number(10.0), number(15.0), True),
        (number(10.0), number(5.0), True),
        (number(0.0), number(1.0), True),
        (number(10.0, floor=6.0), number(15.0, floor=6.0), False),
        (number(10.0, side=Side.HIGH), number(1.0, side=Side.HIGH), False),
        (number(10.0, side=Side.LOW), number(1.0, side=Side.LOW), True),
        (number(10.0, compare=False), number(99.0, compare=False), False),
        (number(10.0, rate=Rate.UPTIME), number(30.0, rate=Rate.UPTIME), False),
        (number(10.0, rate=Rate.UPTIME), number(40.0, rate=Rate.UPTIME), True),
        (number(85.0, Unit.PERCENT), number(97.0, Unit.PERCENT), True),
        (number(30.0, Unit.PERCENT), number(39.0, Unit.PERCENT), False),
        (number(2e9, Unit.BYTES), number(3e9, Unit.BYTES), True),
        (number(2e6, Unit.BYTES), number(9e6, Unit.BYTES), False),
        (number(float("nan")), number(1.0), False),
    ],
)
def test_a_number_moves_beyond_share_and_floor_only(was: Number, now: Number, moved: bool) -> None:
    found = changed("s", Mode.NUMBERS, {"a": {"x": was}}, {"a": {"x": now}})
    assert bool(found) is moved


def test_numbers_that_rose_by_different_moves_are_one_finding() -> None:
    before = everywhere({"load": number(1.0)})
    after = {host: {"load": number(5.0 + n)} for n, host in enumerate(TEN)}
    finding = only(changed("uptime", Mode.NUMBERS, before, after))
    assert finding.summary == "uptime: load rose, at most from 1 to 14"
    assert finding.evidence[0] == "web-01: load rose from 1 to 5"
    assert finding.evidence[-1] == "… 5 more hosts"


def test_a_number_on_one_host_is_told_with_both_values() -> None:
    before, after = {"a": {"load": number(1.0)}}, {"a": {"load": number(9.5)}}
    finding = only(changed("uptime", Mode.NUMBERS, before, after))
    assert finding.summary == "uptime: load rose from 1 to 9.5"


def test_a_new_event_of_trouble_is_a_warning_another_is_info() -> None:
    before = everywhere({"boot": 1})
    trouble = everywhere({"boot": 1, "I/O error on sda": 3})
    harmless = everywhere({"boot": 1, "eth0: link is up": 1})
    bad = only(changed("dmesg", Mode.LOG, before, trouble))
    assert bad.summary == "dmesg: I/O error on sda is new since the baseline"
    assert bad.severity is Severity.WARNING
    assert bad.evidence == ("+ I/O error on sda  (3 times)",)
    assert only(changed("dmesg", Mode.LOG, before, harmless)).severity is Severity.INFO


def test_an_event_that_is_gone_is_told_only_of_trouble() -> None:
    after = everywhere({"boot": 1})
    calm = changed("dmesg", Mode.LOG, everywhere({"boot": 1, "link is up": 1}), after)
    assert calm == []
    before = everywhere({"boot": 1, "oom: out of memory": 1})
    finding = only(changed("dmesg", Mode.LOG, before, after))
    assert finding.severity is Severity.INFO
    assert finding.summary == "dmesg: oom: out of memory is gone since the baseline"


@pytest.mark.parametrize(("was", "now", "told"), [(1, 4, False), (10, 39, False), (10, 40, True)])
def test_an_event_is_more_frequent_from_four_times_on(was: int, now: int, told: bool) -> None:
    before, after = {"a": {"timeout": was}}, {"a": {"timeout": now}}
    found = changed("dmesg", Mode.LOG, before, after)
    assert [f.summary for f in found] == (
        [f"dmesg: timeout {now} times, {was} in the baseline"] if told else []
    )


def test_an_event_far_more_frequent_on_many_hosts_is_one_finding() -> None:
    before = everywhere({"timeout": 2})
    after = {host: {"timeout": 20 + n} for n, host in enumerate(TEN)}
    assert len(only(changed("dmesg", Mode.LOG, before, after)).hosts) == 10


def test_many_ways_are_one_finding() -> None:
    before = everywhere({"a": "0"})
    after = {host: {"a": str(n % 5 + 1)} for n, host in enumerate(TEN)}
    finding = only(changed("s", Mode.KEYS, before, after))
    assert finding.summary == "s changed, in 5 ways on 10 hosts"
    assert finding.severity is Severity.WARNING
    assert finding.evidence == (
        "web-01: a changed from 0 to 1",
        "web-02: a changed from 0 to 2",
        "web-03: a changed from 0 to 3",
        "web-04: a changed from 0 to 4",
        "… 1 more ways",
    )


def test_a_value_that_is_another_each_time_does_not_hide_a_change_beside_it() -> None:
    before = {host: {"serial": f"A{n}", "mode": "on"} for n, host in enumerate(TEN)}
    after = {host: {"serial": f"B{n}", "mode": "on"} for n, host in enumerate(TEN)}
    after["web-03"]["mode"] = "off"
    by_severity = {f.severity: f for f in changed("s", Mode.KEYS, before, after)}
    assert set(by_severity) == {Severity.INFO, Severity.WARNING}
    assert by_severity[Severity.WARNING].summary == "s: mode changed from on to off"
    assert by_severity[Severity.WARNING].hosts == ("web-03",)
    assert "serial changed on nearly every host" in by_severity[Severity.INFO].summary


def test_lines_of_each_host_s_own_are_info_and_a_shared_change_stays_a_warning() -> None:
    before = {host: {f"n {n}": PRESENT} for n, host in enumerate(TEN)}
    after = {host: {f"m {n}": PRESENT, "bad": PRESENT} for n, host in enumerate(TEN)}
    found = changed("s", Mode.LINES, before, after)
    assert [(f.severity, len(f.hosts)) for f in found] == [
        (Severity.INFO, 10),
        (Severity.WARNING, 10),
    ]


def test_a_change_is_compared_once_for_equal_hosts() -> None:
    was: Features = {str(n): "x" for n in range(2000)}
    now: Features = {str(n): "y" for n in range(2000)}
    hosts = names("h", 1000)
    before, after = dict.fromkeys(hosts, was), dict.fromkeys(hosts, now)
    assert only(changed("s", Mode.KEYS, before, after)).summary == ("s: 2000 values changed")


# ------------------------------------------------------------------------------- the run


def booted(
    name: str, boot_id: str = "", uptime_s: float | None = None, at: float = 0.0
) -> HostResult:
    facts = HostFacts(hostname=name, boot_id=boot_id, uptime_s=uptime_s)
    return replace(make_host(name, {"s": "x"}, facts=facts), started_at=STARTED_AT + at)


def summaries(before: Run, after: Run) -> list[str]:
    return [finding.summary for finding in run_findings(before, after)]


def test_another_boot_id_is_a_reboot_and_no_alarm() -> None:
    before = make_run([booted("a", "one"), booted("b", "two")])
    after = make_run([booted("a", "one", 5e6), booted("b", "three", 90.0)])
    finding = only(run_findings(before, after))
    assert finding.summary == f"rebooted since {before.id}"
    assert (finding.hosts, finding.of, finding.severity) == (("b",), 2, Severity.INFO)
    assert finding.evidence == ("b: up 90 s",)


@pytest.mark.parametrize(
    ("was_s", "now_s", "at_s", "rebooted"),
    [
        (5000.0, 5600.0, 600.0, False),
        (5000.0, 300.0, 600.0, True),
        (None, 300.0, 600.0, True),
        (None, 900.0, 600.0, False),
        (100.0, 7200.0, 86400.0, True),  # up longer than then, and booted since
        (100.0, None, 600.0, False),
    ],
)
def test_without_boot_ids_the_uptime_tells_of_a_reboot(
    was_s: float | None, now_s: float | None, at_s: float, rebooted: bool
) -> None:
    before = make_run([booted("a", uptime_s=was_s)])
    after = make_run([booted("a", uptime_s=now_s, at=at_s)])
    assert bool(summaries(before, after)) is rebooted


def test_new_and_vanished_hosts_are_said() -> None:
    before = make_run({"a": {"s": "x"}, "old": {"s": "x"}})
    after = make_run({"a": {"s": "x"}, "new": {"s": "x"}})
    new, gone = run_findings(before, after)
    assert (new.summary, new.hosts) == (f"new, not in {before.id}", ("new",))
    assert gone.summary == f"1 host of {before.id} not asked this time"
    assert (gone.hosts, gone.evidence) == ((), ("old",))


def test_no_host_in_common_is_a_warning_and_nothing_more() -> None:
    before, after = make_run({"a": {"s": "x"}}), make_run({"b": {"s": "y"}})
    finding = only(run_findings(before, after))
    assert finding.severity is Severity.WARNING
    assert "no host in common" in finding.summary


def test_a_host_that_fell_silent_is_a_warning_one_that_is_back_is_info() -> None:
    up = make_host("a", {"s": "x"})
    down = make_host("a", status=HostStatus.LOST, reason="reset")
    other = make_host("b", {"s": "x"})
    lost = only(run_findings(make_run([up, other]), make_run([down, other])))
    assert (lost.severity, lost.evidence) == (Severity.WARNING, ("a: lost: reset",))
    back = only(run_findings(make_run([down, other]), make_run([up, other])))
    assert (back.severity, back.evidence) == (Severity.INFO, ("a: was lost: reset",))


def test_a_step_that_gives_no_answer_any_more_is_a_warning() -> None:
    denied = make_result("disk", Outcome.DENIED, reason="permission denied")
    before = make_run({host: {"disk": "ok"} for host in TEN})
    after = make_run({host: {"disk": denied if host == "web-03" else "ok"} for host in TEN})
    finding = only(run_findings(before, after))
    assert finding.summary == f"disk is denied, it gave an answer in {before.id}"
    assert (finding.severity, finding.step, finding.hosts) == (
        Severity.WARNING,
        "disk",
        ("web-03",),
    )
    assert only(run_findings(after, before)).severity is Severity.INFO


def test_steps_of_one_run_only_and_with_other_commands_are_said() -> None:
    said = {"a": {"x": "1"}}
    before = make_run(said, [make_step("x", run="x -a"), make_step("old")])
    after = make_run(said, [make_step("x", run="x -b"), make_step("new")])
    told = summaries(before, after)
    assert told == [
        f"steps not in {before.id}: new",
        f"steps only in {before.id}: old",
        f"steps whose commands are others than in {before.id}: x",
    ]
