"""How many planted faults are found, how high they stand, and what else is said: the corpus.

    python -m tests.bench detect [--cases DIR] [--verbose]

A row a mode. *first*: the planted finding stands above all others; *present*: it is there;
*extras*: other findings above info. Precision is planted findings of all that are above info,
recall the planted faults found of those planted. Healthy fleets follow: each finding above info is
a false alarm. Nothing is timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tabulate import tabulate

from fleetdiag import pipeline
from fleetdiag.model import Finding, Severity
from tests.bench import fleets
from tests.bench.fleets import Case, Expect

HEADERS = ("mode", "cases", "first", "present", "extras", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Result:
    """What the engine said of a case."""

    case: Case
    findings: tuple[Finding, ...]
    place: int | None
    """Of the planted finding, 0 for the first; None where it is not there."""

    @property
    def first(self) -> bool:
        return self.place == 0

    @property
    def present(self) -> bool:
        return self.place is not None

    @property
    def extras(self) -> tuple[Finding, ...]:
        """All findings above info but the planted one."""
        others = (each for at, each in enumerate(self.findings) if at != self.place)
        return tuple(each for each in others if each.severity is not Severity.INFO)


def main(argv: list[str]) -> int:
    """Print the tables; 0 whatever they say."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench detect")
    parser.add_argument("--cases", type=Path, default=fleets.CASES, help="another corpus")
    parser.add_argument("--verbose", action="store_true", help="what was said of what went wrong")
    options = parser.parse_args(argv)
    results = run_all(options.cases)
    print(table([result for result in results if result.case.expect]), end="\n\n")
    print(silent_line([result for result in results if not result.case.expect]), end="\n\n")
    for result in results:
        if problem := problem_of(result):
            print(f"{result.case.name}: {problem}")
            if options.verbose:
                print("".join(f"    {said(finding)}\n" for finding in result.findings[:6]))
    return 0


def run_all(cases: Path = fleets.CASES) -> list[Result]:
    """Every case of a corpus, one after another, in directories that are gone afterwards."""
    results = []
    for name in fleets.names(cases):
        with TemporaryDirectory(prefix="fleetdiag-case-") as directory:
            results.append(run_case(cases / name, Path(directory)))
    return results


def run_case(case_dir: Path, out_dir: Path) -> Result:
    """One case, expanded to `out_dir` and compared as `fleetdiag compare DIR` does."""
    case = fleets.expand(case_dir, out_dir)
    findings = pipeline.compare_runs(pipeline.outputs_of_directory(out_dir)).findings
    places = (at for at, finding in enumerate(findings) if is_planted(finding, case.expect))
    return Result(case, tuple(findings), next(places, None))


def is_planted(finding: Finding, expect: Expect | None) -> bool:
    """Exactly its hosts, its step, as severe as expected, and it says what it is about."""
    if expect is None or finding.step != expect.step or set(finding.hosts) != expect.hosts:
        return False
    text = words_of(finding)
    severe = finding.severity.rank <= Severity(expect.severity).rank
    return severe and all(
        any(word in text for word in each.lower().split("|")) for each in expect.mentions
    )


def words_of(finding: Finding) -> str:
    """All a user reads of it, in small letters."""
    shared = (f"{each.attribute} {each.value}" for each in finding.shared)
    return "\n".join([finding.summary, *finding.evidence, *shared, *finding.also]).lower()


def problem_of(result: Result) -> str:
    """What went wrong, in words; empty where nothing did."""
    problems = []
    if result.case.expect and not result.present:
        problems.append("not found")
    elif result.case.expect and not result.first:
        problems.append(f"at place {(result.place or 0) + 1}, after {said(result.findings[0])}")
    if len(result.extras) > (1 if result.case.expect else 0):
        problems.append(f"{len(result.extras)} others, such as {said(result.extras[0])}")
    return "; ".join(problems)


def said(finding: Finding) -> str:
    """One finding in a line."""
    hosts = ",".join(finding.hosts[:3]) + (",…" if len(finding.hosts) > 3 else "")
    return (
        f"[{finding.severity.value} {finding.kind.value} {finding.step}] {hosts}: "
        + (finding.summary[:160])
    )


def table(results: Sequence[Result]) -> str:
    """A row a mode, and one of all."""
    modes = sorted({result.case.mode for result in results})
    rows = [row(mode, [it for it in results if it.case.mode == mode]) for mode in modes]
    return tabulate([*rows, row("all", results)], headers=HEADERS, disable_numparse=True)


def row(name: str, results: Sequence[Result]) -> list[str]:
    first, present = count(it.first for it in results), count(it.present for it in results)
    extras = sum(len(it.extras) for it in results)
    return [
        name,
        str(len(results)),
        str(first),
        str(present),
        str(extras),
        share(present, present + extras),
        share(present, len(results)),
    ]


def silent_line(results: Sequence[Result]) -> str:
    loud = count(bool(it.extras) for it in results)
    alarms = sum(len(it.extras) for it in results)
    return f"healthy fleets: {len(results)}, with false alarms: {loud}, false alarms: {alarms}"


def count(each: Iterable[bool]) -> int:
    return sum(each)


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
