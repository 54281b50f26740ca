"""The whole program: a plan runs, is kept as it goes, and is compared. The map for a newcomer.

    sources ─► inventory ─► Inventory ┐
    file ────► playbook ──► Playbook ─┴► plan ─► executor ─► Run ─► compare ─► Comparison ─► report
                                                  cloud ──────┘└► archive

Besides the command line, the only place where the stages meet.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from fleetdiag import __version__, archive, outputs
from fleetdiag.compare import compare, diff_runs, told_attributes, trials
from fleetdiag.compare import load as load_comparison
from fleetdiag.errors import ArchiveError
from fleetdiag.executor import run_hosts
from fleetdiag.executor.outcome import classify
from fleetdiag.model import (
    ArchiveFailed,
    Event,
    HostFacts,
    HostFinished,
    Outcome,
    Run,
    Severity,
    StepFinished,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fleetdiag.cloud.ask import Asks
    from fleetdiag.executor import Engine
    from fleetdiag.model import (
        CloudFacts,
        Comparison,
        HostResult,
        OnEvent,
        Plan,
        Playbook,
        Transport,
        Trial,
    )


def run(
    plan: Plan,
    transport: Transport | Engine,
    *,
    archive_dir: Path | None,
    on_event: OnEvent,
    become_password: str | None = None,
    stop: threading.Event | None = None,
    baseline: Run | None = None,
    cloud: Asks | None = None,
) -> tuple[Comparison, Path | None]:
    """Run the plan and compare its hosts; also where the run was stored.

    Each host is in the archive before `on_event` hears that it finished. `archive_dir` None
    stores nothing. Raises ArchiveError where the archive cannot be begun; where it fails later
    the run goes on, `on_event` hears of it, and the path is that of what was stored till then.
    `baseline` is an earlier run, with which each host is compared as well. `cloud` asks the
    provider meanwhile.
    """
    done, path = _execute(plan, transport, archive_dir, on_event, become_password, stop, cloud)
    return compare(done, baseline), path


def retry(
    plan: Plan,
    transport: Transport | Engine,
    *,
    earlier: Run,
    path: Path,
    on_event: OnEvent,
    archive_dir: Path | None = None,  # noqa: ARG001 - it goes where the run is
    become_password: str | None = None,
    stop: threading.Event | None = None,
    baseline: Run | None = None,
    cloud: Asks | None = None,
) -> tuple[Comparison, Path | None]:
    """Run what `earlier`, stored at `path`, has no result of, into the same file; compare it all.

    `plan` is the rest (`plan.remaining`). A host's new results stand beside those it had. Raises
    ArchiveError where the file cannot be written.
    """
    before = {host.name: host for host in earlier.hosts}

    def merge(event: Event) -> Event:
        if not isinstance(event, HostFinished):
            return event
        return HostFinished(_merged(before[event.result.name], event.result))

    began = time.monotonic()
    keeper = _Keeper(on_event, cloud, merge)
    keeper.writer = archive.Writer.reopen(path)
    with keeper:
        if cloud is not None:
            cloud.start()
        hosts, interrupted = run_hosts(
            plan, transport, keeper.keep, become_password=become_password, stop=stop
        )
        told = earlier.cloud if cloud is None else cloud.facts()
        duration_s = earlier.duration_s + time.monotonic() - began
        keeper.finish(duration_s, interrupted, told)
    merged = {host.name: host for host in hosts}
    done = replace(
        earlier,
        hosts=tuple(merged.get(host.name, host) for host in earlier.hosts),
        duration_s=duration_s,
        interrupted=interrupted,
        cloud=told,
    )
    return compare(done, baseline), path


def _merged(before: HostResult, after: HostResult) -> HostResult:
    """`after` with the steps that were there already; facts as they were said last."""
    new = {step.name: step for step in after.steps}
    steps = tuple(
        new[step.name] if step.name in new and step.outcome is Outcome.NOT_RUN else step
        for step in before.steps
    )
    facts = after.facts if after.facts != HostFacts() else before.facts
    return replace(after, steps=steps, facts=facts)


def check(
    plan: Plan,
    transport: Transport | Engine,
    *,
    archive_dir: Path,
    on_event: OnEvent,
    become_password: str | None = None,
    stop: threading.Event | None = None,
) -> tuple[Comparison, Run | None]:
    """Run the plan of one host and set it among its peers of the last stored run.

    The second value is that run; None where there is none: then the host stands alone. The
    check itself is not stored: it is no run of the fleet, and must not become the next's peers.
    """
    done, _ = _execute(plan, transport, None, on_event, become_password, stop)
    stored_at = archive.peers_last(archive_dir, plan.playbook.name)
    peers = archive.load(stored_at) if stored_at else None
    if peers is None:
        return compare(done), None
    checked = {host.name for host in done.hosts}
    others = tuple(host for host in peers.hosts if host.name not in checked)
    return compare(replace(done, hosts=(*done.hosts, *others), note=done.note or peers.note)), peers


def try_out(
    plan: Plan,
    transport: Transport | Engine,
    *,
    on_event: OnEvent,
    twice: bool = False,
    archive_dir: Path | None = None,  # noqa: ARG001 - a trial is not stored
    become_password: str | None = None,
    stop: threading.Event | None = None,
) -> tuple[Run, tuple[Trial, ...]]:
    """Run the plan of one host, and what each step comes to there; `twice`: and what moved."""
    done, _ = _execute(plan, transport, None, on_event, become_password, stop)
    again = None
    if twice and not done.interrupted:
        again, _ = _execute(plan, transport, None, on_event, become_password, stop)
    return done, trials(done, again)


def stored(path: Path, baseline_of: Callable[[Run], Run | None] = lambda _: None) -> Comparison:
    """What the run stored at `path` came to: the same as when it was live.

    `baseline_of` says which earlier run its hosts are also compared with; None: with none.
    """
    run = archive.load(path)
    return compare(run, baseline_of(run))


# ------------------------------------------------------------------------------ over time

LAST, LAST_GOOD = "last", "last-good"
MAX_LOOKED_AT = 50
"""So many runs are compared in search of a good one."""
MAX_RECALLED = 20
"""So many runs are looked at for what hosts told of themselves."""


def stored_run(directory: Path, ref: str) -> Run:
    """The stored run that `ref` means; raises ArchiveError."""
    return archive.load(archive.find(directory, ref))


def find_baseline(
    directory: Path, ref: str, playbook: str, before: float | None = None
) -> tuple[Run | None, int]:
    """The run that `ref` means, and how many stored runs were looked at for it.

    `last` is the newest whole run of that playbook begun before `before` (Unix time; None: any),
    `last-good` the newest of them without a finding above info; None where there is none. Raises
    ArchiveError for any other `ref` that is not there.
    """
    if ref not in {LAST, LAST_GOOD}:
        return stored_run(directory, ref), 1
    looked_at = 0
    for summary in archive.newest_first(directory):
        early = before is None or summary.started_at < before
        if summary.playbook != playbook or summary.interrupted or not early:
            continue
        looked_at += 1
        run = archive.load(summary.path)
        if ref == LAST or _is_good(run):
            return run, looked_at
        if looked_at == MAX_LOOKED_AT:
            break
    return None, looked_at


def _is_good(run: Run) -> bool:
    return all(finding.severity is Severity.INFO for finding in compare(run).findings)


def recalled(
    directory: Path, names: Collection[str], addresses: Mapping[str, str]
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """What stored runs last told of hosts, and the ids of the runs that told it, newest first.

    Host -> attribute -> value, of the attributes `names`. Only runs of playbooks that set them
    count, at most `MAX_RECALLED`, and no recorded ones; a host of the same name at another address
    is another host. Runs that cannot be read are passed over.

    Args:
        directory: of the stored runs.
        names: of the attributes.
        addresses: host -> where it is reached; empty where it has no address.
    """
    told: dict[str, dict[str, str]] = {host: {} for host in addresses}
    runs: list[str] = []
    looked_at = 0
    for summary in archive.newest_first(directory):
        known = all(set(names) <= values.keys() for values in told.values())
        if known or looked_at == MAX_RECALLED:
            break
        try:
            run = archive.load(summary.path, only=lambda s: not s.sets.keys().isdisjoint(names))
            said = told_attributes(run)
        except (ArchiveError, re.error):
            continue
        if not run.playbook.steps or run.note:
            continue
        looked_at += 1
        news = 0
        for host in run.hosts:
            mine = told.get(host.name)
            if mine is None or host.address != addresses[host.name]:
                continue
            values = said.get(host.name, {})
            new = {name: values[name] for name in values.keys() & set(names) - mine.keys()}
            mine.update(new)
            news += len(new)
        if news:
            runs.append(run.id)
    return told, tuple(runs)


def diff(before: Run, after: Run) -> Comparison:
    """Only what changed on each host between two runs."""
    return diff_runs(before, after)


# ---------------------------------------------------------------------------- without SSH


def outputs_of_directory(path: Path, playbook: Playbook | None = None) -> Run:
    """The outputs below `path` as a run; raises FleetdiagError."""
    return outputs.load_directory(path, _judge, playbook)


def outputs_of_files(paths: Sequence[Path], step: str | None = None) -> Run:
    """A file a host as a run of one step; raises FleetdiagError."""
    return outputs.load_files(paths, _judge, step)


def outputs_of_stream(
    lines: Iterable[bytes], step: str | None = None
) -> tuple[Run, outputs.Stream]:
    """`host: line` as a run of one step, and what belonged to no host."""
    stream = outputs.read_stream(lines)
    return outputs.stream_run(stream, _judge, step or "output"), stream


def compare_runs(run: Run, baseline: Run | None = None) -> Comparison:
    """What the hosts of `run` have in common and what not, and what changed since `baseline`."""
    return compare(run, baseline)


def _judge(ended: outputs.Ended) -> tuple[Outcome, str]:
    """The rule of live runs: what an exit code and an error text mean."""
    return classify(cast("Any", ended))


def _execute(
    plan: Plan,
    transport: Transport | Engine,
    archive_dir: Path | None,
    on_event: OnEvent,
    become_password: str | None,
    stop: threading.Event | None,
    cloud: Asks | None = None,
) -> tuple[Run, Path | None]:
    started_at, began = time.time(), time.monotonic()
    run_id = archive.new_run_id(plan.playbook.name, started_at)
    threading.Thread(target=load_comparison, daemon=True).start()
    keeper = _Keeper(on_event, cloud)
    if archive_dir is not None:
        keeper.writer = archive.Writer.create(
            archive_dir, run_id, plan, version=__version__, started_at=started_at
        )
    path = keeper.writer.path if keeper.writer else None
    with keeper:
        if cloud is not None:
            cloud.start()
        hosts, interrupted = run_hosts(
            plan, transport, keeper.keep, become_password=become_password, stop=stop
        )
        told = None if cloud is None else cloud.facts()
        duration_s = time.monotonic() - began
        keeper.finish(duration_s, interrupted, told)
    done = Run(
        id=run_id,
        playbook=plan.playbook,
        hosts=hosts,
        started_at=started_at,
        duration_s=duration_s,
        version=__version__,
        interrupted=interrupted,
        note=plan.note,
        peers=plan.peers,
        cloud=told,
    )
    return done, path


class _Keeper:
    """Stores each host before others hear of it; a disk that fails midway does not end the run.

    What is stored need not be in memory: `keep` answers with what is to be held of an event.
    """

    def __init__(
        self,
        on_event: OnEvent,
        cloud: Asks | None = None,
        changed: Callable[[Event], Event] = lambda event: event,
    ) -> None:
        self._on_event = on_event
        self._cloud = cloud
        self._changed = changed
        self.writer: archive.Writer | None = None

    def keep(self, event: Event) -> Event:
        event = self._stored(self._changed(event))
        if self._cloud is not None:
            self._cloud.heard(event)
        self._on_event(event)
        return event

    def _stored(self, event: Event) -> Event:
        if self.writer is None:
            return event
        with self._surviving():
            if isinstance(event, StepFinished):
                return StepFinished(event.host, self.writer.keep(event.step))
            if isinstance(event, HostFinished):
                return HostFinished(self.writer.add(event.result))
        return event

    def finish(self, duration_s: float, interrupted: bool, cloud: CloudFacts | None = None) -> None:
        if self.writer and cloud is not None:
            with self._surviving():
                self.writer.add_cloud(cloud)
        if self.writer:
            with self._surviving():
                self.writer.finish(duration_s, interrupted)

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except ArchiveError as error:
            self._close()
            self._on_event(ArchiveFailed(str(error)))

    def _close(self) -> None:
        if self.writer:
            self.writer.close()
        self.writer = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        self._close()
