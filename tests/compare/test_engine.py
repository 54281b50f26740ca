"""A whole run compared: silence on equal hosts, the odd one found, whatever bytes come."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.compare import compare
from fleetdiag.model import Comparison, HostFacts, HostResult, Mode, Outcome, Run
from tests.factory import make_flag, make_host, make_result, make_run, make_step, names

MODES = [Mode.TEXT, Mode.LINES]
OUTPUTS = st.lists(
    st.one_of(st.binary(max_size=60), st.sampled_from([b"a\n", b"b\n", b"a\nb\n", b""])),
    min_size=1,
    max_size=8,
)


def run_of(outputs: list[bytes], mode: Mode = Mode.TEXT) -> Run:
    hosts = {f"host-{number}": {"step": output} for number, output in enumerate(outputs)}
    return make_run(hosts, [make_step("step", mode)])


def machine(number: int) -> HostResult:
    """A host as real ones differ: names, addresses, ids, times, pids, all its own."""
    rng = random.Random(number)
    name, address = f"web-{number:02d}", f"10.0.{number}.7"
    boot = f"{rng.getrandbits(32):08x}-1111-2222-3333-{rng.getrandbits(48):012x}"
    stamp = f"Nov 22 0{rng.randrange(9)}:11:{rng.randrange(10, 59)}"
    log = (
        f"{stamp} {name} sshd[{rng.randrange(9999)}]: "
        f"Accepted from {address} port 22\n"
        f"[{rng.random() * 99:12.6f}] eth0: {rng.getrandbits(48):012x} up\n"
        f"[{rng.random() * 99:12.6f}] eth0: ready after {rng.random():.3f} ms\n"
    )
    facts = HostFacts(hostname=name, boot_id=boot, addresses=(address, "127.0.0.1"))
    said = {
        "uname": f"Linux {name}.example.com 6.1.0 x86_64\n",
        "boot": f"{boot}\n",
        "address": f"    inet {address}/24 brd 10.0.{number}.255 scope global eth0\n",
        "date": f"Sun Nov 22 03:0{rng.randrange(9)}:{rng.randrange(10, 59)} UTC 2026\n",
        "log": log,
        "peers": "".join(f"10.0.{peer}.7 web-{peer:02d}\n" for peer in range(50)),
    }
    return make_host(name, dict(said), facts=facts, address=address)


@pytest.mark.parametrize("count", [2, 3, 10, 50])
@pytest.mark.parametrize("mode", MODES)
def test_hosts_that_differ_only_in_what_is_their_own_give_no_finding(
    count: int, mode: Mode
) -> None:
    hosts = [machine(number) for number in range(count)]
    comparison = compare(make_run(hosts, [make_step(step.name, mode) for step in hosts[0].steps]))
    assert comparison.findings == ()
    assert [len(step.groups) for step in comparison.steps] == [1] * len(comparison.steps)


@given(st.binary(max_size=200), st.integers(1, 6), st.sampled_from(MODES))
def test_equal_hosts_give_no_finding(output: bytes, count: int, mode: Mode) -> None:
    assert compare(run_of([output] * count, mode)).findings == ()


@given(OUTPUTS, st.sampled_from(MODES), st.randoms(use_true_random=False))
def test_the_order_of_hosts_does_not_change_the_groups(
    outputs: list[bytes], mode: Mode, shuffler: random.Random
) -> None:
    run = run_of(outputs, mode)
    hosts = list(run.hosts)
    shuffler.shuffle(hosts)
    assert _groups(compare(run)) == _groups(compare(replace(run, hosts=tuple(hosts))))


@given(OUTPUTS)
def test_groups_part_the_hosts(outputs: list[bytes]) -> None:
    comparison = compare(run_of(outputs))
    hosts = [host for group in comparison.steps[0].groups for host in group.hosts]
    assert sorted(hosts) == sorted(host.name for host in comparison.run.hosts)


@given(OUTPUTS)
def test_comparing_twice_gives_the_same(outputs: list[bytes]) -> None:
    assert compare(run_of(outputs)) == compare(run_of(outputs))


@given(st.sets(st.integers(0, 9), min_size=1, max_size=4), st.sampled_from(MODES))
def test_a_planted_difference_is_found_on_exactly_its_hosts(odd: set[int], mode: Mode) -> None:
    outputs = [b"x = 2\nsame\n" if number in odd else b"x = 1\nsame\n" for number in range(10)]
    comparison = compare(run_of(outputs, mode))
    assert comparison.steps[0].odd == tuple(f"host-{number}" for number in sorted(odd))
    assert comparison.findings[0].evidence == ("- x = 1", "+ x = 2")


def test_stderr_is_compared_too_and_said_to_be_stderr() -> None:
    quiet = make_result("step", stdout="a\n")
    noisy = make_result("step", stdout="a\n", stderr="warning: b\n")
    hosts = {host: {"step": quiet} for host in names("web-", 4)} | {"web-05": {"step": noisy}}
    comparison = compare(make_run(hosts))
    assert comparison.steps[0].odd == ("web-05",)
    assert comparison.findings[0].evidence == ("+ stderr: warning: b",)


def test_rules_read_both_streams_also_of_a_host_alone_and_of_a_failed_step() -> None:
    step = make_step("step", flags=[make_flag("panic", "panicked")])
    failed = make_result("step", Outcome.FAILED, exit_code=1, stderr="panic\n")
    found = compare(make_run({"web-01": {"step": failed}}, [step])).findings
    assert found[0].summary == "panicked"


def test_an_ignored_step_is_never_compared() -> None:
    comparison = compare(run_of([b"a", b"b", b"c"], Mode.IGNORE))
    (step,) = comparison.steps
    assert (step.compared, step.odd, len(step.groups)) == (0, (), 1)
    assert comparison.findings == ()


def test_masks_that_changed_something_are_named() -> None:
    hosts = {host: {"step": f"{host} at 10.0.0.9\n"} for host in names("web-", 3)}
    assert compare(make_run(hosts)).steps[0].masks == ("self", "ipv4")


def test_a_run_without_hosts_or_steps_is_compared_to_nothing() -> None:
    empty = compare(make_run({}))
    assert (empty.steps, empty.findings) == ((), ())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_leave_no_control_character_in_the_comparison(output: bytes) -> None:
    comparison = compare(run_of([b"fine\n", b"fine\n", output, output[::-1]]))
    shown = [
        line for finding in comparison.findings for line in (finding.summary, *finding.evidence)
    ]
    shown += [
        group.sample.replace("\n", "").replace("\t", "") for group in comparison.steps[0].groups
    ]
    assert all(text.replace("\t", "").isprintable() for text in shown if text.isascii())
    assert not any("\x1b" in text or "\x9b" in text for text in shown)


@pytest.mark.parametrize(
    "output",
    [
        b"x" * (1 << 20),
        b"\x00" * (10 << 20),
        b"\x1b[31m\x1b]0;" * (1 << 17),
        b"\xff" * (1 << 20),
        b"1.1.1.1:" * (1 << 17),
        b"a\n" * (1 << 19),
        b"\n" * (1 << 20),
    ],
    ids=["long line", "nuls", "ansi bomb", "no utf-8", "addresses", "short lines", "blank lines"],
)
@pytest.mark.parametrize("mode", MODES)
def test_a_hostile_output_takes_bounded_time_and_is_odd(output: bytes, mode: Mode) -> None:
    step = make_step("step", mode, flags=[make_flag("panic.*now", "x")])
    hosts = {host: {"step": b"fine\n"} for host in names("web-", 3)} | {"web-04": {"step": output}}
    started = time.process_time()
    comparison = compare(make_run(hosts, [step]))
    assert time.process_time() - started < 15  # measured: 1 s
    assert comparison.steps[0].odd == ("web-04",)
    assert all(len(line) < 500 for line in comparison.findings[0].evidence)


def test_time_grows_in_step_with_the_fleet() -> None:
    def seconds(count: int) -> float:
        lines = [f"subsystem {number} ready at 0x{number:012x}\n" for number in range(300)]
        hosts = {
            f"host-{host:03d}": {
                "log": "".join(f"[{host + n:5d}.000001] {line}" for n, line in enumerate(lines))
            }
            for host in range(count)
        }
        run = make_run(hosts)
        started = time.process_time()
        assert compare(run).findings == ()
        return time.process_time() - started

    seconds(10)
    few, many = seconds(50), seconds(400)
    assert many < 8 * few * 3 + 0.5


def _groups(comparison: Comparison) -> list[list[tuple[frozenset[str], str, bool]]]:
    return [
        [(frozenset(group.hosts), group.sample, group.majority) for group in step.groups]
        for step in comparison.steps
    ]
