"""The options of `run` that are for playbooks which change hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from fleetdiag.cli.options import bundle
from fleetdiag.model import RolloutRules, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetdiag.model import Playbook

_SIZE = re.compile(r"(\d{1,6})|(\d{1,3}(?:\.\d+)?)%")
_TIME = re.compile(r"(\d{1,6}(?:\.\d+)?)(s|m|h)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600}
ASK = -1.0
"""`--pause ask`."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """How a change goes over the fleet, and what is allowed; None: not said."""

    allow_changes: bool
    yes: bool
    batch: tuple[Size, ...] | None
    max_failures: Size | None
    keep: tuple[Size, str | None] | None
    apart: str | None
    pause: float | None
    despite_provider: bool
    no_diagnosis: bool
    break_lock: bool

    def rules(self, before: RolloutRules | None, peers: str | None) -> RolloutRules:
        """The rules as they are said; else those of the rollout that is gone on with, or usual."""
        usual = before or RolloutRules()
        keep, keep_by = (usual.keep, usual.keep_by) if self.keep is None else self.keep
        if self.keep is not None and keep_by is None:
            keep_by = peers
        return RolloutRules(
            batches=self.batch or usual.batches,
            max_failures=self.max_failures or usual.max_failures,
            apart=self.apart or usual.apart,
            keep=keep,
            keep_by=keep_by,
            pause_s=usual.pause_s if self.pause is None else max(0.0, self.pause),
            ask=usual.ask if self.pause is None else self.pause == ASK,
        )


def refuse_for(playbook: Playbook, roll: Rolling) -> None:
    """Raises UsageError where a diagnosis was given what is for changes."""
    given = [each.name for each in fields(roll) if getattr(roll, each.name) not in {None, False}]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"{playbook.name} is a diagnosis, it changes nothing: {flags}")


def size_of(text: str) -> Size:
    """`3` or `25%`; raises BadParameter."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[2] and float(found[2]) > 100):
        raise click.BadParameter(f"{text!r} is neither a number of hosts nor a share such as 25%")
    return Size(float(found[2]), percent=True) if found[2] else Size(int(found[1]))


def _batches(text: str) -> tuple[Size, ...]:
    sizes = tuple(map(size_of, text.split(",")))
    if any(size.number == 0 for size in sizes):
        raise click.BadParameter(f"{text!r} has a batch of no host")
    return sizes


def _keep(text: str) -> tuple[Size, str | None]:
    attribute, equals, size = text.rpartition("=")
    return size_of(size), attribute if equals else None


def _pause(text: str) -> float:
    if text == "ask":
        return ASK
    found = _TIME.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is neither `ask` nor a time such as 30s or 5m")
    return float(found[1]) * _SECONDS[found[2]]


def _read(parse: Callable[[str], Any]) -> Callable[..., Any]:
    return lambda _context, _option, text: None if text is None else parse(text)


options = bundle(
    "roll",
    Rolling,
    click.option("--allow-changes", is_flag=True, help="Let a playbook change hosts."),
    click.option("--yes", is_flag=True, help="Changes: do not ask, for scripts."),
    click.option(
        "--batch",
        metavar="SIZES",
        callback=_read(_batches),
        help="Changes: hosts at a time, the first is the canary.  [default 1,10%,25%]",
    ),
    click.option(
        "--max-failures",
        metavar="SIZE",
        callback=_read(size_of),
        help="Changes: so many hosts may fail or stay away.  [default 0]",
    ),
    click.option(
        "--keep",
        metavar="[ATTR=]SIZE",
        callback=_read(_keep),
        help="Changes: so many of each group stay up: `50%`, `role=50%`.",
    ),
    click.option("--apart", metavar="ATTR", help="Changes: never hosts of two values at once."),
    click.option(
        "--pause",
        metavar="TIME",
        callback=_read(_pause),
        help="Changes: wait between batches, or `ask`.",
    ),
    click.option(
        "--despite-provider",
        is_flag=True,
        help="Changes: also hosts with which the provider has trouble.",
    ),
    click.option(
        "--no-diagnosis", is_flag=True, help="Changes: also hosts that no diagnosis says need it."
    ),
    click.option("--break-lock", is_flag=True, help="Changes: take locks that other runs hold."),
)
