"""A verdict in words: what it stands on, what does not fit, what to do, what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.share import PLACES
from fleetdiag.compare.verdict.evidence import ZONES
from fleetdiag.compare.verdict.rules import So
from fleetdiag.folding import folded
from fleetdiag.model import Cause, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.compare.verdict.evidence import Evidence
    from fleetdiag.compare.verdict.rules import Rule

MOST_TOLD = 3
CONTROLS = 3
"""Hosts named to compare with."""


def told(rule: Rule, evidence: Evidence) -> Verdict:
    """The verdict of a rule that fits."""
    return Verdict(
        cause=rule.cause,
        confidence=rule.confidence,
        summary=_summary(rule.cause, evidence),
        hosts=evidence.bad,
        because=tuple(_because(rule.cause, evidence)),
        against=tuple(_against(rule.cause, evidence)),
        do=tuple(_do(rule.cause, evidence)),
        unless=tuple(_unless(rule.cause, evidence)),
    )


# ---------------------------------------------------------------------------------- summary


def _summary(cause: Cause, evidence: Evidence) -> str:
    match cause:
        case Cause.NONE:
            return ""
        case Cause.PROVIDER:
            return f"the provider: {_providers_word(evidence)}{_in_zone(evidence)}"
        case Cause.ZONE:
            return f"{_place(evidence)}: the bad hosts are there, and hosts elsewhere are well"
        case Cause.GROUP:
            return f"{_kind(evidence)}: the bad hosts have it, the others do not"
        case Cause.HOST:
            return f"{evidence.bad[0]} alone"
        case Cause.SOFTWARE:
            headline = evidence.crash.summary if evidence.crash else "a crash"
            return f"software: {headline}, alike on hosts that share no place and no kind"
    if So.ONE_PLACE in evidence.so and So.CONTRAST not in evidence.so:
        zone = evidence.zone
        return f"not to be told: all bad hosts are in {zone}, and no host elsewhere was asked"
    count = len(evidence.bad)
    if not evidence.well:
        all_of = f"all {count} hosts are" if count > 1 else "the one host is"
        return f"not to be told: {all_of} bad, and none is there to compare with"
    return f"not to be told: {count} hosts that share nothing that is known"


def _providers_word(evidence: Evidence) -> str:
    """What it is, in the provider's own words: maintenance, retirement, impairment."""
    said = " ".join(words for each in evidence.trouble.hosts.values() for words in each)
    for sign, word in (
        ("maintenance", "maintenance"),
        ("retirement", "retirement of hardware"),
        ("reboot", "a scheduled reboot"),
        ("stop", "a scheduled stop"),
        ("impaired", "trouble beneath the instances"),
    ):
        if sign in said:
            return word
    return "trouble"


def _in_zone(evidence: Evidence) -> str:
    return f" in zone {evidence.zone}" if evidence.zone else ""


def _place(evidence: Evidence) -> str:
    """The zone by its own name where it is one; else the shared place."""
    for one in evidence.shared:
        if one.attribute in PLACES and one.attribute not in ZONES:
            return f"{one.attribute} {one.value}"
        if one.attribute in ZONES:
            return f"zone {evidence.zone or one.value}"
    return f"zone {evidence.zone}" if evidence.zone else "their place"


def _kind(evidence: Evidence) -> str:
    for one in evidence.shared[:1]:
        named = [f"{one.attribute} {one.value}", *one.alike]
        kinds = [text for text in named if text.partition(" ")[0] not in {*PLACES, "booted"}]
        return " and ".join(kinds[:2]) or named[0]
    return "what they share"


# ---------------------------------------------------------------------------------- because


def _because(cause: Cause, evidence: Evidence) -> Iterator[str]:
    if cause is Cause.NONE:
        return
    bad, trouble = evidence.bad, evidence.trouble
    if cause is Cause.PROVIDER:
        yield from _by_words(evidence)
        yield from trouble.places[:MOST_TOLD]
    by_place = cause is Cause.ZONE and So.SHARED_PLACE in evidence.so
    if len(bad) > 1 and evidence.zone and not by_place:
        total = sum(zone == evidence.zone for zone in evidence.zones.values())
        yield f"all {len(bad)} bad hosts are in {evidence.zone}, which has {total}"
    if cause in {Cause.GROUP, Cause.ZONE}:
        for one in evidence.shared[:MOST_TOLD]:
            yield (
                f"{one.odd} of {one.odd_total} bad hosts have {one.attribute} {one.value}, "
                f"and {one.rest} of {one.rest_total} others"
            )
    if cause is Cause.SOFTWARE and evidence.crash is not None:
        found = set(evidence.crash.hosts) & set(bad)
        places = {evidence.zones[host] for host in found if host in evidence.zones}
        yield f"{len(found)} of {len(bad)} bad hosts show it{_in_places(places)}"
    if evidence.main is not None and cause is not Cause.SOFTWARE:
        yield f"what they show: {evidence.main.summary}"
    if evidence.down:
        yield f"{len(evidence.down)} of {len(bad)} gave no answer"
    if evidence.well and cause is not Cause.UNKNOWN:
        yield f"{len(evidence.well)} {_hosts(evidence.well)} well: {folded(evidence.well)}"


def _in_places(places: set[str]) -> str:
    return f", in {', '.join(sorted(places))}" if len(places) > 1 else ""


def _by_words(evidence: Evidence) -> Iterator[str]:
    """What the provider says of bad hosts, equal words once."""
    by_words: dict[str, list[str]] = {}
    for host, said in evidence.trouble.hosts.items():
        for words in said if host in evidence.bad else ():
            by_words.setdefault(words, []).append(host)
    ordered = sorted(by_words.items(), key=lambda item: -len(item[1]))
    for words, hosts in ordered[:MOST_TOLD]:
        yield f"the provider, of {len(hosts)} of {len(evidence.bad)} bad hosts: {words}"


# ---------------------------------------------------------------------------------- against


def _against(cause: Cause, evidence: Evidence) -> Iterator[str]:
    trouble = evidence.trouble
    if cause is Cause.PROVIDER:
        spared = [host for host in evidence.well if host in trouble.hosts]
        if spared:
            yield f"the same is said of {len(spared)} hosts that are well: {folded(spared)}"
        without = [host for host in evidence.bad if host not in trouble.hosts]
        if without and trouble.hosts:
            yield f"nothing is said of {len(without)} bad hosts: {folded(without)}"
    elif cause is not Cause.NONE:
        yield from trouble.hints[:1]
        if trouble.asked and not trouble.hosts and not trouble.places:
            yield "the provider knows of no trouble with these hosts or their zone"
        elif not trouble.asked:
            yield "the provider was not asked" + (
                f": {trouble.problems[0]}" if trouble.problems else ""
            )
        elif cause is not Cause.HOST and trouble.hosts:
            yield f"the provider has trouble with {folded(trouble.hosts)}"
    if cause is Cause.GROUP and So.SEVERAL_PLACES not in evidence.so and evidence.zone:
        yield f"all of them are in {evidence.zone}, too"
    if cause is Cause.UNKNOWN and not evidence.well:
        yield "no host is well: there is nothing to compare with"


# --------------------------------------------------------------------------------------- do


def _do(cause: Cause, evidence: Evidence) -> Iterator[str]:
    controls = folded(evidence.controls[:CONTROLS])
    compare = f"compare with {controls}" if controls else "look at hosts elsewhere for contrast"
    match cause:
        case Cause.PROVIDER:
            yield "hold restarts, reboots and roll-backs: nothing on these hosts mends it"
            yield f"move load {_away(evidence)}"
            if evidence.trouble.hosts:
                yield "a stop and start moves an instance to other hardware, a reboot does not"
            for link in evidence.trouble.links[:1]:
                yield f"watch {link}"
        case Cause.ZONE:
            yield f"move load {_away(evidence)}, and hold restarts there"
            yield "ask the provider: status page, support case"
            yield compare
        case Cause.GROUP:
            yield f"hold the roll-out of {_kind(evidence)}"
            yield "bring one host back without it, then the others"
            yield compare
        case Cause.HOST:
            yield f"take {evidence.bad[0]} out of service, then look at it"
            yield compare
        case Cause.SOFTWARE:
            yield "hold roll-outs, and look for what changed on all of them: `--baseline last-good`"
            yield "bring one host back first, then the others"
        case Cause.UNKNOWN:
            yield compare
            yield "hold changes until it is known; ask the provider"


def _away(evidence: Evidence) -> str:
    elsewhere = [h for h in evidence.well if evidence.zones.get(h, "") != evidence.zone]
    where = f" from {evidence.zone}" if evidence.zone else ""
    return f"away{where} to {folded(elsewhere)}" if elsewhere else f"away{where}"


# ----------------------------------------------------------------------------------- unless


def _unless(cause: Cause, evidence: Evidence) -> Iterator[str]:
    match cause:
        case Cause.PROVIDER:
            if So.CONTRAST not in evidence.so:
                yield "hosts elsewhere are bad in the same way"
            yield "the provider's trouble ends and the hosts stay bad"
        case Cause.ZONE:
            yield "bad hosts turn up in another place, or well ones in this"
        case Cause.GROUP:
            yield "a host without it turns bad, or one with it is well"
        case Cause.HOST:
            yield "a second host turns bad"
        case Cause.SOFTWARE:
            yield "the hosts that crashed share something nobody wrote into the inventory"
        case Cause.UNKNOWN:
            yield "hosts elsewhere, or of another kind, are looked at"


def _hosts(names: Sequence[str]) -> str:
    return "host is" if len(names) == 1 else "hosts are"
