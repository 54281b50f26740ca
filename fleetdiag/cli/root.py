"""The top of the command line: which verbs there are, each imported when it is used.

Knows nothing of what a verb does; imports nothing but click.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click

from fleetdiag import __version__


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that is not imported yet."""

    section: str
    """Under which heading of the help it stands."""
    place: str
    """`module:attribute` of the click command, inside this package."""
    about: str
    """Its line in the help."""


VERBS = {
    "run": Verb("Diagnose", "run:run", "Run a playbook on the fleet and compare the hosts."),
    "check": Verb("Diagnose", "check:check", "Set one host against the last run of its peers."),
    "exec": Verb("Diagnose", "execute:execute", "Run one command and group the hosts by answer."),
    "compare": Verb(
        "Diagnose", "compare:compare", "Compare outputs you already have, without SSH."
    ),
    "diff": Verb("Diagnose", "diff:diff", "Show what changed on each host between two runs."),
    "cloud": Verb("Diagnose", "cloud:cloud", "Show what the provider says of the hosts."),
    "ssh": Verb("Diagnose", "ssh:ssh", "Open a shell on one host."),
    "hosts": Verb("Look", "hosts:hosts", "List the hosts a run would touch."),
    "runs": Verb("Look", "stored:runs", "List the stored runs, newest first."),
    "show": Verb("Look", "stored:show_run", "Show a stored run, or what a host answered in it."),
    "playbook": Verb("Set up", "playbook:playbook", "List, show, begin, try and check playbooks."),
    "settings": Verb("Set up", "settings:settings", "Print each setting and where it came from."),
    "completion": Verb(
        "Set up", "completion:completion", "Print the completion script of a shell."
    ),
}


class LateGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command itself; None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name].place.partition(":")
        command = getattr(importlib.import_module(f"fleetdiag.cli.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - our own table is wrong otherwise
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments name; an unknown one is refused with the nearest."""
        if args and args[0] not in VERBS and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the verbs under their headings, importing none of them."""
        widest = max(map(len, VERBS))
        for section in dict.fromkeys(verb.section for verb in VERBS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name.ljust(widest), verb.about)
                        for name, verb in VERBS.items()
                        if verb.section == section
                    ]
                )


HELP = """Run diagnostic playbooks over a fleet by SSH and see which hosts are odd, and in what.

\b
fleetdiag run triage             in an incident: which hosts are odd?
fleetdiag playbook show triage   what it asks; copy it to write your own
fleetdiag check web-03           is this one host normal?

No fleet at hand? `fleetdiag run triage -i demo` runs on a recorded one.
"""
EPILOG = """Each command has its own --help. Exit codes: 0 nothing found, 1 findings, 2 usage or
configuration, 3 some hosts gave no result, 130 interrupted."""


@click.group(
    cls=LateGroup,
    help=HELP,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Every command line starts here; the verbs do the work."""
