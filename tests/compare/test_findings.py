"""What is concluded, how bad it is, and what comes first."""

from __future__ import annotations

import pytest

from fleetdiag.compare import compare
from fleetdiag.model import Finding, FindingKind, HostStatus, Mode, Outcome, Severity
from tests.factory import Said, make_flag, make_host, make_result, make_run, make_step, names

PANIC = make_flag("Kernel panic", "the kernel panicked")


def findings_of(values: dict[str, Said], mode: Mode = Mode.TEXT) -> tuple[Finding, ...]:
    run = make_run(
        {host: {"step": said} for host, said in values.items()}, [make_step("step", mode)]
    )
    return compare(run).findings


def fleet(count: int, said: Said = "same\n") -> dict[str, Said]:
    return dict.fromkeys(names("web-", count), said)


def test_one_odd_host_differs_from_the_rest() -> None:
    (finding,) = findings_of(fleet(10, "a = 1\n") | {"web-04": "a = 2\n"})
    assert finding.kind is FindingKind.DIFFERS
    assert finding.severity is Severity.WARNING
    assert finding.summary == "step differs from 9 of 10 hosts"
    assert (finding.hosts, finding.of) == (("web-04",), 10)
    assert finding.evidence == ("- a = 1", "+ a = 2")


def test_odd_hosts_that_agree_are_one_finding_and_others_their_own() -> None:
    found = findings_of(fleet(9) | {"web-01": "x", "web-02": "y", "web-05": "x"})
    assert [finding.hosts for finding in found] == [("web-01", "web-05"), ("web-02",)]


def test_many_odd_groups_are_one_finding() -> None:
    (finding,) = findings_of(fleet(12) | {f"web-{n:02d}": f"own {n}" for n in range(1, 6)})
    assert finding.summary == "step differs from 7 of 12 hosts, in 5 ways"
    assert len(finding.hosts) == 5


def test_no_majority_is_said_with_its_groups() -> None:
    (finding,) = findings_of(
        dict(zip(names("web-", 6), ["a", "a", "a", "b", "b", "c"], strict=True))
    )
    assert finding.kind is FindingKind.DIFFERS
    assert finding.severity is Severity.WARNING
    assert finding.summary == "step: no majority, 3 groups of 3, 2 and 1 hosts"
    assert len(finding.hosts) == finding.of == 6
    assert finding.evidence == ("web-01 and 2 more: a", "web-04 and 1 more: b", "web-06: c")


def test_two_hosts_that_differ_have_no_majority() -> None:
    (finding,) = findings_of({"a-1": "x", "b-1": "y"})
    assert finding.summary == "step: no majority, all 2 hosts differ from each other"


def test_one_host_has_nothing_to_differ_from() -> None:
    assert findings_of({"web-01": "x"}) == ()


def test_a_host_that_prints_nothing_while_others_do_is_missing() -> None:
    (finding,) = findings_of(fleet(5) | {"web-02": ""})
    assert finding.kind is FindingKind.MISSING
    assert finding.severity is Severity.WARNING
    assert finding.summary == "step printed nothing, unlike 4 of 5 hosts"


def test_a_host_that_prints_something_while_others_do_not_differs() -> None:
    (finding,) = findings_of(fleet(5, "") | {"web-02": "nginx.service failed"})
    assert finding.kind is FindingKind.DIFFERS
    assert finding.evidence == ("+ nginx.service failed",)


@pytest.mark.parametrize(
    ("outcome", "summary"),
    [
        (Outcome.ABSENT, "step: no such command or file"),
        (Outcome.DENIED, "step was denied"),
        (Outcome.TIMED_OUT, "step ran out of time"),
        (Outcome.STUCK, "step hung and could not be killed"),
        (Outcome.FAILED, "step failed with exit code 3"),
        (Outcome.TRUNCATED, "step printed more than is kept, the rest was cut"),
        (Outcome.UNPARSED, "step: output could not be read"),
    ],
)
def test_a_missing_answer_of_some_hosts_is_a_warning(outcome: Outcome, summary: str) -> None:
    exit_code = 3 if outcome is Outcome.FAILED else None
    gone = make_result("step", outcome, exit_code=exit_code, stdout="same\n", reason="why")
    (finding,) = findings_of(fleet(6) | {"web-03": gone, "web-05": gone})
    assert finding.kind is FindingKind.MISSING
    assert finding.severity is Severity.WARNING
    assert finding.summary == summary
    assert (finding.hosts, finding.of) == (("web-03", "web-05"), 6)
    assert finding.evidence == ("web-03: why", "web-05: why")


def test_an_answer_missing_on_every_host_is_info_and_never_agreement() -> None:
    run = make_run({host: {"step": make_result("step", Outcome.DENIED)} for host in names("w-", 4)})
    comparison = compare(run)
    (finding,) = comparison.findings
    assert finding.severity is Severity.INFO
    assert finding.summary == "step was denied on every host"
    assert comparison.steps[0].compared == 0
    assert not any(group.majority for group in comparison.steps[0].groups)


def test_a_step_that_hangs_everywhere_stays_a_warning() -> None:
    (finding,) = findings_of(fleet(4, make_result("step", Outcome.STUCK)))
    assert finding.severity is Severity.WARNING


def test_missing_hosts_of_an_ignored_step_still_count() -> None:
    values = fleet(3, "a") | {"web-02": "b", "web-03": make_result("step", Outcome.ABSENT)}
    (finding,) = findings_of(values, Mode.IGNORE)
    assert (finding.kind, finding.hosts) == (FindingKind.MISSING, ("web-03",))


def test_an_answer_by_the_fallback_command_is_info_and_not_compared() -> None:
    (finding,) = findings_of(fleet(4) | {"web-02": make_result("step", stdout="other", command=1)})
    assert finding.severity is Severity.INFO
    assert finding.summary == "step was answered by another of its commands, not compared"


def test_outputs_cut_at_different_lines_are_equal_as_far_as_both_go() -> None:
    lines = "".join(f"line {n}\n" for n in range(50))
    cut = {
        host: make_result("step", Outcome.TRUNCATED, stdout=lines[:length])
        for host, length in (("a-1", 200), ("b-1", 205), ("c-1", 190))
    }
    (finding,) = findings_of(dict(cut))
    assert finding.kind is FindingKind.MISSING
    assert finding.severity is Severity.INFO


# ----------------------------------------------------------------------------- hosts


def test_unreachable_hosts_are_a_finding_for_each_status() -> None:
    hosts = [make_host(host, {"step": "x"}) for host in names("web-", 5)]
    hosts += [
        make_host(
            "web-06", status=HostStatus.UNREACHABLE, reason="10.0.0.6 port 22: no route to host"
        ),
        make_host(
            "web-07", status=HostStatus.UNREACHABLE, reason="10.0.0.7 port 22: no route to host"
        ),
        make_host("web-08", status=HostStatus.KEY_CHANGED, reason="another key"),
    ]
    first, second = compare(make_run(hosts)).findings
    assert first.summary == "unreachable: <ip> port 22: no route to host"
    assert (first.hosts, first.of, first.severity) == (("web-06", "web-07"), 8, Severity.WARNING)
    assert second.summary == "host key has changed: another key"


def test_reasons_that_differ_are_evidence() -> None:
    hosts = [make_host(host, {"step": "x"}) for host in names("web-", 5)]
    hosts += [
        make_host("web-06", status=HostStatus.LOST, reason="pipe\nbroke\x07"),
        make_host("web-07", status=HostStatus.LOST, reason="reset"),
    ]
    (finding,) = compare(make_run(hosts)).findings
    assert finding.summary == "connection lost midway"
    assert finding.evidence == ("web-06: pipe broke^G", "web-07: reset")


def test_more_than_half_of_the_fleet_without_a_result_is_critical() -> None:
    def severity(gone: int, status: HostStatus) -> Severity:
        hosts = [make_host(host, {"step": "x"}) for host in names("up-", 10 - gone)]
        hosts += [make_host(host, status=status) for host in names("down-", gone)]
        return compare(make_run(hosts)).findings[0].severity

    assert severity(5, HostStatus.UNREACHABLE) is Severity.WARNING
    assert severity(6, HostStatus.UNREACHABLE) is Severity.CRITICAL
    assert severity(9, HostStatus.CANCELLED) is Severity.WARNING


def test_a_lost_host_counts_with_the_steps_it_finished() -> None:
    hosts = [make_host(host, {"a": "x", "b": "x"}) for host in names("web-", 4)]
    lost: dict[str, Said] = {"a": "other", "b": make_result("b", Outcome.NOT_RUN)}
    hosts.append(make_host("web-05", lost, status=HostStatus.LOST, reason="reset"))
    found = compare(make_run(hosts)).findings
    assert [(finding.kind, finding.step) for finding in found] == [
        (FindingKind.UNREACHABLE, None), (FindingKind.DIFFERS, "a"),
    ]  # fmt: skip


# ----------------------------------------------------------------------------- order


def test_a_critical_rule_on_most_hosts_comes_before_everything_else() -> None:
    steps = [make_step("sysctl"), make_step("log", Mode.IGNORE, flags=[PANIC])]
    hosts = [make_host(h, {"sysctl": "a", "log": "Kernel panic"}) for h in names("web-", 7)]
    hosts.append(make_host("web-08", {"sysctl": "b", "log": "Kernel panic"}))
    hosts.append(make_host("web-09", {"sysctl": "a", "log": ""}))
    hosts.append(make_host("web-10", status=HostStatus.UNREACHABLE))
    found = compare(make_run(hosts, steps)).findings
    assert [finding.kind for finding in found] == [
        FindingKind.RULE, FindingKind.UNREACHABLE, FindingKind.DIFFERS,
    ]  # fmt: skip


def test_what_tells_the_other_hosts_from_those_of_a_critical_rule_is_folded_under_it() -> None:
    steps = [make_step("sysctl"), make_step("log", Mode.IGNORE, flags=[PANIC])]
    hosts = {h: {"sysctl": "a", "log": "Kernel panic"} for h in names("web-", 8)}
    hosts |= {h: {"sysctl": "b", "log": ""} for h in ("web-09", "web-10")}
    (finding,) = compare(make_run(hosts, steps)).findings
    assert finding.also == ("sysctl tells these hosts from the 2 others",)


def test_of_critical_findings_the_one_on_most_hosts_comes_first() -> None:
    steps = [make_step("a", flags=[make_flag("rare", "rare")]), make_step("b", flags=[PANIC])]
    hosts = {host: {"a": "x", "b": "Kernel panic"} for host in names("web-", 9)}
    hosts["web-01"] = {"a": "rare", "b": "Kernel panic"}
    found = compare(make_run(hosts, steps)).findings
    assert [finding.summary for finding in found][:2] == ["the kernel panicked", "rare"]


def test_a_difference_from_a_majority_comes_before_no_majority() -> None:
    hosts = {f"h-{n}": {"first": "abc"[n % 3], "second": "x"} for n in range(6)}
    hosts["h-0"] = {"first": "a", "second": "y"}
    found = compare(make_run(hosts)).findings
    assert [finding.step for finding in found] == ["second", "first"]
