"""Who is compared with whom, and when there is a majority."""

from __future__ import annotations

from fleetdiag.compare.group import Answer, answer_lines, group, step_comparison
from fleetdiag.model import Mode, Outcome


def answer(
    host: str,
    value: str | None,
    outcome: Outcome = Outcome.OK,
    command: int = 0,
    exit_code: int = 0,
) -> Answer:
    return Answer(
        host=host,
        outcome=outcome,
        command=command,
        exit_code=exit_code,
        reason="" if value is not None else "why",
        lines=(value,) if value else (),
        features=None if value is None else {"output": value},
    )


def answers(values: str) -> list[Answer]:
    return [answer(f"h{number}", value) for number, value in enumerate(values)]


def test_a_majority_is_strictly_more_than_half() -> None:
    assert group(answers("aab")).majority is not None
    assert group(answers("aabb")).majority is None
    assert group(answers("aabc")).majority is None
    assert group(answers("aaabc")).majority is not None


def test_two_hosts_that_differ_have_no_majority_and_no_odd_one() -> None:
    grouping = group(answers("ab"))
    assert grouping.majority is None
    assert grouping.odd == ()
    assert grouping.compared == 2


def test_one_host_is_compared_with_nothing() -> None:
    grouping = group(answers("a"))
    assert grouping.compared == 0
    assert grouping.majority is None


def test_hosts_without_an_answer_do_not_count_against_the_majority() -> None:
    grouping = group([*answers("aab"), *(answer(f"x{n}", None, Outcome.DENIED) for n in range(9))])
    assert grouping.compared == 3
    assert grouping.majority is not None
    assert grouping.majority.hosts == ("h0", "h1")
    assert [cluster.hosts for cluster in grouping.odd] == [("h2",)]


def test_failed_hosts_are_compared_with_each_other_only_where_that_is_usual() -> None:
    failed = [answer(f"f{n}", "oops", Outcome.FAILED, exit_code=1) for n in range(3)]
    beside_ok = group([*answers("aa"), *failed])
    assert beside_ok.majority is not None
    assert beside_ok.majority.hosts == ("h0", "h1")
    alone = group([*failed, answer("f9", "other", Outcome.FAILED, exit_code=1)])
    assert alone.majority is not None
    assert alone.majority.hosts == ("f0", "f1", "f2")


def test_equal_output_with_another_exit_code_is_another_group() -> None:
    found = group(
        [
            answer("a", "x", Outcome.FAILED, exit_code=1),
            answer("b", "x", Outcome.FAILED, exit_code=2),
        ]
    )
    assert len(found.clusters) == 2


def test_the_output_of_a_fallback_command_is_not_compared() -> None:
    grouping = group([*answers("aaa"), answer("z", "b", command=1)])
    assert grouping.compared == 3
    assert grouping.odd == ()


def test_groups_come_largest_first_and_by_name_where_equal() -> None:
    assert [cluster.hosts for cluster in group(answers("baacc")).clusters] == [
        ("h1", "h2"), ("h3", "h4"), ("h0",),
    ]  # fmt: skip


def test_odd_hosts_stand_in_the_runs_order() -> None:
    made = step_comparison("s", Mode.TEXT, (), group(answers("baaaaca")))
    assert made.odd == ("h0", "h5")


def test_only_odd_groups_have_a_diff() -> None:
    made = step_comparison(
        "s", Mode.TEXT, (), group([*answers("aab"), answer("x", None, Outcome.ABSENT)])
    )
    assert [(g.hosts, g.majority, g.sample, g.diff) for g in made.groups] == [
        (("h0", "h1"), True, "a", ()),
        (("h2",), False, "b", ("@@ -1,1 +1,1 @@", "-a", "+b")),
        (("x",), False, "why", ()),
    ]


def test_of_a_cut_output_the_broken_last_line_is_not_compared() -> None:
    assert answer_lines(Mode.TEXT, ("a", "b", "c"), Outcome.TRUNCATED, 5) == ("a", "b")
    assert answer_lines(Mode.TEXT, ("a", "b", "c"), Outcome.TRUNCATED, 1) == ("a",)
    assert answer_lines(Mode.TEXT, ("a", "b", "c"), Outcome.OK, 1) == ("a", "b", "c")
