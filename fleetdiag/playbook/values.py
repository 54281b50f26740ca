"""The kinds of value in a playbook file: names, commands, patterns, times, sizes. Pure.

Each is a pydantic type that says what is wrong in words, with the JSON Schema that editors check.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from fleetdiag.playbook.patterns import matches_everything, pattern_problem
from fleetdiag.yamlmarks import kind_of, quoted

MAX_TIMEOUT_S = 3600.0
MIN_OUTPUT_CAP_BYTES = 1 << 10
MAX_OUTPUT_CAP_BYTES = 64 << 20
MAX_COMMAND_CHARS = 16_384
DEFAULT_PARAM_PATTERN = r"[A-Za-z0-9_./:@%+,=][A-Za-z0-9_./:@%+,=-]*"
"""One harmless word that no command takes for an option."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLAYBOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h)")
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20}
_SIZE = re.compile(r"([0-9]{1,9}) ?([KM]?)")


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        words = "letters, digits, `.`, `_`, `-`, at most 64, a letter or digit first"
        raise ValueError(f"name {quoted(text)}, expected {words}")
    return text


def _playbook_name(text: str) -> str:
    if not _PLAYBOOK_NAME.fullmatch(text):
        words = "letters, digits, `.`, `-`, at most 64, a letter or digit first"
        raise ValueError(f"playbook name {quoted(text)}, expected {words}")
    return text


def _param_name(text: str) -> str:
    if not _PARAM_NAME.fullmatch(text):
        words = "lower-case letters, digits, `_`, at most 32, a letter first"
        raise ValueError(f"param name {quoted(text)}, expected {words}")
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


Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
]
PlaybookName = Annotated[
    str,
    AfterValidator(_playbook_name),
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
