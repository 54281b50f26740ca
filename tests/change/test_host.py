"""What a host does of a change, under every shell, in a directory of its own: no root is needed."""

from __future__ import annotations

import functools
import inspect
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleetdiag.change import host
from fleetdiag.change.host import Holder, Standing, Word, standing
from fleetdiag.model import Act, Change, HostState, Outcome, Step, StepResult, Undo
from tests.executor.shells import SCRIPT_SHELLS, installed

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
JOB = "20261126T030405-x-7f3a.1"
RUN = "20261126T030405-x-7f3a"
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Place:
    """A directory as a host."""

    root: Path
    shell: list[str]

    def ask(self, step: Step) -> StepResult:
        done = subprocess.run(
            [*self.shell, "-c", step.commands[0]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=step.timeout_s,
            check=False,
        )
        outcome = Outcome.OK if done.returncode == 0 else Outcome.FAILED
        assert b"rror" not in done.stderr, done.stderr
        return StepResult(step.name, outcome, done.returncode, 0.0, done.stdout, done.stderr)

    def word(self, step: Step) -> Word:
        told = host.word_of(self.ask(step))
        assert told is not None
        return told

    def launch(self, change: Change) -> Word:
        return self.word(host.launch(JOB, change, root=str(self.root)))

    def go(self, wait_s: int = 10) -> Word:
        return self.word(host.go(JOB, wait_s, root=str(self.root)))

    def state(self, wait_s: int = 0) -> Word:
        return self.word(host.state(JOB, wait_s, root=str(self.root)))

    def lock(self, run: str, who: str = "al@ops", *, take: bool = False) -> Holder:
        held = host.holder_of(self.ask(host.lock(run, who, take=take, root=str(self.root))))
        assert isinstance(held, Holder), held
        return held

    def read(self, name: str) -> str:
        path = self.root / name
        return path.read_text() if path.exists() else ""


Claim = Callable[[Place], None]


def everywhere(claim: Claim) -> Callable[[Path], None]:
    """A test of the claim under every shell at once: they wait more than they work."""

    @functools.wraps(claim)
    def test(tmp_path: Path) -> None:
        shells = {name: shell for name, shell in SHELLS.items() if installed(shell)}
        places = [Place(tmp_path / name, shell) for name, shell in shells.items()]
        for place in places:
            place.root.mkdir()
        with ThreadPoolExecutor() as pool:
            list(pool.map(cleanly, places))

    def cleanly(place: Place) -> None:
        try:
            claim(place)
        finally:  # what still waits for a word hears that there is none
            call_off = host.cancel(JOB, root=str(place.root)).commands[0]
            subprocess.run([*place.shell, "-c", call_off], capture_output=True, check=False)

    test.__signature__ = inspect.signature(test, follow_wrapped=False)  # type: ignore[attr-defined]
    return test


def change(
    place: Place, *commands: str, undo: str = "", after_s: float = 3, limit_s: float = 20
) -> Change:
    """Commands in which `@` is the place's directory."""
    acts = tuple(
        Act(f"step{n}", command.replace("@", str(place.root)), limit_s)
        for n, command in enumerate(commands, start=1)
    )
    back = Undo(undo.replace("@", str(place.root)), after_s, 10) if undo else None
    return Change(acts, 1, undo=back)


def told(word: Word, of: Change) -> HostState:
    return standing(word, of, BOOT).state


# ------------------------------------------------------------------------------------- the job


@everywhere
def test_nothing_begins_without_the_word(place: Place) -> None:
    one = change(place, "echo x >>@/did")
    assert told(place.launch(one), one) is HostState.ABOUT
    time.sleep(0.5)
    assert place.read("did") == ""
    assert place.word(host.cancel(JOB, root=str(place.root))).start == "cancelled"
    assert told(place.go(1), one) is HostState.UNTOUCHED
    assert place.read("did") == ""


@everywhere
def test_it_is_done_once_however_often_it_is_asked_for(place: Place) -> None:
    one = change(place, "echo one >>@/did; echo said", "echo two >>@/did")
    place.launch(one)
    place.launch(one)
    with ThreadPoolExecutor() as pool:
        words = list(pool.map(lambda _: place.go(), range(3)))
    assert {told(word, one) for word in words} == {HostState.DONE}
    place.launch(one)
    assert (place.go().said, place.read("did")) == ("said", "one\ntwo\n")


@everywhere
def test_the_first_step_that_fails_is_the_last(place: Place) -> None:
    one = change(place, "echo no >&2; exit 3", "echo two >>@/did")
    place.launch(one)
    word = place.go()
    assert standing(word, one, BOOT) == Standing(HostState.FAILED, "step step1 ended with exit 3")
    assert (word.said, place.read("did")) == ("no", "")


@everywhere
def test_a_step_past_its_limit_is_ended_with_what_it_started(place: Place) -> None:
    one = change(place, "sleep 4711 & sleep 4711", limit_s=1)
    place.launch(one)
    word = place.go()
    assert standing(word, one, BOOT).reason == "step step1 passed its limit"
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "sleep 4711" not in running.stdout


@everywhere
def test_a_step_that_leaves_something_running_has_ended_all_the_same(place: Place) -> None:
    one = change(place, "setsid sleep 3 & echo began")
    place.launch(one)
    began = time.monotonic()
    assert told(place.go(), one) is HostState.DONE
    assert time.monotonic() - began < 2.5


@everywhere
def test_an_unconfirmed_change_is_undone_by_the_host(place: Place) -> None:
    one = change(place, "echo did >>@/did", undo="echo undid >>@/did", after_s=1)
    place.launch(one)
    place.go(0)
    word = wait(place, lambda word: bool(word.undone))
    assert standing(word, one, BOOT) == Standing(
        HostState.UNDONE, "put back by the host: nobody confirmed it in time"
    )
    assert place.word(host.confirm(JOB, root=str(place.root))).fate.startswith("undo")
    assert place.read("did") == "did\nundid\n"


@everywhere
def test_a_confirmed_change_stays(place: Place) -> None:
    one = change(place, "echo did >>@/did", undo="echo undid >>@/did", after_s=2)
    place.launch(one)
    place.go()
    assert place.word(host.confirm(JOB, root=str(place.root))).fate == "confirmed"
    time.sleep(2)
    assert told(place.state(), one) is HostState.DONE
    assert place.read("did") == "did\n"


@everywhere
def test_a_failed_step_is_undone_at_once(place: Place) -> None:
    one = change(place, "echo did >>@/did; false", undo="echo undid >>@/did", after_s=50)
    place.launch(one)
    word = place.go()
    assert standing(word, one, BOOT).reason == "put back by the host: a step failed"
    assert place.read("did") == "did\nundid\n"


@everywhere
def test_an_undo_that_is_asked_for_ends_the_steps_first(place: Place) -> None:
    steps = ("sleep 4712; echo late >>@/did", "echo later >>@/did")
    one = change(place, *steps, undo="echo undid >>@/did", after_s=50, limit_s=60)
    place.launch(one)
    wait(place, lambda word: word.start.startswith("begun"), ask=lambda: place.go(0))
    place.ask(host.revert(JOB, root=str(place.root)))
    word = wait(place, lambda word: bool(word.undone))
    assert told(word, one) is HostState.UNDONE
    assert place.read("did") == "undid\n"


@everywhere
def test_an_undo_that_fails_leaves_the_host_failed(place: Place) -> None:
    one = change(place, "false", undo="exit 7", after_s=50)
    place.launch(one)
    assert standing(place.go(), one, BOOT) == Standing(
        HostState.FAILED, "its undo ended with exit 7 (a step failed)"
    )


@everywhere
def test_what_a_step_keeps_the_undo_finds(place: Place) -> None:
    one = change(
        place, 'echo "kept $(umask)" >"$KEEP/x"', "false", undo='cat "$KEEP/x" >@/did', after_s=50
    )
    place.launch(one)
    place.go()
    assert place.read("did") == "kept 0022\n"


@everywhere
def test_a_flood_is_cut_and_fills_nothing(place: Place) -> None:
    one = change(place, "head -c 5000000 /dev/zero | tr '\\0' x; echo done >>@/did")
    place.launch(one)
    assert told(place.go(), one) is HostState.DONE
    assert place.read("did") == "done\n"
    kept = sum(path.stat().st_size for path in place.root.rglob("*.out"))
    assert kept <= 65536


@everywhere
def test_where_var_cannot_be_written_run_keeps_it(place: Place) -> None:
    (place.root / "var").write_text("no directory\n")
    one = change(place, "echo did >>@/did")
    assert "/run/fleetdiag/" in place.launch(one).job
    assert told(place.go(), one) is HostState.DONE


@everywhere
def test_where_nothing_can_be_written_nothing_is_begun(place: Place) -> None:
    for name in ("var", "run"):
        (place.root / name).write_text("no directory\n")
    word = place.launch(change(place, "echo did >>@/did"))
    assert "can be written" in word.error


def wait(
    place: Place, until: Callable[[Word], bool], ask: Callable[[], Word] | None = None
) -> Word:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        word = (ask or place.state)()
        if until(word):
            return word
        time.sleep(0.1)
    raise AssertionError(word)


# ------------------------------------------------------------------------------------ the lock


@everywhere
def test_a_lock_says_whose_it_is_since_when(place: Place) -> None:
    first = place.lock("run-a", "al@ops with a space")
    assert first.run == "run-a"
    assert first.who == "al@ops with a space"
    assert abs(first.since - time.time()) < 5
    assert place.lock("run-b", "bo@ops") == first


@everywhere
def test_a_run_takes_its_own_lock_again(place: Place) -> None:
    first = place.lock("run-a", "al@ops")
    assert place.lock("run-a", "al@other") == first


@everywhere
def test_a_lock_outlives_a_reboot_and_only_its_run_goes_on(place: Place) -> None:
    first = place.lock("run-a")
    (place.root / "run/fleetdiag/lock").unlink()
    assert place.lock("run-b").run == "run-a"
    assert not (place.root / "run/fleetdiag/lock").exists()
    assert replace(place.lock("run-a"), since=first.since) == first


@everywhere
def test_a_lock_may_be_taken_over_if_somebody_says_so(place: Place) -> None:
    place.lock("run-a")
    assert place.lock("run-b", "bo@ops", take=True).run == "run-b"
    assert place.lock("run-a").run == "run-b"


@everywhere
def test_of_many_at_once_one_has_the_lock(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda n: place.lock(f"run-{n}").run, range(8)))
    assert len(set(held)) == 1


@everywhere
def test_of_many_that_take_it_over_each_hears_who_has_it(place: Place) -> None:
    place.lock("run-old")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: place.lock(f"run-{n}", take=True).run, range(6)))
    assert place.lock("run-x").run.startswith("run-")
    assert not list((place.root / "run/fleetdiag").glob("lock.*"))


@everywhere
def test_only_its_own_run_gives_a_lock_back_and_leaves_nothing(place: Place) -> None:
    place.lock(RUN)
    place.launch(change(place, "true"))
    place.go()
    place.ask(host.unlock("run-b", root=str(place.root)))
    assert place.lock("run-b").run == RUN
    place.ask(host.unlock(RUN, root=str(place.root)))
    assert [path for path in place.root.rglob("*") if path.is_file()] == []
    assert not (place.root / "var/lib/fleetdiag").exists()


# ------------------------------------------------------------------------------- what it means

PLAIN = Change((Act("a", "true"),), 1)
UNDOES = replace(PLAIN, undo=Undo("true", 10))
REBOOTS = Change((Act("reboot", "reboot", reboots=True),), 1)
BEGUN = Word(boot="b1", job="/j", start="begun b1 1", alive=True)
AGAIN = replace(BEGUN, boot="b2", alive=False)

S = HostState


@pytest.mark.parametrize(
    ("word", "what", "state"),
    [
        (Word(boot="b1"), PLAIN, S.UNTOUCHED),
        (Word(boot="b2"), PLAIN, S.UNKNOWN),
        (Word(boot="b2"), REBOOTS, S.DONE),
        (Word(boot="b1", job="/j", alive=True), PLAIN, S.ABOUT),
        (Word(boot="b1", job="/j"), PLAIN, S.UNTOUCHED),
        (Word(boot="b2", job="/j"), REBOOTS, S.UNTOUCHED),
        (Word(boot="b1", job="/j", start="expired"), PLAIN, S.UNTOUCHED),
        (BEGUN, PLAIN, S.ABOUT),
        (replace(BEGUN, alive=False), PLAIN, S.FAILED),
        (replace(BEGUN, alive=False, undoes=True), UNDOES, S.ABOUT),
        (replace(BEGUN, end="ok"), PLAIN, S.DONE),
        (replace(BEGUN, end="ok", undoes=True), UNDOES, S.DONE),
        (replace(BEGUN, end="failed 1 2"), PLAIN, S.FAILED),
        (replace(BEGUN, end="failed 1 2", undoes=True), UNDOES, S.ABOUT),
        (replace(BEGUN, end="ok", fate="undo late"), UNDOES, S.ABOUT),
        (replace(BEGUN, end="ok", fate="undo late", undone="0"), UNDOES, S.UNDONE),
        (replace(BEGUN, end="ok", fate="undo late", undone="1"), UNDOES, S.FAILED),
        (replace(BEGUN, end="ok", fate="confirmed"), UNDOES, S.DONE),
        (BEGUN, REBOOTS, S.ABOUT),
        (replace(BEGUN, alive=False), REBOOTS, S.ABOUT),
        (replace(BEGUN, end="failed 1 123"), REBOOTS, S.FAILED),
        (AGAIN, REBOOTS, S.DONE),
        (replace(AGAIN, end="failed 1 143"), REBOOTS, S.DONE),
        (AGAIN, PLAIN, S.FAILED),
        (replace(AGAIN, undoes=True), UNDOES, S.FAILED),
        (replace(AGAIN, end="ok"), PLAIN, S.DONE),
        (replace(AGAIN, fate="undo late"), UNDOES, S.FAILED),
    ],
)  # fmt: skip
def test_what_became_of_a_host_follows_from_what_it_says(
    word: Word, what: Change, state: HostState
) -> None:
    found = standing(word, what, "b1")
    assert found.state is state
    assert found.reason or state is S.DONE


def test_there_is_a_shell_for_every_kind_of_host() -> None:
    assert set(SHELLS) <= set(SCRIPT_SHELLS)
