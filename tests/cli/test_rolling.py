"""The flags of a rollout, and what is shown of it before and after."""

from __future__ import annotations

import click
import pytest

from fleetdiag import report
from fleetdiag.cli.change import rollout_code
from fleetdiag.cli.change_text import plan_text
from fleetdiag.cli.rolling import ASK, Rolling, size_of
from fleetdiag.model import (
    Act,
    Change,
    Condition,
    ExitCode,
    Host,
    HostAct,
    HostPlan,
    HostState,
    Plan,
    Playbook,
    Rollout,
    RolloutRules,
    Run,
    Size,
    Step,
    Undo,
)

S = HostState
NOTHING = Rolling(
    False, False, None, None, None, None, None, False, False, False
)  # fmt: skip
CHANGE = Change(
    (Act("restart", "one\ntwo\nthree\nfour\nfive\x1b[31m"),), 1,
    Condition("true", 20), Undo("back", 30),
)  # fmt: skip
BOOK = Playbook("restart", (Step("before.up", ("uptime",)),), "Start anew.", change=CHANGE)


@pytest.mark.parametrize(
    ("text", "size"), [("3", Size(3)), ("12.5%", Size(12.5, percent=True)), ("0", Size(0))]
)
def test_a_size_is_a_number_of_hosts_or_a_share(text: str, size: Size) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "half", "1 %", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a number of hosts nor a share"):
        size_of(text)


def test_what_is_not_said_is_as_before_or_usual() -> None:
    before = RolloutRules((Size(2),), Size(1), "zone", Size(50, percent=True), "role", 5, ask=True)
    assert NOTHING.rules(before, "rack") == before
    assert NOTHING.rules(None, "rack") == RolloutRules()


def test_keep_counts_by_the_inventorys_peers_unless_it_says_otherwise() -> None:
    keep = Rolling(False, False, None, None, (Size(2), None), None, ASK, False, False, False)
    rules = keep.rules(None, "role")
    assert (rules.keep, rules.keep_by, rules.ask, rules.pause_s) == (Size(2), "role", True, 0.0)


def run_of(*acts: HostAct, stopped: str = "", interrupted: bool = False) -> Run:
    rollout = Rollout(RolloutRules(), (("a",), ("b", "c")), "al@ops", acts, stopped)
    return Run("id-1", BOOK, (), 0.0, 1.0, "1", interrupted, rollout=rollout)


def test_what_is_shown_before_says_who_what_and_in_which_order() -> None:
    hosts = tuple(HostPlan(Host(name), BOOK.steps) for name in ("a", "b", "c"))
    rules = RolloutRules(apart="zone", keep=Size(50, percent=True), keep_by="role", pause_s=5)
    earlier = run_of(HostAct("a", S.ABOUT, 0.0))
    assert plan_text(Plan(BOOK, hosts), rules, (("a",), ("b", "c")), earlier).splitlines() == [
        "restart CHANGES HOSTS: Start anew.",
        "",
        "Hosts (3): a,b,c",
        "  about: a, which are asked first",
        "  untouched: b,c",
        "In this order:",
        "   1. a  (the canary)",
        "   2. b,c",
        "",
        "On each, as root, by the host itself:",
        "  restart (at most 60 s)",
        "    one",
        "    two",
        "    three",
        "    …",
        "",
        "Undone by the host itself unless all is well within 30 s.",
        "Done once this is true, within 20 s:",
        "    true",
        "Stops if the canary fails, or more than 0 hosts fail or stay away.",
        "Never hosts of two values of zone at once.",
        "Keeps 50% of each role up.",
        "Waits 5 s between batches.",
        "",
        "In full: fleetdiag playbook show restart",
    ]


def test_what_is_shown_afterwards_folds_hosts_of_one_fate_the_worst_first() -> None:
    bad = HostAct("a", S.FAILED, 0.0, reason="exit 3", said="one\x1b[31m\ntwo")
    run = run_of(bad, HostAct("b", S.DONE, 0.0), stopped="the canary failed: a")
    assert report.render_rollout(run, "fleetdiag run --retry id-1").splitlines() == [
        "restart on 3 hosts, run id-1, by al@ops",
        "",
        "  failed      1  a: exit 3",
        "                | one^[[31m",
        "                | two",
        "  done        1  b",
        "  untouched   1  c",
        "",
        "Stopped: the canary failed: a",
        "",
        "Go on with the hosts that are not done: fleetdiag run --retry id-1",
    ]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((S.DONE, S.DONE, S.DONE), ExitCode.CLEAN),
        ((S.DONE, S.FAILED, S.DONE), ExitCode.FINDINGS),
        ((S.DONE, S.UNDONE, S.DONE), ExitCode.FINDINGS),
        ((S.DONE, S.UNDONE, S.UNTOUCHED), ExitCode.INCOMPLETE),
        ((S.DONE, S.DONE, S.ABOUT), ExitCode.INCOMPLETE),
        ((S.DONE, S.DONE, S.UNKNOWN), ExitCode.INCOMPLETE),
    ],
)
def test_the_exit_code_says_whether_all_is_done(
    states: tuple[HostState, ...], code: ExitCode
) -> None:
    acts = [HostAct(host, state, 0.0) for host, state in zip("abc", states, strict=True)]
    assert rollout_code(run_of(*acts)) is code
    assert rollout_code(run_of(*acts, interrupted=True)) is ExitCode.INTERRUPTED
