"""What the source must never hold."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fleetdiag"
# In two halves, or this file would be the one that holds it.
TRUSTS_ANY_KEY = "AutoAdd" + "Policy"
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager"}
SUBPROCESS_CALLS = {"run", "Popen", "call", "check_call", "check_output"}
HEAVY = {"paramiko", "fabric", "pydantic", "ClusterShell", "rich"}

SOURCES = sorted(
    path for folder in ("fleetdiag", "tests") for path in (ROOT / folder).rglob("*.py")
)


def asks_shell(keyword: ast.keyword) -> bool:
    """Of `run(…, shell=…)`: anything but a plain False."""
    match keyword:
        case ast.keyword(arg="shell", value=ast.Constant(value=False)):
            return False
        case ast.keyword(arg="shell"):
            return True
    return False


def breaches(source: str) -> Iterator[str]:
    """`line: what`, for each thing that no source may hold."""
    for number, line in enumerate(source.splitlines(), start=1):
        if TRUSTS_ANY_KEY in line:
            yield f"{number}: any host key trusted"
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler(type=None):
                yield f"{node.lineno}: bare except"
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords) if (
                name in SUBPROCESS_CALLS
            ):
                yield from (f"{node.lineno}: a shell" for each in keywords if asks_shell(each))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_bare_except_no_shell_no_key_trusted_unseen(path: Path) -> None:
    assert list(breaches(path.read_text())) == []


def test_the_rule_sees_each_breach() -> None:
    source = f"""
try:
    run(x, shell=True)
except:
    client.set_missing_host_key_policy(paramiko.{TRUSTS_ANY_KEY}())
from paramiko import {TRUSTS_ANY_KEY}  # a comment counts too
run(x, shell=False)
run(x, shell=not_known)
"""
    assert sorted(breaches(source)) == [
        "3: a shell",
        "4: bare except",
        "5: any host key trusted",
        "6: any host key trusted",
        "8: a shell",
    ]


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {path.stem: path for path in SOURCES}
    named |= {path.parent.name: path.parent for path in SOURCES}
    assert {str(named[name]) for name in VAGUE_NAMES & set(named)} == set()


def test_help_is_answered_without_the_heavy_libraries() -> None:
    program = (
        "import json, sys\n"
        "sys.argv = ['fleetdiag', '--help']\n"
        "from fleetdiag.__main__ import main\n"
        "try:\n    main()\n"
        "finally:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "Usage: fleetdiag" in done.stdout
    modules = json.loads(done.stderr.splitlines()[-1])
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
