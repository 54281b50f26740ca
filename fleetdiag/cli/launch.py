"""What `run`, `check` and `exec` have in common: ask, connect, watch, print, exit code."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from fleetdiag.cli import screen
from fleetdiag.cli.descriptors import fitted
from fleetdiag.cli.interrupt import stop_on_signal
from fleetdiag.cli.passwords import ask_become_password, ask_secrets
from fleetdiag.cli.progress import Progress, choose_style
from fleetdiag.errors import ArchiveError, PlanError, SettingsError
from fleetdiag.model import (
    Comparison,
    ExitCode,
    Host,
    Inventory,
    Limits,
    Plan,
    Playbook,
    TransportKind,
)
from fleetdiag.settings import Format, Settings, flag

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from fleetdiag.cli.options import Login, Output
    from fleetdiag.executor import Engine
    from fleetdiag.model import Event, Transport
    from fleetdiag.transport import Secrets

Result = TypeVar("Result")
Start = Callable[..., Result]
"""`pipeline.run`, `pipeline.check` or `pipeline.try_out`."""


def make_plan(
    inventory: Inventory,
    hosts: tuple[Host, ...],
    playbook: Playbook,
    settings: Settings,
    *,
    changes: bool = False,
) -> Plan:
    """The plan under the settings; raises PlanError, also for a change: it only asks its checks."""
    from fleetdiag import plan

    if playbook.change is not None and not changes:
        words = f"`{playbook.name}` changes hosts"
        raise PlanError(f"{words}: `fleetdiag run {playbook.name} --allow-changes` runs it")

    # The key exchange too, as ssh's own ConnectTimeout has it (ssh_config(5)).
    patience_s = settings.connect_timeout_s
    limits = Limits(connect_s=patience_s, banner_s=patience_s, run_s=settings.deadline_s)
    return plan.make_plan(
        hosts,
        playbook,
        fanout=settings.fanout,
        limits=limits,
        note=inventory.note,
        peers=inventory.peers,
    )


class Watch(Protocol):
    """Shows what happens while it is entered."""

    def __enter__(self) -> object:
        """From here on."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Until here."""

    def __call__(self, event: Event, /) -> None:
        """Something happened."""

    def interrupted(self) -> None:
        """Somebody asked for the end."""


def launch(
    start: Start[Result],
    plan: Plan,
    login: Login,
    settings: Settings,
    watch: Watch | None = None,
) -> Result:
    """Carry the plan out, with progress (or `watch`) and Ctrl-C; what `start` gives.

    A change is carried out from this process alone: who decides what comes next must know.
    """
    if plan.playbook.change is not None:
        if settings.on is not None:
            raise SettingsError(f"{plan.playbook.name} changes hosts, which --on cannot")
        settings = replace(settings, processes=1)
    if settings.on is None:
        plan = fitted(plan)
    else:
        check_workers_can(plan, login, settings.on)
    directory = stored_in(settings)
    secrets = ask_secrets(plan, login, keys=settings.on is None)
    become_password = ask_become_password(login)
    stop = threading.Event()
    shown = watch or _progress(plan, settings)
    try:
        with (
            closing(opened(plan, secrets, login, settings)) as transport,
            shown,
            stop_on_signal(stop, shown.interrupted),
        ):
            return start(
                plan,
                transport,
                archive_dir=directory,
                on_event=shown,
                become_password=become_password,
                stop=stop,
            )
    except ArchiveError as error:
        place = f"runs are stored in {directory}; --save DIR chooses another place"
        raise ArchiveError(f"{error} ({place})") from error


def opened(plan: Plan, secrets: Secrets, login: Login, settings: Settings) -> Transport | Engine:
    """What reaches the hosts of the plan: a transport, or processes or workers with one each.

    To be called before there is a second thread: processes are forked.
    """
    from fleetdiag.executor.cores import processes_for, usable_cores
    from fleetdiag.transport import open_transport, prepare

    config = None if settings.ssh_config is None else str(settings.ssh_config)
    open_one = partial(
        open_transport, secrets=secrets, accept_new=login.accept_new, ssh_config=config
    )
    cores = usable_cores()
    if settings.on is not None:
        from fleetdiag.executor.dask import Dask

        prepare(plan, secrets)
        engine = Dask(plan, open_one, settings.on, cores=max(1, int(cores)))
        for note in engine.notes:
            screen.say(screen.visible(note))
        return engine
    count = processes_for(plan, settings.processes, cores)
    if count == 1 or threading.active_count() > 1:
        return open_one(plan)
    from fleetdiag.executor.processes import Processes

    prepare(plan, secrets)
    return Processes(plan, open_one, count)


def check_workers_can(plan: Plan, login: Login, on: str) -> None:
    """Raise SettingsError where workers elsewhere could not do what is asked, or not safely."""
    from fleetdiag.executor.dask_scheduler import is_encrypted

    asked = [("-k/--ask-pass", login.ask_pass), ("-K/--ask-become-pass", login.ask_become_pass)]
    flags = [flag for flag, given in asked if given]
    if flags and not is_encrypted(on):
        raise SettingsError(
            f"{flags[0]} would send a password unencrypted to --on {on}: use dask+tls://, or keys"
            " and a sudo without password on the hosts"
        )
    if on != "dask" and any(each.host.transport is TransportKind.LOCAL for each in plan.hosts):
        raise SettingsError(f"`local` is this machine: a worker of --on {on} would ask itself")


def _progress(plan: Plan, settings: Settings) -> Watch:
    """What shows a diagnosis as it goes."""
    return Progress(plan, choose_style(wanted=settings.progress))


def stored_in(settings: Settings) -> Path:
    """The directory of the stored runs."""
    from fleetdiag import archive

    return settings.save or archive.default_directory()


def show_report(
    comparison: Comparison,
    settings: Settings,
    output: Output,
    *,
    hint: str | None = None,
    host: str | None = None,
    grouped: bool = False,
) -> None:
    """Print the report to stdout.

    `hint`: what to type next, where it is not the usual. `host`: the one it is about, for `check`.
    `grouped`: answers grouped by host, for `exec`.
    """
    from fleetdiag import report

    options = report.ReportOptions(
        width=screen.width_columns(),
        color=screen.has_color(),
        verbose=output.verbose,
        hint=hint,
        host=host,
    )
    if grouped and settings.format is Format.TABLE:
        screen.show(report.render_groups(comparison, options))
    else:
        screen.show(report.render(comparison, settings.format.value, options=options))


def show_hint(comparison: Comparison, settings: Settings) -> str | None:
    """How to see more of a run stored where `fleetdiag show` does not look; None: the usual."""
    if settings.origins["save"] != flag("save"):
        return None
    return f"fleetdiag show {comparison.run.id} --save {shlex.quote(str(settings.save))}"


def exit_code(comparison: Comparison, settings: Settings) -> ExitCode:
    """What the program exits with."""
    from fleetdiag import report

    return report.exit_code(comparison, settings.fail_on)
