"""YAML read strictly, with the place of everything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
import pytest

from fleetdiag.yamlmarks import (
    MAX_ALIASED_NODES,
    MAX_FILE_BYTES,
    YamlProblems,
    problems_from_pydantic,
    read_yaml,
    read_yaml_file,
)

if TYPE_CHECKING:
    from pathlib import Path


def problems_of(text: str) -> list[str]:
    with pytest.raises(YamlProblems) as caught:
        read_yaml(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "written", ["no", "off", "on", "y", "yes", "NO", "12:30", "1:30:00", "010"]
)
def test_what_yaml_1_1_misreads_is_text(written: str) -> None:
    assert read_yaml(f"a: {written}", "f").data == {"a": written}


@pytest.mark.parametrize(
    "written",
    ["2026-01-02", "0x10", "0o17", "1_000", "1e999", ".inf", ".nan", "+", "1.2.3", "9" * 30, "="],
)
def test_what_is_no_plain_number_is_text(written: str) -> None:
    assert read_yaml(f"a: {written}", "f").data == {"a": written}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
    ],
)
def test_scalars_have_their_yaml_1_2_value(written: str, value: object) -> None:
    data = read_yaml(f"a: {written}", "f").data
    assert data == {"a": value}
    assert isinstance(data, dict)
    assert type(data["a"]) is type(value)


def test_places_count_from_one_and_tell_key_from_value() -> None:
    marked = read_yaml("a:\n  - b: x\n    cd: [1, 2]\n", "f")
    assert marked.place(("a",), key=True) == (1, 1)
    assert marked.place(("a", 0, "cd"), key=True) == (3, 5)
    assert marked.place(("a", 0, "cd", 1)) == (3, 13)
    assert marked.place(("a", 0, "nothing", "here")) == (2, 5), "the nearest thing above"


def test_a_column_counts_characters_not_bytes() -> None:
    assert read_yaml("{ü: ö, k: v}", "f").place(("k",), key=True) == (1, 8)


def test_spelling_is_what_was_written() -> None:
    marked = read_yaml("a: 1.10\nb: True\n", "f")
    assert (marked.spelling(("a",)), marked.spelling(("b",)), marked.spelling(("c",))) == (
        "1.10",
        "True",
        "",
    )


def test_an_empty_file_is_none() -> None:
    assert read_yaml("# nothing\n", "f").data is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: duplicate key `a`, first given in line 1"),
        ("1: x\n", "f.yaml:1:1: key `1` is not text, expected text; put it in quotes"),
        ("[a]: x\n", "f.yaml:1:1: a list as a key is not text, expected text; put it in quotes"),
        ("a:\n\t- b\n", "f.yaml:2:1: a tab where YAML allows only spaces"),
        ("<<: x\n", "f.yaml:1:1: merge key `<<` is not YAML 1.2, expected the keys written out"),
        ("a: !!int 1\n", "f.yaml:1:4: tag `!!int`, expected a plain value without a tag"),
        (
            "a: !!python/object:os.system [id]\n",
            "f.yaml:1:4: tag `!!python/object:os.system`, expected a plain value without a tag",
        ),
        ("a: *b\n", "f.yaml:1:4: alias `*b` of an anchor not defined before"),
        ("a: &a [*a]\n", "f.yaml:1:8: alias `*a` stands inside what it names"),
        ("a\n---\nb\n", "f.yaml:2:1: a second document begins here, expected one in a file"),
        ("a: \x1b[0m\n", "f.yaml:1:4: control character '\\x1b', which YAML does not allow"),
        ("[" * 60, "f.yaml:1:42: nested deeper than 40 levels"),
        (
            "a: [b[1-2], c]\n",
            (
                "f.yaml:1:6: not YAML: did not find expected ',' or ']' "
                "(while parsing a flow sequence)"
                "; inside [ ], a name such as web[1-3] stands in quotes"
            ),
        ),
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed in this context"),
    ],
)
def test_a_problem_says_where_and_what(text: str, expected: str) -> None:
    assert problems_of(text) == [expected]


def test_all_problems_come_at_once_with_the_rest_of_the_data() -> None:
    with pytest.raises(YamlProblems) as caught:
        read_yaml("a: 1\na: 2\n3: x\nb: !x y\n", "f")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    assert caught.value.marked is not None
    assert caught.value.marked.data == {"a": 1, "b": "y"}


def test_controls_in_a_key_do_not_reach_the_message() -> None:
    (problem,) = problems_of('"\\e[31mred": 1\n"\\e[31mred": 2\n')
    assert "\x1b" not in problem
    assert "`\\x1b[31mred`" in problem


def test_a_billion_laughs_is_refused_at_once() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    started = time.monotonic()
    (problem,) = problems_of("\n".join(lines))
    assert f"aliases stand for more than {MAX_ALIASED_NODES} values" in problem
    assert time.monotonic() - started < 1


def test_a_few_aliases_are_welcome() -> None:
    marked = read_yaml("a: &x {k: v}\nb: *x\n", "f")
    assert marked.data == {"a": {"k": "v"}, "b": {"k": "v"}}
    assert marked.place(("b", "k")) == (1, 11), "where it is written"


def test_a_file_is_read_as_utf8_with_or_without_a_bom(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("\ufeffa: ü\n".encode())
    assert read_yaml_file(path).data == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\nb: \xff\n", "f:2:4: not UTF-8 text"),
        (b"#" * (MAX_FILE_BYTES + 1), "f: larger than 4 MiB"),
    ],
)
def test_an_unusable_file_is_one_problem(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(YamlProblems) as caught:
        read_yaml_file(path, "f")
    assert str(caught.value) == expected


def test_a_missing_file_is_a_problem_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(YamlProblems, match="f: cannot be read: No such file"):
        read_yaml_file(tmp_path / "none", "f")


class Inner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    address: str | None = None
    port: Annotated[int, pydantic.Field(ge=1, le=65535)] | None = None
    transport: Literal["ssh", "openssh"] = "ssh"


class Outer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    hosts: list[str | Inner] | dict[str, Inner | None] = []
    flag: bool = False
    need: int


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("need: 1\nhots: []", ["f:2:1: unknown key `hots`; did you mean `hosts`?"]),
        ("need: 1\nx: 1", ["f:2:1: unknown key `x`, expected hosts, flag or need"]),
        ("hosts: []", ["f:1:1: key `need` is missing"]),
        ("need: one", ["f:1:7: `need` is text `one`, expected a whole number"]),
        ("need: 1.5", ["f:1:7: `need` is the number 1.5, expected a whole number"]),
        ("need: 1\nflag: yes", ["f:2:7: `flag` is text `yes`, expected true or false"]),
        ("need: 1\nhosts: x", ["f:2:8: `hosts` is text `x`, expected a list or a mapping"]),
        (
            "need: 1\nhosts: [a, 2]",
            ["f:2:12: item 2 of `hosts` is the number 2, expected text or a mapping"],
        ),
        ("need: 1\nhosts: {a: {port: 0}}", ["f:2:19: `port` is 0, expected at least 1"]),
        (
            "need: 1\nhosts: {a: {transport: shs}}",
            ["f:2:24: `transport` is text `shs`, expected ssh or openssh; did you mean `ssh`?"],
        ),
        ("- a", ["f:1:1: the file is a list, expected a mapping"]),
        (
            "hosts: {a: {prot: 1, port: x}}\nneed: true",
            [
                "f:1:13: unknown key `prot`; did you mean `port`?",
                "f:1:28: `port` is text `x`, expected a whole number",
                "f:2:7: `need` is true, expected a whole number",
            ],
        ),
    ],
)
def test_pydantic_errors_read_like_sentences(text: str, expected: list[str]) -> None:
    marked = read_yaml(text, "f")
    with pytest.raises(pydantic.ValidationError) as caught:
        Outer.model_validate(marked.data)
    problems = problems_from_pydantic(
        caught.value, marked, "f", lambda path: (Inner if path else Outer).model_fields
    )
    assert [str(problem) for problem in problems] == expected
