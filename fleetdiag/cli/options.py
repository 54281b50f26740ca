"""Every option that more than one verb has, declared once.

With its flags, its help, its environment variable and its default.

A decorator here adds a group of options to a command and hands them over as one value: a command
under `@options.fleet` takes `fleet: Fleet`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetdiag import settings as settings_module
from fleetdiag.cli import candidates
from fleetdiag.model import DEFAULT_STEP_TIMEOUT_S, Severity, TransportKind
from fleetdiag.settings import Format, Settings, load_settings, variable

if TYPE_CHECKING:
    from enum import StrEnum

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where hosts come from, and what is said of all of them on the command line."""

    sources: tuple[str, ...]
    adhoc: str | None
    ssh_config: Path | None
    user: str | None
    identity: Path | None
    port: int | None
    via: str | None
    transport: TransportKind | None
    become: bool | None


@dataclass(frozen=True, slots=True)
class Login:
    """What is asked or accepted before the hosts are contacted."""

    ask_pass: bool
    ask_become_pass: bool
    accept_new: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How many at once, how long, and where the run is kept; None: as the settings say."""

    fanout: int | None
    processes: int | None
    on: str | None
    connect_timeout_s: float | None
    deadline_s: float | None
    save: Path | None
    progress: bool | None


@dataclass(frozen=True, slots=True)
class Output:
    """What the report looks like and what counts as bad; None: as the settings say."""

    format: Format | None
    fail_on: Severity | None
    verbose: bool


def resolve(*groups: Fleet | Pace | Output, **flags: object) -> Settings:
    """The settings under the flags of these groups, and further ones; raises SettingsError."""
    grouped = {
        each.name: getattr(group, each.name)
        for group in groups
        for each in fields(group)
        if each.name in settings_module.KINDS
    }
    return load_settings(grouped | flags)


def bundle(name: str, kind: type, *options: Decorator) -> Decorator:
    """Adds the options to a command and gives their values to its parameter `name` as a `kind`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def gathered(**values: Any) -> Any:
            own = {each.name: values.pop(each.name) for each in fields(kind)}
            return command(**values, **{name: kind(**own)})

        decorated: Command = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _setting(name: str, *flags: str, help: str, **how: Any) -> Decorator:  # noqa: A002 - as click has it
    """An option that is a setting: where the flag is not given, file and environment count."""
    default = settings_module.default(name)
    sources = [variable(name)] + ([f"default {_shown(default)}"] if _tellable(default) else [])
    about = f"{help}  [{', '.join(sources)}]"
    return click.option(*flags, name, help=about, default=None, callback=_read_as(name), **how)


def _read_as(setting: str) -> Callable[..., Any]:
    """A click callback: from the flag's text to what this setting takes."""
    kind = settings_module.KINDS[setting]

    def read(_context: click.Context, _option: click.Parameter, text: str | None) -> Any:
        try:
            return None if text is None else kind.read(text)
        except ValueError:
            raise click.BadParameter(f"must be {kind.expected}, not {text!r}") from None

    return read


def _shown(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


def _choice(*members: StrEnum) -> click.Choice[str]:
    """One of these, by value."""
    # click.Choice takes an enum itself, but by the members' names since 8.2 and not before.
    return click.Choice([member.value for member in members], case_sensitive=False)


def _tellable(default: object) -> bool:
    return default is not None and not isinstance(default, bool)


SOURCES = click.option(
    "-i",
    "--inventory",
    "sources",
    multiple=True,
    metavar="SOURCE",
    shell_complete=candidates.sources,
    help="Inventory file or script, `ansible:PATH`, `ec2:REGION`, `ssh_config`, `local`, `demo`;"
    " several merge.  [FLEETDIAG_INVENTORY, default ./inventory.yaml]",
)
ADHOC = click.option(
    "-w",
    "--hosts",
    "adhoc",
    metavar="HOSTS",
    help="Hosts by name, no inventory needed: `web[01-10],db1`.",
)
SSH_CONFIG = _setting(
    "ssh_config",
    "-F",
    "--ssh-config",
    type=click.Path(dir_okay=False),
    help="Read this instead of ~/.ssh/config.",
)
USER = click.option("-u", "--user", metavar="NAME", help="Log in as this user.")
IDENTITY = click.option(
    "--identity-file",
    "--identity",
    "identity",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key to log in with.",
)
PORT = click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port of the SSH server."
)
VIA = click.option("--via", metavar="HOST", help="Bastion to pass: `[user@]host[:port]`.")
TRANSPORT = click.option(
    "--transport",
    help="Built-in SSH, or the system's ssh (certificates, FIDO keys, GSSAPI).",
    type=_choice(TransportKind.SSH, TransportKind.OPENSSH),
    callback=lambda _context, _option, value: value and TransportKind(value),
)
BECOME = click.option(
    "-b", "--become", is_flag=True, default=None, help="Run every step through sudo."
)

fleet = bundle(
    "fleet", Fleet, SOURCES, ADHOC, SSH_CONFIG, USER, IDENTITY, PORT, VIA, TRANSPORT, BECOME
)

login = bundle(
    "login",
    Login,
    click.option(
        "-K", "--ask-become-pass", is_flag=True, help="Ask for sudo's password once, first."
    ),
    click.option("-k", "--ask-pass", is_flag=True, help="Ask for the login password once, first."),
    click.option(
        "--accept-new", is_flag=True, help="Record unknown host keys; a changed one is refused."
    ),
)

SAVE = _setting(
    "save", "--save", type=click.Path(file_okay=False), metavar="DIR", help="Where runs are stored."
)

pace = bundle(
    "pace",
    Pace,
    _setting(
        "fanout",
        "-f",
        "--fanout",
        metavar="N",
        help="Hosts at once; a quarter more while some do not answer.",
    ),
    _setting(
        "processes",
        "--processes",
        metavar="N",
        help="Run the hosts in N processes, 1: in this one.  Else as hosts and cores make it pay.",
    ),
    _setting(
        "on",
        "--on",
        metavar="WHERE",
        help="Run the hosts on workers: `dask://HOST:PORT`, `dask+tls://…`; `dask`: started here.",
    ),
    _setting(
        "connect_timeout_s",
        "--connect-timeout",
        metavar="SECONDS",
        help="Limit on connecting to one host, and on its key exchange.",
    ),
    _setting(
        "deadline_s",
        "--deadline",
        metavar="SECONDS",
        help="Limit on the whole run.",
    ),
    SAVE,
    _setting("progress", "--progress/--no-progress", type=bool, help="Show progress on stderr."),
)

FORMAT = _setting("format", "--format", type=_choice(*Format), help="What the report is.")
FAIL_ON = _setting(
    "fail_on", "--fail-on", type=_choice(*Severity), help="Exit 1 from this severity on."
)
format_only, save = FORMAT, SAVE
"""Alone, for the verbs that start no run."""
VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Show how odd hosts differ.")

output = bundle("output", Output, FORMAT, FAIL_ON, VERBOSE)

limit = click.option(
    "-l",
    "--limit",
    metavar="PATTERN",
    shell_complete=candidates.hosts,
    help="Only these hosts: names, groups, globs, ranges, attribute=value, &, !, @file.",
)

peers = click.option(
    "--peers",
    metavar="ATTR",
    help="Compare only hosts that have the same value of this attribute (role).",
)

baseline = click.option(
    "--baseline",
    metavar="RUN",
    shell_complete=candidates.baselines,
    help="Say what changed on each host since this run: an id, `last` or `last-good`.",
)

ask_cloud = click.option(
    "--cloud/--no-cloud",
    "ask_cloud",
    default=True,
    help="Ask the provider meanwhile: EC2 about its instances, the settings' status pages.",
)

step_timeout = click.option(
    "--timeout",
    "timeout_s",
    callback=_read_as("deadline_s"),
    metavar="SECONDS",
    default=f"{DEFAULT_STEP_TIMEOUT_S:g}",
    show_default=True,
    help="Limit on the command on each host.",
)


def _read_params(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """`("name=value", …)` as a mapping; the value may hold further `=`."""
    params: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{each!r} is not NAME=VALUE")
        if name in params:
            raise click.BadParameter(f"{name} is given twice")
        params[name] = value
    return params


params = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_read_params,
    help="A parameter of the playbook; may be repeated.",
)
