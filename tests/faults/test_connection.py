"""Connections that fail, at each moment of them: one run, a host for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetdiag.model import read_output
from tests.faults.hasty import LOGIN_S
from tests.faults.matrix import CONNECT_S, Matrix, Told, told_once
from tests.faults.relay import ETM, Failure, Moment, Relay
from tests.fleet import Fleet

pytestmark = pytest.mark.fleet

BOOK = """\
steps:
  - before: echo before
  - name: output
    run: i=0; while [ $i -lt 3000 ]; do echo "line $i of what is cut midway"; i=$((i+1)); done
    timeout: 1s
  - after: echo after
"""
WHOLE = b"".join(b"line %d of what is cut midway\n" % number for number in range(3000))
HEALTHY = {name: [b"before\n", WHOLE, b"after\n"] for name in ("web-01", "web-02")}

DROPPED = (
    "throttled",
    (
        "the server closed the connection before login: too many logins at once (MaxStartups), or"
        " it turns this machine away"
    ),
)
NO_KEY_EXCHANGE = ("timed-out", f"connected, but no key exchange within {CONNECT_S} s")
ENDED = ("lost", "the connection ended during login")
OK = ("ok", "")

EXPECTED = {
    (Moment.CONNECTED, Failure.BLACKHOLE): (
        "timed-out",
        f"connected, but the server said nothing within {CONNECT_S} s",
    ),
    (Moment.IDENTIFIED, Failure.BLACKHOLE): NO_KEY_EXCHANGE,
    (Moment.OFFERED, Failure.BLACKHOLE): NO_KEY_EXCHANGE,
    (Moment.KEYED, Failure.BLACKHOLE): NO_KEY_EXCHANGE,
    (Moment.ENCRYPTED, Failure.BLACKHOLE): (
        "timed-out",
        f"connected, but no answer to the login within {LOGIN_S} s",
    ),
    (Moment.LOGGED_IN, Failure.BLACKHOLE): (
        "timed-out",
        f"logged in, but no session was opened within {LOGIN_S} s",
    ),
    (Moment.MIDWAY, Failure.BLACKHOLE): OK,
    (Moment.CONNECTED, Failure.RESET): DROPPED,
    (Moment.IDENTIFIED, Failure.RESET): ENDED,
    (Moment.OFFERED, Failure.RESET): ENDED,
    (Moment.KEYED, Failure.RESET): ENDED,
    (Moment.ENCRYPTED, Failure.RESET): ENDED,
    (Moment.LOGGED_IN, Failure.RESET): ENDED,
    (Moment.MIDWAY, Failure.RESET): OK,
    (Moment.CONNECTED, Failure.HALF_CLOSED): DROPPED,
    (Moment.OFFERED, Failure.HALF_CLOSED): ENDED,
    (Moment.MIDWAY, Failure.HALF_CLOSED): OK,
    (Moment.CONNECTED, Failure.TRICKLE): NO_KEY_EXCHANGE,
    (Moment.OFFERED, Failure.TRICKLE): NO_KEY_EXCHANGE,
    (Moment.ENCRYPTED, Failure.TRICKLE): (
        "timed-out",
        f"connected, but no answer to the login within {LOGIN_S} s",
    ),
    (Moment.MIDWAY, Failure.TRICKLE): OK,
}
SAYING = {
    "tarpit": ("unreachable", "answers, but not as an SSH server: 'x"),
    "penalty": (
        "throttled",
        (
            "the server turns this machine away for a while, as it does after failed logins"
            " (PerSourcePenalties)"
        ),
    ),
    "startups": ("throttled", "the server takes no more logins at once (MaxStartups)"),
}
CUT = [Failure.BLACKHOLE, Failure.RESET, Failure.HALF_CLOSED, Failure.TRICKLE]


def name_of(moment: Moment, failure: Failure) -> str:
    return f"{moment.value}-{failure.value}".replace(" ", "-")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return told_once(tmp_path_factory, "connection", run_all)


def run_all(home: Path) -> Told:
    """One run over a relay's doors; two hosts stand beside them, without a relay."""
    with (
        Fleet(hosts=2, kind="bare", sshd_options=ETM) as fleet,
        Relay(fleet.host("web-01").address) as relay,
    ):
        matrix = Matrix(home, fleet)
        for name in HEALTHY:
            matrix.add(name, name)
        doors = {name_of(*fault): relay.door(*fault) for fault in EXPECTED}
        doors |= {f"once-{cut.value}": relay.door(Moment.MIDWAY, cut, times=1) for cut in CUT}
        doors["tarpit"] = relay.saying(b"x" * 100, slowly=True)
        doors["penalty"] = relay.saying(b"Not allowed at this time\r\n")
        doors["startups"] = relay.saying(b"Exceeded MaxStartups\r\n")
        for name, port in doors.items():
            matrix.add(name, "web-01", address="127.0.0.1", port=port)
        done = matrix.run(BOOK)
        # As a network does whose router gives up.
        relay.close()
        left = matrix.left({"sh", "sleep"}, ["web-01"], within_s=10)
        return matrix.told(done, left)


@pytest.mark.parametrize("fault", EXPECTED, ids=lambda fault: name_of(*fault))
def test_a_connection_that_fails_is_told_by_when_and_how(
    told: Told, fault: tuple[Moment, Failure]
) -> None:
    name = name_of(*fault)
    assert told.of(name) == EXPECTED[fault]


@pytest.mark.parametrize("name", SAYING)
def test_a_server_that_will_not_talk_is_told_by_what_it_says(told: Told, name: str) -> None:
    status, reason = SAYING[name]
    told_status, told_reason = told.of(name)
    assert told_status == status
    assert told_reason.startswith(reason)


@pytest.mark.parametrize("failure", CUT)
def test_a_step_that_loses_every_session_is_named_and_the_others_run(
    told: Told, failure: Failure
) -> None:
    before, output, after = told.results[name_of(Moment.MIDWAY, failure)].steps
    assert (before.stdout, after.stdout) == (b"before\n", b"after\n")
    assert output.outcome == "failed"
    assert output.reason == "the session ended during this step, twice"
    assert output.stdout, "what it wrote is kept"
    assert WHOLE.startswith(read_output(output.stdout))


@pytest.mark.parametrize("failure", CUT)
def test_a_session_lost_once_costs_nothing_but_time(told: Told, failure: Failure) -> None:
    assert told.said(f"once-{failure.value}") == [b"before\n", WHOLE, b"after\n"]


def test_no_host_waits_for_another(told: Told) -> None:
    waiting = {name for name, result in told.results.items() if result.status == "timed-out"}
    assert len(waiting) > 5
    told.must_leave_unharmed(HEALTHY, waiting)


def test_every_limit_is_kept(told: Told) -> None:
    took = {name: result.duration_s for name, result in told.results.items()}
    exchanges = [name for name in took if told.of(name) == NO_KEY_EXCHANGE]
    assert max(took[name] for name in exchanges) < CONNECT_S + 3
    logins = [name for name in took if f"within {LOGIN_S} s" in told.results[name].reason]
    assert max(took[name] for name in logins) < LOGIN_S + 3


def test_the_screen_says_it_in_the_same_words(told: Told) -> None:
    screen = " ".join(told.done.out.split())
    assert told.done.code == 3
    for status, reason in {DROPPED, NO_KEY_EXCHANGE, ENDED}:
        assert status in screen
        assert reason[:60] in screen


def test_when_a_dead_connection_ends_at_last_nothing_is_left_on_the_host(told: Told) -> None:
    assert told.left == []
