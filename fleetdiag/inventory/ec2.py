"""`-i ec2:REGION[,REGION…]`: running instances as hosts; docs/inventory.md has the options."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import Aws, Trouble, TroubleKind, ask, lines
from fleetdiag.aws import Call as AwsCall
from fleetdiag.errors import InventoryError
from fleetdiag.inventory.ec2_cache import Kept, cache_path, read_cache, write_cache
from fleetdiag.inventory.ec2_hosts import hosts_and_groups
from fleetdiag.inventory.ec2_instances import SERVICE, Instance, instances_call, zones_call
from fleetdiag.inventory.ec2_options import parse_options
from fleetdiag.inventory.records import Records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetdiag.inventory.ec2_options import Ec2Options

LIMIT_S = 30.0
"""For everything, credentials and repetitions included."""
KEPT_LIMIT_S = 10.0
"""The same where earlier answers could do."""
READ_S = 12.0
"""A page of a thousand instances takes EC2 seconds to write."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of one region."""

    instances: tuple[Instance, ...]
    age_s: float | None = None
    """Of a kept answer."""
    trouble: Trouble | None = None
    """Why no newer one was to be had."""
    zones_trouble: Trouble | None = None


def ec2_records(argument: str) -> Records:
    """The instances that `argument`, what follows `ec2:`, asks for; raises InventoryError.

    Regions are asked side by side. A region that cannot be asked gives its last answer where one is
    kept, and the note says so; where none is, the others must do if the trouble is a passing one.
    """
    options = parse_options(argument)
    aws = Aws(options.profile, read_s=READ_S)
    try:
        regions = options.regions or _default_region(aws)
        answers = _answers(aws, regions, options)
    finally:
        aws.close()
    _require(answers)
    instances = {each.id: each for answer in answers.values() for each in answer.instances}
    if not instances:
        raise InventoryError(_nothing(regions, options))
    source = f"ec2:{argument}"
    hosts, groups, notes = hosts_and_groups(instances.values(), options, f"-i {source}")
    if not hosts:
        raise InventoryError(f"-i ec2: {' '.join(notes).removeprefix('EC2: ')}")
    return Records(source, hosts, groups, note=" ".join((*_notes(answers), *notes)) or None)


def profile_of(origin: str) -> str | None:
    """The profile that a value of this origin was asked with: `-i ec2:…?profile=prod` -> `prod`.

    None where it is not one of ours, or was asked with the profile of the environment.
    """
    prefix = "-i ec2:"
    return parse_options(origin.removeprefix(prefix)).profile if origin.startswith(prefix) else None


def _nothing(regions: Sequence[str], options: Ec2Options) -> str:
    what = "no instance" if options.every_state else "no running instance"
    filters = (f"{name}={','.join(values)}" for name, values in options.filters.items())
    said = " and ".join(filters)
    return f"-i ec2: {what} in {', '.join(regions)}" + (f" with {said}" if said else "")


def _default_region(aws: Aws) -> tuple[str, ...]:
    """The region of the profile or the environment; raises InventoryError."""
    call = AwsCall(SERVICE, "", "region", aws.default_region)
    (found,) = ask([call], time.monotonic() + LIMIT_S)
    if isinstance(found, Trouble):
        raise InventoryError(f"-i ec2: {found}")
    if not found:
        raise InventoryError(
            "-i ec2: no region; expected -i ec2:REGION (such as ec2:us-east-1), "
            "or AWS_DEFAULT_REGION, or `region` in the profile"
        )
    return parse_options(found).regions


def _answers(aws: Aws, regions: Sequence[str], options: Ec2Options) -> dict[str, _Answer]:
    paths = {region: cache_path(region, options) for region in regions}
    kept = {region: read_cache(path) for region, path in paths.items()}
    stale = [region for region in regions if not _is_fresh(kept[region], options)]
    limit_s = KEPT_LIMIT_S if all(kept[region] for region in stale) else LIMIT_S
    asked = _ask(aws, stale, options, time.monotonic() + limit_s)
    answers = {}
    for region in regions:
        earlier = kept[region]
        now = asked.get(region)
        if now is not None and now.trouble is None:
            write_cache(paths[region], now.instances)
            answers[region] = now
        elif earlier is not None:
            trouble = now.trouble if now else None
            answers[region] = _Answer(earlier.instances, earlier.age_s, trouble)
        elif now is not None:
            answers[region] = now
    return answers


def _is_fresh(kept: Kept | None, options: Ec2Options) -> bool:
    return kept is not None and options.cache_s is not None and kept.age_s <= options.cache_s


def _ask(
    aws: Aws, regions: Sequence[str], options: Ec2Options, deadline: float
) -> dict[str, _Answer]:
    """Instances and zones of every region at the same time."""
    wanted = [instances_call(aws, region, options) for region in regions]
    ids = [zones_call(aws, region) for region in regions]
    calls: list[AwsCall[Any]] = [*wanted, *ids]
    given = ask(calls, deadline)
    answers = {}
    for number, region in enumerate(regions):
        found, zones = given[number], given[len(regions) + number]
        if isinstance(found, Trouble):
            answers[region] = _Answer((), trouble=_unknown_region(aws, found))
            continue
        names = zones if isinstance(zones, dict) else {}
        instances = tuple(
            _with_zone_id(each, names) for each in found if isinstance(each, Instance)
        )
        lacking = any(each.zone and not each.zone_id for each in instances)
        said = zones if isinstance(zones, Trouble) and lacking else None
        answers[region] = _Answer(instances, zones_trouble=said)
    return answers


def _with_zone_id(instance: Instance, ids: Mapping[str, str]) -> Instance:
    if instance.zone_id or instance.zone not in ids:
        return instance
    return replace(instance, zone_id=ids[instance.zone])


def _unknown_region(aws: Aws, trouble: Trouble) -> Trouble:
    """The trouble, in other words where the region is one that nobody has heard of."""
    if trouble.kind is not TroubleKind.UNREACHABLE:
        return trouble
    known = aws.known_regions()
    if trouble.region in known:
        return trouble
    near = get_close_matches(trouble.region, known, n=3)
    advice = f"; did you mean {' or '.join(near)}?" if near else ""
    text = f"there seems to be no such region{advice} ({trouble.text})"
    return replace(trouble, kind=TroubleKind.REGION, text=text)


def _require(answers: Mapping[str, _Answer]) -> None:
    """Raises InventoryError where no region gave anything, or one not for a reason to be mended."""
    missing = [a.trouble for a in answers.values() if a.age_s is None and a.trouble is not None]
    wrong = [trouble for trouble in missing if not trouble.kind.passing]
    if wrong or len(missing) == len(answers):
        said = "\n".join(f"-i ec2: {line}" for line in lines(wrong or missing))
        raise InventoryError(said)


def _notes(answers: Mapping[str, _Answer]) -> list[str]:
    """Sentences on what is not as the provider has it now."""
    notes = []
    for region, answer in answers.items():
        if answer.trouble is not None and answer.age_s is not None:
            notes.append(f"{answer.trouble}; hosts as of {ago(answer.age_s)}.")
        elif answer.trouble is not None:
            notes.append(f"{answer.trouble}; no hosts of {region} are in this.")
    fresh = [a.age_s for a in answers.values() if a.age_s is not None and a.trouble is None]
    if fresh:
        notes.append(f"{SERVICE}: hosts as of {ago(max(fresh))} (`cache=0` asks anew).")
    zones = [a.zones_trouble for a in answers.values() if a.zones_trouble is not None]
    return [*notes, *(f"{line}; no zone ids." for line in lines(zones))]


def ago(age_s: float) -> str:
    """An age for a person: `40 s ago`, `5 min ago`, `3 h ago`, `2 d ago`."""
    for unit_s, unit, below_s in ((1, "s", 90), (60, "min", 5400), (3600, "h", 172_800)):
        if age_s < below_s:
            return f"{age_s / unit_s:.0f} {unit} ago"
    return f"{age_s / 86_400:.0f} d ago"
