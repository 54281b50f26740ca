"""Who is compared with whom, and when there is a majority."""

from __future__ import annotations

from fleetdiag.compare import compare
from fleetdiag.compare.features import Feature, Value
from fleetdiag.compare.group import Answer, Cluster, Grouping, group
from fleetdiag.model import Outcome, StepComparison
from tests.factory import Said, make_result, make_run


def answer(
    host: str,
    value: str | None,
    outcome: Outcome = Outcome.OK,
    command: int = 0,
    exit_code: int = 0,
) -> Answer:
    features: dict[Feature, Value] | None = None if value is None else {"output": value}
    if features is not None and outcome is Outcome.FAILED:
        features["exit code"] = str(exit_code)
    return Answer(
        host=host,
        outcome=outcome,
        command=command,
        exit_code=exit_code,
        reason="" if value is not None else "why",
        features=features,
    )


def majority(grouping: Grouping) -> Cluster | None:
    return next((cluster for cluster in grouping.clusters if cluster.majority), None)


def compared(said: dict[str, Said]) -> StepComparison:
    (step,) = compare(make_run({host: {"s": value} for host, value in said.items()})).steps
    return step


def answers(values: str) -> list[Answer]:
    return [answer(f"h{number}", value) for number, value in enumerate(values)]


def test_a_majority_is_strictly_more_than_half() -> None:
    assert majority(group(answers("aab"))) is not None
    assert majority(group(answers("aabb"))) is None
    assert majority(group(answers("aabc"))) is None
    assert majority(group(answers("aaabc"))) is not None


def test_two_hosts_that_differ_have_no_majority_and_no_odd_one() -> None:
    grouping = group(answers("ab"))
    assert majority(grouping) is None
    assert grouping.odd == ()
    assert grouping.compared == 2


def test_one_host_is_compared_with_nothing() -> None:
    grouping = group(answers("a"))
    assert grouping.compared == 0
    assert majority(grouping) is None


def test_hosts_without_an_answer_do_not_count_against_the_majority() -> None:
    grouping = group([*answers("aab"), *(answer(f"x{n}", None, Outcome.DENIED) for n in range(9))])
    assert grouping.compared == 3
    found = majority(grouping)
    assert found is not None
    assert found.hosts == ("h0", "h1")
    assert grouping.odd == ("h2",)


def test_failed_hosts_are_compared_with_each_other_only_where_that_is_usual() -> None:
    failed = [answer(f"f{n}", "oops", Outcome.FAILED, exit_code=1) for n in range(3)]
    beside_ok = group([*answers("aa"), *failed])
    found = majority(beside_ok)
    assert found is not None
    assert found.hosts == ("h0", "h1")
    alone = group([*failed, answer("f9", "other", Outcome.FAILED, exit_code=1)])
    found = majority(alone)
    assert found is not None
    assert found.hosts == ("f0", "f1", "f2")


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
    assert group(answers("baaaaca")).odd == ("h0", "h5")


def test_only_odd_groups_have_a_diff() -> None:
    absent = make_result("s", Outcome.ABSENT, reason="why")
    made = compared({"h0": "a", "h1": "a", "h2": "b", "x": absent})
    assert [(g.hosts, g.majority, g.sample, g.diff) for g in made.groups] == [
        (("h0", "h1"), True, "a", ()),
        (("h2",), False, "b", ("@@ -1,1 +1,1 @@", "-a", "+b")),
        (("x",), False, "why", ()),
    ]


def test_of_a_cut_output_the_broken_last_line_is_not_compared() -> None:
    def cut(text: str) -> Said:
        return make_result("s", Outcome.TRUNCATED, stdout=text)

    made = compared({"h0": cut("a\nb\nc"), "h1": cut("a\nb\nwhat"), "h2": cut("a\nb\nc\nd\ne")})
    assert [(len(g.hosts), g.sample) for g in made.groups] == [(3, "a\nb")]


def test_hosts_of_one_kind_are_compared_with_each_other_only() -> None:
    kinds = {"h0": "web", "h1": "web", "h2": "web", "h3": "db", "h4": "db", "h5": "db"}
    grouping = group(answers("aaabbc"), kinds.__getitem__)
    assert grouping.odd == ("h5",)
    assert grouping.compared == 6
    assert [cluster.majority for cluster in grouping.clusters] == [True, True, False]


def test_a_host_alone_of_its_kind_is_not_compared() -> None:
    kinds = {"h0": "web", "h1": "web", "h2": "db"}
    grouping = group(answers("aab"), kinds.__getitem__)
    assert grouping.compared == 2
    assert grouping.odd == ()
