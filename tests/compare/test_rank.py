"""What comes first, and what is folded under it."""

from __future__ import annotations

from fleetdiag.compare.rank import rank
from fleetdiag.model import Finding, FindingKind, Severity

ALL = ("a", "b", "c")


def finding(
    kind: FindingKind,
    summary: str,
    hosts: tuple[str, ...] = ("a",),
    *,
    step: str = "step",
    severity: Severity = Severity.WARNING,
    feature: str | None = None,
) -> Finding:
    return Finding(kind, severity, summary, hosts, 10, step=step, feature=feature)


def rule(
    name: str,
    hosts: tuple[str, ...] = ("a",),
    *,
    step: str = "step",
    severity: Severity = Severity.CRITICAL,
) -> Finding:
    return finding(FindingKind.RULE, name, hosts, step=step, severity=severity, feature=name)


def differs(step: str, hosts: tuple[str, ...] = ("a",)) -> Finding:
    return finding(FindingKind.DIFFERS, f"{step} differs", hosts, step=step)


def told(
    *findings: Finding, explains: dict[str, tuple[str, ...]] | None = None
) -> dict[str, tuple[str, ...]]:
    """Summary -> what is folded under it, in order."""
    return {f.summary: f.also for f in rank(findings, ["step", "other"], explains)}


def test_a_rule_that_another_explains_is_folded_under_it_whatever_came_first() -> None:
    found = told(rule("oops"), rule("panic"), explains={"panic": ("oops",)})
    assert found == {"panic": ("oops",)}


def test_an_explained_rule_on_fewer_hosts_is_folded_with_its_number() -> None:
    found = told(rule("panic", ALL), rule("oops", ("a", "b")), explains={"panic": ("oops",)})
    assert found == {"panic": ("oops (2 of 3)",)}


def test_an_explained_rule_on_another_host_stays() -> None:
    found = told(rule("panic"), rule("oops", ("b",)), explains={"panic": ("oops",)})
    assert found == {"panic": (), "oops": ()}


def test_the_same_rule_in_another_log_is_said_once() -> None:
    found = told(rule("panic", ALL), rule("panic", ("a",), step="other"))
    assert found == {"panic": ("the same in other",)}


def test_what_differs_in_the_step_of_a_rule_is_told_by_the_rule() -> None:
    assert told(rule("panic", ALL), differs("step")) == {"panic": ("step differs",)}


def test_a_moment_is_told_by_the_critical_rule_with_its_time_line_and_what_it_is_of() -> None:
    moment = Finding(
        FindingKind.SIMULTANEOUS,
        Severity.INFO,
        "3 of 10 hosts booted within 9 s of each other: one common cause",
        ALL,
        10,
        evidence=("06:19:10 UTC  a", "06:19:12 UTC  b", "06:19:19 UTC  c", "by chance, never"),
    )
    (found,) = rank([rule("panic", ALL), moment], ["step"])
    assert not found.also
    times = "06:19:10 UTC  a, 06:19:12 UTC  b, 06:19:19 UTC  c"
    assert found.evidence == (f"{moment.summary} ({times})",)


def test_a_difference_of_other_hosts_is_not_the_rules() -> None:
    found = told(rule("panic", ("a", "b")), differs("step", ("c",)))
    assert found == {"panic": (), "step differs": ()}


def test_differences_of_exactly_the_hosts_of_a_critical_rule_are_folded_under_it() -> None:
    assert told(rule("panic"), differs("other")) == {"panic": ("other differs",)}
    warned = told(rule("segfault", severity=Severity.WARNING), differs("other"))
    assert warned == {"segfault": (), "other differs": ()}


def test_two_differences_of_a_host_stay_two_and_three_are_one() -> None:
    assert len(told(differs("x"), differs("y"))) == 2
    assert told(differs("x"), differs("y"), differs("z")) == {
        "x differs": ("y differs", "z differs")
    }


def test_steps_denied_on_the_same_hosts_are_one_finding() -> None:
    def denied(step: str) -> Finding:
        return finding(FindingKind.MISSING, f"{step} was denied", step=step)

    other = finding(FindingKind.MISSING, "x hung", step="x")
    found = told(denied("dmesg"), denied("journal"), other)
    assert found == {"dmesg was denied": ("journal was denied",), "x hung": ()}


def test_a_loud_finding_is_never_folded_under_a_quiet_one() -> None:
    quiet = [
        finding(FindingKind.DIFFERS, f"i{n}", severity=Severity.INFO, step=f"i{n}")
        for n in range(3)
    ]
    found = told(*quiet, differs("x"), differs("y"), differs("z"))
    assert found == {"x differs": ("y differs", "z differs"), "i0": ("i1", "i2")}
