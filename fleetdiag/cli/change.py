"""`fleetdiag run` of a playbook that changes hosts: show, ask, roll out, tell."""

from __future__ import annotations

import getpass
import os
import select
import shlex
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from fleetdiag.cli.change_text import plan_text
from fleetdiag.cli.fleet import choose, load_inventory
from fleetdiag.cli.launch import launch, make_plan, show_report, stored_in
from fleetdiag.cli.progress import failure_line
from fleetdiag.cli.screen import fold, say, show, visible
from fleetdiag.errors import FleetdiagError, PlanError, SelectionError
from fleetdiag.model import (
    OPEN,
    ArchiveFailed,
    BatchBegun,
    Event,
    ExitCode,
    HostActed,
    HostFinished,
    HostState,
    HostStatus,
    TransportKind,
)
from fleetdiag.settings import Format, flag

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from fleetdiag.change.guards import Refusal
    from fleetdiag.change.host import Standing
    from fleetdiag.cli.options import Fleet, Login, Output
    from fleetdiag.cli.rolling import Rolling
    from fleetdiag.cli.run import Stored
    from fleetdiag.model import (
        CloudFacts,
        Host,
        Inventory,
        OnEvent,
        Plan,
        Playbook,
        RolloutRules,
        Run,
        Transport,
    )
    from fleetdiag.settings import Settings

TYPED_ABOVE = 3
"""Of more hosts the number is to be typed: `y` is typed too easily."""


@dataclass(frozen=True)
class Asked:
    """The command line, as far as it is about the change."""

    playbook: Playbook
    limit: str | None
    stored: Stored | None
    roll: Rolling
    fleet: Fleet
    login: Login
    output: Output
    ask_cloud: bool
    dry_run: bool


def run_change(asked: Asked, inventory: Inventory, settings: Settings) -> ExitCode:
    """Roll the change out, if it is allowed and nothing speaks against it."""
    from fleetdiag import changes

    roll, stored = asked.roll, asked.stored
    hosts = _hosts(asked, inventory, settings)
    plan = make_plan(inventory, hosts, asked.playbook, settings, changes=True)
    before = None if stored is None else stored.run
    rollout = None if before is None else before.rollout
    rules = roll.rules(None if rollout is None else rollout.rules, inventory.peers)
    done = () if before is None else _done(before)
    text = plan_text(plan, rules, changes.planned(plan, rules, done), before)
    if asked.dry_run or not roll.allow_changes:
        show(text)
        if asked.dry_run:
            return ExitCode.CLEAN
        say(f"Nothing was done: {asked.playbook.name} changes hosts; --allow-changes lets it.")
        return ExitCode.USAGE
    directory = stored_in(settings)
    cloud = _guarded(asked, plan, directory, settings)
    _refuse_hosts(hosts, asked.playbook)
    say(text + "\n")
    if not roll.yes and len(done) < len(plan.hosts) and not _confirmed(plan, done):
        say("Nothing was done.")
        return ExitCode.USAGE
    start = _Start(rules, roll, cloud, stored, directory)
    run, _ = launch(start, plan, asked.login, settings, Teller())
    return show_change(run, settings, asked.fleet, asked.output)


def _hosts(asked: Asked, inventory: Inventory, settings: Settings) -> tuple[Host, ...]:
    """The hosts of the rollout; of one that is gone on with all of them, as it counts them."""
    if asked.stored is None:
        return choose(inventory, asked.limit, settings)
    if asked.limit is not None:
        raise click.UsageError("--retry goes on with the hosts of that run: no --limit")
    if asked.stored.run.rollout is None:
        raise PlanError(f"run {asked.stored.run.id} was stopped before it was decided on")
    known = {host.name: host for host in inventory.hosts}
    names = [host.name for host in asked.stored.run.hosts]
    if missing := [name for name in names if name not in known]:
        raise SelectionError(f"hosts of that run are not in the inventory: {fold(missing)}")
    return tuple(known[name] for name in names)


def _refuse_hosts(hosts: Sequence[Host], playbook: Playbook) -> None:
    """Raises PlanError for hosts that cannot be changed from here."""
    if any(host.transport is TransportKind.REPLAY for host in hosts):
        raise PlanError(f"{playbook.name} changes hosts, and recorded ones cannot be changed")
    down = playbook.change is not None and playbook.change.reboots
    if down and any(host.transport is TransportKind.LOCAL for host in hosts):
        raise PlanError(f"{playbook.name} would take this machine down, and this program with it")
    reached = {host.name: host.endpoint for host in hosts if host.endpoint is not None}
    ways = {hop.address: name for name, endpoint in reached.items() for hop in endpoint.via}
    for name, endpoint in reached.items():
        if endpoint.address in ways:
            words = f"{name} is the way to {ways[endpoint.address]}: change it alone, -l {name}"
            raise PlanError(f"{playbook.name} is refused, and nothing was done: {words}")


def _done(run: Run) -> tuple[str, ...]:
    acts = {} if run.rollout is None else run.rollout.states()
    return tuple(name for name, act in acts.items() if act.state is HostState.DONE)


def _guarded(asked: Asked, plan: Plan, directory: Path, settings: Settings) -> CloudFacts | None:
    """What the provider says; raises PlanError with all that speaks against the change."""
    from fleetdiag import changes
    from fleetdiag.change.guards import DESPITE_PROVIDER, NO_DIAGNOSIS
    from fleetdiag.cli.asking import asking_of

    cloud = asking_of(plan, settings) if asked.ask_cloud else None
    again = () if asked.stored is None else [each.host.name for each in plan.hosts]
    found, told = changes.speaks_against(plan, directory, cloud, settled=again)
    for problem in () if told is None else told.problems:
        say(visible(f"The provider: {problem}"))
    allowed = {
        flag
        for flag, given in (
            (DESPITE_PROVIDER, asked.roll.despite_provider),
            (NO_DIAGNOSIS, asked.roll.no_diagnosis),
        )
        if given
    }
    if against := [each for each in found if each.unless not in allowed]:
        raise PlanError(_refused(asked.playbook, against))
    return told


def _refused(playbook: Playbook, against: Sequence[Refusal]) -> str:
    told = [visible(f"  {fold(each.hosts)}: {each.reason} ({each.unless})") for each in against]
    first = f"{playbook.name} is refused, and nothing was done:"
    last = "Leave these hosts out (-l 'PATTERN&!HOST'), or give the flag in brackets."
    return "\n".join([first, *told, last])


def _confirmed(plan: Plan, done: Sequence[str]) -> bool:
    """Whether whoever sits there says so; raises UsageError where nobody does."""
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: --yes says that this is to be done")
    count = len(plan.hosts) - len(done)
    if count <= TYPED_ABOVE:
        return click.confirm("Go ahead?", default=False, err=True)
    words = f"Type the number of hosts, {count}, to go ahead"
    return str(click.prompt(words, default="", show_default=False, err=True)).strip() == str(count)


def whoever() -> str:
    """`user@machine`: who is at it, also behind sudo."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return visible(f"{user}@{socket.gethostname()}")


@dataclass(frozen=True)
class _Start:
    """`changes.run` as `launch` calls it."""

    rules: RolloutRules
    roll: Rolling
    cloud: CloudFacts | None
    stored: Stored | None
    directory: Path

    def __call__(
        self,
        plan: Plan,
        transport: Transport,
        *,
        archive_dir: Path,
        on_event: OnEvent,
        become_password: str | None,
        stop: threading.Event,
    ) -> tuple[Run, Path]:
        """Roll it out; the run, and where it is stored."""
        from fleetdiag import changes

        def between(_number: int) -> str:
            if self.rules.ask and not self.roll.yes and sys.stdin.isatty():
                return "" if _goes_on(stop) else "it was stopped between two batches"
            stop.wait(self.rules.pause_s)
            return ""

        stored = self.stored
        return changes.run(
            plan,
            transport,
            rules=self.rules,
            who=whoever(),
            archive_dir=archive_dir,
            on_event=on_event,
            between=between,
            by_force=self.roll.break_lock,
            cloud=self.cloud,
            earlier=None if stored is None else changes.Earlier(stored.run, stored.path),
            become_password=become_password,
            stop=stop,
        )


def _goes_on(stop: threading.Event) -> bool:
    """Whether whoever sits there wants the next batch; Ctrl-C is an answer, too."""
    click.echo("Go on with the next batch? [y/N] ", nl=False, err=True)
    while not stop.is_set():
        ready, _, _ = select.select([sys.stdin], [], [], 0.2)
        if ready:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False


class Teller:
    """Says what happens to whom, a line each, on stderr."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, *exc: object) -> None:
        """Nothing to end."""

    def __call__(self, event: Event) -> None:
        """Say it."""
        match event:
            case HostFinished(result) if result.status is not HostStatus.OK:
                say(failure_line(result))
            case BatchBegun(number, of, hosts):
                canary = " (the canary)" if number == 1 else ""
                say(f"Batch {number} of {of}{canary}: {fold(hosts)}")
            case HostActed(act) if act.state is HostState.ABOUT:
                self._since[act.host] = time.monotonic()
            case HostActed(act) if act.host in self._since or act.state is not HostState.UNTOUCHED:
                since = self._since.pop(act.host, None)
                took = "" if since is None else f" ({time.monotonic() - since:.1f} s)"
                why = f": {act.reason}" if act.reason else ""
                say("  " + visible(f"{act.host}: {act.state}{why}{took}"))
            case ArchiveFailed(reason):
                say(f"Warning: not all of this is stored: {visible(reason)}")

    def interrupted(self) -> None:
        """Say what is left to happen."""
        say(
            "No further host is begun; those begun are seen through. Once more leaves at once:"
            " then they go on by themselves, and `fleetdiag show last` asks them."
        )


def show_stored(
    run: Run, fleet: Fleet | None, login: Login, settings: Settings, output: Output
) -> ExitCode:
    """A stored rollout, with what its hosts say of what it does not know; `fleet` None: not asked.

    Nothing is written: whoever rolls it out may be at it now.
    """
    code = show_change(run, settings, fleet, output)
    unsure = _unsure(run)
    if fleet is None or not unsure or settings.format is not Format.TABLE:
        return code
    try:
        inventory = load_inventory(fleet, settings)
        known = [host for host in inventory.hosts if host.name in unsure]
        if not known:
            raise SelectionError(f"{fold(unsure)} not in the inventory: -i SOURCE")
        plan = make_plan(inventory, tuple(known), run.playbook, settings, changes=True)
        found = launch(_Asking(run), plan, login, settings, Teller())
    except FleetdiagError as error:
        say(f"Not asked: {error}")
        return code
    show("Asked now:")
    for host, said in found.items():
        words = f"does not say: {said}" if isinstance(said, str) else _now(said)
        show(visible(f"{host} {words}"))
    return code


def _unsure(run: Run) -> list[str]:
    """The hosts of which only they know what became of them."""
    acts = {} if run.rollout is None else run.rollout.states()
    return [name for name, act in acts.items() if act.state in OPEN]


def _now(said: Standing) -> str:
    state = "is at it" if said.pending else f"is {said.state}"
    return f"{state}: {said.reason}" if said.reason else state


@dataclass(frozen=True)
class _Asking:
    """`changes.asked` as `launch` calls it."""

    run: Run

    def __call__(
        self, plan: Plan, transport: Transport, *, become_password: str | None, **_: Any
    ) -> dict[str, Standing | str]:
        """What the hosts say."""
        from fleetdiag import changes

        return changes.asked(plan, transport, self.run, become_password)


def show_change(run: Run, settings: Settings, fleet: Fleet | None, output: Output) -> ExitCode:
    """Print what became of the hosts, and with -v how their checks compare; the exit code."""
    from fleetdiag import changes, report
    from fleetdiag.pipeline import compare_runs

    told = report.render_rollout(run, _resume(run, settings, fleet), changes.otherwise(run))
    if settings.format is Format.MARKDOWN:
        show(f"```\n{told}```\n")
    elif settings.format is Format.TABLE:
        show(told)
    if settings.format is not Format.TABLE or output.verbose:
        show_report(compare_runs(run), settings, output)
    return rollout_code(run)


def _resume(run: Run, settings: Settings, fleet: Fleet | None) -> str:
    """The command that goes on with the rollout, with the flags that say where its hosts are."""
    words = ["fleetdiag", "run", "--retry", run.id, "--allow-changes"]
    if fleet is not None:
        given = {
            "-w": fleet.adhoc, "-F": fleet.ssh_config, "-u": fleet.user, "--port": fleet.port,
            "--identity": fleet.identity, "--via": fleet.via, "--transport": fleet.transport,
        }  # fmt: skip
        words += [word for source in fleet.sources for word in ("-i", source)]
        words += [str(word) for flag, value in given.items() if value for word in (flag, value)]
        words += ["-b"] if fleet.become else []
    if settings.origins["save"] == flag("save"):
        words += ["--save", str(settings.save)]
    return shlex.join(words)


def rollout_code(run: Run) -> ExitCode:
    """0 where all is done; 1 where hosts failed; 3 where some had no turn, or are not known of."""
    acts = [] if run.rollout is None else list(run.rollout.states().values())
    states = {act.state for act in acts}
    if run.interrupted:
        return ExitCode.INTERRUPTED
    if states & {HostState.UNTOUCHED, HostState.ABOUT, HostState.UNKNOWN}:
        return ExitCode.INCOMPLETE
    return ExitCode.FINDINGS if states & {HostState.FAILED, HostState.UNDONE} else ExitCode.CLEAN
