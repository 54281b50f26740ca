"""What `run`, `check` and `exec` have in common: ask, connect, watch, print, exit code."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeVar

from fleetdiag.cli import screen
from fleetdiag.cli.descriptors import fitted
from fleetdiag.cli.interrupt import stop_on_signal
from fleetdiag.cli.passwords import ask_become_password, ask_secrets
from fleetdiag.cli.progress import Progress, choose_style
from fleetdiag.errors import ArchiveError, PlanError
from fleetdiag.model import Comparison, ExitCode, Host, Inventory, Limits, Plan, Playbook
from fleetdiag.settings import Format, Settings, flag

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from fleetdiag.cli.options import Login, Output
    from fleetdiag.model import Event

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

    limits = Limits(connect_s=settings.connect_timeout_s, run_s=settings.deadline_s)
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
    """Carry the plan out, with progress (or `watch`) and Ctrl-C; what `start` gives."""
    from fleetdiag.transport import open_transport

    plan = fitted(plan)
    directory = stored_in(settings)
    secrets = ask_secrets(plan, login)
    become_password = ask_become_password(login)
    stop = threading.Event()
    shown = watch or _progress(plan, settings)
    config = None if settings.ssh_config is None else str(settings.ssh_config)
    opened = open_transport(plan, secrets, accept_new=login.accept_new, ssh_config=config)
    try:
        with (
            closing(opened) as transport,
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
