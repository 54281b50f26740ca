"""Rule sets: which there are, what is read of them, and what is refused."""

import pytest

from fleetdiag import rules
from fleetdiag.errors import PlaybookError
from fleetdiag.model import Flag, Severity

LEAST = "{name: a, matches: x, say: it is so}"
CIRCLE = """
- {name: a, matches: x, say: it is so, explains: [b]}
- {name: b, matches: x, say: it is so, explains: [a]}
"""


def test_names_are_those_of_the_files_sorted() -> None:
    assert "kernel" in rules.names()
    assert list(rules.names()) == sorted(rules.names())


@pytest.mark.parametrize("name", rules.names())
def test_every_shipped_set_loads_and_is_read_once(name: str) -> None:
    assert rules.load(name)
    assert rules.load(name) is rules.load(name)


def test_a_rules_name_is_unique_over_all_sets() -> None:
    names = [flag.name for one in rules.names() for flag in rules.load(one)]

    assert len(names) == len(set(names))
    assert "crash" not in names, "compare calls a finding of its own so"


@pytest.mark.parametrize("name", ["kernal", "", "../rules/kernel", "kernel.yaml"])
def test_an_unknown_set_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(PlaybookError, match=r"no rule set `.*`; there is .*kernel"):
        rules.load(name)


def test_a_rule_has_the_defaults_of_the_model() -> None:
    assert rules.parse(f"[{LEAST}]", "s") == (Flag(name="a", matches="x", say="it is so"),)


def test_a_rule_may_look_at_a_feature() -> None:
    (flag,) = rules.parse(
        "[{name: full, feature: '* use', above: 95, severity: critical, say: it is full}]", "s"
    )

    assert (flag.feature, flag.above, flag.matches) == ("* use", 95, None)
    assert flag.severity is Severity.CRITICAL


def test_what_is_explained_explains_further_the_nearest_first() -> None:
    text = """
    - {name: a, matches: x, say: s, explains: [b]}
    - {name: c, matches: x, say: s}
    - {name: b, matches: x, say: s, explains: [c, d]}
    - {name: d, matches: x, say: s, explains: [c]}
    """
    flags = {flag.name: flag.explains for flag in rules.parse(text, "s")}

    assert flags == {"a": ("b", "c", "d"), "b": ("c", "d"), "c": (), "d": ("c",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a list of rules"),
        ("[]", "expected a list of rules"),
        ("a: b", "expected a list of rules"),
        ("[a]", "rule 1: expected a mapping"),
        ("[{matches: x, say: s}]", "rule 1 .*: no name"),
        ("[{name: a, matches: x}]", "rule 1 .*: no say"),
        ("[{name: a, say: s}]", "neither `matches` nor `feature`"),
        ("[{name: a, say: s, feature: f}]", "says nothing of the feature's value"),
        ("[{name: a, say: s, matches: x, above: 3}]", "of no `feature`"),
        ("[{name: a, say: s, matches: x, severity: bad}]", "'bad' is not a valid Severity"),
        ("[{name: a, say: s, matches: '('}]", "`matches` is no pattern"),
        ("[{name: a, say: s, matches: 3}]", "must be texts"),
        ("[{name: a, say: s, feature: f, above: x}]", "must be numbers"),
        ("[{name: a, say: s, matches: x, wants: y}]", "unknown wants"),
        ("[{name: a, say: s, matches: x, explains: b}]", "must be a list of names"),
        ("[{name: a, say: s, matches: x, explains: [b]}]", "a: explains unknown b"),
        ("[{name: a, say: s, matches: x, explains: [a]}]", "in a circle"),
        (f"[{LEAST}, {LEAST}]", "two rules are called `a`"),
        (CIRCLE, "in a circle"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rules.parse(text, "s")
