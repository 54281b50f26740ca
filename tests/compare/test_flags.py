"""Rules hold for a host whatever the others say."""

from __future__ import annotations

import time

from fleetdiag.compare.flags import SEARCHED_CHARS, RuleBook, rule_findings
from fleetdiag.model import FindingKind, Severity
from tests.factory import make_flag

PANIC = make_flag("Kernel panic", "the kernel panicked")
OOM = make_flag("Out of memory", "out of memory", Severity.WARNING)


def test_one_finding_for_a_flag_over_all_hosts_that_show_it() -> None:
    outputs = {
        "a": ("ok", "[ 1.000000] Kernel panic - 1", "[ 2.000000] Kernel panic - 2"),
        "b": ("ok",),
        "c": ("[ 3.000000] Kernel panic - 1",),
    }
    (finding,) = rule_findings("log", [PANIC, OOM], outputs, ["a", "b", "c"])
    assert finding.kind is FindingKind.RULE
    assert finding.severity is Severity.CRITICAL
    assert finding.summary == "the kernel panicked"
    assert finding.step == "log"
    assert (finding.hosts, finding.of) == (("a", "c"), 3)
    assert finding.evidence == (
        "a: [ 1.000000] Kernel panic - 1",
        "c: [ 3.000000] Kernel panic - 1",
    )


def test_anchors_see_single_lines() -> None:
    book = RuleBook([make_flag("^tainted$", "x")])
    assert book.first_matches(("not tainted", "tainted")) == {0: "tainted"}
    assert book.first_matches(("not tainted",)) == {}


def test_a_rule_sees_the_leading_time() -> None:
    book = RuleBook([make_flag(r"^\[ *\d+\.\d+\] Kernel panic", "x")])
    assert book.first_matches(("[    9.000001] Kernel panic",)) == {
        0: "[    9.000001] Kernel panic"
    }


def test_evidence_names_at_most_three_hosts() -> None:
    outputs = {f"h{n}": ("Out of memory",) for n in range(9)}
    (finding,) = rule_findings("log", [OOM], outputs, list(outputs))
    assert len(finding.hosts) == 9
    assert [line.partition(":")[0] for line in finding.evidence] == ["h0", "h1", "h2"]


def test_an_endless_line_is_searched_at_its_start_only() -> None:
    book = RuleBook([make_flag("panic", "x"), make_flag(r".*quadratic.*\d$", "y")])
    started = time.process_time()
    found = book.first_matches(("panic" + "z" * (1 << 20), "q" * SEARCHED_CHARS + "panic"))
    assert list(found) == [0]
    assert len(found[0]) <= (1 << 20) + 5
    assert time.process_time() - started < 5
