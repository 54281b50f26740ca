"""render(comparison) -> str: for a terminal, a program or an incident's ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fleetdiag.report.exitcode import exit_code
from fleetdiag.report.options import ReportOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetdiag.model import CloudFacts, Comparison, Finding, Run, Trial

Format = Literal["table", "json", "markdown"]
DEFAULT_OPTIONS = ReportOptions()

__all__ = [
    "Format",
    "ReportOptions",
    "cloud_trouble",
    "exit_code",
    "render",
    "render_cloud",
    "render_groups",
    "render_rollout",
    "render_trials",
]


def render(
    comparison: Comparison,
    format: Format,  # noqa: A002 - named as the flag is
    *,
    options: ReportOptions = DEFAULT_OPTIONS,
) -> str:
    """`comparison` as text that ends with a newline; `json` is the same whatever the options."""
    if format == "json":
        from fleetdiag.report.json import render_json

        return render_json(comparison)
    if format == "markdown":
        from fleetdiag.report.markdown import render_markdown

        return render_markdown(comparison, options)
    from fleetdiag.report.terminal import render_terminal

    return render_terminal(comparison, options)


def render_rollout(run: Run, resume: str, otherwise: Sequence[Finding] = ()) -> str:
    """What became of the hosts of a change, what is `otherwise`, and the command that goes on."""
    from fleetdiag.report.rollout import render_rollout as rendered

    return rendered(run, resume, otherwise)


def render_groups(comparison: Comparison, options: ReportOptions = DEFAULT_OPTIONS) -> str:
    """Hosts folded over each output they gave, the largest group first: for `exec`."""
    from fleetdiag.report.outputs import render_outputs

    return render_outputs(comparison, options)


def render_trials(
    run: Run, trials: Sequence[Trial], options: ReportOptions = DEFAULT_OPTIONS
) -> str:
    """What each step came to on the run's one host: for `playbook try`."""
    from fleetdiag.report.trials import render

    return render(run, trials, options)


def render_cloud(hosts: Sequence[str], facts: CloudFacts, columns: int) -> str:
    """What the provider says of the hosts, the trouble first: for `cloud`."""
    from fleetdiag.report import cloud

    return cloud.render(hosts, facts, columns)


def cloud_trouble(facts: CloudFacts) -> bool:
    """Whether the provider says that something is wrong."""
    from fleetdiag.report import cloud

    return cloud.has_trouble(facts)
