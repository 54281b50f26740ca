"""Who may import whom: stages never import each other, only pipeline and cli wire them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "fleetdiag"

CONTRACTS = {"model", "errors"}
STAGES = {
    "cloud",
    "inventory",
    "playbook",
    "plan",
    "executor",
    "transport",
    "archive",
    "change",
    "compare",
    "report",
}

# What each module or package directly under fleetdiag/ may import of fleetdiag, besides itself and
# the root (which imports nothing). Imports for type checking count like the others.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "errors": {"model"},  # for type checking: HostError carries a HostStatus
    "model": set(),
    # Leaves that more than one stage uses.
    "yamlmarks": {"errors"},
    "script": {"model"},
    "folding": set(),
    "aws": set(),
    "settings": CONTRACTS,
    "rules": CONTRACTS | {"yamlmarks"},
    # Runs that were not made here: outputs in files and streams.
    "outputs": CONTRACTS,
    # The stages.
    "inventory": CONTRACTS | {"yamlmarks", "aws"},
    "playbook": CONTRACTS | {"rules", "yamlmarks"},
    "plan": CONTRACTS,
    "executor": CONTRACTS | {"script"},
    "transport": CONTRACTS | {"script"},
    "archive": CONTRACTS,
    "change": CONTRACTS,
    "compare": CONTRACTS | {"rules", "folding"},
    "report": CONTRACTS | {"folding"},
    "cloud": CONTRACTS | {"aws"},
    # What wires them.
    "pipeline": CONTRACTS | STAGES | {"outputs", "rules"},
    "changes": CONTRACTS | STAGES,
    "cli": CONTRACTS | STAGES | {"changes", "outputs", "pipeline", "rules", "settings"},
    "__main__": CONTRACTS | {"cli"},
}


def top(path: Path) -> str:
    """The module or package directly under fleetdiag/ that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(source: str) -> Iterator[str]:
    """The modules and packages directly under fleetdiag/ that a source imports; '' for the root."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Of `from fleetdiag import archive, __version__` the first is a module.
            names = [f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            head, _, rest = name.partition(".")
            first = rest.partition(".")[0]
            if head == "":
                yield "a relative import"
            elif head == "fleetdiag":
                is_module = (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").is_file()
                yield first if is_module else ""


def forbidden(module: str, source: str) -> set[str]:
    """What the source imports that `module` may not."""
    return set(imported(source)) - MAY_IMPORT[module] - {module, ""}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    module = top(path)
    assert module in MAY_IMPORT, f"{module} is not listed: say in MAY_IMPORT what it may import"
    assert forbidden(module, path.read_text()) == set()


def test_every_listed_module_is_there() -> None:
    assert set(MAY_IMPORT) - {top(path) for path in FILES} == set()


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("compare", "from fleetdiag.archive import load", {"archive"}),
        ("compare", "from fleetdiag import archive, __version__", {"archive"}),
        ("compare", "def f():\n    import fleetdiag.transport.ssh as s", {"transport"}),
        ("compare", "from . import diff", {"a relative import"}),
        ("compare", "if TYPE_CHECKING:\n    from fleetdiag.cli import run", {"cli"}),
        ("compare", "from fleetdiag.compare.mask import mask\nimport json", set()),
        ("pipeline", "from fleetdiag import archive\nimport fleetdiag", set()),
        ("model", "from fleetdiag.errors import HostError", {"errors"}),
    ],
)
def test_the_rule_sees_every_form_of_import(module: str, source: str, found: set[str]) -> None:
    assert forbidden(module, source) == found
