"""The test fleet by hand: `python -m tests.fleet up --hosts 10 --rtt 100ms`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from tests.fleet import faults as known_faults
from tests.fleet.fleet import Fleet, running_fleets
from tests.fleet.spec import FleetError, Kind, Shell, Sudo, User

if TYPE_CHECKING:
    from tests.fleet.fleet import RunningFleet

_BY_HAND = "by hand"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _milliseconds(_context: click.Context, _option: click.Parameter, text: str) -> float:
    """`100ms`, `0.1s` or `100`, in milliseconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)?", text)
    if found is None:
        raise click.BadParameter(f"{text!r}: expected a time like 100ms or 0.1s")
    return float(found[1]) * (1000 if found[2] == "s" else 1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Start real hosts on this machine, break them, heal them (as root)."""


@cli.command()
@click.option("--hosts", type=click.IntRange(min=1), help="How many; 4 by default.")
@click.option("--names", help="Node-set syntax, as web-[01-10].")
@click.option("--kind", type=click.Choice(["openssh", "bare", "dropbear"]), default="openssh")
@click.option("--rtt", "rtt_ms", callback=_milliseconds, default="0ms", help="As 100ms.")
@click.option("--loss", type=float, default=0.0, help="Share of packets lost, as 0.01.")
@click.option(
    "--shell", type=click.Choice(["sh", "bash", "zsh", "fish", "csh", "rbash"]), default="bash"
)
@click.option("--sudo", type=click.Choice(["none", "nopasswd", "password"]), default="none")
@click.option("--background", is_flag=True, help="Return at once; `down` ends it.")
def up(
    hosts: int | None, names: str | None, kind: Kind, rtt_ms: float, loss: float,
    shell: Shell, sudo: Sudo, background: bool,
) -> None:  # fmt: skip
    """Start a fleet. In the foreground it ends with Ctrl-C, or with this terminal.

    Root and the user ops (--shell, --sudo) accept the fleet's key.
    """
    fleet = Fleet(
        hosts, names=names, kind=kind, rtt_ms=rtt_ms, loss=loss,
        users=(User(login_shell=shell, sudo=sudo),), label=_BY_HAND, keep=background,
    ).start()  # fmt: skip
    print(f"fleet {fleet.number}: {len(fleet.hosts)} hosts, inventory {fleet.inventory_path}")
    print(f"  fleetdiag run triage -i {fleet.inventory_path}")
    print(f"  ssh -F {fleet.ssh_config_path} {fleet.hosts[0].name}")
    print(f"  python -m tests.fleet fault {fleet.hosts[-1].name} blackhole", flush=True)
    if background:
        fleet.detach()
        return
    # Only now: the supervisor and the hosts would inherit the blocked signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    signal.sigwait(_ENDING)
    fleet.close()


@cli.command()
@click.argument("host")
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--fleet", "number", type=int, help="Where several run by hand.")
def fault(host: str, name: str, values: tuple[str, ...], number: int | None) -> None:
    """Break a host; `faults` lists the names."""
    pairs = [value.partition("=") for value in values]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise click.UsageError(f"{wrong[0]!r}: expected KEY=VALUE")
    _pick(number).fault(host, name, **{key: value for key, _, value in pairs})


@cli.command()
@click.argument("host", required=False)
@click.option("--fleet", "number", type=int, help="Where several run by hand.")
def heal(host: str | None, number: int | None) -> None:
    """Undo every fault of a host, or of all hosts."""
    _pick(number).heal(host)


@cli.command(name="exec", context_settings={"ignore_unknown_options": True})
@click.argument("host")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--fleet", "number", type=int, help="Where several run by hand.")
def execute(host: str, command: tuple[str, ...], number: int | None) -> None:
    """Run a command on a host as root, without SSH."""
    sys.exit(subprocess.run(_pick(number).enter_command(host, command), check=False).returncode)


@cli.command()
def status() -> None:
    """Print every fleet of this machine: hosts, addresses, faults in force."""
    for fleet in running_fleets():
        print(f"fleet {fleet.number}, started {fleet.label}: inventory {fleet.inventory_path}")
        in_force = fleet.faults()
        for host in fleet.hosts:
            print(f"  {host.name}  {host.address}  {host.kind}  {' '.join(in_force[host.name])}")


@cli.command(name="faults")
def list_faults() -> None:
    """Print what can be broken, with the values of each fault."""
    for name in known_faults.FAULTS:
        print(known_faults.describe(name))
    print("reboot [down_s=0.5]: End every process of the host and boot it anew: a new boot id.")


@cli.command()
@click.option("--fleet", "number", type=int, help="Where several run by hand.")
def down(number: int | None) -> None:
    """End a fleet started by hand."""
    _pick(number).down()


def _pick(number: int | None) -> RunningFleet:
    """The fleet meant: by number, or the only one that was started by hand."""
    if number is not None:
        found = [fleet for fleet in running_fleets() if fleet.number == number]
    else:
        found = [fleet for fleet in running_fleets() if fleet.label == _BY_HAND]
    if len(found) != 1:
        numbers = ", ".join(str(fleet.number) for fleet in found) or "none"
        raise FleetError(f"running: {numbers}; name one with --fleet, or start one with up")
    return found[0]


def main() -> None:
    """Run the command line; what cannot be done is said in one line, with exit status 2."""
    try:
        cli()
    except FleetError as error:
        print(f"tests.fleet: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
