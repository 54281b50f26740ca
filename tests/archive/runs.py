"""Plans and results to store: hostile ones, and as many as a test wants."""

from __future__ import annotations

import random

from fleetdiag.model import (
    Compare,
    Field,
    Flag,
    Host,
    HostFacts,
    HostPlan,
    HostResult,
    HostStatus,
    Mode,
    Outcome,
    Plan,
    Playbook,
    Rate,
    Run,
    Severity,
    Side,
    Step,
    StepResult,
    TransportKind,
    Unit,
)

STARTED_AT = 1_795_316_645.25

FIELDS = (
    Field(
        name="Use%",
        pattern=r"(\d+)%",
        at="2",
        unit=Unit.PERCENT,
        per="Size",
        rate=Rate.SAMPLES,
        interval_s=2.5,
        floor=0.1,
        side=Side.HIGH,
    ),
    Field(name="Size", unit=Unit.NONE, compare=False),
)
FLAGS = (
    Flag(say="A file system is full.", severity=Severity.CRITICAL, matches="100%"),
    Flag(
        say="Nearly.",
        matches="9",
        feature="* Use%",
        above=90.0,
        below=99.5,
        equals="95",
        name="nearly",
        explains=("full", "slow"),
    ),
)

PLAYBOOK = Playbook(
    name="triage",
    about="What is it?",
    source="/etc/fleetdiag/triage.yaml",
    params={"unit": "sshd\0\udcff"},
    steps=(
        Step("kernel", ("dmesg", "journalctl -k"), become=True, timeout_s=2.5),
        Step(
            "disk",
            ("df -P",),
            compare=Compare(
                mode=Mode.TABLE,
                mask=(r"\d+%",),
                unmask=("pid",),
                parse="jc:df",
                key="Mounted on",
                only=("Use*", "Size"),
                fields=FIELDS,
            ),
            flags=FLAGS,
            sets={"root_disk": "/ Filesystem", "whole": ""},
            about="Room left.",
            output_cap_bytes=4096,
        ),
    ),
)

HOSTILE_NAMES = ("../../etc/passwd", "a/b\0c", "x\ud800\udc80", "'; DROP TABLE run; --", "", "ö🦀")


def plan_of(
    *names: str,
    playbook: Playbook = PLAYBOOK,
    note: str | None = None,
    peers: str | None = None,
) -> Plan:
    hosts = tuple(
        HostPlan(Host(name, TransportKind.LOCAL, attributes={"zone": f"z{number}"}), playbook.steps)
        for number, name in enumerate(names)
    )
    return Plan(playbook, hosts, note=note, peers=peers)


def ok_result(name: str, *outputs: bytes, after_s: float = 1.0) -> HostResult:
    """An answer of both steps, finished `after_s` seconds into the run."""
    kernel, disk = (*outputs, b"", b"")[:2]
    return HostResult(
        name=name,
        status=HostStatus.OK,
        steps=(
            StepResult("kernel", Outcome.OK, 0, 0.01, kernel),
            StepResult("disk", Outcome.FAILED, 1, 0.1, disk, b"df: x\n", reason="exit code 1"),
        ),
        attributes={"zone": "z1", "\udc80": "\0"},
        facts=HostFacts("h", "b", "m", ("10.0.0.1", "::1"), 12.5, -0.125, "root"),
        address="10.0.0.1",
        started_at=STARTED_AT + after_s - 0.5,
        connect_s=0.1,
        duration_s=0.5,
    )


def lost_result(name: str) -> HostResult:
    return HostResult(
        name=name,
        status=HostStatus.LOST,
        reason="reset \x1b[31m by peer",
        steps=(
            StepResult("kernel", Outcome.TRUNCATED, None, None, b"\0" * 4096, truncated=True),
            StepResult("disk", Outcome.NOT_RUN, command=0),
        ),
    )


def run_of(plan: Plan, results: tuple[HostResult, ...], run_id: str) -> Run:
    """What a live execution would have given."""
    return Run(
        id=run_id,
        playbook=plan.playbook,
        hosts=results,
        started_at=STARTED_AT,
        duration_s=3.25,
        version="1.2.3",
        note=plan.note,
        peers=plan.peers,
    )


def numbered_result(number: int) -> HostResult:
    """The same for the same number: up to 200 KB that do not compress, so that storing it takes
    a while."""
    noise = random.Random(number)
    return ok_result(f"h{number}", noise.randbytes(noise.randrange(200_000)), b"same on all\n" * 99)
