"""What became of the hosts of a change, in words: for `run` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.model import HostState
from fleetdiag.report.fold import fold
from fleetdiag.report.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.model import Finding, HostAct, Run

_WORST_FIRST = (
    HostState.FAILED, HostState.UNKNOWN, HostState.ABOUT, HostState.UNDONE, HostState.DONE,
    HostState.UNTOUCHED,
)  # fmt: skip
_ABOUT = "written down before the act: only the host knows more"
_SAID_LINES = 5


def render_rollout(run: Run, resume: str, otherwise: Sequence[Finding] = ()) -> str:
    """What became of each host, hosts of one fate folded.

    Args:
        run: of a change.
        resume: the command that goes on with it.
        otherwise: what is not as before on hosts that are done.
    """
    rollout = run.rollout
    if rollout is None:
        return ""
    acts = rollout.states()
    lines = [f"{run.playbook.name} on {len(acts)} hosts, run {run.id}, by {rollout.who}", ""]
    lines += _fates(acts)
    if otherwise:
        lines += ["", "Not as before, on hosts that are done:"]
        lines += [f"  {_changed(finding)}" for finding in otherwise]
    if rollout.stopped:
        lines += ["", f"Stopped: {printable(rollout.stopped)}"]
    if any(act.state is not HostState.DONE for act in acts.values()):
        lines += ["", f"Go on with the hosts that are not done: {resume}"]
    return "\n".join(lines) + "\n"


def _fates(acts: dict[str, HostAct]) -> Iterator[str]:
    fates: dict[tuple[HostState, str], list[str]] = {}
    for host, act in acts.items():
        reason = act.reason or (_ABOUT if act.state is HostState.ABOUT else "")
        fates.setdefault((act.state, reason), []).append(host)
    for (state, reason), hosts in sorted(fates.items(), key=_rank):
        why = f": {printable(reason)}" if reason else ""
        yield f"  {state.value:9} {len(hosts):3}  {fold(hosts)}{why}"
        said = acts[hosts[0]].said.strip()
        if state in {HostState.FAILED, HostState.UNDONE} and said:
            yield from (f"{'':16}| {printable(line)}" for line in said.splitlines()[-_SAID_LINES:])


def _changed(finding: Finding) -> str:
    step = f"{finding.step}: " if finding.step else ""
    return f"{fold(finding.hosts)}: {step}{printable(finding.summary)}"


def _rank(fate: tuple[tuple[HostState, str], list[str]]) -> int:
    return _WORST_FIRST.index(fate[0][0])
