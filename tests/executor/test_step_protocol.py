"""The step protocol, by the real script under the real shells."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from fleetdiag.model import Limits, Outcome, Step, read_output
from tests.executor.shells import SCRIPT_SHELLS, ProcessTransport, installed, only, run_steps


@pytest.fixture(params=SCRIPT_SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    argv = SCRIPT_SHELLS[request.param]
    if not installed(argv):
        pytest.skip(f"{argv[0]} is not installed")
    return argv


@pytest.fixture
def tag() -> str:
    """A number of seconds nobody else sleeps: finds our processes among all."""
    return f"{1000 + os.getpid() % 9000}.{time.monotonic_ns() % 10**6:06d}"


def running(tag: str) -> list[str]:
    """Command lines of live processes that carry the tag."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
            state = entry.with_name("stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"sleep {tag}" in line and state != "Z":
            found.append(line)
    return found


def gone(tag: str, within_s: float = 3.0) -> bool:
    deadline = time.monotonic() + within_s
    while running(tag) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running(tag)


def test_steps_run_in_order_and_both_streams_and_codes_come_back(shell: list[str]) -> None:
    result = run_steps(
        shell,
        Step("first", ("echo out; echo err >&2",)),
        Step("second", ("echo more; exit 7",)),
        Step("third", ("true",)),
    )
    first, second, third = result.steps
    assert (first.outcome, first.stdout, first.stderr) == (Outcome.OK, b"out\n", b"err\n")
    assert (second.outcome, second.stdout, second.exit_code) == (Outcome.FAILED, b"more\n", 7)
    assert (third.outcome, third.stdout, third.exit_code) == (Outcome.OK, b"", 0)


@pytest.mark.parametrize(
    "output",
    [b"no newline", b"\n", b"\n\n", b"", b"two\nlines", b"\x00\xff\xfe\x01 binary \r\n\x1b[31m"],
)
def test_output_comes_back_byte_for_byte(shell: list[str], output: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in output)
    step = only(run_steps(shell, Step("bytes", (f"printf '{octal}'",))))
    assert step.stdout == output


def test_lines_that_look_like_marks_are_output(shell: list[str]) -> None:
    lookalike = "\n@0123456789abcdef01234567 E 0 0 0 1.0 -\n@ E\n@"
    step = only(run_steps(shell, Step("marks", (f"printf '{lookalike}'",))))
    assert step.stdout == lookalike.encode()


def test_a_step_that_reads_stdin_gets_end_of_file(shell: list[str]) -> None:
    first, second = run_steps(shell, Step("cat", ("cat; echo done",)), Step("b", ("echo b",))).steps
    assert (first.stdout, second.stdout) == (b"done\n", b"b\n")


def test_a_background_child_that_holds_stdout_does_not_hold_the_step(
    shell: list[str], tag: str
) -> None:
    began = time.monotonic()
    step = only(run_steps(shell, Step("daemon", (f"sleep {tag} & echo started",))))
    assert (step.outcome, step.stdout) == (Outcome.OK, b"started\n")
    assert time.monotonic() - began < 5
    assert gone(tag), "what a step left running is ended with the script"


def test_a_step_that_kills_its_own_shell_is_one_failed_step(shell: list[str]) -> None:
    first, second = run_steps(shell, Step("dies", ("kill -9 $$",)), Step("b", ("echo b",))).steps
    assert (first.outcome, first.exit_code) == (Outcome.FAILED, 137)
    assert (second.outcome, second.stdout) == (Outcome.OK, b"b\n")


def test_a_step_that_kills_the_session_twice_is_named_and_the_next_run(shell: list[str]) -> None:
    transport = ProcessTransport(shell)
    result = run_steps(
        shell,
        Step("before", ("echo before",)),
        Step("killer", ("kill -9 $PPID",)),
        Step("after", ("echo after",)),
        transport=transport,
    )
    before, killer, after = result.steps
    assert (before.outcome, before.stdout) == (Outcome.OK, b"before\n")
    assert (killer.outcome, killer.reason) == (
        Outcome.FAILED,
        "the session ended during this step, twice",
    )
    assert (after.outcome, after.stdout) == (Outcome.OK, b"after\n")
    assert transport.opened == 3


def test_what_a_step_wrote_before_it_lost_the_session_is_kept_and_said(shell: list[str]) -> None:
    command = "echo out; echo 'no space' >&2; sleep 0.2; kill -9 $PPID"
    step = only(run_steps(shell, Step("killer", (command,))))
    assert (step.stdout, step.stderr) == (b"out\n", b"no space\n")
    assert step.reason == "the session ended during this step, twice: no space"


def test_a_step_that_may_not_be_repeated_is_not_where_the_session_is_lost() -> None:
    transport = ProcessTransport(["sh", "-s"])
    result = run_steps(
        ["sh", "-s"],
        Step("before", ("echo before",)),
        Step("killer", ("kill -9 $PPID",), repeatable=False),
        transport=transport,
    )
    assert (result.status, result.reason) == ("lost", "the connection ended: during step killer")
    assert [step.outcome for step in result.steps] == [Outcome.OK, Outcome.NOT_RUN]
    assert transport.opened == 1


def test_a_step_past_its_limit_is_ended_with_all_it_started(shell: list[str], tag: str) -> None:
    command = f"echo begun; sleep {tag} & (sleep {tag}) & timeout 500 sleep {tag}"
    slow, after = run_steps(
        shell, Step("slow", (command,), timeout_s=0.4), Step("after", ("echo after",))
    ).steps
    assert (slow.outcome, slow.reason) == (Outcome.TIMED_OUT, "not done within 0.4 s")
    assert slow.stdout == b"begun\n"
    assert (after.outcome, after.stdout) == (Outcome.OK, b"after\n")
    assert gone(tag)


def test_a_step_that_drips_output_for_ever_is_ended_at_its_limit(shell: list[str]) -> None:
    began = time.monotonic()
    drip, after = run_steps(
        shell,
        Step("drip", ("while :; do echo x; sleep 0.02; done",), timeout_s=0.5),
        Step("after", ("echo after",)),
    ).steps
    assert (drip.outcome, drip.reason) == (Outcome.TIMED_OUT, "not done within 0.5 s")
    assert read_output(drip.stdout).startswith(b"x\nx\n")
    assert after.stdout == b"after\n"
    assert time.monotonic() - began < 4


def test_a_step_that_ignores_term_is_killed(shell: list[str], tag: str) -> None:
    command = f"trap '' TERM; sleep {tag}; sleep {tag}"
    slow, after = run_steps(
        shell, Step("slow", (command,), timeout_s=0.3), Step("after", ("echo after",))
    ).steps
    assert slow.outcome is Outcome.TIMED_OUT
    assert after.stdout == b"after\n"
    assert gone(tag)


def test_endless_output_is_cut_at_the_cap_and_ended(shell: list[str]) -> None:
    flood, after = run_steps(
        shell,
        Step("flood", ("yes",), output_cap_bytes=10_000, timeout_s=20),
        Step("after", ("echo after",)),
    ).steps
    assert (flood.outcome, flood.truncated) == (Outcome.TRUNCATED, True)
    assert flood.stdout == b"y\n" * 5_000
    assert after.stdout == b"after\n"


def test_a_flood_on_stderr_is_cut_too(shell: list[str]) -> None:
    step = only(run_steps(shell, Step("flood", ("yes >&2",), output_cap_bytes=1_000)))
    assert (step.outcome, step.stderr) == (Outcome.TRUNCATED, b"y\n" * 500)


def test_the_first_command_that_exists_and_is_permitted_gives_the_output(shell: list[str]) -> None:
    step = only(
        run_steps(
            shell, Step("or", ("no-such-command", "cat /no/such/file", "echo third", "false"))
        )
    )
    assert (step.outcome, step.stdout, step.command) == (Outcome.OK, b"third\n", 2)


def test_a_command_that_exists_and_fails_is_not_replaced_by_its_fallback(shell: list[str]) -> None:
    step = only(run_steps(shell, Step("or", ("echo half; exit 3", "echo fallback"))))
    assert (step.outcome, step.stdout, step.command) == (Outcome.FAILED, b"half\n", 0)


def test_no_command_of_them_exists(shell: list[str]) -> None:
    step = only(run_steps(shell, Step("or", ("no-such-command", "nor-this"))))
    assert step.outcome is Outcome.ABSENT
    assert "not found" in step.reason


def test_a_broken_command_is_one_failed_step(shell: list[str]) -> None:
    broken, after = run_steps(
        shell, Step("broken", ("echo 'unterminated",)), Step("after", ("echo after",))
    ).steps
    assert broken.outcome is Outcome.FAILED
    assert after.stdout == b"after\n"


def test_quotes_and_newlines_in_a_command_reach_the_shell_as_they_are(shell: list[str]) -> None:
    command = "printf '%s|' \"it's\" 'a \"b\"' '$HOME' `echo c`\nprintf '\\n'"
    assert only(run_steps(shell, Step("quotes", (command,)))).stdout == b'it\'s|a "b"|$HOME|c|\n'


def test_steps_have_the_c_locale_and_the_administrators_path(shell: list[str]) -> None:
    step = only(run_steps(shell, Step("env", ('echo "$LC_ALL|$PATH|$PAGER"',))))
    locale, path, pager = read_output(step.stdout).decode().strip().split("|")
    assert (locale, pager) == ("C", "cat")
    assert {"/usr/sbin", "/sbin", "/usr/local/sbin"} <= set(path.split(":"))


def test_the_host_says_who_it_is(shell: list[str]) -> None:
    facts = run_steps(shell, Step("a", ("true",))).facts
    assert facts.hostname == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert facts.user == str(os.getuid())
    assert facts.uptime_s is not None
    assert facts.clock_offset_s is not None
    assert abs(facts.clock_offset_s) < 2
    assert "127.0.0.1" in facts.addresses


def test_two_hundred_steps_are_still_told_apart(shell: list[str], tag: str) -> None:
    steps = [Step(f"s{i}", (f"echo {i}",)) for i in range(200)]
    steps[150] = Step("s150", (f"sleep {tag}",), timeout_s=0.3)
    result = run_steps(shell, *steps)
    assert result.steps[150].outcome is Outcome.TIMED_OUT
    assert [s.stdout for s in result.steps if s.name != "s150"] == [
        b"%d\n" % i for i in range(200) if i != 150
    ]


def test_nothing_is_left_when_the_client_dies(shell: list[str], tag: str) -> None:
    with subprocess.Popen(
        shell,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        from fleetdiag.script import compose, new_nonce

        step = Step("long", (f"sleep {tag} & sleep {tag}",), become=False)
        script = compose([(0, step)], new_nonce(), fuse_s=60, become_password=None)
        assert process.stdin is not None
        process.stdin.write(script)
        process.stdin.flush()
        deadline = time.monotonic() + 5
        while len(running(tag)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(running(tag)) >= 2
        process.stdin.close()
        assert gone(tag)
        process.wait(5)


def test_the_fuse_ends_a_host_whose_client_fell_silent(shell: list[str], tag: str) -> None:
    with subprocess.Popen(
        shell,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        from fleetdiag.script import compose, new_nonce

        step = Step("long", (f"sleep {tag}",), become=False)
        assert process.stdin is not None
        process.stdin.write(compose([(0, step)], new_nonce(), fuse_s=1, become_password=None))
        process.stdin.flush()
        assert process.wait(10) is not None
        assert gone(tag)


def test_a_host_that_takes_too_long_over_all_keeps_what_it_gave(shell: list[str]) -> None:
    result = run_steps(
        shell,
        Step("a", ("echo a",)),
        Step("b", ("sleep 5",)),
        Step("c", ("echo c",)),
        limits=Limits(host_s=0.7),
    )
    assert (result.status, result.reason) == ("timed-out", "not done within 0.7 s: during step b")
    assert [s.outcome for s in result.steps] == [Outcome.OK, Outcome.NOT_RUN, Outcome.NOT_RUN]
