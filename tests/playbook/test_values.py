"""Amounts with a unit, and playbooks of any fields and flags through their shown form."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fleetdiag.model import Compare, Field, Flag, Mode, Playbook, Rate, Severity, Side, Step, Unit
from fleetdiag.playbook import load, render_yaml
from fleetdiag.playbook.values import quantity_of


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        (3, 3.0, Unit.NONE),
        (-0.5, -0.5, Unit.NONE),
        ("90%", 90.0, Unit.PERCENT),
        ("12.5 %", 12.5, Unit.PERCENT),
        ("512B", 512.0, Unit.BYTES),
        ("10M", 10 * 2.0**20, Unit.BYTES),
        ("10MiB", 10 * 2.0**20, Unit.BYTES),
        ("1.5G", 1.5 * 2**30, Unit.BYTES),
        ("2TiB", 2.0**41, Unit.BYTES),
        ("500ms", 0.5, Unit.SECONDS),
        ("0.5s", 0.5, Unit.SECONDS),
        ("10m", 600.0, Unit.SECONDS),
        ("2h", 7200.0, Unit.SECONDS),
        ("-1d", -86400.0, Unit.SECONDS),
    ],
)
def test_an_amount_is_in_per_cent_bytes_or_seconds(text: object, value: float, unit: Unit) -> None:
    assert quantity_of(text) == (value, unit)


@pytest.mark.parametrize("text", ["", "10", "10MB", "10k", "m", "1e3M", "1,5G", "1 0%", True, None])
def test_what_is_no_amount_is_none(text: object) -> None:
    assert quantity_of(text) is None


LABELS = some.text(min_size=1, max_size=30).filter(lambda t: t == t.strip() and t.isprintable())
NAMES = some.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
NUMBERS = some.floats(-1e15, 1e15) | some.integers(-(10**15), 10**15).map(float)
PATTERNS = some.sampled_from(["x", r"(\d+) %", "^load: 'a' #", r"\bBUG: ", "1.10", "true", "é"])
CONDITIONS = some.fixed_dictionaries(
    {"above": NUMBERS},
    optional={
        "below": NUMBERS,
        "equals": some.text(max_size=20).filter(str.isprintable),
        "matches": PATTERNS,
    },
)
POSITIONS = some.integers(1, 99).map(str)


def one_name_each(fields: list[Field]) -> tuple[Field, ...]:
    """Distinct, each that others are divided by among them."""
    return tuple({field.name: field for field in fields}.values())


FIELDS = some.lists(
    some.builds(
        Field,
        name=LABELS,
        pattern=PATTERNS | some.none(),
        at=POSITIONS,
        unit=some.sampled_from(Unit) | some.none(),
        rate=some.just(Rate.UPTIME) | some.none(),
        floor=NUMBERS | some.none(),
        side=some.sampled_from(Side),
        compare=some.booleans(),
    )
    | some.builds(
        Field,
        name=LABELS,
        pattern=PATTERNS,
        rate=some.just(Rate.SAMPLES),
        interval_s=some.integers(1, 3_600_000).map(lambda ms: ms / 1000),
    ),
    min_size=1,
    max_size=4,
).map(one_name_each)
FLAGS = some.builds(
    lambda conditions, **rest: Flag(**conditions, **rest),
    CONDITIONS,
    say=some.just("it is so"),
    severity=some.sampled_from(Severity),
    feature=some.just("*"),
    name=NAMES,
    explains=some.lists(NAMES, max_size=2).map(tuple),
)


@given(fields=FIELDS, flags=some.lists(FLAGS, max_size=2))
def test_any_numbers_and_flags_read_back_as_they_are_shown(
    tmp_path_factory: pytest.TempPathFactory, fields: tuple[Field, ...], flags: list[Flag]
) -> None:
    step = Step("s", ("x",), compare=Compare(mode=Mode.NUMBERS, fields=fields), flags=tuple(flags))
    assert shown_and_read(step, tmp_path_factory.getbasetemp()) == step


@given(
    key=POSITIONS | LABELS.filter(lambda text: not text.lstrip("+-").isdigit()),
    only=some.lists(LABELS, max_size=3).map(tuple),
    names=some.lists(LABELS, unique=True, min_size=1, max_size=3),
)
def test_any_columns_read_back_as_they_are_shown(
    tmp_path_factory: pytest.TempPathFactory, key: str, only: tuple[str, ...], names: list[str]
) -> None:
    fields = tuple(Field(name=name, per=names[0] if n else None) for n, name in enumerate(names))
    compare = Compare(mode=Mode.TABLE, parse="json", key=key, only=only, fields=fields)
    step = Step("s", ("x",), compare=compare)
    assert shown_and_read(step, tmp_path_factory.getbasetemp()) == step


def shown_and_read(step: Step, directory: Path) -> Step:
    path = directory / "shown.yaml"
    path.write_text(render_yaml(Playbook("p", (step,))), encoding="utf-8")
    return load(str(path)).steps[0]
