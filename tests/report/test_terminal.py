"""The screen keeps its width, hides nothing that matters, and lets no control character through."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetdiag.compare import compare
from fleetdiag.model import HostStatus, Mode, Outcome, Run
from fleetdiag.report import ReportOptions, render
from fleetdiag.report.plain import cells
from tests.factory import make_flag, make_host, make_result, make_run, make_step, names
from tests.report.scenarios import SCENARIOS

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
WIDTHS = [40, 60, 80, 132]
VERBOSE = ReportOptions(verbose=True)


def screen(run: Run, options: ReportOptions | None = None) -> str:
    return render(compare(run), "table", options=options or ReportOptions())


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("verbose", [False, True])
def test_no_line_is_longer_than_the_screen_or_ends_in_a_blank(
    scenario: str, width: int, verbose: bool
) -> None:
    options = ReportOptions(width=width, verbose=verbose)
    for line in screen(SCENARIOS[scenario](), options).split("\n"):
        assert cells(line) <= width
        assert line == line.rstrip()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    output=st.binary(max_size=200),
    reason=st.text(max_size=80),
    name=st.text(min_size=1, max_size=30),
    width=st.integers(1, 200),
    verbose=st.booleans(),
)
def test_whatever_hosts_say_the_screen_is_printable_and_fits(
    output: bytes, reason: str, name: str, width: int, verbose: bool
) -> None:
    failed = make_result("step", Outcome.FAILED, exit_code=1, stderr=output, reason=reason)
    hosts = [make_host(host, {"step": "fine\n"}) for host in names("web-", 4)]
    hosts += [
        make_host("odd", {"step": output}),
        make_host("bad", {"step": failed}),
        make_host(f"x{name}", status=HostStatus.LOST, reason=reason),
    ]
    run = make_run(hosts, [make_step("step", flags=[make_flag(".", "something")])], note=reason)
    options = ReportOptions(width=width, verbose=verbose)
    for text in (
        screen(run, options),
        render(compare(run), "markdown"),
        render(compare(run), "json"),
    ):
        assert not CONTROL.search(text)
        text.encode("utf-8")
    for line in screen(run, options).split("\n"):
        assert cells(line) <= max(width, 40)


def test_findings_stand_before_the_steps_and_those_before_hosts_without_result() -> None:
    hosts = [make_host(host, {"step": "a"}) for host in names("web-", 5)]
    hosts += [make_host("web-06", {"step": "b"}), make_host("web-07", status=HostStatus.DNS)]
    text = screen(make_run(hosts))
    places = [text.index(word) for word in ("FINDINGS", "step  ", "NO RESULT", "See more:")]
    assert places == sorted(places)


def test_nothing_odd_says_what_that_rests_on() -> None:
    text = screen(SCENARIOS["clean_fleet"]())
    assert "Nothing odd: 12 hosts answered, 4 steps compared, no difference, no rule" in text


def test_nothing_is_called_equal_where_nothing_was_compared() -> None:
    run = make_run({host: {"a": host} for host in names("w-", 3)}, [make_step("a", Mode.IGNORE)])
    assert "Nothing was compared" in screen(run)
    assert "Nothing odd" not in screen(run)
    assert "the same on all hosts" not in screen(run)


def test_a_step_that_printed_nothing_anywhere_is_not_said_to_agree() -> None:
    text = screen(make_run({host: {"units": "", "a": "x"} for host in names("w-", 3)}))
    assert "1 step printed nothing on any host: units" in text
    assert "1 step the same on all hosts: a" in text


def test_at_most_ten_findings_are_shown_and_the_rest_counted() -> None:
    said = {f"step-{number:02d}": "a" for number in range(15)}
    hosts = {host: dict(said) for host in names("web-", 40)}
    for number, step in enumerate(said):
        hosts[f"web-{number + 1:02d}"][step] = "b"
    run = make_run(hosts)
    assert "… and 5 more, -v shows them" in screen(run)
    assert screen(run).count("differs from") == 10
    assert screen(run, VERBOSE).count("differs from") == 15


def test_a_host_odd_in_many_steps_is_one_finding_with_the_others_below() -> None:
    said = {f"step-{number:02d}": "a" for number in range(15)}
    hosts = dict.fromkeys(names("web-", 4), said) | {"odd": dict.fromkeys(said, "b")}
    text = screen(make_run(hosts))
    assert text.count("\nwarning") == 1
    assert "also: step-01 differs from 4 of 5 hosts" in text
    assert "also: 11 more, -v shows them" in text


def test_a_dead_fleet_with_a_reason_each_does_not_fill_the_screen() -> None:
    hosts = [
        make_host(host, status=HostStatus.KEY_UNKNOWN, reason=f"unknown key {host[::-1]}")
        for host in names("web-", 90)
    ]
    text = screen(make_run(hosts))
    assert len(text.split("\n")) < 25
    assert "… and 86 more: web-[05-90]" in text
    assert "unknown key 09-bew" in screen(make_run(hosts), VERBOSE)


def test_colour_only_where_wanted_and_then_it_ends() -> None:
    run = SCENARIOS["panic_on_ten"]()
    assert "\x1b" not in screen(run)
    coloured = screen(run, ReportOptions(color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == screen(run)
    for line in coloured.split("\n"):
        assert len(re.findall(r"\x1b\[[1-9]", line)) == line.count("\x1b[0m")


def test_a_hint_takes_the_place_of_the_usual_one() -> None:
    run = SCENARIOS["one_odd_host"]()
    usual = "fleetdiag show 20261122T030405-triage-7f3a --host web-07 --step sysctl"
    assert usual in screen(run)
    assert screen(run, ReportOptions(hint="type this")).endswith("See more:\n  type this\n")
    assert "See more" not in screen(run, ReportOptions(hint=""))


def test_names_in_the_hint_are_quoted_for_the_shell() -> None:
    hosts = {host: {"a": "x"} for host in names("web-", 3)} | {"we b;rm": {"a": "y"}}
    assert "--host 'we b;rm' --step a" in screen(make_run(hosts))


def test_an_interrupted_run_and_a_note_are_said_at_the_top() -> None:
    run = make_run({"a-1": {"s": "x"}}, interrupted=True, note="recorded incident")
    assert screen(run).split("\n")[1:3] == [
        "recorded incident", "Interrupted: these are the results until then.",
    ]  # fmt: skip
