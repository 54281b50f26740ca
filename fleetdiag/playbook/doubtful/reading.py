"""A step whose comparison or rules can never see anything. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.model import Mode
from fleetdiag.playbook.doubtful import output
from fleetdiag.playbook.patterns import can_hold_digit, covers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleetdiag.playbook.doubtful.commands import Command, Shell
    from fleetdiag.playbook.schema import CompareFile, FlagFile, StepFile
    from fleetdiag.yamlmarks import YamlPath

Place = tuple[str | int, ...] | int
"""In the step, or an offset in its command."""

_ORDINARY = ("web-01 is fine, 42 % used", "key=value", "eth0: <UP> mtu 1500", "/dev/sda1 ext4 rw")
"""Lines as commands print them: a mask that takes all of each leaves nothing to compare."""
_WITHOUT_FEATURES = (Mode.TEXT, Mode.LINES, Mode.LOG, Mode.IGNORE)


def reading_doubts(
    step: StepFile, compare: CompareFile | None, shells: Sequence[Shell]
) -> Iterator[tuple[Place, str]]:
    """What of a step reads nothing, each with its place."""
    commands = shells[0].commands if shells else ()
    mode = Mode(compare.mode) if compare else Mode.AUTO
    silent = output.prints_nothing(commands)
    if silent is not None:
        words = "prints nothing: let it say so, `… && echo yes || echo no`"
        yield silent.offset, f"`{silent.name}` {words}"
    elif compare is not None:
        yield from _of_compare(compare, mode, commands)
    if silent is None:
        yield from _of_flags(step.flag, compare, mode, commands)
    yield from _of_set(step, compare, mode)


def _of_set(step: StepFile, compare: CompareFile | None, mode: Mode) -> Iterator[tuple[Place, str]]:
    """Attributes that take their value from a feature which the mode has not."""
    for attribute, feature in step.set_.items():
        if feature is None:
            continue
        place: YamlPath = ("set", attribute)
        if mode in _WITHOUT_FEATURES:
            words = (
                f"mode `{mode.value}` has no features: `set: {attribute}` takes the whole output"
            )
            yield place, f"{words}, or compare as `keys`, `table` or `numbers`"
        elif mode is Mode.NUMBERS and compare is not None and feature not in compare.fields:
            yield place, f"no field {feature!r}, so nothing is set"


def _of_compare(
    compare: CompareFile, mode: Mode, commands: Sequence[Command]
) -> Iterator[tuple[Place, str]]:
    for position, pattern in enumerate(compare.mask):
        if _hides_all(pattern, commands):
            yield ("compare", "mask", position), "the mask hides all there is to compare"
    if compare.parse == "json" and (other := output.is_not_json(commands)) is not None:
        yield other.offset, f"`{other.name}` prints no JSON here, and `parse: json` reads it"
    if compare.parse and compare.parse.startswith("jc:"):
        yield from _of_jc(compare.parse[3:], commands)
    if mode in {Mode.KEYS, Mode.TABLE} and not compare.parse and output.single_word(commands):
        words = (
            f"one word is printed, and mode `{mode.value}` reads none of it: `text`, or `numbers`"
        )
        yield ("compare",), words
    for name, field in compare.fields.items():
        if field.pattern is None:
            continue
        place: YamlPath = ("compare", "fields", name)
        if "\n" in field.pattern or r"\n" in field.pattern:
            yield (
                place,
                "the pattern goes over the end of a line, and lines are searched one by one",
            )
        elif not can_hold_digit(field.pattern):
            yield (
                place,
                "the pattern never holds a number: its group 1 (or all of it) takes no digit",
            )


def _hides_all(pattern: str, commands: Sequence[Command]) -> bool:
    said = [line for line in _ORDINARY if not re.sub(pattern, "", line).strip()]
    if len(said) == len(_ORDINARY):
        return True
    return output.single_word(commands) and not re.sub(pattern, "", "42").strip()


def _of_jc(name: str, commands: Sequence[Command]) -> Iterator[tuple[Place, str]]:
    """A parser for one command reading another's output."""
    import jc

    last = next((c for c in reversed(commands) if not c.captured and not c.into), None)
    if last is None:
        return
    own = {
        info["name"]
        for info in jc.all_parser_info()
        if any(magic.split()[0] == last.name for magic in info.get("magic_commands", ()))
    }
    if own and name not in own and not name.endswith(tuple(own)):
        words = f"reads another command than `{last.name}`, expected `jc:{min(own)}`"
        yield ("compare", "parse"), f"`jc:{name}` {words}"


def _of_flags(
    flags: Sequence[FlagFile],
    compare: CompareFile | None,
    mode: Mode,
    commands: Sequence[Command],
) -> Iterator[tuple[Place, str]]:
    for position, flag in enumerate(flags):
        place: YamlPath = ("flag", position)
        if flag.matches is not None and flag.feature is None:
            if r"\n" in flag.matches or "\n" in flag.matches:
                words = "goes over the end of a line, and lines are searched one by one"
                yield (*place, "matches"), f"the pattern {words}"
            elif output.single_word(commands) and _counts(commands) and _wants_text(flag.matches):
                yield (*place, "matches"), "one number is printed, and the pattern looks for words"
        if flag.feature is None:
            continue
        if mode in _WITHOUT_FEATURES:
            words = f"mode `{mode.value}` has no features, expected `matches` alone"
            yield (*place, "feature"), f"{words}, or mode `keys`, `table` or `numbers`"
        elif mode is Mode.KEYS and compare is not None:
            yield from _unseen(flag, compare, commands, (*place, "feature"))


def _counts(commands: Sequence[Command]) -> bool:
    last = next((c for c in reversed(commands) if not c.captured and not c.into), None)
    return last is not None and last.name in {"wc", "grep", "egrep", "fgrep", "nproc"}


def _wants_text(pattern: str) -> bool:
    """Whether no number could match."""
    return not any(re.search(pattern, number) for number in ("0", "1", "42", "999", "1234567890"))


def _unseen(
    flag: FlagFile, compare: CompareFile, commands: Sequence[Command], place: YamlPath
) -> Iterator[tuple[Place, str]]:
    """A feature that is not among those that are read, or asked for (`systemctl show -p`)."""
    feature = flag.feature or ""
    if "*" in feature or feature in compare.fields:
        return
    if compare.only and not any(covers(pattern, feature) for pattern in compare.only):
        yield place, f"`only` leaves `{feature}` out, so it is never seen"
        return
    asked = _asked_properties(commands)
    if asked and feature not in asked:
        yield (
            place,
            f"`{feature}` is not among what the command asks for: {', '.join(sorted(asked))}",
        )


def _asked_properties(commands: Sequence[Command]) -> set[str]:
    """What `systemctl show -p` asks for; empty where it is another command, or asks for all."""
    outer = [c for c in commands if not c.captured and not c.into]
    if not outer or any(
        c.name not in {"systemctl", "loginctl"} or "show" not in c.args for c in outer
    ):
        return set()
    asked: set[str] = set()
    for command in outer:
        words = command.args
        for position, word in enumerate(words):
            if word in {"-p", "--property"} and position + 1 < len(words):
                asked |= set(words[position + 1].split(","))
            elif word.startswith("--property="):
                asked |= set(word.partition("=")[2].split(","))
            elif re.match(r"-p[A-Z]", word):
                asked |= set(word[2:].split(","))
    return asked
