"""The file format of change playbooks (`kind: change`), as pydantic models.

What they share with diagnoses (params, defaults, compared steps) is in `schema.py`; what is said
there of its docstrings is so here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)

from fleetdiag.model import DEFAULT_AWAY_S
from fleetdiag.playbook.schema import (
    MAX_STEPS,
    DefaultsFile,
    ParamFile,
    StepEntry,
    Strict,
    keys_at,
    keys_of,
    some_steps,
    tidied,
    without,
)
from fleetdiag.playbook.schema import (
    json_schema as diagnosis_schema,
)
from fleetdiag.playbook.values import (
    Command,
    Label,
    Name,
    ParamName,
    PlaybookName,
    Sentence,
    TimeoutS,
)
from fleetdiag.yamlmarks import kind_of

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

    from fleetdiag.yamlmarks import YamlPath

CHANGE = "change"
CHECKED = ("before", "after")
"""Keys of a change whose items are compared steps, as a diagnosis has them in `steps`."""


class ActFile(Strict):
    """One command that changes the host."""

    name: Name
    """Unique among them."""
    run: Command
    """A POSIX shell command, run as root by the host itself, detached from the connection. `$KEEP`
    is a directory of this change on the host, shared with the other commands and with `undo`."""
    timeout: TimeoutS | None = None
    """Its limit; past it the command is ended and has failed. Without it 60s."""
    reboots: bool = False
    """The host goes down by it: it has worked once the boot id is another. Only the last may."""


class VerifyFile(Strict):
    """What must come true after the change. Short form: the command alone."""

    run: Command
    """A command that ends with 0 when all is well; run again until it does."""
    within: TimeoutS | None = None
    """How long it may take, from when the host answers again. Without it 60s."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return _or_command(value, "verify")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The command alone, or the mapping."""
        full = handler.resolve_ref_schema(handler(schema))
        command = {"type": "string", "pattern": r"\S"}
        return {
            "description": full["description"],
            "anyOf": [command, without(full, "description")],
        }


class UndoFile(Strict):
    """What the host does by itself unless all was well in time."""

    run: Command
    """The command that puts the host back; it must work without the network, and whatever the
    commands of `steps` had done by then."""
    after: TimeoutS
    """How long after the change began the host waits for the word that all is well."""
    timeout: TimeoutS | None = None
    """Its own limit. Without it 60s."""


class MendFile(Strict):
    """A finding that this change may mend. Short form: the name of its step alone."""

    step: Label | None = None
    """The step whose finding it is; `*` stands for any text."""
    finding: (
        Literal["differs", "changed", "rule", "missing", "unreachable", "simultaneous"] | None
    ) = None
    """The kind of the finding."""
    mentions: Label | None = None
    """Text that it must mention; `@{name}` alone stands for a param's value."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"step": value}
        if not isinstance(value, dict) or not value:
            words = "a step's name, or a mapping with `step`, `finding` or `mentions`"
            raise ValueError(f"item is {kind_of(value) if value else 'empty'}, expected {words}")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The step's name alone, or the mapping."""
        full = handler.resolve_ref_schema(handler(schema))
        step = {"type": "string", "pattern": r"\S"}
        return {
            "description": full["description"],
            "anyOf": [step, {**without(full, "description"), "minProperties": 1}],
        }


def _some_acts(acts: list[ActFile]) -> list[ActFile]:
    if not acts:
        raise ValueError("no steps, expected at least one")
    if any(act.reboots for act in acts[:-1]):
        raise ValueError("a step that reboots is not the last, expected nothing after it")
    return acts


class ChangeFile(Strict):
    """A fleetdiag change playbook: commands that change hosts, and what makes them safe."""

    kind: Literal["change"]
    """What tells it from a diagnosis."""
    name: PlaybookName | None = None
    """Without it, the file's name without its ending."""
    about: Sentence | None = None
    """What it does, a sentence."""
    params: dict[ParamName, ParamFile] = Field(default={})
    """As in a diagnosis; also for `steps`, `verify`, `undo` and `mentions`."""
    defaults: DefaultsFile = Field(default_factory=DefaultsFile)
    """Values for the steps of `before` and `after` that do not say otherwise."""
    mends: list[MendFile] = Field(default=[])
    """Findings of a diagnosis that it may mend: without one of them on a host the change is refused
    there. Without it no diagnosis is asked for."""
    before: Annotated[list[StepEntry], AfterValidator(some_steps)] = Field(
        json_schema_extra={"minItems": 1, "maxItems": MAX_STEPS}
    )
    """Compared steps, as a diagnosis has them: the state before, kept in the archive."""
    steps: Annotated[list[ActFile], AfterValidator(_some_acts)] = Field(
        json_schema_extra={"minItems": 1}
    )
    """The commands that change the host, in order; the first that fails is the last that is run."""
    undo: UndoFile | None = None
    """Armed on the host before the change. Not with a step that reboots: it would be forgotten."""
    away: TimeoutS | None = None
    """How long the host may be out of reach from when the change began. Without it 2m."""
    verify: VerifyFile | None = None
    """What must come true afterwards; required unless a step reboots."""
    after: Annotated[list[StepEntry], AfterValidator(some_steps)] | None = Field(
        default=None, json_schema_extra={"minItems": 1, "maxItems": MAX_STEPS}
    )
    """Compared steps afterwards: none may fail that went well before, and no rule may fire that did
    not. Without it the steps of `before`."""

    @model_validator(mode="after")
    def _fits_together(self) -> ChangeFile:
        reboots = any(act.reboots for act in self.steps)
        if reboots and self.undo is not None:
            raise ValueError("`undo` together with a step that reboots: the host would forget it")
        if not reboots and self.verify is None:
            raise ValueError(
                "key `verify` is missing: what must be true when the change has worked"
            )
        if self.undo and (self.away or DEFAULT_AWAY_S) <= self.undo.after:
            raise ValueError("`away` ends before `undo` begins, expected it to be longer")
        return self


def is_change(data: object) -> bool:
    """Whether a file says of itself that it is a change."""
    return isinstance(data, dict) and data.get("kind") == CHANGE


def change_keys_at(path: YamlPath) -> tuple[str, ...]:
    """The keys allowed in the mapping at `path` of a change, for near misses."""
    match path:
        case ():
            model: type[BaseModel] = ChangeFile
        case ("before" | "after", *rest):
            return keys_at(("steps", *rest))
        case ("steps", int()):
            model = ActFile
        case ("verify",):
            model = VerifyFile
        case ("undo",):
            model = UndoFile
        case ("mends", int()):
            model = MendFile
        case _:
            return keys_at(path)
    return keys_of(model)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a playbook file of either kind, for editors."""
    diagnosis = diagnosis_schema()
    change = tidied(ChangeFile.model_json_schema(by_alias=True))
    head = {key: diagnosis.pop(key) for key in ("$schema", "title")}
    shared = {**diagnosis.pop("$defs"), **change.pop("$defs")}
    kind = {"const": CHANGE, "description": "What tells it from a diagnosis."}
    says_so = {"properties": {"kind": kind}, "required": ["kind"]}
    kinds = {"PlaybookFile": diagnosis, "ChangeFile": change}
    return {
        **head,
        "if": says_so,
        "then": {"$ref": "#/$defs/ChangeFile"},
        "else": {"$ref": "#/$defs/PlaybookFile"},
        "$defs": {**shared, **kinds},
    }


def _or_command(value: object, key: str) -> object:
    if isinstance(value, str):
        return {"run": value}
    if not isinstance(value, dict):
        # ValueError is what pydantic turns into a problem.
        raise ValueError(f"`{key}` is {kind_of(value)}, expected a command or a mapping")  # noqa: TRY004
    return value
