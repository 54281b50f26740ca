"""The kinds of value in a playbook file: names, commands, patterns, times, sizes. Pure.

Each is a pydantic type that says what is wrong in words, with the JSON Schema that editors check.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from fleetdiag.model import Rate, Unit
from fleetdiag.playbook.patterns import matches_everything, pattern_problem
from fleetdiag.yamlmarks import did_you_mean, kind_of, quoted

MAX_TIMEOUT_S = 3600.0
MIN_OUTPUT_CAP_BYTES = 1 << 10
MAX_OUTPUT_CAP_BYTES = 64 << 20
MAX_COMMAND_CHARS = 16_384
MAX_LABEL_CHARS = 200
MASK_NAMES = (
    "self",
    "dmesg-time",
    "iso-time",
    "date",
    "syslog-time",
    "uuid",
    "mac",
    "ipv6",
    "ipv4",
    "clock",
    "uptime",
    "duration",
    "pid",
    "hex",
    "epoch",
    "port",
    "inode",
    "device",
)
"""What `unmask` may name, besides `ALL_MASKS`: the comparison's own list, as a test makes sure."""
ALL_MASKS = "all"
UNITS = {"percent": Unit.PERCENT, "bytes": Unit.BYTES, "seconds": Unit.SECONDS, "none": Unit.NONE}
"""A field's unit as a file writes it."""
DEFAULT_PARAM_PATTERN = r"[A-Za-z0-9_./:@%+,=][A-Za-z0-9_./:@%+,=-]*"
"""One harmless word that no command takes for an option."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLAYBOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h)")
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20}
_SIZE = re.compile(r"([0-9]{1,9}) ?([KM]?)")
_UNITS = {
    "%": (1.0, Unit.PERCENT),
    "B": (1.0, Unit.BYTES),
    **{letter: (1024.0**n, Unit.BYTES) for n, letter in enumerate("KMGT", start=1)},
    **{word: (size, Unit.SECONDS) for word, size in {**_SECONDS, "d": 86400.0}.items()},
}
_QUANTITY = re.compile(r"([-+]?[0-9]{1,18}(?:\.[0-9]{1,9})?) ?(%|B|[KMGT](?:iB)?|ms|s|m|h|d)")
_PARSE = re.compile(r"json|jc:([a-z0-9][a-z0-9_-]*)")


class Quantity(NamedTuple):
    """A number with its unit; `Unit.NONE` where none was written."""

    value: float
    """In `unit`: per cent, bytes, seconds."""
    unit: Unit


class Rated(NamedTuple):
    """How a counter becomes a rate."""

    rate: Rate
    interval_s: float
    """Between two samples; 1 for `Rate.UPTIME`, where it means nothing."""


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        words = "letters, digits, `.`, `_`, `-`, at most 64, a letter or digit first"
        raise ValueError(f"name {quoted(text)}, expected {words}")
    return text


def valid_playbook_name(text: str) -> str:
    """`text`, where a playbook can be named so; else ValueError with what was expected."""
    if not _PLAYBOOK_NAME.fullmatch(text):
        words = "letters, digits, `.`, `-`, at most 64, a letter or digit first"
        raise ValueError(f"playbook name {quoted(text)}, expected {words}")
    return text


def _param_name(text: str) -> str:
    if not _PARAM_NAME.fullmatch(text):
        words = "lower-case letters, digits, `_`, at most 32, a letter first"
        raise ValueError(f"param name {quoted(text)}, expected {words}")
    return text


def _attribute_name(text: str) -> str:
    if not _ATTRIBUTE_NAME.fullmatch(text):
        words = "letters, digits, `.`, `_`, `-`, at most 64, a letter first"
        raise ValueError(f"attribute name {quoted(text)}, expected {words}")
    return text


def _settings(value: object) -> object:
    """A name alone stands for the whole output."""
    if isinstance(value, str):
        return {value: None}
    if not isinstance(value, dict) or not value:
        words = "an attribute's name, or a mapping of names to features"
        raise ValueError(f"`set` is {kind_of(value) if value else 'empty'}, expected {words}")
    return value


def _playbook_ref(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"playbook is {kind_of(text)}, expected a name or a path")
    return text


def _command(text: str) -> str:
    if not text.strip():
        raise ValueError("empty command, expected a shell command")
    if len(text) > MAX_COMMAND_CHARS:
        raise ValueError(f"command of {len(text)} characters, expected at most {MAX_COMMAND_CHARS}")
    return text.rstrip("\n")


def _sentence(text: str) -> str:
    if "\n" in text.strip() or not text.strip():
        raise ValueError(f"{kind_of(text.strip())}, expected a sentence in one line")
    return text.strip()


def _pattern(text: str) -> str:
    problem = pattern_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


def _line_pattern(text: str) -> str:
    _pattern(text)
    if matches_everything(text):
        raise ValueError(f"pattern {quoted(text)} matches every line, expected something to find")
    return text


def _timeout_s(value: object) -> float:
    seconds = _number(value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds is None or not 0 < seconds <= MAX_TIMEOUT_S:
        raise ValueError(
            f"time limit is {kind_of(value)}, expected seconds, or text such as "
            f"`500ms`, `10s`, `2m`, more than 0 and at most 1h"
        )
    return seconds


def _output_cap_bytes(value: object) -> int:
    size = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        size = int(match[1]) * _BYTES[match[2]]
    if size is None or not MIN_OUTPUT_CAP_BYTES <= size <= MAX_OUTPUT_CAP_BYTES:
        raise ValueError(
            f"output cap is {kind_of(value)}, expected bytes, or text such as `64K`, `1M`, "
            f"from 1K to 64M"
        )
    return size


def _label(text: str) -> str:
    if text != text.strip() or not text or not text.isprintable() or len(text) > MAX_LABEL_CHARS:
        words = f"printable text in one line, at most {MAX_LABEL_CHARS} characters"
        raise ValueError(f"name is {kind_of(text)}, expected {words}, no space around it")
    return text


def _position(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return str(value)
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - the user's file is wrong, not our call
            f"position is {kind_of(value)}, expected one from 1, or a name"
        )
    if re.fullmatch(r"[-+]?[0-9]+", value) and not re.fullmatch(r"[1-9][0-9]*", value):
        raise ValueError(f"position is {kind_of(value)}, expected one from 1, or a name")
    return _label(value)


def _mask_name(name: str) -> str:
    known = (*MASK_NAMES, ALL_MASKS)
    if name not in known:
        near = did_you_mean(name, known) or f", expected one of {', '.join(known)}"
        raise ValueError(f"no shipped mask {quoted(name)}{near}")
    return name


def _parse(text: str) -> str:
    match = _PARSE.fullmatch(text)
    if match is None:
        raise ValueError(f"parser {quoted(text)}, expected `json`, or `jc:` with a parser of jc's")
    if match[1] is not None:
        import jc  # late: it knows 150 formats

        # A streaming parser takes lines one by one; only whole outputs are parsed.
        known = set(jc.parser_mod_list()) - set(jc.streaming_parser_mod_list())
        name = match[1].replace("-", "_")
        if name not in known:
            near = did_you_mean(name, sorted(known)) or ", expected one that `jc --help` lists"
            raise ValueError(f"jc has no parser {quoted(match[1])}{near}")
        return f"jc:{name}"
    return text


def quantity_of(value: object) -> Quantity | None:
    """The number, or text such as `90%`, `1.5G`, `10m`; None where `value` is neither.

    K, M, G, T (or KiB, …) are binary multiples of bytes; ms, s, m, h, d are seconds: `10M` is
    10 MiB and `10m` ten minutes.
    """
    number = _number(value)
    if number is not None:
        return Quantity(number, Unit.NONE)
    if not isinstance(value, str) or (match := _QUANTITY.fullmatch(value)) is None:
        return None
    factor, unit = _UNITS[match[2].removesuffix("iB")]
    return Quantity(float(match[1]) * factor, unit)


def _quantity(value: object) -> Quantity:
    quantity = quantity_of(value)
    if quantity is None:
        raise ValueError(
            f"amount is {kind_of(value)}, expected a number, alone or with a unit: "
            f"`90%`, `100K`, `1.5G`, `500ms`, `10m`, `2h`"
        )
    return quantity


def _rate(value: object) -> Rated:
    if value == Rate.UPTIME.value:
        return Rated(Rate.UPTIME, 1.0)
    try:
        return Rated(Rate.SAMPLES, _timeout_s(value))
    except ValueError as error:
        words = "`uptime`, or the time between two samples such as `2s`, at most 1h"
        raise ValueError(f"rate is {kind_of(value)}, expected {words}") from error


def _rule_set(name: str) -> str:
    from fleetdiag import rules  # late: it reads the shipped files

    known = rules.names()
    if name not in known:
        near = did_you_mean(name, known) or ""
        raise ValueError(f"no rule set {quoted(name)}{near or f', there are {_commas(known)}'}")
    return name


def _commas(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _listed(value: object) -> list[object]:
    if value == []:
        raise ValueError("empty list, expected a value or a list of some")
    return value if isinstance(value, list) else [value]


class OneOrMany:
    """Lets one value stand for a list of one."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The list's schema behind a validator that wraps a lone value."""
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Either the list's item or the list."""
        many = handler(schema)
        return {"anyOf": [many["items"], {**many, "minItems": 1}]}


class _AnyRuleSet:
    """The shipped rule sets as the schema's choice: asked for when the schema is made."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Their names."""
        from fleetdiag import rules

        return {**handler(schema), "enum": list(rules.names())}


Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
]
PlaybookName = Annotated[
    str,
    AfterValidator(valid_playbook_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_PLAYBOOK_NAME.pattern}$"}),
]
Command = Annotated[
    str, AfterValidator(_command), WithJsonSchema({"type": "string", "pattern": r"\S"})
]
Sentence = Annotated[
    str, AfterValidator(_sentence), WithJsonSchema({"type": "string", "pattern": r"\S"})
]
Pattern = Annotated[str, AfterValidator(_pattern)]
LinePattern = Annotated[
    str,
    AfterValidator(_line_pattern),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
TimeoutS = Annotated[
    float,
    BeforeValidator(_timeout_s),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_S},
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
            ]
        }
    ),
]
OutputCapBytes = Annotated[
    int,
    BeforeValidator(_output_cap_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "integer",
                    "minimum": MIN_OUTPUT_CAP_BYTES,
                    "maximum": MAX_OUTPUT_CAP_BYTES,
                },
                {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
            ]
        }
    ),
]
ParamName = Annotated[
    str,
    AfterValidator(_param_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_PARAM_NAME.pattern}$"}),
]
Label = Annotated[
    str,
    AfterValidator(_label),
    WithJsonSchema({"type": "string", "pattern": r"\S", "maxLength": MAX_LABEL_CHARS}),
]
AttributeName = Annotated[
    str,
    AfterValidator(_attribute_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_ATTRIBUTE_NAME.pattern}$"}),
]
Settings = Annotated[
    dict[AttributeName, Label | None],
    BeforeValidator(_settings),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_ATTRIBUTE_NAME.pattern}$"},
                {
                    "type": "object",
                    "propertyNames": {"pattern": f"^{_ATTRIBUTE_NAME.pattern}$"},
                    "additionalProperties": {"type": "string", "pattern": r"\S"},
                },
            ]
        }
    ),
]
PlaybookRef = Annotated[
    str, AfterValidator(_playbook_ref), WithJsonSchema({"type": "string", "pattern": r"\S"})
]
Position = Annotated[
    str,
    BeforeValidator(_position),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"\S"}]}
    ),
]
MaskName = Annotated[
    str,
    AfterValidator(_mask_name),
    WithJsonSchema({"type": "string", "enum": [*MASK_NAMES, ALL_MASKS]}),
]
Parser = Annotated[
    str,
    AfterValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": f"^(?:{_PARSE.pattern})$"}),
]
Amount = Annotated[
    Quantity,
    PlainValidator(_quantity),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_QUANTITY.pattern}$"}]}
    ),
]
CounterRate = Annotated[
    Rated,
    PlainValidator(_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^(?:{Rate.UPTIME.value}|{_DURATION.pattern})$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_S},
            ]
        }
    ),
]
RuleSet = Annotated[str, AfterValidator(_rule_set), _AnyRuleSet()]
