"""A verdict in words: what it stands on, what does not fit, what to do, what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.clean import clip
from fleetdiag.compare.share import PLACES
from fleetdiag.compare.verdict.evidence import ZONES
from fleetdiag.compare.verdict.rules import So
from fleetdiag.folding import folded
from fleetdiag.model import Cause, Confidence, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fleetdiag.compare.verdict.evidence import Evidence
    from fleetdiag.compare.verdict.rules import Rule

MOST_TOLD = 3
CONTROLS = 3
"""Hosts named to compare with."""
MAX_NAMES = 120
"""Characters of a list of hosts within a sentence."""
_ROLLED_OUT = frozenset(
    {
        *("kernel", "image", "image_id", "ami", "version", "release", "os", "os_release"),
        *("distribution", "build", "package", "config"),
    }
)
"""Kinds that somebody brought onto the hosts, and can hold or take back."""


def told(rule: Rule, evidence: Evidence) -> Verdict:
    """The verdict of a rule that fits."""
    if rule.cause is Cause.NONE:
        return Verdict(rule.cause, rule.confidence, hosts=evidence.bad)
    return Verdict(
        cause=rule.cause,
        confidence=rule.confidence,
        summary=_summary(rule.cause, evidence),
        hosts=evidence.bad,
        because=tuple(_because(rule.cause, evidence)),
        against=tuple(_against(rule.cause, evidence)),
        do=tuple(_do(rule, evidence)),
        unless=tuple(_unless(rule.cause, evidence)),
    )


# ---------------------------------------------------------------------------------- summary


def _summary(cause: Cause, evidence: Evidence) -> str:
    count, so = len(evidence.bad), evidence.so
    match cause:
        case Cause.PROVIDER:
            where = f" in zone {evidence.zone}" if evidence.zone else ""
            return f"the provider: {_providers_word(evidence)}{where}"
        case Cause.ZONE:
            return f"{_place(evidence)}: the bad hosts are there, hosts elsewhere are not bad"
        case Cause.GROUP:
            others = "the others do not" if So.KIND_IS_CLEAN in so else "the others less often"
            return f"{_kind(evidence)}: the bad hosts have it, {others}"
        case Cause.HOST if So.STOPPED in so:
            state = "instances that were stopped"
            if count == 1:
                return f"{evidence.bad[0]} is an instance that was stopped"
            return f"{len(_stopped(evidence))} of {count} bad hosts are {state}"
        case Cause.HOST:
            return f"{evidence.bad[0]} alone"
        case Cause.SOFTWARE:
            headline = evidence.crash.summary if evidence.crash else "a crash"
            on = "hosts that nothing known sets apart" if evidence.others else f"all {count} hosts"
            return f"software: {headline}, on {on}"
    if So.NONE_ANSWERS in so:
        return f"cannot be told: none of {count} hosts answers, which may be our own network"
    if not evidence.others:
        where = f" of {evidence.zone}" if evidence.zone else ""
        return f"cannot be told: all {count} hosts{where} are bad, and none elsewhere was asked"
    return f"cannot be told: {count} bad hosts share nothing that is known"


def _providers_word(evidence: Evidence) -> str:
    """What it is, in the provider's own words: maintenance, retirement, impairment."""
    said = " ".join(
        words for host in evidence.bad for words in evidence.trouble.hosts.get(host, ())
    )
    for sign, word in (
        ("maintenance", "maintenance"),
        ("retirement", "retirement of hardware"),
        ("reboot", "a scheduled reboot"),
        ("stop", "a scheduled stop"),
        ("network disk", "trouble with network disks"),
        ("impaired", "trouble beneath the instances"),
    ):
        if sign in said:
            return word
    return "trouble"


def _place(evidence: Evidence) -> str:
    """The zone by its own name where it is one; else the shared place."""
    for one in evidence.shared:
        if one.attribute in PLACES and one.attribute not in ZONES:
            return f"{one.attribute} {one.value}"
        if one.attribute in ZONES:
            zones = [other.value for other in evidence.shared if other.attribute == one.attribute]
            return f"zone {evidence.zone or ' and '.join(zones)}"
    return f"zone {evidence.zone}" if evidence.zone else "their place"


def _kind(evidence: Evidence) -> str:
    kinds = _kinds(evidence)
    return " and ".join(kinds[:2]) or "what they share"


def _kinds(evidence: Evidence) -> list[str]:
    """`kernel 6.5.0`, …: what the bad hosts share that is no place, of the most telling entry."""
    return [
        text
        for one in evidence.shared[:1]
        for text in (f"{one.attribute} {one.value}", *one.alike)
        if not set(_attribute(text).split(" + ")) <= {*PLACES, "booted"}
    ]


def _attribute(text: str) -> str:
    """`kernel` of `kernel 6.5.0`, `zone + role` of `zone + role a + b`."""
    words = text.split(" ")
    end = 1
    while words[end : end + 1] == ["+"]:
        end += 2
    return " ".join(words[:end])


# ---------------------------------------------------------------------------------- because


def _because(cause: Cause, evidence: Evidence) -> Iterator[str]:
    bad, trouble = evidence.bad, evidence.trouble
    if cause is Cause.PROVIDER:
        yield from _by_words(evidence)
        yield from trouble.places[:MOST_TOLD]
    if len(bad) > 1 and So.PLACE_HIT in evidence.so:
        hit = len(set(evidence.there) & set(bad))
        there = len(evidence.there)
        count = f"all {there}" if hit == there else f"{hit} of the {there}"
        elsewhere = f", {len(bad) - hit} elsewhere" if hit < len(bad) else ""
        yield f"{count} hosts of {evidence.zone} are bad{elsewhere}"
    if cause in {Cause.GROUP, Cause.ZONE}:
        for one in evidence.shared[:MOST_TOLD]:
            yield (
                f"{one.odd} of {one.odd_total} bad hosts have {one.attribute} {one.value}, "
                f"and {one.rest} of {one.rest_total} others"
            )
    if cause is Cause.SOFTWARE and evidence.crash is not None:
        found = set(evidence.crash.hosts) & set(bad)
        places = {evidence.zones[host] for host in found if host in evidence.zones}
        where = f", in {', '.join(sorted(places))}" if len(places) > 1 else ""
        yield f"{len(found)} of {len(bad)} bad hosts show it{where}"
    if evidence.main is not None and cause is not Cause.SOFTWARE:
        shown = len(set(evidence.main.hosts) & set(bad))
        on = f"{shown} of {len(bad)} show" if shown < len(bad) else "what they show"
        yield f"{on}: {evidence.main.summary}"
    if evidence.down:
        of = f"{len(evidence.down)} of {len(bad)}" if len(bad) > 1 else "it"
        yield f"{of} gave no answer"
    if evidence.well and cause is not Cause.UNKNOWN:
        verb = "host is" if len(evidence.well) == 1 else "hosts are"
        yield f"{len(evidence.well)} {verb} well: {_named(evidence.well)}"


def _by_words(evidence: Evidence) -> Iterator[str]:
    """What the provider says of bad hosts, equal words once."""
    by_words: dict[str, list[str]] = {}
    for host in evidence.bad:
        for words in evidence.trouble.hosts.get(host, ()):
            by_words.setdefault(words, []).append(host)
    ordered = sorted(by_words.items(), key=lambda item: -len(item[1]))
    for words, hosts in ordered[:MOST_TOLD]:
        yield f"the provider, of {len(hosts)} of {len(evidence.bad)} bad hosts: {words}"


# ---------------------------------------------------------------------------------- against


def _against(cause: Cause, evidence: Evidence) -> Iterator[str]:
    trouble = evidence.trouble
    if cause is Cause.PROVIDER:
        spared = [host for host in evidence.others if host in trouble.hosts]
        if spared:
            yield f"the same is said of {_hosts(spared)} that are not bad: {_named(spared)}"
        without = [host for host in evidence.bad if host not in trouble.hosts]
        if without and trouble.hosts:
            yield f"nothing is said of {_hosts(without)} that are bad: {_named(without)}"
        if So.SHARED_KIND in evidence.so:
            yield f"the bad hosts share {_kind(evidence)}, too"
    elif So.STOPPED not in evidence.so:
        yield from _of_provider(evidence)
    if cause is Cause.ZONE and So.SHARED_KIND in evidence.so:
        yield f"the bad hosts share {_kind(evidence)}, too: it may as well be that"
    if cause is Cause.GROUP and evidence.zone:
        yield f"nearly all of them are in {evidence.zone}, too"
    if cause is Cause.UNKNOWN and not evidence.others:
        yield "no host is there to compare with"


def _of_provider(evidence: Evidence) -> Iterator[str]:
    """What the provider says where he is not blamed; and whether he could be asked at all."""
    trouble = evidence.trouble
    on_bad = [host for host in evidence.bad if host in trouble.hosts]
    yield from trouble.hints[:MOST_TOLD]
    if on_bad:
        others = [host for host in evidence.others if host in trouble.hosts]
        too = f", and with {_hosts(others)} that are not bad" if others else ""
        yield f"the provider has trouble with {_named(on_bad)}{too}"
    if not trouble.was_asked:
        yield "the provider was not asked"
    elif not trouble.said_something:
        why = f": {trouble.problems[0]}" if trouble.problems else ""
        yield f"the provider said nothing of these hosts{why}"
    elif trouble.checked & set(evidence.bad):
        if not on_bad and not trouble.places and not trouble.hints:
            yield "the provider knows of no trouble with these hosts or their zone"
    elif not trouble.places and not trouble.hints:
        yield "nothing the provider told is about these hosts or their zone"


# --------------------------------------------------------------------------------------- do


def _do(rule: Rule, evidence: Evidence) -> Iterator[str]:
    controls = folded(evidence.controls[:CONTROLS])
    compare = f"compare with {controls}" if controls else "look at hosts elsewhere for contrast"
    match rule.cause:
        case Cause.PROVIDER:
            yield from _wait(evidence)
            if evidence.zone and rule.confidence is not Confidence.LOW:
                yield _away(f"zone {evidence.zone}")
            for link in evidence.trouble.links[:1]:
                yield f"watch {link}"
        case Cause.ZONE:
            yield "hold restarts there; ask the provider: status page, support case"
            if rule.confidence is not Confidence.LOW:
                yield _away(_place(evidence))
            yield compare
        case Cause.GROUP:
            kind = next((k for k in _kinds(evidence) if _attribute(k) in _ROLLED_OUT), "")
            if kind:
                yield f"hold the roll-out of {kind}"
                yield "bring one host back without it, then the others"
            else:
                yield f"look for what is special about {_kind(evidence)}"
            yield compare
        case Cause.HOST if So.STOPPED in evidence.so:
            yield "ask who stopped them, and why; start one first, then the others"
        case Cause.HOST:
            yield _take_out(evidence)
            yield compare
        case Cause.SOFTWARE:
            yield "hold roll-outs, and look for what changed on all of them: `--baseline last-good`"
            yield "bring one host back first, then the others"
        case Cause.UNKNOWN if So.NONE_ANSWERS in evidence.so:
            yield "check this machine's own way first: its network, VPN, bastion, firewall rules"
            yield "hold changes until it is known; ask the provider"
        case Cause.UNKNOWN:
            yield compare
            yield "hold changes until it is known; ask the provider"


def _wait(evidence: Evidence) -> Iterator[str]:
    if not evidence.trouble.moves & set(evidence.bad):
        yield "hold restarts, reboots and roll-backs: nothing on these hosts mends it"
        return
    yield "hold reboots and roll-backs: nothing on these hosts mends it"
    yield (
        "what cannot wait: a stop and start moves an instance to other hardware, and loses its "
        "instance store; one first, then the others"
    )


def _away(place: str) -> str:
    return (
        f"only SSH was asked: look whether they still serve; if not, move load away from {place}, "
        "as far as hosts elsewhere have room"
    )


def _take_out(evidence: Evidence) -> str:
    host = evidence.bad[0]
    kind = evidence.run.peers or "role"
    of_kind = {each.name: each.attributes.get(kind, "") for each in evidence.run.hosts}
    if of_kind[host] and list(of_kind.values()).count(of_kind[host]) == 1:
        return (
            f"look at {host}; it is the only {kind} {of_kind[host]} here, nothing stands in for it"
        )
    return f"take {host} out of service where others do its work, then look at it"


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
        case Cause.HOST if So.STOPPED in evidence.so:
            yield "they are started and stay bad"
        case Cause.HOST:
            yield "a second host turns bad"
        case Cause.SOFTWARE:
            yield "the hosts that crashed share something nobody wrote into the inventory"
        case Cause.UNKNOWN:
            yield "hosts elsewhere, or of another kind, are looked at"


def _stopped(evidence: Evidence) -> list[str]:
    return [host for host in evidence.bad if host in evidence.trouble.stopped]


def _hosts(names: Collection[str]) -> str:
    return f"{len(names)} host{'' if len(names) == 1 else 's'}"


def _named(hosts: Collection[str]) -> str:
    return clip(folded(hosts), MAX_NAMES)
