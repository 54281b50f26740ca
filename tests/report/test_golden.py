"""Whole reports of hand-made fleets, kept as files.

`FLEETDIAG_UPDATE_GOLDEN=1 pytest tests/report/test_golden.py` writes them anew; read the
difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetdiag.compare import compare
from fleetdiag.report import ReportOptions, render, render_groups
from tests.report.scenarios import SCENARIOS

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("FLEETDIAG_UPDATE_GOLDEN") == "1"


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_screen_is_as_kept(scenario: str) -> None:
    check(f"{scenario}.txt", render(compare(SCENARIOS[scenario]()), "table"))


@pytest.mark.parametrize("scenario", ["one_odd_host", "no_majority", "missing_answers"])
def test_the_verbose_screen_is_as_kept(scenario: str) -> None:
    comparison = compare(SCENARIOS[scenario]())
    check(
        f"{scenario}.verbose.txt", render(comparison, "table", options=ReportOptions(verbose=True))
    )


@pytest.mark.parametrize("host", ["web-07", "web-02"])
def test_the_view_of_one_host_is_as_kept(host: str) -> None:
    options = ReportOptions(host=host, verbose=True)
    check(
        f"one_odd_host.{host}.txt",
        render(compare(SCENARIOS["one_odd_host"]()), "table", options=options),
    )


@pytest.mark.parametrize("scenario", ["panic_on_ten", "three_unreachable", "hostile"])
def test_markdown_is_as_kept(scenario: str) -> None:
    check(f"{scenario}.md", render(compare(SCENARIOS[scenario]()), "markdown"))


@pytest.mark.parametrize("scenario", ["panic_on_ten", "missing_answers"])
def test_json_is_as_kept(scenario: str) -> None:
    check(f"{scenario}.json", render(compare(SCENARIOS[scenario]()), "json"))


@pytest.mark.parametrize("scenario", ["one_odd_host", "hostile"])
def test_grouped_output_is_as_kept(scenario: str) -> None:
    check(f"{scenario}.groups.txt", render_groups(compare(SCENARIOS[scenario]())))


def test_colour_is_as_kept() -> None:
    options = ReportOptions(color=True)
    check(
        "panic_on_ten.color.txt",
        render(compare(SCENARIOS["panic_on_ten"]()), "table", options=options),
    )


def test_no_golden_file_is_left_over() -> None:
    kept = {path.name.partition(".")[0] for path in GOLDEN.iterdir()}
    assert kept == set(SCENARIOS)
