"""The wheel runs by itself: installed into an empty environment, far from the source.

Dependencies are not fetched again: the environment borrows those of the running one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this tree."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `fleetdiag` program of a new environment that holds nothing but the wheel."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "-q"]
    done = subprocess.run([*pip, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A directory named in a .pth file is searched last, and its own .pth files (the editable
    # install of this tree) are not read.
    [site_packages] = place.glob("lib/python3*/site-packages")
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin" / "fleetdiag"


def run(program: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program from an empty home, with nothing of our environment but the PATH."""
    return subprocess.run(
        [str(program), *arguments],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_wheel_carries_playbooks_and_recorded_fleet(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    playbooks = {path.name for path in (ROOT / "playbooks").iterdir()}
    assert {"triage.yaml", "uptime.yaml"} <= playbooks
    assert {f"fleetdiag/shipped/playbooks/{name}" for name in playbooks} <= names
    recorded = [path for path in (ROOT / "fleetdiag" / "recorded").rglob("*") if path.is_file()]
    assert recorded
    assert {str(path.relative_to(ROOT)) for path in recorded if path.suffix != ".pyc"} <= names


def test_the_wheel_carries_rule_sets_and_the_reader_of_outputs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sets = {f"fleetdiag/rules/{path.name}" for path in (ROOT / "fleetdiag/rules").glob("*.yaml")}
    assert "fleetdiag/rules/kernel.yaml" in sets
    assert sets | {"fleetdiag/rules/__init__.py", "fleetdiag/outputs/__init__.py"} <= names


def test_the_installed_program_is_the_wheels_own(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    told = run(python, tmp_path, "-c", "import fleetdiag; print(fleetdiag.__file__)")
    assert told.stdout.startswith(str(installed.parents[1]))


def test_the_installed_program_lists_the_shipped_playbooks(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "playbook", "list")
    assert done.returncode == 0, done.stderr
    assert "triage" in done.stdout


def test_the_installed_program_runs_a_playbook_here(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "run", "uptime", "-i", "local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob(".local/state/fleetdiag/runs/*-uptime-*.fleetdiag"))


def test_the_installed_program_tells_the_recorded_incident(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "run", "triage", "-i", "demo")
    assert done.returncode in {1, 3}, done.stdout + done.stderr
    assert "panic" in done.stdout.lower()
