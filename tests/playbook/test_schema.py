from pathlib import Path
from typing import Any

import pytest

from fleetdiag import rules
from fleetdiag.compare import mask
from fleetdiag.model import Mode
from fleetdiag.playbook import json_schema, lint, load
from fleetdiag.playbook.docs import files, main, page
from fleetdiag.playbook.schema import CompareFile, FieldFile, PlaybookFile, StepFile, keys_at
from fleetdiag.playbook.values import MASK_NAMES

SCHEMA = json_schema()


def forms(name: str) -> list[dict[str, Any]]:
    return list(SCHEMA["$defs"][name]["anyOf"])


def test_the_schema_knows_the_three_forms_of_a_step() -> None:
    bare, pair, full = forms("StepFile")

    assert bare["type"] == "string"
    assert (pair["maxProperties"], pair["additionalProperties"]["type"]) == (1, "string")
    assert set(pair["propertyNames"]["not"]["enum"]) == set(full["properties"])
    assert full["required"] == ["run"]


def test_the_schema_takes_a_mode_alone() -> None:
    mode, full = forms("CompareFile")

    assert mode["enum"] == full["properties"]["mode"]["enum"] == list(Mode)


def test_the_schema_knows_the_four_forms_of_a_field() -> None:
    position, pattern, nothing, full = forms("FieldFile")

    assert [form["type"] for form in (position, pattern, nothing, full)] == [
        *("integer", "string", "null", "object")
    ]
    assert set(full["properties"]) == set(FieldFile.model_fields)


def test_the_schema_offers_the_shipped_masks_and_rule_sets() -> None:
    unmask = forms("CompareFile")[1]["properties"]["unmask"]["anyOf"][0]
    rule_sets = forms("StepFile")[2]["properties"]["rules"]["anyOf"][0]

    assert unmask["enum"] == [*MASK_NAMES, "all"]
    assert rule_sets["enum"] == list(rules.names())


def test_unmask_knows_the_masks_that_the_comparison_has() -> None:
    assert mask.MASK_NAMES == MASK_NAMES


def test_one_or_many_is_either_in_the_schema() -> None:
    full = forms("StepFile")[2]["properties"]

    assert [option["type"] for option in full["or"]["anyOf"]] == ["string", "array"]
    assert [*full["flag"]["anyOf"][0]] == ["$ref"]


def test_every_mapping_in_the_schema_is_closed() -> None:
    open_ones = [
        part
        for part in walk(SCHEMA)
        if part.get("type") == "object" and part.get("additionalProperties", True) is True
    ]

    assert open_ones == []


def test_every_key_in_the_schema_is_explained() -> None:
    for part in walk(SCHEMA):
        for key, value in part.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, key


def test_only_a_field_may_be_null_in_the_schema() -> None:
    nulls = [part for part in walk(SCHEMA) if part.get("type") == "null"]

    assert nulls == [form for form in forms("FieldFile") if form["type"] == "null"]


def test_known_keys_follow_the_path() -> None:
    assert keys_at(()) == tuple(PlaybookFile.model_fields)
    assert "or" in keys_at(("steps", 3))
    assert keys_at(("steps", 3, "flag", 0)) == keys_at(("steps", 3, "flag"))
    assert keys_at(("params", "unit")) == ("default", "pattern", "about")
    assert keys_at(("defaults", "compare")) == tuple(CompareFile.model_fields)
    assert keys_at(("steps", 0, "compare", "fields", "compare")) == tuple(FieldFile.model_fields)
    assert keys_at(("nowhere",)) == ()


def test_every_key_of_a_step_is_in_the_documentation() -> None:
    text = page()
    for model in (StepFile, CompareFile, FieldFile):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in text


def test_the_documentation_is_current() -> None:
    stale = [path.name for path, text in files().items() if path.read_text("utf-8") != text]

    assert stale == [], "python -m fleetdiag.playbook.docs --write"
    assert main(["--check"]) == 0


def test_the_examples_in_the_documentation_are_good_playbooks(tmp_path: Path) -> None:
    examples = [part.split("```")[0] for part in page().split("```yaml\n")[1:]]

    assert len(examples) == 7
    for number, example in enumerate(examples):
        path = tmp_path / f"example-{number}.yaml"
        path.write_text(example)
        assert lint(path) == ()


def test_the_documentation_has_an_example_of_each_mode(tmp_path: Path) -> None:
    path = tmp_path / "modes.yaml"
    path.write_text(page().split("```yaml\n")[4].split("```")[0])

    assert {step.compare.mode for step in load(str(path)).steps} == set(Mode)


@pytest.mark.parametrize("arguments", [[], ["--update"], ["--check", "--write"]])
def test_the_generator_says_how_it_is_used(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "--write | --check" in capsys.readouterr().err


def walk(part: object) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [inner for item in part for inner in walk(item)]
    if isinstance(part, dict):
        return [part, *(inner for value in part.values() for inner in walk(value))]
    return []
