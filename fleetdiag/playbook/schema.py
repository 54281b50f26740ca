"""The playbook file format, as pydantic models: what may stand in a file, short forms included.

Only this package sees these classes; what leaves it are the frozen types of `model.py`. The JSON
Schema for editors and `docs/playbook.md` are made from here, so the docstring under a field is
what an author reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)

from fleetdiag.playbook.values import (
    DEFAULT_PARAM_PATTERN,
    NAME,
    Amount,
    Command,
    CounterRate,
    Label,
    LinePattern,
    MaskName,
    Name,
    OneOrMany,
    OutputCapBytes,
    ParamName,
    Parser,
    Pattern,
    PlaybookName,
    PlaybookRef,
    Position,
    RuleSet,
    Sentence,
    Settings,
    TimeoutS,
)
from fleetdiag.yamlmarks import kind_of

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

MAX_STEPS = 500


def some_steps(steps: list[Any]) -> list[Any]:
    """`steps`, where there are as many as there may be; else ValueError."""
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"{len(steps)} steps, expected from 1 to {MAX_STEPS}")
    return steps


class Strict(BaseModel):
    """No unknown keys, no conversions: text is text."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class FlagFile(Strict):
    """A rule: what must not be, whatever the other hosts say.

    On lines: `matches`. On values: `feature` with `above`, `below`, `equals` or `matches`; of
    several, each must be true.
    """

    matches: LinePattern | None = None
    """Regular expression (Python's), searched in each line of the output as the host gave it; with
    `feature`, in the value."""
    feature: Label | None = None
    """Whose value is tested: a field, a key, in a table `row column`; `*` stands for any text."""
    above: Amount | None = None
    """The value is more than this: a number in the feature's unit, or text such as `90%`, `1G`
    (binary), `10m` (minutes), `2h`."""
    below: Amount | None = None
    """The value is less than this; as `above`."""
    equals: str | None = Field(
        default=None, json_schema_extra={"type": ["string", "number", "boolean"]}
    )
    """The value is this text."""
    severity: Literal["critical", "warning", "info"] = "warning"
    """How bad it is: `critical`, `warning` or `info`."""
    say: Sentence
    """What it means, a short sentence; the finding's headline."""
    name: Name | None = None
    """For `explains` of other rules."""
    explains: Annotated[list[Name], OneOrMany()] = []
    """Names of rules whose finding on the same hosts is a consequence of this one."""


class FieldFile(Strict):
    """A number in the output: where it is, what it counts, when it is odd.

    Short forms: a position, a pattern, or (in modes `keys` and `table`) nothing.
    """

    pattern: LinePattern | None = None
    """Mode `numbers`: regular expression whose group 1, or whole match, is the number."""
    at: Position | None = None
    """Which number of the output (with `pattern`: of its match), from 1. In modes `keys` and
    `table` the name of the key or column; without it, the field's own."""
    unit: Literal["percent", "bytes", "seconds", "none"] | None = None
    """What is counted: `percent`, `bytes`, `seconds`, or `none` for a bare number. Without it, as
    the number's own suffix says."""
    per: Label | None = None
    """Another field that this one is divided by."""
    rate: CounterRate | None = None
    """For counters, which only grow. `uptime`: divided by the seconds the host is up. A time such
    as `2s`: the output holds two samples that far apart, and their difference counts."""
    floor: Amount | None = None
    """A smaller difference from the other hosts is never odd: a number in the unit, or text such
    as `10%`, `100M`, `0.5s`. Without it, the unit's own."""
    side: Literal["both", "high", "low"] = "both"
    """Whether too much (`high`), too little (`low`) or both is odd."""
    compare: bool = True
    """`false`: it is there for `per` and for flags only."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        match value:
            case None:
                return {}
            case bool() | float() | list():
                words = "a position from 1, a pattern or a mapping"
                raise ValueError(f"field is {kind_of(value)}, expected {words}")
            case int():
                return {"at": value}
            case str():
                return {"pattern": value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A position, a pattern, nothing, or the mapping."""
        full = handler.resolve_ref_schema(handler(schema))
        return {
            "description": full["description"],
            "anyOf": [
                {"type": "integer", "minimum": 1, "description": "A position"},
                {"type": "string", "minLength": 1, "description": "A pattern"},
                {"type": "null", "description": "The key or column of that name"},
                without(full, "description"),
            ],
        }


class CompareFile(Strict):
    """How the output is compared between hosts."""

    mode: Literal["auto", "text", "lines", "keys", "table", "numbers", "log", "ignore"] = "auto"
    """`auto`: as fleetdiag knows the command, `text` for one it does not know. `text`: the whole
    output is one value. `lines`: the set of lines, in any order. `keys`: `key=value`, `key: value`
    or `key value`. `table`: rows and columns. `numbers`: the numbers named in `fields`. `log`:
    which events there are, and how often. `ignore`: shown, never compared."""
    mask: Annotated[list[LinePattern], OneOrMany()] = []
    """Regular expressions whose matches do not count, besides the shipped masks."""
    unmask: Annotated[list[MaskName], OneOrMany()] = []
    """Names of shipped masks that are not applied here; `all` for none of them."""
    parse: Parser | None = None
    """Modes `keys` and `table`: what reads the output, `json`, or `jc:NAME` for a parser of
    [jc](https://github.com/kellyjonbrazil/jc). Without it, the mode's own reader."""
    key: Position | None = None
    """Mode `table`: the column that names a row, by header or by position from 1; several joined
    by `+`. Without it the first."""
    only: Annotated[list[Label], OneOrMany()] = []
    """Modes `keys` and `table`: the keys or columns that are compared (`*` stands for any text).
    Without it all."""
    fields: dict[Label, FieldFile] = {}
    """What is a number, to be measured and not to be equal, by name."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"mode": value}
        if not isinstance(value, dict):
            raise ValueError(f"`compare` is {kind_of(value)}, expected a mode or a mapping")  # noqa: TRY004
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The mode alone, or the mapping."""
        full = handler.resolve_ref_schema(handler(schema))
        mode = {key: full["properties"]["mode"][key] for key in ("enum", "type")}
        return {"description": full["description"], "anyOf": [mode, without(full, "description")]}


class StepFile(Strict):
    """One command and what to do about its output.

    Short forms: a bare command (it gets a name of its words), or one `name: command` pair.
    """

    name: Name | None = None
    """Unique in the playbook; without it, made of the command's words."""
    run: Command
    """A POSIX shell command, run as `sh -c` with nothing on stdin and the locale C."""
    or_: Annotated[list[Command], OneOrMany()] = Field(default=[], alias="or")
    """Commands to fall back to where `run` does not exist or is not permitted: one or a list, the
    first that works gives the output."""
    timeout: TimeoutS | None = None
    """Seconds, or text such as `500ms`, `10s`, `2m`; at most 1h. Without it 10s."""
    become: bool | None = None
    """Whether to run it through sudo. Without it, as the host's inventory entry says."""
    compare: CompareFile | None = None
    """How hosts are compared: a mode, or a mapping. Without it `auto`, as the command is known."""
    flag: Annotated[list[FlagFile], OneOrMany()] = []
    """Rules on the output, one or a list."""
    rules: Annotated[list[RuleSet], OneOrMany()] = []
    """Shipped sets of rules that are applied too, one name or a list."""
    set_: Settings = Field(default={}, alias="set")
    """Attributes of the host that the output tells: a name for an output of one line, or names with
    the feature (field, key, `row column`) each takes its value from."""
    about: Sentence | None = None
    """What the step tells, a sentence."""
    output_cap: OutputCapBytes | None = None
    """Where each output stream is cut: bytes, or text such as `64K`, `1M`. Without it 1M."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return full_step(value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A bare command, a `name: command` pair, or the mapping."""
        full = handler.resolve_ref_schema(handler(schema))
        command = full["properties"]["run"]
        pair = {
            "type": "object",
            "description": "`name: command`",
            "propertyNames": {
                "pattern": f"^{NAME.pattern}$",
                "not": {"enum": list(full["properties"])},
            },
            "additionalProperties": {key: command[key] for key in ("type", "pattern")},
            "minProperties": 1,
            "maxProperties": 1,
        }
        bare = {"type": "string", "pattern": r"\S", "description": "A bare command"}
        return {
            "description": full["description"],
            "anyOf": [bare, pair, without(full, "description")],
        }


class IncludeFile(Strict):
    """The steps of another playbook, in this place, with its own defaults."""

    include: PlaybookRef
    """Its name, or a path (with a `/` in it) from this file's directory."""
    only: Annotated[list[Label], OneOrMany()] = []
    """The steps that are taken, by name (`*` stands for any text). Without it all."""
    without: Annotated[list[Label], OneOrMany()] = []
    """The steps that are left out, by name (`*` stands for any text)."""
    params: dict[ParamName, str] = Field(
        default={},
        json_schema_extra={"additionalProperties": {"type": ["string", "number", "boolean"]}},
    )
    """Values for its params; `@{name}` alone passes on the value of one of this playbook's."""


class ParamFile(Strict):
    """A parameter: a value given when the playbook is run, used in commands as `@{name}`."""

    default: str | None = Field(
        default=None, json_schema_extra={"type": ["string", "number", "boolean"]}
    )
    """The value where none is given. Without it a value must be given."""
    pattern: Pattern = DEFAULT_PARAM_PATTERN
    """Regular expression the whole value must match. Without it one word of letters, digits and
    `_./:@%+,=-`, not beginning with `-`."""
    about: Sentence | None = None
    """What it is for, a sentence."""


class DefaultsFile(Strict):
    """Values for the steps that do not say otherwise."""

    timeout: TimeoutS | None = None
    """As in a step."""
    become: bool | None = None
    """As in a step."""
    compare: CompareFile | None = None
    """As in a step."""
    output_cap: OutputCapBytes | None = None
    """As in a step."""


def is_include(value: object) -> bool:
    """Whether an item of `steps` stands for another playbook's steps."""
    return isinstance(value, IncludeFile) or (isinstance(value, dict) and "include" in value)


StepEntry = Annotated[
    Annotated[IncludeFile, Tag("an include")] | Annotated[StepFile, Tag("a step")],
    Discriminator(lambda value: "an include" if is_include(value) else "a step"),
]


class PlaybookFile(Strict):
    """A fleetdiag playbook: diagnostic commands, and how their output is compared."""

    kind: Literal["diagnosis", "change"] = "diagnosis"
    """`diagnosis` only reads; `change` is a format of its own."""
    name: PlaybookName | None = None
    """Without it, the file's name without its ending."""
    about: Sentence | None = None
    """What question it answers, a sentence."""
    params: dict[ParamName, ParamFile] = {}
    """Values given when it is run (`@{name}` in commands), by name."""
    defaults: DefaultsFile = Field(default_factory=DefaultsFile)
    """Values for the steps that do not say otherwise."""
    steps: Annotated[list[StepEntry], AfterValidator(some_steps)] = Field(
        json_schema_extra={"minItems": 1, "maxItems": MAX_STEPS}
    )
    """The commands, in the order they are run."""


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a mapping as a file writes them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


STEP_KEYS = keys_of(StepFile)
INCLUDE_KEYS = keys_of(IncludeFile)


def full_step(value: object) -> object:
    """A step's short form as a full mapping; what is neither comes back as it is."""
    if isinstance(value, str):
        return {"run": value}
    if not isinstance(value, dict):
        # ValueError is what pydantic turns into a problem.
        raise ValueError(f"step is {kind_of(value)}, expected a command or a mapping")  # noqa: TRY004
    unknown = [key for key in value if key not in STEP_KEYS]
    if len(unknown) != 1 or "run" in value:
        return value
    name, command = unknown[0], value[unknown[0]]
    if len(value) == 1 and isinstance(command, str):
        return {"name": name, "run": command}
    if len(value) == 1:
        raise ValueError(f"step `{name}` is {kind_of(command)}, expected a command")
    if not isinstance(command, str) or "name" in value:
        return value
    raise ValueError(
        f"step with `{name}: …` and further keys, expected it in full: `name: {name}` and `run: …`"
    )


def keys_at(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys allowed in the mapping at `path` of a playbook file, for near misses.

    What is said of a step is not of an include: `INCLUDE_KEYS`.
    """
    match [part for part in path if isinstance(part, str)]:
        case []:
            model: type[BaseModel] = StepFile if path else PlaybookFile
        case ["steps"]:
            model = StepFile
        case ["params", _]:
            model = ParamFile
        case ["defaults"]:
            model = DefaultsFile
        case ["steps" | "defaults", "compare", "fields", _]:
            model = FieldFile
        case ["steps" | "defaults", "compare"]:
            model = CompareFile
        case [*_, "flag"]:
            model = FlagFile
        case _:
            return ()
    return keys_of(model)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a playbook file, for editors; accepts the short forms."""
    schema = PlaybookFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fleetdiag playbook",
        **tidied(schema),
    }


def tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """Without pydantic's titles, and without null: a key without a value is a mistake here."""
    tidy: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value in (None, [], {}):
            continue
        if key == "anyOf":
            kept = [tidied(option) for option in value if option != {"type": "null"}]
            tidy |= kept[0] if len(kept) == 1 else {"anyOf": kept}
        elif key == "description":
            tidy[key] = " ".join(value.split())
        elif isinstance(value, dict):
            tidy[key] = tidied(value)
            if key == "patternProperties":
                tidy["additionalProperties"] = False
        elif isinstance(value, list):
            tidy[key] = [tidied(item) if isinstance(item, dict) else item for item in value]
        else:
            tidy[key] = value
    return tidy


def without(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """A schema less one of its keys."""
    return {name: value for name, value in schema.items() if name != key}
