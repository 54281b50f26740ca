"""Small builders of runs for tests: hosts and what they said, nothing more to spell out.

run({"web-01": {"kernel": "6.1"}, "web-02": {"kernel": "6.5"}})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetdiag.model import (
    Compare,
    Flag,
    HostFacts,
    HostResult,
    HostStatus,
    Mode,
    Outcome,
    Playbook,
    Run,
    Severity,
    Step,
    StepResult,
)

Said = str | bytes | StepResult
STARTED_AT = 1_795_316_645.0
"""2026-11-22T03:04:05Z."""
RUN_ID = "20261122T030405-triage-7f3a"


def make_flag(matches: str, say: str, severity: Severity = Severity.CRITICAL) -> Flag:
    return Flag(matches=matches, severity=severity, say=say)


def make_step(
    name: str,
    mode: Mode = Mode.TEXT,
    *,
    run: str = "",
    mask: Sequence[str] = (),
    unmask: Sequence[str] = (),
    flags: Sequence[Flag] = (),
) -> Step:
    compare = Compare(mode=mode, mask=tuple(mask), unmask=tuple(unmask))
    return Step(name=name, commands=(run or name,), compare=compare, flags=tuple(flags))


def make_result(
    name: str,
    outcome: Outcome = Outcome.OK,
    *,
    stdout: str | bytes = b"",
    stderr: str | bytes = b"",
    exit_code: int | None = None,
    command: int = 0,
    reason: str = "",
) -> StepResult:
    ran = outcome not in {Outcome.NOT_RUN, Outcome.SKIPPED}
    return StepResult(
        name=name,
        outcome=outcome,
        exit_code=0 if exit_code is None and outcome is Outcome.OK else exit_code,
        duration_s=0.01 if ran else None,
        stdout=_encoded(stdout),
        stderr=_encoded(stderr),
        truncated=outcome is Outcome.TRUNCATED,
        command=command,
        reason=reason,
    )


def make_host(
    name: str,
    said: Mapping[str, Said] | None = None,
    *,
    status: HostStatus = HostStatus.OK,
    reason: str = "",
    facts: HostFacts | None = None,
    address: str = "",
    attributes: Mapping[str, str] | None = None,
) -> HostResult:
    """A host that said `said`: step -> stdout, or a whole result."""
    return HostResult(
        name=name,
        status=status,
        reason=reason,
        steps=tuple(_result(step, answer) for step, answer in (said or {}).items()),
        attributes=dict(attributes or {}),
        facts=facts or HostFacts(hostname=name),
        address=address,
        started_at=STARTED_AT,
        connect_s=0.05 if status is HostStatus.OK else None,
        duration_s=1.5,
    )


def make_run(
    hosts: Mapping[str, Mapping[str, Said]] | Sequence[HostResult],
    steps: Sequence[Step] | None = None,
    *,
    playbook: str = "triage",
    source: str = "triage.yaml",
    interrupted: bool = False,
    note: str | None = None,
) -> Run:
    """A run over `hosts` (name -> step -> output, or whole hosts); steps default to mode text."""
    results = (
        tuple(make_host(name, said) for name, said in hosts.items())
        if isinstance(hosts, Mapping)
        else tuple(hosts)
    )
    if steps is None:
        names = dict.fromkeys(step.name for host in results for step in host.steps)
        steps = [make_step(name) for name in names]
    return Run(
        id=RUN_ID,
        playbook=Playbook(name=playbook, steps=tuple(steps), source=source),
        hosts=results,
        started_at=STARTED_AT,
        duration_s=4.2,
        version="0.1.0",
        interrupted=interrupted,
        note=note,
    )


def names(prefix: str, count: int, *, first: int = 1) -> list[str]:
    """`names("web-", 3)` is `["web-01", "web-02", "web-03"]`."""
    return [f"{prefix}{number:02d}" for number in range(first, first + count)]


def _result(step: str, said: Said) -> StepResult:
    return said if isinstance(said, StepResult) else make_result(step, stdout=said)


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
